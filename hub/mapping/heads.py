"""What identifies a record before it is mapped: its key, its version, and whether it is gone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from hub.mapping import kinds
from hub.mapping.faults import Failure, shortened
from hub.mapping.functions import ABSENT
from hub.mapping.kinds import STORABLE, Coercion


class Head(NamedTuple):
    """`key` is never empty. `version` sorts by age as text, and is empty if they have none."""

    key: str
    version: str
    deleted: bool


def key_text(value: Any) -> str:
    """What they call a record: text or an integer."""
    text = None if value is ABSENT or isinstance(value, bool | float) else kinds.string(value)
    if not text:
        raise Failure(f"a key is text or an integer, not {shortened(value)}")
    return text


def version_text(value: Any) -> str:
    """A text that sorts by age: moments as ISO 8601, integers padded with zeros."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:020d}"
    if value is None or value is ABSENT or isinstance(value, str):
        return value or ""
    raise Failure(f"a version is text, a moment or an integer, not {shortened(value)}")


WORDS: dict[str, Coercion] = {
    "key": Coercion(
        key_text, f"{{v}} if {{v0}}.__class__ is str and {{v}} and {STORABLE} else {{slow}}"
    ),
    "version": Coercion(version_text, "{v} if {v0}.__class__ is str else {slow}"),
    "deleted": Coercion(bool, "True if {v0} else False"),
}
"""How each part of a head gets its form, in the order of `Head`."""
