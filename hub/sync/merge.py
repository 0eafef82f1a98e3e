"""Which of their values we take: a three-way merge by field.

    theirs = what they send · ours = what the record says · base = what both agreed on last

Pure. A field that they do not send is not here at all: absent is not empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Merged:
    """The fields to take, and those that both sides changed where ours stays."""

    taken: dict[str, Any]
    kept: dict[str, Any]


def merge(
    theirs: Mapping[str, Any],
    ours: Mapping[str, Any],
    base: Mapping[str, Any] | None,
    owner_of: Callable[[str], str],
    *,
    theirs_is_newer: bool,
) -> Merged:
    """`base` holds two-way fields only, in JSON's types; the others are simply theirs."""
    merged = Merged({}, {})
    for field, value in theirs.items():
        mine = ours.get(field)
        if value == mine:
            continue
        agreed = base is not None and field in base
        if agreed and base is not None and plain(value) == base[field]:
            continue  # they did not change it; ours is on its way to them
        if agreed and base is not None and plain(mine) == base[field]:
            merged.taken[field] = value
            continue
        owner = owner_of(field)
        if _they_win(owner, mine, contested=agreed, newer=theirs_is_newer):
            merged.taken[field] = value
        elif agreed:
            merged.kept[field] = value
    return merged


def _they_win(owner: str, mine: Any, *, contested: bool, newer: bool) -> bool:
    match owner:
        case "ours" | "if_empty":
            return mine in (None, "")
        case "manual":
            return not contested
        case "newest":
            return not contested or newer
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
