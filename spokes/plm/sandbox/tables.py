"""The PLM's tables: every record with its past, for what commits late is seen late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from hub.testing import BadCommand

Row = dict[str, Any]

LIFECYCLES = ("design", "released", "obsolete")
STATES = ("reported", "analysis", "awaiting_supplier", "fixed", "closed", "rejected")
SEVERITIES = ("safety", "major", "minor", "cosmetic")
FIELDS: dict[str, dict[str, type | tuple[str, ...]]] = {
    "parts": {
        "name": str, "lifecycle": LIFECYCLES, "brand": str, "supplier": str, "gtin": str,
        "hold": dict,
    },
    "defects": {
        "title": str, "description": str, "state": STATES, "severity": SEVERITIES, "part": str,
        "batch": str, "store_number": str, "reporter": dict, "root_cause": str,
        "corrective_action": str, "external_ref": str,
    },
}  # fmt: skip
"""What a person or a program may set, with its type or its values; null empties a field."""
NEEDED = {"parts": "name", "defects": "title"}
KEYS = {"parts": "number", "defects": "id"}


class Invalid(ValueError):
    """The PLM refuses this data."""


class Table:
    """One table. `changed` rows carry `modified_at`, in milliseconds."""

    def __init__(self, name: str) -> None:
        self.name, self.key = name, KEYS[name]
        self._states: dict[str, list[tuple[datetime, Row]]] = {}
        self._count = 0

    def create(self, data: Row, at: datetime, seen: datetime, id: str = "") -> str:
        check(self.name, data, creating=True)
        self._count += 1
        id = id or (f"P-{self._count:06}" if self.name == "parts" else f"D-{self._count:06}")
        if id in self._states:
            raise BadCommand(f"{self.name} has a {id} already")
        row = {self.key: id, **dict.fromkeys(FIELDS[self.name]), **_begun(self.name), **data}
        row["created_at"] = stamp(at)
        return self._keep(row, at, seen)

    def update(self, id: str, data: Row, at: datetime, seen: datetime) -> str:
        check(self.name, data)
        return self._keep({**self.last(id), **data}, at, seen)

    def delete(self, id: str, at: datetime, seen: datetime) -> str:
        if self.name == "parts":
            raise BadCommand("a part is never deleted: its lifecycle becomes obsolete")
        return self._keep({**self.last(id), "deleted": True}, at, seen)

    def undelete(self, id: str, at: datetime, seen: datetime) -> str:
        return self._keep({**self.last(id), "deleted": False}, at, seen)

    def merge(self, id: str, into: str, at: datetime, seen: datetime) -> str:
        """Delete one defect and add its description to the other's."""
        lost, kept = self.last(id), self.last(into)
        texts = filter(None, (kept.get("description"), lost.get("description")))
        self.delete(id, at, seen)
        return self._keep({**kept, "description": "\n".join(texts) or None}, at, seen)

    def last(self, id: str) -> Row:
        """The newest state, whoever may see it; raises `BadCommand` if there is none."""
        if id not in self._states:
            raise BadCommand(f"no {id} in {self.name}")
        return self._states[id][-1][1]

    def shown(self, id: str, now: datetime) -> Row | None:
        states = [row for seen, row in self._states.get(id, ()) if seen <= now]
        return states[-1] if states else None

    def all(self, now: datetime) -> Iterator[Row]:
        for id in self._states:
            row = self.shown(id, now)
            if row is not None:
                yield row

    def _keep(self, row: Row, at: datetime, seen: datetime) -> str:
        row = {**row, "modified_at": stamp(at)}
        self._states.setdefault(row[self.key], []).append((seen, row))
        return str(row[self.key])


def check(table: str, data: Row, *, creating: bool = False) -> None:
    """Raise `Invalid` for a field that there is not, a wrong type, or a missing title."""
    for name, value in data.items():
        allowed = FIELDS[table].get(name)
        if allowed is None:
            raise Invalid(f"{name}: unknown field")
        if value is None:
            continue
        if isinstance(allowed, tuple):
            if value not in allowed:
                raise Invalid(f"{name}: one of {', '.join(allowed)}")
        elif not isinstance(value, allowed):
            raise Invalid(f"{name}: must be a {allowed.__name__}")
    if (creating or NEEDED[table] in data) and not data.get(NEEDED[table]):
        raise Invalid(f"{NEEDED[table]}: must not be empty")


def stamp(at: datetime) -> str:
    """`2026-05-01T10:00:00.123Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _begun(table: str) -> Row:
    if table == "parts":
        return {"lifecycle": "released"}
    return {"state": "reported", "severity": "minor", "deleted": False}
