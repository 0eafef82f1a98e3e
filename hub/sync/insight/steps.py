"""What a plan is made of: what would become of each record, and what would be written elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldStep:
    """A field that would change; `place` is the mapping's file and line, `reason` a remark."""

    field: str
    old: str | None
    new: str | None
    place: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """What would be written to another system, or to the same: their fields by path."""

    connection: str
    stream: str
    external_id: str  # empty: it would be created
    data: Mapping[str, Any]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What would become of one record. `action`: create, update, delete, dead, send.

    Of what belongs to a record, `number` is the record's. `audience` is who may read a journal
    entry: public, internal.
    """

    stream: str
    external_id: str
    action: str
    entity: str = ""
    number: str = ""
    fields: Sequence[FieldStep] = ()
    sends: Sequence[Send] = ()
    fault: str = ""
    audience: str = ""
