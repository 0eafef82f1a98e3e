"""Records of ours, written to a SCIM server: found before they are made, patched after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hub
from spokes.scim import records
from spokes.scim.listing import Server

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass(frozen=True, slots=True)
class Call:
    """One write as it is sent, alone or with others; `id` is empty until there is one.

    `version` is the ETag of what it changes, if that matters.
    """

    method: str
    path: str
    said: hub.JsonObject
    id: str = ""
    version: str = ""


def send(server: Server, call: Call) -> hub.Response:
    headers = {"If-Match": call.version} if call.version else {}
    return server.http.request(call.method, call.path, json=call.said, headers=headers)


def receipt(stream: hub.Stream, call: Call, answered: Callable[[], hub.Response]) -> hub.Receipt:
    """What the answer to a write says of it; raises the error that it stands for."""
    answer = answered()
    if call.id:
        return hub.Receipt(call.id)
    said = records.body(answer)
    if not said.get("id") or not isinstance(said["id"], str):
        raise hub.Transient(f"{stream.name}: the answer to a creation names no record")
    return hub.Receipt(said["id"])


def call(server: Server, stream: hub.Stream, write: hub.Write) -> Call:
    """What is to be sent, after a look at what is there."""
    if write.id is None:
        return _creation(server, stream, write)
    return _update(server, stream, write.id, write)


def _creation(server: Server, stream: hub.Stream, write: hub.Write) -> Call:
    """One record per key: `externalId` holds it. A record of the same name is taken for it."""
    name = records.NAMED_BY[stream.name]
    known = server.called(stream, "externalId", write.key)
    if known is None and write.data.get(name):
        known = server.called(stream, name, str(write.data[name]))
    if known is not None:
        return _update(server, stream, known, hub.Write(known, write.data, write.key))
    said = {"schemas": _schemas(stream, write.data), "externalId": write.key, **write.data}
    return Call("POST", records.path(stream), _filled(said))


def _update(server: Server, stream: hub.Stream, id: str, write: hub.Write) -> Call:
    """Change what `write` has. Raises `Conflict` when it has changed since `write.version`."""
    path, etag = records.path(stream, id), ""
    current = None
    if write.version or not server.can.patches:
        current = records.body(server.http.get(path))
        if write.version and records.version(current) != write.version:
            raise hub.Conflict(f"{stream.name} {id} has changed since it was read")
        etag = records.etag(current) if write.version else ""
    if current is None or server.can.patches:
        said = {"schemas": [PATCH], "Operations": list(map(_operation, write.data.items()))}
        return Call("PATCH", path, said, id, etag)
    return Call("PUT", path, _filled({**current, **write.data}), id, etag)


def _operation(field: tuple[str, Any]) -> hub.JsonObject:
    name, value = field
    if value is None:
        return {"op": "remove", "path": name}
    return {"op": "replace", "path": name, "value": value}


def _filled(said: hub.JsonObject) -> hub.JsonObject:
    return {name: value for name, value in said.items() if value is not None}


def _schemas(stream: hub.Stream, data: hub.JsonObject) -> list[str]:
    """The schemas of what is sent: an extension's attributes stand under its name."""
    return [records.SCHEMAS[stream.name], *(name for name in data if name.startswith("urn:"))]
