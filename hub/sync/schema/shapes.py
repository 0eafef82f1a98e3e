"""What a few records of a page look like: which paths they have, and of what kind the values are.

However hostile a record is, no more of it is looked at than the bounds here say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any

from hub.spoke import Change
from hub.store import sets
from hub.sync.reading import Record

DEPTH = 6
"""Objects in objects that are looked into."""
MOST_KEYS = 1000
"""Keys of one record that are looked at."""
MOST_ITEMS = 3
"""Items of a list that are looked into."""
KINDS: Mapping[type, str] = MappingProxyType({
    str: "string", int: "number", float: "number", bool: "bool", type(None): "null",
    dict: "object", list: "list",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """One record. `kinds` by path, list steps left out: `lines.sku`; the record itself is "".

    `inside` are the paths of objects all of whose keys were looked at: what is not among `kinds`
    below them is absent. `overfull`: it has more keys than are looked at.
    """

    kinds: Mapping[str, set[str]]
    inside: frozenset[str]
    overfull: bool = False


def shapes_of(records: Sequence[Record | Change], most: int) -> list[Shape]:
    """Those of a few records, spread evenly: the first, the last, and some between."""
    found = []
    for record in spread(records, most):
        try:
            value = _value(record)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            continue  # it becomes a dead letter, which says more
        if value is not None:  # it is not gone
            found.append(shape_of(value))
    return found


def _value(record: Record | Change) -> Any:
    if isinstance(record, Change):
        return record.data
    return None if record.raw is None else sets.from_json_text(memoryview(record.raw))


def spread(those: Sequence[Any], most: int) -> list[Any]:
    """So many of them, the first and the last among them."""
    count = len(those)
    if count <= most:
        return list(those)
    return [those[at * (count - 1) // (most - 1)] for at in range(most)]


def shape_of(record: Any) -> Shape:
    """A record's shape, as far as it is looked at."""
    kinds: dict[str, set[str]] = {}
    inside: set[str] = set()
    left, overfull = MOST_KEYS, False
    ahead: list[tuple[str, Any, int]] = [("", record, 0)]
    while ahead:
        path, value, depth = ahead.pop()
        kind = KINDS.get(value.__class__, "string")
        known = kinds.get(path)
        if known is None:
            kinds[path] = {kind}
        else:
            known.add(kind)
        if kind == "list":
            objects = [item for item in value[:MOST_ITEMS] if item.__class__ is dict]
        else:
            objects = [value] if kind == "object" else []
        for one in objects if depth < DEPTH else ():
            here: Iterable[tuple[str, Any]] = one.items()
            if len(one) > left:
                here, overfull = islice(here, left), True
            else:
                inside.add(path)
            left -= min(left, len(one))
            above = f"{path}." if path else ""
            ahead += [(above + key, inner, depth + 1) for key, inner in here]
    return Shape(kinds, frozenset(inside), overfull)
