"""What each kind of column accepts, and the one form in which it keeps it.

Every function gives None for None, the value in its column's form, or raises `Failure`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Any

import msgspec

from hub.mapping.faults import Failure, shortened, suggestion
from hub.shape import Field, Kind

MAX_TEXT = 1_000_000
MAX_INTEGER = 2**31 - 1  # a PostgreSQL integer; one value too large would cost its whole page
MAX_MONEY = Decimal(10) ** 11  # NUMERIC(15, 4)
MAX_DIGITS = 40  # of a number on its way to a column: what is longer is hostile
MAX_DEPTH = 100  # of nested JSON; writers of JSON give up at 250 to 1,000
MAX_JSON_INTEGER = 2**63 - 1
FOUR_DECIMALS = Decimal("0.0001")


DEFER = "defer"


class Ref(msgspec.Struct, frozen=True, gc=False):
    """The record that is linked to their record `id` of `stream`.

    `on_missing` says what happens when there is none yet: `defer`, `create` or `null`.
    A Struct, because one is made in a sixth of the time that a named tuple takes.
    """

    stream: str
    id: str
    on_missing: str = DEFER


class Choices(dict[str, str]):
    """A choice's name, or its code, to its code. Looking up anything else is a `Failure`."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__({code: code for code in names.values()} | dict(names))
        self.names = names_by_code(names)

    def __missing__(self, value: str) -> str:
        raise Failure(f"no value for {shortened(value)}{suggestion(value, self.names.values())}")


def names_by_code(choices: Mapping[str, str]) -> dict[str, str]:
    """The first name of each code."""
    return {code: name for name, code in list(choices.items())[::-1]}


def string(value: Any) -> str | None:
    """Text of at most a million characters that both databases can keep."""
    match value:
        case None:
            return None
        case str():
            text = value
        case bool():
            text = "true" if value else "false"
        case int() | float():
            text = str(value)
        case Decimal():
            text = f"{value:f}"
        case datetime():
            text = iso(value)
        case date():
            text = value.isoformat()
        case list() | tuple() | dict():
            what = "an object" if isinstance(value, dict) else "a list"
            raise Failure(f"{what} is no text: {shortened(value)}")
        case _:
            raise Failure(f"no text: {shortened(value)}")
    return _storable(text)


