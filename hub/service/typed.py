"""What people and programs write, as JSON, becomes the typed values of an entity's fields.

Everything that is wrong is said at once: the field, the value, and what would be right.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from sqlalchemy import BigInteger

from hub.service.rules import Refused
from hub.shape import Field
from hub.store.entities import Entity

Lookup = Callable[[Iterable[tuple[str, str]]], Mapping[tuple[str, str], str]]
"""sys_ids by (table referred to, number or sys_id); those that do not exist are left out."""

CUSTOM = re.compile(r"u_[a-z0-9_]{1,76}")
CUSTOM_LENGTH = 4000
DEEPEST = 32  # lists and objects within each other in a JSON field
AMOUNT = re.compile(r"[+-]?[0-9]{1,11}(\.[0-9]{1,4}0*)?")
MOST_MONEY = Decimal(10) ** 11  # NUMERIC(15, 4)
SHOWN = 80  # characters of a value in a message


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one value, and what is expected; `value` is cut short."""

    field: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason} (given: {self.value})"


class BadValues(Refused):
    """Values that do not fit their fields."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


def typed(entity: Entity, values: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """Values to store, by field; null and the empty text leave a field empty.

    A choice is given by its code or its name, a reference by number or sys_id, an instant in
    ISO 8601 with an offset, money as text or number. `lookup` is asked once, for all references.
    Raises `BadValues` with every fault.
    """
    return _typed(entity, values, lookup, reading=False)


def sought(entity: Entity, field: str, texts: Iterable[str], lookup: Lookup) -> list[Any]:
    """The values of one field that a query string asks for, of which read-only ones are known too.

    Raises `BadValues`.
    """
    known = entity.shape.fields.get(field)
    if known is not None and known.kind in {"journal", "json", "list"}:
        raise BadValues([Fault(field, "", f"a field of kind {known.kind} cannot be searched")])
    return [
        _typed(entity, {field: _of_text(known, text)}, lookup, reading=True)[field]
        for text in texts
    ]


def _typed(
    entity: Entity, values: Mapping[str, Any], lookup: Lookup, *, reading: bool
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    faults: list[Fault] = []
    named: dict[str, Any] = {}
    for name, value in values.items():
        try:
            field = _field(entity, name, reading=reading)
            taken = _empty(entity, field, value) or _value(entity, field, value)
            result[name] = None if taken is EMPTY else taken
            if field.kind in {"reference", "list"} and taken is not EMPTY:
                named[name] = taken
        except _Unfit as error:
            faults.append(Fault(name, shown(value), str(error)))
    faults += _resolve(entity, result, named, lookup)
    if faults:
        raise BadValues(faults)
    return result


class _Unfit(Exception):
    """Why a value does not fit; says what is expected."""


class _Empty:
    """Stands for a field that shall be empty."""


EMPTY = _Empty()


def _field(entity: Entity, name: str, *, reading: bool) -> Field:
    field = entity.shape.fields.get(name)
    if field is None and CUSTOM.fullmatch(name):
        return Field(name, "string", length=CUSTOM_LENGTH)
    if field is None:
        raise _Unfit(f"{entity.shape.table} has no such field{_meant(name, entity.shape.fields)}")
    if not reading and (field.read_only or name == "number"):
        raise _Unfit("the hub itself writes this field, nobody else")
    return field


def _empty(entity: Entity, field: Field, value: Any) -> _Empty | None:
    """EMPTY for null and the empty text, if the field can be empty; None for any other value."""
    if value is not None and value != "":
        return None
    column = entity.table.c.get(field.name)
    if column is not None and not column.nullable:
        raise _Unfit("this field cannot be empty")
    return EMPTY


def _value(entity: Entity, field: Field, value: Any) -> Any:  # noqa: C901, PLR0911 -- a line a kind
    match field.kind:
        case "string" | "journal":
            return _string(value, field.length)
        case "integer":
            return _integer(value, big=isinstance(entity.table.c[field.name].type, BigInteger))
        case "number":
            return _number(value)
        case "money":
            return _money(value)
        case "boolean":
            return _boolean(value)
        case "instant":
            return _instant(value)
        case "choice":
            return _choice(value, field.choices)
        case "reference":
            return [_name_of(value)]
        case "list":
            return _names_of(value)
        case "json":
            return _json(value)


def _string(value: Any, length: int | None) -> str:
    if not isinstance(value, str):
        raise _Unfit("a text is expected")
    if "\x00" in value:
        raise _Unfit("a text without NUL characters is expected: no database keeps them")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Unfit("a text in Unicode is expected; this one has half a character") from None
    if length is not None and len(value) > length:
        raise _Unfit(f"at most {length} characters are expected, these are {len(value)}")
    return value


def _integer(value: Any, *, big: bool) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Unfit("a whole number is expected")
    limit = 2 ** (63 if big else 31)
    if not -limit <= value < limit:
        raise _Unfit(f"a whole number from {-limit} to {limit - 1} is expected")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Unfit("a number is expected")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Unfit("a finite number is expected")
    return number


def _money(value: Any) -> Decimal:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise _Unfit('an amount is expected, as "12.50" or 12.5')
    text = str(value)
    if AMOUNT.fullmatch(text) and abs(amount := Decimal(text)) < MOST_MONEY:
        return amount.quantize(Decimal("0.0001"))
    raise _Unfit('an amount of at most 11 digits and 4 decimals is expected, as "12.50"')


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unfit("true or false is expected")
    return value


def _instant(value: Any) -> datetime:
    example = "as 2026-05-01T12:00:00Z or 2026-05-01T14:00:00+02:00"
    if not isinstance(value, str):
        raise _Unfit(f"a time is expected, {example}")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise _Unfit(f"a time is expected, {example}") from None
    raise _Unfit(f"a time with its offset from UTC is expected, {example}")


def _choice(value: Any, choices: Mapping[str, str]) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if text in choices.values():
        return str(text)
    if isinstance(text, str) and text in choices:
        return choices[text]
    known = ", ".join(f"{name} ({code})" for name, code in choices.items())
    near = get_close_matches(text.lower(), choices, n=1) if isinstance(text, str) else []
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise _Unfit(f"{hint}one of these is expected: {known}")


def _name_of(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise _Unfit("the number or sys_id of a record is expected")
    return _string(value, 255)


def _names_of(value: Any) -> list[str]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise _Unfit("a list of numbers or sys_ids is expected")
    return [_name_of(part.strip() if isinstance(part, str) else part) for part in parts]


def _json(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise _Unfit("an object or a list is expected")
    level = [value]
    for _ in range(DEEPEST):
        parts = [part for item in level for part in _parts(item)]
        for text in parts:
            if isinstance(text, str):
                _string(text, None)
        level = [part for part in parts if isinstance(part, dict | list)]
        if not level:
            return value
    raise _Unfit(f"at most {DEEPEST} lists and objects within each other are expected")


def _parts(value: Any) -> list[Any]:
    return [*value.keys(), *value.values()] if isinstance(value, dict) else value


def _resolve(
    entity: Entity, values: dict[str, Any], named: Mapping[str, list[str]], lookup: Lookup
) -> list[Fault]:
    """Put sys_ids in place of what references were called; complain of those that nobody has."""
    if not named:
        return []
    fields = entity.shape.fields
    wanted = {(fields[name].reference, key) for name, keys in named.items() for key in keys}
    found = lookup(wanted)
    faults = []
    for name, keys in named.items():
        table = fields[name].reference
        missing = [key for key in keys if (table, key) not in found]
        values[name] = ",".join(found[table, key] for key in keys if (table, key) in found) or None
        faults += [
            Fault(name, shown(key), f"there is no record of {table} with this number or sys_id")
            for key in missing
        ]
    return faults


def _of_text(field: Field | None, text: str) -> Any:
    """What a query string says, as JSON would; what cannot be read stays text and is refused."""
    if field is None or text == "":
        return text
    try:
        match field.kind:
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case "boolean":
                return {"true": True, "false": False, "1": True, "0": False}.get(text, text)
            case _:
                return text
    except ValueError:
        return text


def _meant(name: str, fields: Iterable[str]) -> str:
    near = get_close_matches(name.lower(), fields, n=1)
    return f"; did you mean {near[0]!r}?" if near else "; a custom field's name begins with u_"


def shown(value: Any) -> str:
    """A value as a message can hold it, however large or deep it is."""
    text = _SHORT.repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = SHOWN
