"""How one row is addressed: `accounts(guid)`, or `accounts(csm_hubid='value')` by alternate key."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spokes.dynamics365.sandbox.refusal import GONE_BY_KEY, QUERY, Refused, gone
from spokes.dynamics365.sandbox.rows import Row, Table

ACTIVE, PENDING = "Active", "Pending"
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_KEY = re.compile(r"(\w+)='((?:[^']|'')*)'")


@dataclass(frozen=True, slots=True)
class Address:
    """One row, there or not: `column` is the primary key, or an alternate one."""

    table: Table
    column: str
    value: str

    @property
    def row(self) -> Row | None:
        if self.column == self.table.schema.id:
            return self.table.rows.get(self.value)
        return self.table.by_key(self.column, self.value)

    def found(self) -> Row:
        """Raises `Refused`."""
        row = self.row
        if row is None and self.column == self.table.schema.id:
            raise gone(self.table.schema.name, self.value)
        if row is None:
            said = "A record with the specified key values does not exist in {} entity"
            raise Refused(404, GONE_BY_KEY, said.format(self.table.schema.name))
        return row


def address(table: Table, text: str) -> Address:
    """Raises `Refused` for what is no key, or one whose index is not built yet."""
    if _GUID.fullmatch(text):
        return Address(table, table.schema.id, text.lower())
    match = _KEY.fullmatch(text)
    if match is None:
        raise Refused(400, QUERY, f"Bad Request - Error in query syntax near '({text})'.")
    if table.keys.get(match[1]) != ACTIVE:
        name = table.schema.name
        said = f"The specified key attributes are not a defined key for the {name} entity"
        raise Refused(400, QUERY, said)
    return Address(table, match[1], match[2].replace("''", "'"))