def _storable(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Failure(f"a text of {len(text):,} characters is longer than {MAX_TEXT:,}")
    if "\0" in text:
        raise Failure(f"holds the character NUL, which a database cannot keep: {shortened(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Failure(f"holds half a character (a lone surrogate): {shortened(text)}") from error
    return text


def integer(value: Any) -> int | None:
    whole = whole_number(value)
    if whole is not None and not -MAX_INTEGER <= whole <= MAX_INTEGER:
        raise Failure(f"{shortened(value)} does not fit an integer column")
    return whole


def whole_number(value: Any) -> int | None:
    """An integer of any size that a text or number stands for."""
    if value is None:
        return None
    exact = decimal(value)
    if exact.adjusted() > MAX_DIGITS or exact != exact.to_integral_value():
        raise Failure(f"{shortened(value)} is no integer: `| round(0)` makes it one")
    return int(exact)


def number(value: Any) -> float | None:
    if value is None:
        return None
    result = float(decimal(value))
    if math.isinf(result):
        raise Failure(f"{shortened(value)} is too large")
    return result


def decimal(value: Any) -> Decimal:
    """The exact number that a number, or a text that is one, stands for."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Failure(f"{shortened(value)} is no number")
    if isinstance(value, str) and (len(value) > 2 * MAX_DIGITS or "_" in value):
        raise Failure(f"{shortened(value)} is no number")
    try:
        exact = Decimal(str(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise Failure(f"{shortened(value)} is no number") from None
    if not exact.is_finite():
        raise Failure(f"{shortened(value)} is no number")
    return exact


def money(value: Any) -> Decimal | None:
    """An exact amount, rounded half-even to four decimals."""
    if value is None:
        return None
    exact = decimal(value)
    if abs(exact) >= MAX_MONEY:
        raise Failure(f"{shortened(value)} is too large for an amount")
    return exact.quantize(FOUR_DECIMALS, ROUND_HALF_EVEN)


_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def boolean(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    result = _BOOLEANS.get(str(value).lower()) if isinstance(value, str | int) else None
    if result is None:
        raise Failure(f"{shortened(value)} is neither true nor false")
    return result


def instant(value: Any) -> datetime | None:
    """Truncated to whole seconds. A date is its midnight in UTC."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Failure(f"{value.isoformat()} has no time zone")
        told = value.astimezone(UTC)
        return told - timedelta(0, 0, told.microsecond) if told.microsecond else told
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value is None:
        return None
    raise Failure(f"{shortened(value)} is no moment: `| datetime` or `| date` makes it one")


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with whole seconds: `2026-03-01T08:00:00Z`."""
    if moment.tzinfo is None:
        raise Failure(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reference(value: Any) -> Ref | None:
    if value is None or isinstance(value, Ref):
        return value
    raise Failure(f"{shortened(value)} is no reference: `| ref(Stream)` makes it one")


def id_list(value: Any) -> str | None:
    """Comma-separated sys_ids, from such a text or from a list of them."""
    if isinstance(value, list | tuple):
        return string(",".join(string(item) or "" for item in value))
    return string(value)


def json(value: Any) -> Any:
    """An object or a list, with nothing in it that a database cannot keep as JSON."""
    if value is None:
        return None
    if not isinstance(value, dict | list):
        raise Failure(f"{shortened(value)} is neither an object nor a list")
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise Failure(f"nested deeper than {MAX_DEPTH} levels")
        level = [inner for outer in level for inner in _insides(outer)]
    return value


def _insides(outer: Any) -> list[Any]:
    """The objects and lists in one; checks whatever else is there."""
    keys = list(outer) if isinstance(outer, dict) else []
    found = []
    for inner in [*keys, *(outer.values() if isinstance(outer, dict) else outer)]:
        match inner:
            case dict() | list():
                found.append(inner)
            case str():
                _storable(inner)
            case int() if not -MAX_JSON_INTEGER <= inner <= MAX_JSON_INTEGER:
                raise Failure(f"{shortened(inner)} has more than 64 bits")
            case float() if not math.isfinite(inner):
                raise Failure(f"{inner} is no number that JSON has")
            case _:
                pass
    return found


def choice(choices: Choices, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Failure(f"no value for {shortened(value)}")
    return choices[str(value)]


STORABLE = (
    f"'\\0' not in {{v}} and len({{v}}) <= {MAX_TEXT} and ({{v}}.isascii() or {{v}}.encode())"
)
"""Whether a database can keep a text; raises for half a character."""


def unless_null(fast: str) -> str:
    """A shortcut that passes null on; first, as CPython is quickest where all types are the same."""
    return "None if {v0} is None else " + fast + " else {slow}"


_IS_STRING = unless_null("{v} if {v}.__class__ is str")
_IS_CHOICE = unless_null("{a}[{v}] if {v}.__class__ is str")
_FITS_INTEGER = unless_null(
    f"{{v}} if {{v}}.__class__ is int and -{MAX_INTEGER} <= {{v}} <= {MAX_INTEGER}"
)
_FITS_NUMBER = unless_null("{v} if {v}.__class__ is float and {v} - {v} == 0")
_FITS_BOOLEAN = "{v} if {v0} is True or {v} is False or {v} is None else {slow}"
_FITS_INSTANT = unless_null(
    "{v} if {v}.__class__ is datetime and {v}.tzinfo is UTC and not {v}.microsecond"
)
_FITS_REFERENCE = unless_null("{v} if {v}.__class__ is Ref")
EXACT_MONEY = unless_null(
    "{t} * FOUR_DECIMALS if {v}.__class__ is float and -1e11 < {v} < 1e11"
    " and ({t} := round({v} * 10000)) and {t} / 10000 == {v}"
)
"""A float of at most four decimals and fifteen digits: its shortest text is that very amount."""


def in_utc(moment: str) -> str:
    """What `moment.astimezone(UTC)` gives, in half the time; `z` is its tzinfo, a fixed offset."""
    return f"combine({{t}} := {moment} - z.utcoffset(None), {{t}}.time(), UTC)"


@dataclass(frozen=True, slots=True)
class Coercion:
    """How a value gets its column's form: `call`, and its shortcut in generated source.

    In `fast`, `{v0}` is the value where it is evaluated first, `{v}` where it is used again,
    `{t}` a spare variable, and `{slow}` the call. It gives what the call gives, or raises
    anything at all, upon which the call decides. `{a}` is the `table`. A `text` has still to be
    `STORABLE`: cheaper to find out of all texts of a record at once.
    """

    call: Callable[[Any], Any]
    fast: str = "{slow}"
    text: bool = False
    table: Mapping[Any, Any] | None = None


_COERCIONS: dict[Kind, Coercion] = {
    "string": Coercion(string, _IS_STRING, text=True),
    "journal": Coercion(string, _IS_STRING, text=True),
    "integer": Coercion(integer, _FITS_INTEGER),
    "number": Coercion(number, _FITS_NUMBER),
    "money": Coercion(money, EXACT_MONEY),
    "boolean": Coercion(boolean, _FITS_BOOLEAN),
    "instant": Coercion(instant, _FITS_INSTANT),
    "reference": Coercion(reference, _FITS_REFERENCE),
    "list": Coercion(id_list, _IS_STRING, text=True),
    "json": Coercion(json),
}


def coercion(field: Field) -> Coercion:
    """What makes any value one of this column."""
    if field.kind != "choice":
        return _COERCIONS[field.kind]
    choices = Choices(field.choices)
    return Coercion(partial(choice, choices), _IS_CHOICE, table=dict(choices))
