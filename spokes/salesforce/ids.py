"""Salesforce record ids: 15 case-sensitive characters, or 18 with a checksum of the capitals."""

from __future__ import annotations

import re
import string

_SHORT = 15
_CHECKSUM = string.ascii_uppercase + "012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?\Z")


def is_id(text: str) -> bool:
    """Whether this can be a record id at all; anything else is never sent to them."""
    return _SHAPE.match(text) is not None


def id18(text: str) -> str:
    """The 18-character form, under which everything is keyed; other text is left alone.

    Two records may have 15-character ids that differ only in case; the suffix, one character per
    five, says which letters are capitals.
    """
    if len(text) != _SHORT or not is_id(text):
        return text
    groups = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(_CHECKSUM[_capitals(group)] for group in groups)


def _capitals(group: str) -> int:
    return sum(1 << place for place, letter in enumerate(group) if letter in string.ascii_uppercase)
