"""Reads `on_delete`: what comes of our record when theirs is deleted."""

from __future__ import annotations

from typing import Any

from hub.mapping import certain, kinds
from hub.mapping.declaration import Deletion
from hub.mapping.faults import At, Failure, written
from hub.mapping.reader import Reader
from hub.shape import Field, Shape

WORDS = ("mark", "ignore")
SHOWN = "{active: false}"
ENTRIES = ("journal", "attachment")
"""Entities that are no records of their own: what was said once stays said."""


def read(reader: Reader, data: dict[str, Any], shape: Shape) -> Deletion:
    """What `on_delete` says; `mark` unless it is there."""
    at: At = ("on_delete",)
    said = data.get("on_delete", "mark")
    if isinstance(said, dict):
        return Deletion("", *_fields(reader, said, shape, at))
    if said not in WORDS:
        what = f"{written(said)} is neither mark nor ignore, nor our fields to set, as in {SHOWN}"
        reader.fault(at, what)
    elif "on_delete" in data and said == "mark" and data.get("creates") is False:
        what = f"`creates: false` leaves ours alone: name the fields to set, as in {SHOWN}"
        reader.fault(at, what)
    return Deletion(said if said in WORDS else "mark")


def _fields(
    reader: Reader, said: dict[Any, Any], shape: Shape, at: At
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values to set in the form of their columns, and the `file:line` of each."""
    if not said:
        reader.fault(at, f"names no field to set, as in {SHOWN}; `ignore` leaves ours as it is")
    if said and shape.name in ENTRIES:
        reader.fault(at, f"of a {shape.name} nothing is set: it stays; remove the line")
        return {}, {}
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for name, value in said.items():
        column = reader.column(name, shape, (*at, name))
        if column is None:
            continue
        try:
            values[column.name] = _kept(column, value)
        except Failure as failure:
            reader.fault((*at, name), str(failure), 0)
        places[column.name] = reader.place(*at, name)
    return values, places


def _kept(column: Field, value: Any) -> Any:
    """A value as its column keeps it; raises `Failure`."""
    match column.kind:
        case "reference" if value is not None:
            raise Failure("is a reference, which can only be emptied here: write null")
        case "json":
            raise Failure(f"this field is {certain.called('json')}, which cannot be set here")
        case "boolean" if value is None:
            raise Failure("is true or false, and never null")
        case "instant" if isinstance(value, str):
            raise Failure(f"{value!r} is no moment: write one without quotes, 2026-03-01T08:00:00Z")
        case _:
            return kinds.coercion(column).call(value)
