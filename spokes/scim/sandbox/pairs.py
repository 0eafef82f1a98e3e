"""Memberships as records of their own: how commands make, end and list them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from hub.testing import BadCommand
from spokes.scim.sandbox.shelf import Shelf

STREAM = "memberships"
SIDES = {"group": "Groups", "user": "Users"}

JsonObject = dict[str, Any]


class Server(Protocol):
    """What of the sandbox is needed."""

    shelf: Shelf

    def mutate(self, command: JsonObject) -> Any: ...
    def members(self, group: str) -> list[JsonObject]: ...


def new_id(shelf: Shelf) -> str:
    return f"{shelf.new_id()}|{shelf.new_id()}"


def obey(server: Server, verb: str, command: JsonObject) -> Any:
    """Do what is asked of a membership; raises `BadCommand`."""
    match verb:
        case "list":
            return list(_listed(server))
        case "create":
            return _create(server, command)
        case "delete":
            return _end(server, command)
        case _:
            raise BadCommand(f"{STREAM}: create, delete or list, not {verb!r}")


def _listed(server: Server) -> Iterator[str]:
    users = set(server.shelf.ids("User"))
    for group in server.shelf.ids("Group"):
        there = [member["value"] for member in server.members(group)]
        yield from (f"{group}|{user}" for user in there if user in users)


def _create(server: Server, command: JsonObject) -> str:
    """Let a user into a group; each is an id, or the attributes of one that is made for it."""
    data, id = command.get("data") or {}, str(command.get("id") or new_id(server.shelf))
    if data.keys() != SIDES.keys():
        raise BadCommand(f"{STREAM}: data has {' and '.join(SIDES)}, not {', '.join(data)}")
    ids = dict(zip(SIDES, id.split("|"), strict=True))
    when = {"at": command["at"]} if "at" in command else {}
    for side, stream in SIDES.items():
        if isinstance(data[side], dict):
            made = {"do": "create", "stream": stream, "id": ids[side], "data": data[side]}
            server.mutate({**made, **when})
        else:
            ids[side] = str(data[side])
    members = [*server.members(ids["group"]), {"value": ids["user"], "type": "User"}]
    _let_be(server, ids["group"], members, when)
    return "|".join(ids.values())


def _end(server: Server, command: JsonObject) -> str:
    id = str(command.get("id"))
    group, _, user = id.partition("|")
    there = server.members(group)
    if user not in [member["value"] for member in there]:
        raise BadCommand(f"{user} is no member of {group}")
    _let_be(server, group, [member for member in there if member["value"] != user], {})
    return id


def _let_be(server: Server, group: str, members: list[JsonObject], when: JsonObject) -> None:
    command = {"do": "update", "stream": "Groups", "id": group, "data": {"members": members}}
    server.mutate({**command, **when})


__all__ = ["STREAM", "new_id", "obey"]
