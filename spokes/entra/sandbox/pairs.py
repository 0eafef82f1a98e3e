"""Memberships as records of their own: how commands make, end and list them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from hub.testing import BadCommand
from spokes.entra.sandbox.directory import Directory
from spokes.entra.sandbox.schema import GROUPS, USERS, Kind

STREAM = "memberships"
SIDES: Mapping[str, Kind] = {"group": GROUPS, "user": USERS}


def new_id(directory: Directory) -> str:
    return f"{directory.new_id()}|{directory.new_id()}"


def listed(directory: Directory) -> Iterator[str]:
    """The ids of all pairs of a group and a user."""
    for group in directory.live(GROUPS):
        yield from (f"{group.id}|{id}" for id, of in group.members.items() if of == "user")


def create(directory: Directory, data: Mapping[str, Any], id: str, at: datetime) -> str:
    """Let a user into a group; each is an id, or the properties of one that is made for it."""
    if data.keys() != SIDES.keys():
        raise BadCommand(f"{STREAM}: data has {' and '.join(SIDES)}, not {', '.join(data)}")
    ids = dict(zip(SIDES, id.lower().split("|"), strict=True))
    for side, kind in SIDES.items():
        if isinstance(data[side], dict):
            directory.create(kind, data[side], id=ids[side], at=at)
        else:
            ids[side] = str(data[side]).lower()
    directory.join(directory.find(GROUPS.name, ids["group"]), ids["user"], at=at)
    return "|".join(ids.values())


def end(directory: Directory, id: object, at: datetime) -> str:
    group, user = _pair(id)
    directory.leave(directory.find(GROUPS.name, group), user, at=at)
    return str(id)


def again(directory: Directory, id: object, at: datetime) -> str:
    group, user = _pair(id)
    directory.join(directory.find(GROUPS.name, group), user, at=at)
    return str(id)


def _pair(id: object) -> list[str]:
    found = str(id).lower().split("|")
    if len(found) != len(SIDES):
        raise BadCommand(f"{STREAM}: an id is GROUP|USER, not {id!r}")
    return found


__all__ = ["STREAM", "again", "create", "end", "listed", "new_id"]
