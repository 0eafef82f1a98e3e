"""Who changed which field of which record, when, and on whose word.

A creation is one entry for the whole record (`fieldname` is `*`): what each field was then
follows from the later entries, read backwards from the record as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import column, select

from hub.shape import Field
from hub.store import bulk, sets
from hub.store.bulk import Same
from hub.store.database import Transaction
from hub.store.entities import sys_audit
from hub.store.types import Instant, sqlite_time

WHOLE_RECORD = "*"
BY_RULE = "rule"
"""The place of a value that nobody has sent: it follows from others."""


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
    user: str,
    source: str,
    place: str,
    change_set: str,
    job: str,
    at: datetime,
) -> None:
    """One entry for each record that `source` brought into the world, on the word of `user`.

    One statement.
    """
    columns: dict[str, Any] = {
        "tablename": Same(table),
        "documentkey": sys_ids,
        "fieldname": Same(WHOLE_RECORD),
        "user": Same(user),
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


@dataclass(frozen=True, slots=True)
class Setting:
    """When a field got its value, and from which connection; empty for the hub's own people.

    `version` is that of the connection's record now; `whole`: it came with the record itself.
    """

    source: str
    at: datetime
    version: str
    whole: bool


_KEYS = sets.values("keys", ("tab", "id", "field"))
_CHANGED = """
    b.fieldname = k.field AND (b.oldvalue <> b.newvalue
      OR (b.oldvalue IS NULL) <> (b.newvalue IS NULL))
"""
_LAST = f"""
    SELECT k.id, k.field, a.hub_source, a.sys_created_on, l.version, a.fieldname
    FROM {_KEYS} k
    JOIN sys_audit a ON a.id = (
      SELECT max(b.id) FROM sys_audit b
      WHERE b.documentkey = k.id AND b.tablename = k.tab
        AND (b.fieldname = '{WHOLE_RECORD}' OR ({_CHANGED})))
    LEFT JOIN hub_external_ref l ON l.sys_id = k.id AND l.table_name = k.tab
      AND l.connection = a.hub_source AND l.external_id = a.hub_external_id
"""  # noqa: S608 -- names are ours


def last_set(
    tx: Transaction, wanted: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str], Setting]:
    """By (sys_id, field), for the (table, sys_id, field) that are wanted. One statement."""
    statement = sets.prepared(_LAST, tx.dialect.name).columns(
        column("id"), column("field"), column("source"), column("at", Instant),
        column("version"), column("fieldname"),
    )  # fmt: skip
    rows = tx.execute(statement, {"keys": sets.packed(wanted)})
    return {
        (id, field): Setting(source or "", at, version or "", fieldname == WHOLE_RECORD)
        for id, field, source, at, version, fieldname in rows
    }


_LAST_CHANGE = f"""
    SELECT k.id, k.field, a.tablename, a.oldvalue, a.newvalue, a."user", a.hub_source,
      a.hub_external_id
    FROM {_KEYS} k
    JOIN sys_audit a ON a.id = (
      SELECT max(b.id) FROM sys_audit b
      WHERE b.documentkey = k.id AND b.tablename = k.tab AND {_CHANGED})
"""  # noqa: S608 -- names are ours


def last_change(
    tx: Transaction, wanted: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str], Entry]:
    """By (sys_id, field), for the (table, sys_id, field) that are wanted. One statement."""
    names = ("id", "field", "table", "old", "new", "user", "source", "external_id")
    statement = sets.prepared(_LAST_CHANGE, tx.dialect.name).columns(*map(column, names))
    return {
        (id, field): Entry(table, id, field, old, new, user, source or "", external_id or "")
        for id, field, table, old, new, user, source, external_id in tx.execute(
            statement, {"keys": sets.packed(wanted)}
        )
    }


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


_KINDS: Mapping[str, Callable[[str], Any]] = {
    "integer": int,
    "number": float,
    "money": Decimal,
    "boolean": lambda text: text == "true",
    "instant": lambda text: datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC),
}


def read(field: Field | None, text: str | None) -> Any:
    """The value of a field that is spelled so; None is a custom one."""
    if text is None or field is None:
        return text
    return _KINDS.get(field.kind, str)(text)


def of_records(
    tx: Transaction, table: str, sys_ids: Iterable[str]
) -> dict[str, list[dict[str, Any]]]:
    """The entries of these records, oldest first. One statement."""
    mine = sys_audit.c.documentkey.in_(list(sys_ids))
    query = select(sys_audit).where(sys_audit.c.tablename == table, mine).order_by(sys_audit.c.id)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in tx.execute(query):
        found.setdefault(row.documentkey, []).append(sets.named(row))
    return found


def of_record(tx: Transaction, table: str, sys_id: str) -> list[dict[str, Any]]:
    """A record's entries, newest first."""
    rows = tx.execute(
        select(sys_audit)
        .where(sys_audit.c.tablename == table, sys_audit.c.documentkey == sys_id)
        .order_by(sys_audit.c.id.desc())
    )
    return [sets.named(row) for row in rows]
