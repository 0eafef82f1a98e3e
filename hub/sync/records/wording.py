"""What an entry says in the words of each side, so that an echo is known, and an edit."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from hub.mapping import Mapping as FieldMapping
from hub.mapping import RecordFailed
from hub.store.enclosed import OURS
from hub.store.records import Row

PLAIN = "A text."
"""What stands for any text in the question which entries a mapping is for, and what it adds."""
KEEPS_OURS = frozenset({"ours", "if_empty", "manual"})
"""Owners of `value` who follow no edit of theirs."""


def as_they_say_it(mapping: FieldMapping, row: Row) -> dict[str, Any]:
    """What becomes of an entry of ours on the way there and back; nothing if that fails."""
    try:
        given = {name: row[name] for name in mapping.writes if name not in mapping.ref_streams}
        return mapping.inward(mapping.outward(given, {}))
    except RecordFailed:
        return {}


def plainly(value: Any) -> Any:
    """A text without what systems do to blanks and ends of lines."""
    return " ".join(value.split()) if isinstance(value, str) else value


def as_we_say_it(mapping: FieldMapping, row: Row, text: str) -> str:
    """A text of theirs without what the mapping puts around ours, as an author's name."""
    around = as_they_say_it(mapping, row | {"value": PLAIN}).get("value")
    before, found, after = around.partition(PLAIN) if isinstance(around, str) else ("", "", "")
    framed = found and text.startswith(before) and text.endswith(after)
    if not framed or len(text) < len(before) + len(after):
        return text
    return text[len(before) : len(text) - len(after)]


def words(element: Any, value: Any, ours: str = "") -> dict[str, Any]:
    """A link's `base`: what they say in an entry, and the `hub_hash` of what we say in it.

    The text is kept as a digest. Of None nothing is known: whatever they say first is no edit.
    """
    told = {"element": element, "value": "" if value is None else digest(value)}
    return told | {OURS: ours} if ours else told


def digest(text: str) -> str:
    """Of a text, however they write its blanks."""
    return blake2b(str(plainly(text)).encode(), digest_size=12).hexdigest()
