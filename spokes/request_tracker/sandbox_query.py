"""TicketSQL as the sandbox understands it: what the spoke asks, with Request Tracker's own reading.

    query := term ((AND | OR) term)*        term := FIELD OP VALUE | ( query )

AND binds closer than OR. `=` on a moment means its day, and a moment is read in the account's zone.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Condition = Callable[[Row], bool]

_TOKEN = re.compile(r"\s*(?:([()])|'((?:[^'\\]|\\.)*)'|(CF\.\{\w+\}|\w+)|(<=|>=|!=|=|<|>))")
_COMPARED = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
_NUMBERS = ("id", "ObjectId")
_MOMENTS = ("LastUpdated", "Created")
_TEXTS = ("Status", "ObjectType", "Type", "Field", "NewValue", "CF.{HubID}")


class WrongQuery(ValueError):
    """What they answer 400 to."""


def moment(iso: str) -> datetime:
    return datetime.fromisoformat(iso).astimezone(UTC)


def condition(query: str, zone: str) -> Condition:
    """What a query asks of a row. An empty one finds nothing. Raises `WrongQuery`."""
    if not query:
        return lambda _: False
    reader = _Reader(query, zone)
    wanted = reader.any_of()
    reader.end()
    return wanted


class _Reader:
    def __init__(self, query: str, zone: str) -> None:
        self._tokens, self._zone, place = [], ZoneInfo(zone or "UTC"), 0
        while query[place:].strip():
            found = _TOKEN.match(query, place)
            if not found:
                raise WrongQuery(f"in {query[:place]!r} >here> {query[place:]!r}")
            self._tokens.append(found)
            place = found.end()
        self._next = 0

    def any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._took("OR"):
            parts.append(self._all_of())
        return lambda row: any(part(row) for part in parts)

    def _all_of(self) -> Condition:
        parts = [self._term()]
        while self._took("AND"):
            parts.append(self._term())
        return lambda row: all(part(row) for part in parts)

    def _term(self) -> Condition:
        if self._took("("):
            inner = self.any_of()
            if not self._took(")"):
                raise WrongQuery("expecting a CLOSE_PAREN")
            return inner
        name, sign = self._any(), self._any()
        if sign not in _COMPARED:
            raise WrongQuery(f"expecting an OPERATOR after {name}")
        return self._compared(name, sign, self._any())

    def _compared(self, name: str, sign: str, value: str) -> Condition:
        compare = _COMPARED[sign]
        if name in _NUMBERS:
            return lambda row: bool(compare(int(row[name]), int(value)))
        if name in _MOMENTS:
            at = self._moment(value)
            if sign == "=":
                return lambda row: moment(row[name]).date() == at.date()
            return lambda row: bool(compare(moment(row[name]), at))
        if name in _TEXTS:
            key = name.removeprefix("CF.{").removesuffix("}")
            return lambda row: bool(compare(str(row.get(key) or ""), value))
        raise WrongQuery(f"Unknown field: {name}")

    def _moment(self, value: str) -> datetime:
        """Stricter than they are: of what they cannot read they make 1970."""
        if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value):
            raise WrongQuery(f"{value!r} is no moment that is surely understood")
        local = datetime.fromisoformat(value).replace(tzinfo=self._zone)
        return local.astimezone(UTC)

    def end(self) -> None:
        if self._next < len(self._tokens):
            raise WrongQuery(f"expecting an AGGREGATOR before {self._tokens[self._next][0]!r}")

    def _took(self, word: str) -> bool:
        here = self._tokens[self._next : self._next + 1]
        if here and here[0][0].strip() == word:
            self._next += 1
            return True
        return False

    def _any(self) -> str:
        if self._next >= len(self._tokens):
            raise WrongQuery("it ends too soon")
        found = self._tokens[self._next]
        self._next += 1
        if found[2] is not None:
            return re.sub(r"\\(.)", r"\1", found[2])
        return found[0].strip()
