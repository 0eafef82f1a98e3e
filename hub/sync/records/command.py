"""A change that a person or a program orders, held to the strict rules.

What is wrong with it is found before the database's one writer is kept from anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from hub.errors import Conflict, NotFound
from hub.service.rules import Refused
from hub.service.typed import typed
from hub.store import listing, records
from hub.store.database import Database, Transaction
from hub.store.entities import Entity
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.records.amend import Origin, Patch, amend


def change(
    db: Database,
    connections: Connections,
    entity: Entity,
    key: str,
    values: Mapping[str, Any],
    *,
    user: str,
    now: datetime,
    expected: int | None = None,
) -> Row:
    """Set fields of the record with this number or sys_id; the record as it then is.

    `values` are in JSON's types, see `typed`. `expected` is the sys_mod_count that the record
    must still have. Raises `NotFound`, `Conflict`, `Refused` (`BadValues` with every fault),
    `Unavailable`; then nothing has changed.
    """
    with db.read() as tx:
        row = named(tx, entity, key)
        wished = typed(entity, values, lambda wanted: targets(tx, wanted))
    patch = Patch(entity, row["sys_id"], wished)
    try:
        with db.write(durable=True) as tx:
            if expected is not None:
                _check_count(records.read(tx, entity, [row["sys_id"]]), key, expected)
            [result] = amend(tx, connections, [patch], Origin(user, command=True), now=now)
    except IntegrityError as error:
        raise Refused(f"{key}: another record has these values already ({error.orig})") from error
    return result.row


def named(tx: Transaction, entity: Entity, key: str) -> Row:
    """The record with this number or sys_id; raises `NotFound`."""
    row = records.find(tx, entity, key)
    if row is None:
        raise NotFound(f"{entity.table.name} has no record with number or sys_id {key!r}")
    return row


def targets(tx: Transaction, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """sys_ids by (table referred to, number or sys_id), as `typed` asks for them."""
    return {key: found.sys_id for key, found in listing.named(tx, wanted).items()}


def _check_count(rows: Mapping[str, Row], key: str, expected: int) -> None:
    for row in rows.values():
        if row["sys_mod_count"] != expected:
            raise Conflict(
                f"{key} was changed by {row['sys_updated_by']} meanwhile: its sys_mod_count is "
                f"{row['sys_mod_count']}, not {expected}; read it again, then repeat the change"
            )
