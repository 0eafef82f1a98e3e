"""Who changed which field of which record, when, and on whose word.

A creation is one entry for the whole record (`fieldname` is `*`): what each field was then
follows from the later entries, read backwards from the record as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from hub.store import bulk, sets
from hub.store.bulk import Same
from hub.store.database import Transaction
from hub.store.entities import sys_audit
from hub.store.types import sqlite_time

WHOLE_RECORD = "*"


@dataclass(frozen=True, slots=True)
class Entry:
    """One changed field. `place` is the mapping's file and line; `source` the connection."""

    table: str
    sys_id: str
    field: str
    old: str | None
    new: str | None
    user: str
    source: str = ""
    external_id: str = ""
    place: str = ""
    reason: str = ""


_APPEND = """
    INSERT INTO sys_audit (tablename, documentkey, fieldname, oldvalue, newvalue, "user",
      hub_source, hub_external_id, hub_mapping, reason, internal_checkpoint, hub_job_id,
      sys_created_on)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def births(
    tx: Transaction,
    table: str,
    sys_ids: Sequence[str],
    external_ids: Sequence[str],
    *,
    source: str,
    place: str,
    change_set: str,
    job: str,
    at: datetime,
) -> None:
    """One entry for each record that `source` brought into the world. One statement."""
    columns: dict[str, Any] = {
        "tablename": Same(table),
        "documentkey": sys_ids,
        "fieldname": Same(WHOLE_RECORD),
        "user": Same(source),
        "hub_source": Same(source),
        "hub_external_id": external_ids,
        "hub_mapping": Same(place),
        "reason": Same(""),
        "internal_checkpoint": Same(change_set),
        "hub_job_id": Same(job),
        "sys_created_on": Same(at),
    }
    bulk.insert(tx, sys_audit, columns, len(sys_ids))


def append(
    tx: Transaction, entries: Sequence[Entry], *, change_set: str, job: str, at: datetime
) -> None:
    """Write entries. One statement."""
    if not entries:
        return
    stamp: Any = sqlite_time(at) if tx.dialect.name == "sqlite" else at
    rows = [
        (
            entry.table,
            entry.sys_id,
            entry.field,
            entry.old,
            entry.new,
            entry.user,
            entry.source,
            entry.external_id,
            entry.place,
            entry.reason,
            change_set,
            job,
            stamp,
        )
        for entry in entries
    ]
    tx.exec_driver_sql(sets.placeholders(tx, _APPEND), rows)


def spelled(value: Any) -> str | None:
    """A value as an entry has it."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return str(value)


def of_record(tx: Transaction, table: str, sys_id: str) -> list[dict[str, Any]]:
    """A record's entries, newest first."""
    rows = tx.execute(
        select(sys_audit)
        .where(sys_audit.c.tablename == table, sys_audit.c.documentkey == sys_id)
        .order_by(sys_audit.c.id.desc())
    )
    return [sets.named(row) for row in rows]
