"""Records of ours, written to a SCIM server: found before they are made, patched after."""

from __future__ import annotations

from typing import Any

import hub
from spokes.scim import records
from spokes.scim.listing import Server

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def create(server: Server, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
    """One record per key: `externalId` holds it. A record of the same name is taken for it."""
    name = records.NAMED_BY[stream.name]
    known = server.called(stream, "externalId", write.key)
    if known is None and write.data.get(name):
        known = server.called(stream, name, str(write.data[name]))
    if known is not None:
        return update(server, stream, known, hub.Write(known, write.data, write.key))
    said = {"schemas": _schemas(stream, write.data), "externalId": write.key, **write.data}
    response = server.http.post(records.path(stream), json=_filled(said))
    return hub.Receipt(records.change(stream, records.body(response)).id)


def update(server: Server, stream: hub.Stream, id: str, write: hub.Write) -> hub.Receipt:
    """Change what `write` has. Raises `Conflict` when it has changed since `write.version`."""
    path, headers = records.path(stream, id), dict[str, str]()
    current = None
    if write.version or not server.can.patches:
        current = records.body(server.http.get(path))
        if write.version and records.version(current) != write.version:
            raise hub.Conflict(f"{stream.name} {id} has changed since it was read")
        if write.version and (etag := records.etag(current)):
            headers["If-Match"] = etag
    if current is None or server.can.patches:
        said = {"schemas": [PATCH], "Operations": list(map(_operation, write.data.items()))}
        server.http.patch(path, json=said, headers=headers)
    else:
        said = {**current, **write.data}
        server.http.put(path, json=_filled(said), headers=headers)
    return hub.Receipt(id)


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
