"""What the environment holds, and in which order it came to be.

Every row has a version: SQL Server's rowversion, which only grows. Here it is made of the row's time
stamp, so that a row back-dated by a command sorts where its time says. Every commit has a number,
too: change tracking goes by commits, since a transaction that ends late shows an old version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from spokes.dynamics365.sandbox.refusal import Refused, gone
from spokes.dynamics365.sandbox.schema import STANDARD, Schema

Row = dict[str, Any]
_SPACE = UUID("6f2a3c1e-0d5b-4c8e-9a57-2b1f8d9e4c30")
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Table:
    """Rows by id; the commit that changed or deleted each; keys by their column and state."""

    schema: Schema
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    commits: dict[str, int] = field(default_factory=dict[str, int])
    dead: dict[str, int] = field(default_factory=dict[str, int])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    tracked: bool = True
    readable: bool = True

    def get(self, id: str) -> Row:
        """Raises `Refused`."""
        if id.lower() not in self.rows:
            raise gone(self.schema.name, id)
        return self.rows[id.lower()]

    def by_key(self, column: str, value: Any) -> Row | None:
        return next((row for row in self.rows.values() if row.get(column) == value), None)


@dataclass(frozen=True, slots=True)
class _Late:
    """A commit that the API shows only from a moment on; without a row it is a deletion."""

    at: datetime
    table: Table
    id: str
    row: Row | None


class Rows:
    """All tables, by the name of their set and by their own."""

    def __init__(self) -> None:
        self._tables = [Table(schema) for schema in STANDARD]
        self._by_name = {table.schema.name: table for table in self._tables}
        self._by_set = {table.schema.set: table for table in self._tables}
        self._versions: set[int] = set()
        self._late: list[_Late] = []
        self._made = 0
        self.commit = 1000

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables)

    def of_set(self, name: str) -> Table | None:
        return self._by_set.get(name)

    def of_name(self, name: str) -> Table:
        return self._by_name[name]

    def new_id(self) -> str:
        """The same ids in the same order, every time."""
        self._made += 1
        return str(uuid5(_SPACE, str(self._made)))

    def put(self, table: Table, row: Row, at: datetime, shown: datetime | None = None) -> Row:
        """Store a new state of a row, stamped with a time; `shown` is when the API may see it."""
        id = row[table.schema.id]
        old = table.rows.get(id)
        stamped = {**row, "modifiedon": stamp(at)}
        stamped["createdon"] = old["createdon"] if old else stamp(at)
        stamped["versionnumber"] = self._version(at, old["versionnumber"] if old else 0)
        if shown is None:
            self._commit(table, id, stamped)
        else:
            self._late.append(_Late(shown, table, id, stamped))
        return stamped

    def delete(self, table: Table, id: str, shown: datetime | None = None) -> None:
        """Raises `Refused` for a row that is not there."""
        table.get(id)
        if shown is None:
            self._commit(table, id.lower(), None)
        else:
            self._late.append(_Late(shown, table, id.lower(), None))

    def settle(self, now: datetime) -> None:
        """Commit what may be seen by now."""
        due = [late for late in self._late if late.at <= now]
        self._late = [late for late in self._late if late.at > now]
        for late in due:
            self._commit(late.table, late.id, late.row)

    def _commit(self, table: Table, id: str, row: Row | None) -> None:
        self.commit += 1
        if row is None:
            table.rows.pop(id, None)
            table.commits.pop(id, None)
            table.dead[id] = self.commit
        else:
            table.rows[id] = row
            table.commits[id] = self.commit
            table.dead.pop(id, None)

    def _version(self, at: datetime, old: int) -> int:
        version = max(int((at - _FIRST).total_seconds() * 1_000_000), old + 1)
        while version in self._versions:
            version += 1
        self._versions.add(version)
        return version


def stamp(at: datetime) -> str:
    """A moment as they write it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def etag(row: Row) -> str:
    return f'W/"{row["versionnumber"]}"'


def title(rows: Rows, table: str, id: str) -> str | None:
    """What people call a row."""
    there = rows.of_name(table)
    row = there.rows.get(id)
    return None if row is None else row.get(there.schema.title)


__all__ = ["Refused", "Row", "Rows", "Table", "etag", "stamp", "title"]
