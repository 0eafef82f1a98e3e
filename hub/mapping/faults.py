"""What can be wrong with a mapping file, with an expression, and with a record."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import msgspec

from hub.errors import MappingFailed

At = tuple[str | int, ...]
"""Where in a document, as `Document.at` takes it."""


class BadMapping(ValueError):
    """A mapping file cannot be used. `faults` has one `file:line:column: …` per fault."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class BadExpression(ValueError):
    """The text is not an expression of the mapping language.

    `spot` is the character of it that shows why, from 0; None where that cannot be told.
    """

    def __init__(self, what: str, spot: int | None = None) -> None:
        super().__init__(what)
        self.spot = spot


class Failure(ValueError):
    """A value does not fit; the message is the reason alone, without place or field."""


FAILURES = (
    ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError,
    msgspec.MsgspecError,
)  # fmt: skip
"""What a value that does not fit may raise in generated code; `Failure` says it best."""


class Flaw(NamedTuple):
    """What is wrong with a document. `spot` is a character of the expression that stands there."""

    at: At
    what: str
    spot: int | None = None


Found = Iterator[Flaw]


@dataclass(frozen=True, slots=True)
class Fault:
    """One field of one record that could not be mapped. `value` is shortened."""

    place: str
    field: str
    expression: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.field}: {self.reason} in `{self.expression}`"


class RecordFailed(MappingFailed):
    """A record does not fit its mapping; `faults` names all of its fields that do not."""

    def __init__(self, faults: Iterable[Fault], record: str = "") -> None:
        self.faults = tuple(faults)
        self.record = record
        where = f" (record {record})" if record else ""
        super().__init__("\n".join(f"{fault}{where}" for fault in self.faults))


_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxlevel = 2


def shortened(value: Any) -> str:
    """A repr of at most a few dozen characters."""
    return _short.repr(value)


def written(value: Any) -> str:
    """A value as YAML has it, in a few words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return shortened(value)


MANY = 20  # names: more than one reads through in a message


def suggestion(word: object, known: Iterable[str]) -> str:
    """`; did you mean 'state'?`, or what there is, or nothing when that is too much."""
    names = sorted(known)
    by_letters = {name.casefold(): name for name in reversed(names)}
    close = difflib.get_close_matches(str(word).casefold(), by_letters, n=1)
    if close:
        return f"; did you mean {by_letters[close[0]]!r}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= MANY else ""
