"""Why a record is dead, without what is only this record's: what many letters have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

GAP = "…"
"""Stands where a reason names a value."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The first fault of a record. `group` is `g` and eight characters: what people type.

    `place` is the mapping's file and line, `field` is without the numbers of list items, and
    `reason` without values; `value` is what this record has there, shortened.
    """

    group: str
    place: str
    field: str
    reason: str
    value: str


def cause_of(
    connection: str, stream: str, faults: Sequence[Mapping[str, Any]], error: str = ""
) -> Cause:
    """What a record died of; of several faults the first, which is the first to be mended.

    `error` is what is known where there are no faults.
    """
    fault = faults[0] if faults else {}
    place, value = str(fault.get("place", "")), str(fault.get("value", ""))
    field = plain_field(str(fault.get("field", "")))
    reason = without_values(str(fault.get("reason") or error.partition("\n")[0]), value)
    parts = (connection, stream, place, field, reason)
    digest = blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=4).hexdigest()
    return Cause(f"g{digest}", place, field, reason, value)


def plain_field(field: str) -> str:
    """`lines[3].sku` is `lines[].sku`: which item it is makes no other cause."""
    return _ITEM.sub("[]", field)


def without_values(reason: str, value: str = "") -> str:
    """`no value for 'X'` and `no value for 'Y'` are one reason: `no value for …`."""
    if value and value in reason:
        reason = reason.replace(value, GAP)
    reason = _ADVICE.sub("", reason)
    for pattern in _VALUES:
        reason = pattern.sub(GAP, reason)
    return _RUN.sub(GAP, reason)


_ITEM = re.compile(r"\[\d+\]")
_ADVICE = re.compile(r"; (?:did you mean|known:).*", re.DOTALL)  # depends on the value
_VALUES = (
    re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""),  # texts, as Python writes them
    re.compile(r"(?<!ISO )(?<![\w…])-?\d(?:[\w:.,+-]*\w)?"),  # numbers, moments; not ISO 8601
    re.compile(r"\b(?:True|False|None|nan|inf)\b"),
    re.compile(r"[\[{(](?:[…,:.\s]|\w+=)*[\]})]"),  # what is left of lists and objects ...
    re.compile(r"[\[{(](?:[…,:.\s]|\w+=)*[\]})]"),  # ... and of those that held them
)
_RUN = re.compile(r"…(?:[-:T.,]?…)+")
