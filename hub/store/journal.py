"""Comments and work notes: entries that are appended, one by one.

The unit is the entry; nobody edits one here, but it follows those who do elsewhere. An entry that came from outside is known by its source and its own id
there, so it arrives once however often it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from hub.store import sets
from hub.store.database import Transaction
from hub.store.entities import sys_audit, sys_journal_field
from hub.store.sys_ids import new_sys_id
from hub.store.types import sqlite_time

PUBLIC, INTERNAL = "comments", "work_notes"
"""The two kinds of entry, as `element` names them."""
JOURNALS = (PUBLIC, INTERNAL)


@dataclass(frozen=True, slots=True)
class Note:
    """One entry. `element` is `comments` (public) or `work_notes` (internal)."""

    table: str
    sys_id: str
    element: str
    value: str
    by: str
    at: datetime
    source: str = ""
    external_id: str = ""


_APPEND = """
    INSERT INTO sys_journal_field (sys_id, name, element_id, element, value, sys_created_by,
      sys_created_on, hub_source, hub_external_id, hub_hash)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (element_id, element, hub_source, hub_external_id) DO NOTHING
"""


def append(tx: Transaction, notes: Sequence[Note]) -> None:
    """Write entries that are not there yet. One statement."""
    if not notes:
        return
    sqlite = tx.dialect.name == "sqlite"
    rows = []
    for note in notes:
        id = new_sys_id()
        stamp: Any = sqlite_time(note.at) if sqlite else note.at
        rows.append(
            (
                id,
                note.table,
                note.sys_id,
                note.element,
                note.value,
                note.by,
                stamp,
                note.source,
                note.external_id or id,
                digest(note.element, note.by, note.at, note.value),
            )
        )
    tx.exec_driver_sql(sets.placeholders(tx, _APPEND), rows)


def digest(element: str, by: str, at: datetime, value: str) -> str:
    """What an entry says, as `hub_hash` has it: another one once it is edited."""
    return sha256(f"{element}\n{by}\n{at.isoformat()}\n{value}".encode()).hexdigest()


def of_record(tx: Transaction, sys_id: str) -> list[dict[str, Any]]:
    """A record's entries, newest first."""
    rows = tx.execute(
        select(sys_journal_field)
        .where(sys_journal_field.c.element_id == sys_id)
        .order_by(sys_journal_field.c.sys_created_on.desc(), sys_journal_field.c.sys_id.desc())
    )
    return [sets.named(row) for row in rows]


def edits(tx: Transaction, sys_id: str) -> dict[str, list[dict[str, Any]]]:
    """What the audit has of a record's entries, by their sys_id, the oldest first. One statement."""
    mine = select(sys_journal_field.c.sys_id).where(sys_journal_field.c.element_id == sys_id)
    query = select(sys_audit).where(
        sys_audit.c.tablename == str(sys_journal_field.name), sys_audit.c.documentkey.in_(mine)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in tx.execute(query.order_by(sys_audit.c.id)):
        found.setdefault(row.documentkey, []).append(sets.named(row))
    return found
