"""What identifies a record before it is mapped: its key, its version, and whether it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import msgspec

from hub.mapping import kinds
from hub.mapping.faults import Failure, shortened
from hub.mapping.forms import Form
from hub.mapping.functions import ABSENT
from hub.mapping.kinds import STORABLE, Coercion


class Head(Protocol):
    """`key` is never empty. `version` sorts by age as text, and is empty if they have none."""

    @property
    def key(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def deleted(self) -> bool: ...


class BareHead(msgspec.Struct, frozen=True, gc=False):
    """A head by itself, apart from its record."""

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


@dataclass(frozen=True, slots=True)
class Part:
    """How a part of a head gets its form, from a value that is expected to have `expected`.

    `kind` is what a decoder makes of the value itself; `absent` what the part is without one.
    """

    coercion: Coercion
    expected: Form
    kind: Any
    absent: Any = None


PARTS: dict[str, Part] = {
    "key": Part(
        Coercion(
            key_text, f"{{v}} if {{v0}} and {{v}}.__class__ is str and {STORABLE} else {{slow}}"
        ),
        "text",
        Annotated[str, msgspec.Meta(min_length=1)],
    ),
    "version": Part(
        Coercion(version_text, "'' if {v0} is None else {v} if {v}.__class__ is str else {slow}"),
        "text",
        str,
        "",
    ),
    "deleted": Part(Coercion(bool, "True if {v0} else False"), "", bool, absent=False),
}
"""The parts of a head, in the order of `BareHead`."""
