"""Lists inside an external record: order lines become rows, comments become journal entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hub.service.gone import GONE
from hub.store.entities import Entity
from hub.store.records import Row

if TYPE_CHECKING:
    from hub.sync.amend import Patch


@dataclass(frozen=True, slots=True)
class ChildList:
    """The complete list of one kind of child, each with its key in the external system."""

    entity: Entity
    items: Sequence[tuple[str, Mapping[str, Any]]]


def entity_of(patches: Iterable[Patch]) -> Entity | None:
    """The entity of the child lists in these patches; a mapping has at most one such list."""
    for patch in patches:
        for child_list in patch.children.values():
            return child_list.entity
    return None


def parent(child: Entity, of: Entity) -> str:
    """The column of `child` that names its parent."""
    for name, shape in child.shape.fields.items():
        if shape.kind == "reference" and shape.reference == of.table.name:
            return name
    raise LookupError(f"{child.name} has no column that refers to {of.name}")


def gather(
    lines: dict[str, list[Row]], existing: Sequence[Row], patch: Patch, *, now: datetime
) -> set[str]:
    """Add to `lines` the child rows that must be written; names of the lists that changed.

    A child that is no longer in the list stays, and says that it is gone.
    """
    moved = set()
    by_key = {row["external_id"]: row for row in existing}
    for name, child_list in patch.children.items():
        entity = child_list.entity
        rows = lines.setdefault(entity.name, [])
        column = parent(entity, patch.entity)
        here = set()
        before = len(rows)
        for key, values in child_list.items:
            here.add(key)
            fresh = {"external_id": key, column: patch.sys_id}
            rows += _changed(entity, by_key.get(key), {**values, **fresh}, now)
        for key, row in by_key.items():
            if key not in here:
                rows += _changed(entity, row, GONE.get(entity.name, {}), now)
        if len(rows) > before:
            moved.add(name)
    return moved


def _changed(
    entity: Entity, row: Row | None, values: Mapping[str, Any], now: datetime
) -> list[Row]:
    """The row to write, if it says anything new."""
    if row is None:
        stamps = {"sys_created_on": now, "sys_updated_on": now, "sys_mod_count": 0}
        return [{**entity.defaults, "sys_id": uuid4().hex, **stamps, **values}]
    if all(row.get(name) == value for name, value in values.items()):
        return []
    stamps = {"sys_updated_on": now, "sys_mod_count": row["sys_mod_count"] + 1}
    return [{**row, **values, **stamps}]
