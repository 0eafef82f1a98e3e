"""What an external record wishes of ours: its values as a patch, with the rows and entries inside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hub.store import entities
from hub.sync.reading import Item
from hub.sync.records.children import ChildList
from hub.sync.records.patch import Patch


def patch_of(item: Item, before: Mapping[str, Any]) -> Patch:
    """Its values, on their word; of one that is gone, what our record then says.

    `before` is what a record that is back said before it was gone.
    """
    return Patch(
        item.layout.entity,
        item.sys_id,
        dict(item.layout.gone) if item.gone else {**before, **item.values()},
        fresh=item.fresh,
        base=item.link.base if item.link and not (item.gone or item.restored) else None,
        owner_of=_owner(item),
        version=item.record.version,
        external_id=item.key,
        place_of=item.mapping.place_of_deletion if item.gone else item.mapping.place,
        children=_rows(item),
        notes=_notes(item),
    )


def _owner(item: Item) -> Callable[[str], str]:
    """Who decides on each field. That a record is gone, or back, they alone know."""
    theirs = item.layout.gone
    if not theirs or not (item.gone or item.restored):
        return item.mapping.owner_of
    return lambda field: "theirs" if field in theirs else item.mapping.owner_of(field)


def _rows(item: Item) -> dict[str, ChildList]:
    return {
        name: ChildList(
            entities.find(entity),
            [(child.key, child.values) for child in item.children[name]],
        )
        for name, entity in item.mapping.child_entities.items()
        if entity != "journal" and name in item.children
    }


def _notes(item: Item) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (child.key, child.values)
        for name, entity in item.mapping.child_entities.items()
        if entity == "journal"
        for child in item.children.get(name, ())
    ]
