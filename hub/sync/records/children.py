"""Lists inside an external record: order lines become rows, comments become journal entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.service.gone import GONE
from hub.store.entities import Entity
from hub.store.records import Row
from hub.store.sys_ids import new_sys_id

if TYPE_CHECKING:
    from hub.sync.records.amend import Patch


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
    lines: dict[str, dict[str, Row]], existing: dict[str, Row], patch: Patch, *, now: datetime
) -> set[str]:
    """Add to `lines` the child rows that must be written; names of the lists that changed.

    `existing` are the record's children by external id, and become what they will be. A child
    that is no longer in the list stays, and says that it is gone.
    """
    moved = set()
    for name, child_list in patch.children.items():
        entity = child_list.entity
        rows = lines.setdefault(entity.name, {})
        fixed = {parent(entity, patch.entity): patch.sys_id}
        listed = dict(child_list.items)  # of one that is listed twice, the last
        wanted = {key: {**values, "external_id": key, **fixed} for key, values in listed.items()}
        for key in existing.keys() - listed.keys():
            wanted[key] = dict(GONE.get(entity.name, {}))
        for key, values in wanted.items():
            row = _changed(entity, existing.get(key), values, now, listed=key in listed)
            if row is not None:
                existing[key] = rows[row["sys_id"]] = row
                moved.add(name)
    return moved


def _changed(
    entity: Entity, row: Row | None, values: dict[str, Any], now: datetime, *, listed: bool
) -> Row | None:
    """The row to write, if it says anything new."""
    custom = {name: values.pop(name) for name in list(values) if name.startswith("u_")}
    if custom:
        values["hub_custom"] = ((row and row["hub_custom"]) or {}) | custom
    if row is None:
        stamps = {"sys_created_on": now, "sys_updated_on": now, "sys_mod_count": 0}
        return entity.blank | {"sys_id": new_sys_id(), **stamps, **values}
    if listed:
        values = _back(entity, row) | values
    if all(row.get(name) == value for name, value in values.items()):
        return None
    stamps = {"sys_updated_on": now, "sys_mod_count": row["sys_mod_count"] + 1}
    return {**row, **values, **stamps}


def _back(entity: Entity, row: Row) -> dict[str, Any]:
    """What a child that was gone, and is listed again, says if their values do not tell."""
    gone = GONE.get(entity.name, {})
    return {
        name: entity.defaults.get(name) for name, value in gone.items() if row.get(name) == value
    }
