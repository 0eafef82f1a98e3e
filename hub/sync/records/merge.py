"""Which of their values we take: a three-way merge by field.

    theirs = what they send · ours = what the record says · base = what both agreed on last

    theirs = ours              nothing to do
    theirs = base              they left it alone: ours is on its way to them
    ours = base                we left it alone: theirs is taken
    all three differ           contested: the field's owner decides

Pure. A field that they do not send is not here at all: absent is not empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from hub.shape import Field

EMPTY = (None, "")


@dataclass(frozen=True, slots=True)
class Merged:
    """The fields to take, and what was contested: `kept` where ours stays, with their value,
    `overruled` where theirs is taken, with ours."""

    taken: dict[str, Any] = field(default_factory=dict[str, Any])
    kept: dict[str, Any] = field(default_factory=dict[str, Any])
    overruled: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Claims:
    """What speaks for their value of a field; asked only where it decides, for it may cost."""

    newer: Callable[[str], bool]
    outranks: Callable[[str], bool]


def merge(
    theirs: Mapping[str, Any],
    ours: Mapping[str, Any],
    base: Mapping[str, Any] | None,
    owner_of: Callable[[str], str],
    claims: Claims,
) -> Merged:
    """`base` holds two-way fields only, in JSON's types; the others are simply theirs."""
    merged, known = Merged(), base or {}
    for name, value in theirs.items():
        mine = ours.get(name)
        if value == mine:
            continue
        agreed = name in known
        if agreed and plain(value) == known[name]:
            continue  # they did not change it; ours is on its way to them
        contested = agreed and plain(mine) != known[name]
        only_they = agreed and not contested
        if only_they or _they_win(owner_of(name), name, mine, claims, contested=contested):
            merged.taken[name] = value
            if contested:
                merged.overruled[name] = mine
        elif contested:
            merged.kept[name] = value
    return merged


def _they_win(owner: str, name: str, mine: Any, claims: Claims, *, contested: bool) -> bool:
    match owner:
        case "ours" | "if_empty":
            return mine in EMPTY
        case "manual":
            return not contested
        case "newest":
            return not contested or claims.newer(name)
        case "rank":
            return (mine in EMPTY and not contested) or claims.outranks(name)
        case _:
            return True


def plain(value: Any) -> Any:
    """A value in JSON's types, so that it compares with what a link remembers."""
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return format(value.normalize(), "f")
        case _:
            return value


_KINDS: Mapping[str, Callable[[Any], Any]] = {"instant": datetime.fromisoformat, "money": Decimal}


def unplain(known: Field | None, value: Any) -> Any:
    """What `plain` was given, of this field; None is a custom one."""
    read = _KINDS.get(known.kind) if known is not None else None
    return value if read is None or value is None else read(value)
