"""What the loyalty service keeps: members, their points movements, and who was erased when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from hub.testing import BadCommand

Row = dict[str, Any]

KINDS = ("earn", "redeem", "expire", "claim")
STATES = ("booked", "claimed", "granted", "refused")
TIERS = ("basic", "silver", "gold")
FIELDS: dict[str, dict[str, type | tuple[str, ...]]] = {
    "members": {
        "first_name": str, "last_name": str, "email": str, "email_verified": bool, "phone": str,
        "street": str, "city": str, "postcode": str, "country": str, "language": str,
        "tier": TIERS, "external_ref": str,
    },
    "points": {
        "member_id": str, "kind": KINDS, "points": int, "state": STATES, "store_number": str,
        "receipt": str, "note": str, "answer": str,
    },
}  # fmt: skip
NEEDED = {"members": "last_name", "points": "kind"}
PATCHED = {"members": set(FIELDS["members"]) - {"tier"}, "points": {"state", "answer"}}
"""What a program may change: a tier is earned, and a movement's points are booked for good."""


BEGUN: dict[str, Row] = {
    "members": {"tier": "basic", "email_verified": False, "balance": 0},
    "points": {"state": "booked", "points": 0},
}


class Invalid(ValueError):
    """The service refuses this data."""


class Ledger:
    """Members and movements, each with its past, for what commits late is seen late."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, list[tuple[datetime, Row]]]] = {
            name: {} for name in FIELDS
        }
        self._erased: dict[str, tuple[datetime, datetime]] = {}
        self._count = dict.fromkeys(FIELDS, 0)

    def create(self, name: str, data: Row, at: datetime, seen: datetime, id: str = "") -> str:
        """A new record; a movement without a member is given one of its own."""
        check(name, data, FIELDS[name], creating=True)
        if name == "points" and not data.get("member_id"):
            data = {**data, "member_id": self.create("members", {"last_name": "Guest"}, at, seen)}
        if name == "points" and data["member_id"] not in self._states["members"]:
            raise Invalid(f"member_id: no member {data['member_id']}")
        self._count[name] += 1
        id = id or f"{'M' if name == 'members' else 'T'}{1_000_000 + self._count[name]}"
        if id in self._states[name]:
            raise BadCommand(f"{name} has a {id} already")
        row = {"id": id, **dict.fromkeys(FIELDS[name]), **BEGUN[name], **data}
        return self._keep(name, {**row, "created_at": stamp(at)}, at, seen)

    def update(self, name: str, id: str, data: Row, at: datetime, seen: datetime) -> str:
        check(name, data, FIELDS[name])
        return self._keep(name, {**self.last(name, id), **data}, at, seen)

    def erase(self, id: str, at: datetime, seen: datetime) -> str:
        """Forget a member, whose movements stay."""
        self.last("members", id)
        self._erased[id] = (seen, at)
        return id

    def merge(self, id: str, into: str, at: datetime, seen: datetime) -> str:
        """Erase one member; the other has both balances, and is changed in any case."""
        lost, kept = self.last("members", id), self.last("members", into)
        self.erase(id, at, seen)
        return self._keep(
            "members", {**kept, "balance": kept["balance"] + lost["balance"]}, at, seen
        )

    def last(self, name: str, id: str) -> Row:
        """The newest state, whoever may see it; raises `BadCommand` if there is none."""
        if id not in self._states[name] or (name == "members" and id in self._erased):
            raise BadCommand(f"no {id} in {name}")
        return self._states[name][id][-1][1]

    def shown(self, name: str, id: str, now: datetime) -> Row | None:
        if name == "members" and id in self._erased and self._erased[id][0] <= now:
            return None
        states = [row for seen, row in self._states[name].get(id, ()) if seen <= now]
        return states[-1] if states else None

    def all(self, name: str, now: datetime) -> Iterator[Row]:
        rows = (self.shown(name, id, now) for id in self._states[name])
        return (row for row in rows if row is not None)

    def erased(self, now: datetime) -> list[Row]:
        """Who was erased, and when, oldest first."""
        known = [(at, id) for id, (seen, at) in self._erased.items() if seen <= now]
        return [{"id": id, "erased_at": stamp(at)} for at, id in sorted(known)]

    def is_erased(self, id: str, now: datetime) -> bool:
        return id in self._erased and self._erased[id][0] <= now

    def _keep(self, name: str, row: Row, at: datetime, seen: datetime) -> str:
        row = {**row, "changed_at": stamp(at)}
        states = self._states[name].setdefault(row["id"], [])
        counted = _counted(states[-1][1]) if states and name == "points" else 0
        states.append((seen, row))
        if name == "points":
            self._book(row["member_id"], _counted(row) - counted, at, seen)
        return str(row["id"])

    def _book(self, member: str, points: int, at: datetime, seen: datetime) -> None:
        """Move a member's balance, which changes the member."""
        if points and member not in self._erased:
            row = self.last("members", member)
            row = {**row, "balance": row["balance"] + points}
            at = max(at, datetime.fromisoformat(row["changed_at"]))
            self._keep("members", row, at, seen)


def _counted(movement: Row) -> int:
    """The points of a movement that are in the balance."""
    return int(movement["points"]) if movement["state"] in {"booked", "granted"} else 0


def check(name: str, data: Row, fields: Any, *, creating: bool = False) -> None:
    """Raise `Invalid` for a field that there is not, a wrong type, or a missing name."""
    for key, value in data.items():
        allowed = FIELDS[name].get(key) if key in fields else None
        if allowed is None:
            raise Invalid(f"{key}: cannot be set")
        if isinstance(allowed, tuple):
            if value not in allowed:
                raise Invalid(f"{key}: one of {', '.join(allowed)}")
        elif value is not None and type(value) is not allowed:
            raise Invalid(f"{key}: must be a {allowed.__name__}")
    if (creating or NEEDED[name] in data) and not data.get(NEEDED[name]):
        raise Invalid(f"{NEEDED[name]}: is required")


def stamp(at: datetime) -> str:
    """`2026-05-01T10:00:00+00:00`: the service's clock shows whole seconds."""
    return at.replace(microsecond=0).isoformat()
