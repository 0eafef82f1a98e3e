"""The rows of the org: plain dicts, replaced and never changed, in order of SystemModstamp.

A row that was replaced lives on in the result sets that hold it: a query cursor is a snapshot.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from spokes.salesforce.ids import id18
from spokes.salesforce.sandbox.objects import STANDARD, Sobject
from spokes.salesforce.sandbox.refusal import not_found

Row = dict[str, Any]
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FIRST = 62**3 * 41 + 5077  # so that ids mix capitals and small letters from the first on
ORG = id18("00D5g0000000001")
USER = id18("0055g00000A0001")


def stamp(at: datetime) -> str:
    """A moment as their JSON has it: whole seconds, no colon in the offset; sorts as text."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


class Table:
    """One object's rows, the deleted ones of the recycle bin among them."""

    def __init__(self, sobject: Sobject) -> None:
        self.sobject = sobject
        self.rows: dict[str, Row] = {}
        self.purged: set[str] = set()
        self.delete_log: list[tuple[str, str]] = []
        self._order: list[tuple[str, str]] = []
        self._ordered = True
        self._ids: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._count = 0

    def new_id(self) -> str:
        """The next id, in ascending order."""
        self._count += 1
        number, text = _FIRST + self._count, ""
        for _ in range(6):
            number, digit = divmod(number, 62)
            text = _DIGITS[digit] + text
        return id18(f"{self.sobject.prefix}5g0000{text}")

    def next_number(self) -> str:
        return f"{len(self.rows) + len(self.purged) + 1000:08}"

    def put(self, row: Row) -> None:
        """Store a row in place of the one with its id."""
        self._forget(row["Id"])
        self.rows[row["Id"]] = row
        self._index(row)
        insort(self._sorted(), (row["SystemModstamp"], row["Id"]))

    def put_all(self, rows: Iterable[Row]) -> None:
        """Store many new rows at once."""
        for row in rows:
            self.rows[row["Id"]] = row
            self._index(row)
            self._order.append((row["SystemModstamp"], row["Id"]))
        self._ordered = False

    def purge(self, id: str) -> None:
        """Empty one row out of the recycle bin."""
        self._forget(id)
        del self.rows[id]
        self.purged.add(id)

    def since(self, first: str | None, before: str | None) -> Iterator[Row]:
        """The rows with `first <= SystemModstamp <= before`, in order of (SystemModstamp, Id)."""
        order = self._sorted()
        start = bisect_left(order, (first, "")) if first else 0
        end = bisect_left(order, (before, "~")) if before else len(order)
        return (self.rows[key] for _, key in order[start:end])

    def with_external_id(self, field: str, value: str) -> list[Row]:
        """The rows that are not deleted and have this external id, compared without case."""
        found = self._ids.get((field, value.lower()), ())
        return [row for key in sorted(found) if not (row := self.rows[key])["IsDeleted"]]

    def _sorted(self) -> list[tuple[str, str]]:
        if not self._ordered:
            self._order.sort()
            self._ordered = True
        return self._order

    def _index(self, row: Row) -> None:
        for field in self.sobject.fields.values():
            if field.external_id and row.get(field.name):
                self._ids[field.name, str(row[field.name]).lower()].add(row["Id"])

    def _forget(self, id: str) -> None:
        old = self.rows.get(id)
        if old is None:
            return
        del self._sorted()[bisect_left(self._order, (old["SystemModstamp"], id))]
        for field in self.sobject.fields.values():
            if field.external_id and old.get(field.name):
                self._ids[field.name, str(old[field.name]).lower()].discard(id)


class Tables:
    """All objects of the org, what our user may not see, and what is not visible yet."""

    def __init__(self) -> None:
        self._tables = {sobject.name: Table(sobject) for sobject in STANDARD}
        self.hidden: set[tuple[str, str]] = set()
        self._late: list[tuple[datetime, Table, Row]] = []

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def __contains__(self, name: str) -> bool:
        return name in self._tables

    def __getitem__(self, name: str) -> Table:
        """An object by its name; raises the API's 404."""
        try:
            return self._tables[name]
        except KeyError:
            raise not_found() from None

    def add(self, sobject: Sobject) -> None:
        """A further object, or one with further fields."""
        if sobject.name in self._tables:
            self._tables[sobject.name].sobject = sobject
        else:
            self._tables[sobject.name] = Table(sobject)

    def put_late(self, table: Table, row: Row, visible_at: datetime) -> None:
        """A row whose transaction is stamped already and commits later."""
        self._late.append((visible_at, table, row))

    def settle(self, now: datetime) -> None:
        """Show what has become visible by now."""
        due = [late for late in self._late if late[0] <= now]
        self._late = [late for late in self._late if late[0] > now]
        for _, table, row in due:
            table.put(row)
