"""Records that could not be read: kept as they came, with every fault and its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, and_, delete, func, select

from hub.spoke import Change
from hub.store import sets
from hub.store.database import Transaction
from hub.store.system import dead_records
from hub.store.types import storable


@dataclass(frozen=True, slots=True)
class DeadRecord:
    """A record that failed; or, with `resolved`, one that failed before and is well now.

    `raw` is the record as it came, in JSON. `mapping` is its mapping's name and digest.
    """

    connection: str
    stream: str
    external_id: str
    version: str = ""
    mapping: str = ""
    raw: bytes = b"null"
    faults: Sequence[dict[str, Any]] = field(default_factory=tuple)
    error: str = ""
    resolved: bool = False


_SAVE = """
    INSERT INTO hub_dead_record (connection, stream, external_id, version, mapping, raw, faults,
      error, failed_at, resolved_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (connection, stream, external_id) DO UPDATE SET version = excluded.version,
      mapping = excluded.mapping, raw = excluded.raw, faults = excluded.faults,
      error = excluded.error, failed_at = excluded.failed_at, resolved_at = excluded.resolved_at
"""


def save(tx: Transaction, records: Sequence[DeadRecord], *, now: float) -> None:
    """Bury and resolve records. One statement."""
    if not records:
        return
    rows = [
        (
            r.connection,
            r.stream,
            r.external_id,
            r.version,
            r.mapping,
            bytes(r.raw),
            orjson.dumps(list(r.faults)).decode(),
            storable(r.error),
            now,
            now if r.resolved else None,
        )
        for r in records
    ]
    tx.exec_driver_sql(sets.placeholders(tx, _SAVE), rows)


def find(
    tx: Transaction,
    *,
    connection: str = "",
    stream: str = "",
    id: int | None = None,
    most: int = 100,
) -> list[Row[Any]]:
    """Dead records, newest first."""
    query = select(dead_records).where(_which(connection, stream, id))
    return list(tx.execute(query.order_by(dead_records.c.id.desc()).limit(most)))


def change_of(row: Row[Any]) -> Change:
    """The change as it came."""
    raw = json.loads(row.raw)  # not orjson: it takes neither long integers nor half characters
    return Change(row.stream, row.external_id, raw, row.version)


def drop(tx: Transaction, *, connection: str = "", stream: str = "", id: int | None = None) -> int:
    """Forget dead records for good; returns how many."""
    return tx.execute(delete(dead_records).where(_which(connection, stream, id))).rowcount


def counts(tx: Transaction) -> dict[tuple[str, str], int]:
    """How many records are dead, by (connection, stream)."""
    rows = tx.execute(
        select(dead_records.c.connection, dead_records.c.stream, func.count())
        .where(dead_records.c.resolved_at.is_(None))
        .group_by(dead_records.c.connection, dead_records.c.stream)
    )
    return {(connection, stream): count for connection, stream, count in rows}


def _which(connection: str, stream: str, id: int | None) -> ColumnElement[bool]:
    wanted: list[ColumnElement[bool]] = [dead_records.c.resolved_at.is_(None)]
    if connection:
        wanted.append(dead_records.c.connection == connection)
    if stream:
        wanted.append(dead_records.c.stream == stream)
    if id is not None:
        wanted.append(dead_records.c.id == id)
    return and_(*wanted)
