"""A mapping line by line: which way each field goes, how it is written back, or why it is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from hub.mapping.declaration import Rule
from hub.mapping.kinds import names_by_code
from hub.mapping.mapping import Mapping, way_back

Arrow = Literal["⇄", "→", "←"]


class Line(NamedTuple):
    """A field: both ways, inward or outward only. `back` is empty unless it is written.

    `why` says of one that is only read why it is not written. A child's field is called
    `lines.sku`; children are only read, and nobody owns them apart from their record.
    """

    field: str
    arrow: Arrow
    kind: str
    expression: str
    back: str
    why: str
    owner: str
    place: str


class Set(NamedTuple):
    """A field of ours that is set when theirs is deleted; a choice by its name."""

    field: str
    value: Any
    place: str


def explain_deletion(mapping: Mapping) -> list[Set]:
    """What a table of `on_delete` sets; nothing for its words."""
    deletion, fields = mapping.declaration.on_delete, mapping.declaration.shape.fields
    choices = {name: names_by_code(field.choices) for name, field in fields.items()}
    return [
        Set(name, choices.get(name, {}).get(value, value), deletion.places[name])
        for name, value in deletion.values.items()
    ]


def explain(mapping: Mapping) -> list[Line]:
    """Every field of a mapping, then those of its children."""
    return [*_lines(mapping)]


def _lines(mapping: Mapping) -> Iterator[Line]:
    for rule in mapping.declaration.rules:
        yield _line(rule, rule.field.name, mapping.owner_of(rule.field.name))
    for part in mapping.declaration.parts:
        for rule in part.rules:
            yield _line(rule, f"{part.name}.{rule.field.name}", "")


def _line(rule: Rule, name: str, owner: str) -> Line:
    back = way_back(rule)
    arrow: Arrow = "→" if not back else "⇄" if rule.read is not None else "←"
    kind = f"reference to {rule.field.reference}" if rule.field.reference else rule.field.kind
    why = "" if back else rule.one_way
    return Line(name, arrow, kind, rule.text, back, why, owner, rule.place)
