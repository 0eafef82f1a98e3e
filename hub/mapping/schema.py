"""The JSON Schema of mapping files, with our entities and their fields for editors to offer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hub.mapping.overlay import SHIPPED
from hub.shape import Field, Shape

FILE = SHIPPED / "mapping.schema.json"
"""The language alone: what the shipped mappings are checked with."""


def schema(shapes: Iterable[Shape]) -> dict[str, Any]:
    """The language's schema; `to` offers these entities, `fields` and `on_delete` then theirs.

    It refuses nothing that the plain one allows: custom fields go beside ours.
    """
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    known = sorted(shapes, key=lambda shape: shape.name)
    found["properties"]["to"]["examples"] = [shape.name for shape in known]
    child = found["properties"]["children"]["additionalProperties"]
    child["properties"]["to"]["examples"] = [shape.name for shape in known]
    for shape in known:
        found["$defs"][f"fields-of-{shape.name}"] = _fields(shape)
    for word, within in (("fields", (found, child)), ("on_delete", (found,))):
        found["$defs"][f"offered-{word}"] = {"allOf": [_offer(shape, word) for shape in known]}
        for one in within:
            one.setdefault("allOf", []).append({"$ref": f"#/$defs/offered-{word}"})
    return found


def _fields(shape: Shape) -> dict[str, Any]:
    return {
        "properties": {
            field.name: {"description": _described(field)}
            for field in shape.fields.values()
            if not field.read_only
        }
    }


def _offer(shape: Shape, word: str) -> dict[str, Any]:
    """What stands under a word, where this entity is mapped to."""
    return {
        "if": {"required": ["to"], "properties": {"to": {"const": shape.name}}},
        "then": {"properties": {word: {"$ref": f"#/$defs/fields-of-{shape.name}"}}},
    }


def _described(field: Field) -> str:
    if field.choices:
        return f"choice: {', '.join(field.choices)}"
    return f"reference to {field.reference}" if field.reference else field.kind
