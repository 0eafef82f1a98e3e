"""How records look on the wire: JSON with times in ISO 8601 (Z), money as text."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from fastapi import Response

from hub.store.entities import Entity
from hub.store.links import Link
from hub.store.listing import Named, Position
from hub.store.records import Row
from hub.web.problems import Problem


class Json(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, default=_other, option=orjson.OPT_UTC_Z)


def _other(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def record(row: Row) -> dict[str, Any]:
    """A row with its custom fields beside the others."""
    fields = {name: value for name, value in row.items() if name != "hub_custom"}
    return fields | (row.get("hub_custom") or {})


def display(
    entity: Entity, row: Row, named: Mapping[tuple[str, str], Named]
) -> dict[str, str | None]:
    """What people read in place of codes and sys_ids, for the fields that have such."""
    shown: dict[str, str | None] = {}
    for column in entity.table.columns:
        value = row.get(column.name)
        for choice in column.info.get("choices", ()):
            if choice.code == value:
                shown[str(column.name)] = choice.label
        if target := named.get((column.info.get("reference", ""), str(value))):
            shown[str(column.name)] = target.display
    return shown


def references(entity: Entity, row: Row) -> list[tuple[str, str]]:
    """(table, sys_id) of every single reference that is filled."""
    return [
        (field.reference, row[name])
        for name, field in entity.shape.fields.items()
        if field.kind == "reference" and row.get(name)
    ]


def link(known: Link) -> dict[str, Any]:
    return {
        "connection": known.connection,
        "stream": known.stream,
        "external_id": known.external_id,
        "version": known.version,
        "deleted": known.deleted,
    }


def cursor(position: Position | None) -> str | None:
    """A position as a text that nobody needs to understand."""
    if position is None:
        return None
    packed = orjson.dumps([position.updated, position.sys_id])
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def position(text: str) -> Position:
    """The position that a cursor stands for; raises `Problem` 400."""
    try:
        at, sys_id = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        # an id that is no text fails here, not in the database
        return Position(datetime.fromisoformat(at).astimezone(UTC), "" + sys_id)
    except (ValueError, TypeError, OverflowError) as error:
        raise Problem(
            400, "This cursor is not one of ours.", "Use `next` of the page before, or none."
        ) from error
