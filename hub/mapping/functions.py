"""What generated code calls: the operators of the language, with its rules for null.

`ABSENT` stands for a path that is not in the record; it never leaves the generated function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from operator import add, ge, gt, le, lt, mul, sub, truediv
from typing import Any, Literal

from hub.mapping import kinds
from hub.mapping.conversion import Constant
from hub.mapping.faults import Failure, shortened
from hub.mapping.kinds import Ref


class _Absent:
    """False, so that a forgotten one cannot pass for a value."""

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()

MOST_ITEMS = 100_000
MOST_TO_LOOK_IN = 1_000
"""What `x in list` for each of a list costs is the product of the two."""
LARGEST = 10**40
"""Integers grow with each multiplication of theirs, and nothing has a column for those."""

Getter = Callable[[str, Any], Any]


def getter(value: Any) -> Getter:
    """`dict.get` for whatever stands where an object should: nothing is in null."""
    if value is ABSENT:
        return _nothing_there
    if value is None:
        return _null_there
    if isinstance(value, Mapping):
        return value.get
    raise Failure(f"an object was expected, not {shortened(value)}")


def _nothing_there(_: str, otherwise: Any) -> Any:
    return otherwise


def _null_there(_: str, __: Any) -> Any:
    return None


def at(value: Any, index: int) -> Any:
    """The item of a list, null when it is too short."""
    if value is None or value is ABSENT:
        return value
    if not isinstance(value, list | tuple):
        raise Failure(f"a list was expected, not {shortened(value)}")
    return value[index] if index < len(value) else None


def select(value: Any, criteria: tuple[tuple[str, Constant], ...]) -> Any:
    """The first object of a list that has these values, or null."""
    if value is None or value is ABSENT:
        return value
    if not isinstance(value, list | tuple):
        raise Failure(f"a list was expected, not {shortened(value)}")
    for item in value:
        if isinstance(item, dict) and all(item.get(key) == wanted for key, wanted in criteria):
            return item
    return None


def dig(value: Any, steps: tuple[Any, ...]) -> Any:
    """A path inside an item of a comprehension: null where there is nothing."""
    for step in steps:
        if isinstance(step, str):
            value = getter(value)(step, None)
        elif isinstance(step, int):
            value = at(value, step)
        else:
            value = select(value, step.criteria)
    return value


def items(value: Any) -> Any:
    if isinstance(value, list | tuple):
        if len(value) > MOST_ITEMS:
            raise Failure(f"a list of {len(value):,} items is longer than {MOST_ITEMS:,}")
        return value
    raise Failure(f"a list was expected, not {shortened(value)}")


def show(value: Any) -> str:
    """A value inside an f-string: null is empty. What it may hold, its column says."""
    return value if isinstance(value, str) else kinds.string(value) or ""


def lookup(table: dict[Any, Any], value: Any) -> Any:
    """A value map's entry for anything that is no text; null gives null."""
    if value is None:
        return None
    if isinstance(value, dict | list):
        raise Failure(f"no value for {shortened(value)}, which is no single value")
    return table[value]


def ref(value: Any, stream: str, on_missing: str) -> Ref | None:
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise Failure(f"{shortened(value)} is no id of a {stream}")
    text = kinds.string(value)
    return Ref(stream, text, on_missing) if text else None


def compare(sign: str, left: Any, right: Any) -> bool:
    """`<` and its kin: never true of null; a `Failure` for what has no order."""
    if left is None or right is None:
        return False
    try:
        return bool(_ORDER[sign](left, right))
    except TypeError:
        both = f"{shortened(left)} and {shortened(right)}"
        raise Failure(f"{both} cannot be compared by {sign}") from None


_ORDER: dict[str, Callable[[Any, Any], Any]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def contains(left: Any, right: Any) -> bool:
    """`left in right`; nothing is in null."""
    if right is None:
        return False
    if isinstance(right, str) and not isinstance(left, str):
        return False
    if not isinstance(right, str | list | tuple):
        raise Failure(f"{shortened(right)} is neither a list nor a text to look in")
    if not isinstance(right, str) and len(right) > MOST_TO_LOOK_IN:
        raise Failure(f"a list of {len(right):,} items is too long to look in")
    return left in right


def calculate(sign: str, left: Any, right: Any) -> Any:
    """+ - * / on numbers; with null, null."""
    if left is None or right is None:
        return None
    one, two = _same_numbers(left, right)
    if sign == "/" and two == 0:
        raise Failure("division by zero")
    result = _ARITHMETIC[sign](one, two)
    if isinstance(result, int) and abs(result) > LARGEST:
        raise Failure(f"{shortened(left)} {sign} {shortened(right)} is too large to go on with")
    return result


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": add, "-": sub, "*": mul, "/": truediv}


def _same_numbers(left: Any, right: Any) -> tuple[Any, Any]:
    for value in (left, right):
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise Failure(f"{shortened(value)} is no number: `| number` makes it one")
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return kinds.decimal(left), kinds.decimal(right)
    return left, right


def size(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, str | list | tuple | dict):
        return len(value)
    raise Failure(f"{shortened(value)} has no length")


def total(value: Any) -> Any:
    """The sum of a list, nulls left out."""
    if value is None:
        return None
    result: Any = 0
    for item in items(value):
        result = result if item is None else calculate("+", result, item)
    return result


def least(*values: Any) -> Any:
    """The smallest of a list, or of several values, nulls left out; null when none is left."""
    return _outermost("<", values)


def most(*values: Any) -> Any:
    return _outermost(">", values)


def _outermost(sign: str, values: tuple[Any, ...]) -> Any:
    given = values if len(values) != 1 else () if values[0] is None else items(values[0])
    best = None
    for value in given:
        if value is not None and (best is None or compare(sign, value, best)):
            best = value
    return best


def any_of(value: Any) -> bool | None:
    return None if value is None else any(items(value))


def all_of(value: Any) -> bool | None:
    return None if value is None else all(items(value))


CALLS: dict[str, Callable[..., Any]] = {
    "len": size,
    "sum": total,
    "min": least,
    "max": most,
    "any": any_of,
    "all": all_of,
}
"""The language's functions, but for `coalesce`, which does not read on once it has a value."""


def put(record: dict[str, Any], steps: tuple[Any, ...], value: Any) -> None:
    """Write at a path of keys and selectors, making objects and list entries on the way."""
    here: Any = record
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        if not isinstance(step, str):
            entry = select(here, step.criteria)
            if entry is None:
                entry = dict(step.criteria)
                here.append(entry)
            here = entry
        elif following is None:
            here[step] = value
        else:
            here = here.setdefault(step, {} if isinstance(following, str) else [])


def theirs(refs: Mapping[tuple[str, str], str], value: Any, stream: str) -> str | None:
    """The id by which they know the record of ours that `value` is the sys_id of."""
    if value is None:
        return None
    found = refs.get((stream, value.id if isinstance(value, Ref) else value))
    if found is None:
        raise Failure(f"{shortened(value)} is linked to no {stream} of theirs yet")
    return found


def refuse() -> None:
    """Give the record up here; how it is read plainly says what is wrong with it, if anything."""
    raise Failure("a text cannot be stored")


def plain(value: Any) -> Any:
    """A value as JSON has it: moments and days as ISO 8601, exact amounts as text."""
    if isinstance(value, datetime):
        return kinds.iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value
