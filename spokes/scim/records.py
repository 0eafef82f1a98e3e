"""Resources of SCIM as the hub reads them: their id, their version, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import orjson

import hub

SCHEMAS = {
    "Users": "urn:ietf:params:scim:schemas:core:2.0:User",
    "Groups": "urn:ietf:params:scim:schemas:core:2.0:Group",
}
NAMED_BY = {"Users": "userName", "Groups": "displayName"}
"""The attribute by which a server tells records apart."""


def path(stream: hub.Stream, id: str = "") -> str:
    return f"/{stream.name}/{quote(id, safe='')}" if id else f"/{stream.name}"


def id_of(location: str) -> str:
    """The id of the resource at this address."""
    return unquote(urlsplit(location).path.rpartition("/")[2])


def change(stream: hub.Stream, resource: Any) -> hub.Change:
    """What is wanted of it and not there is null: a server leaves out what is empty.

    Raises `Permanent` for what is no resource.
    """
    if not isinstance(resource, dict) or not isinstance(resource.get("id"), str):
        raise hub.Permanent(f"{stream.name}: a resource without an id was listed")
    for wanted in stream.wants:
        _fill(resource, _steps(wanted))
    return hub.Change(stream.name, resource["id"], resource, version(resource))


def _steps(path: str) -> list[str]:
    """The keys of a path; that of an extension is a URN, with dots of its own."""
    urn, colon, rest = path.rpartition(":")
    first, *others = rest.split(".")
    return [f"{urn}{colon}{first}", *others]


def _fill(value: Any, steps: Sequence[str]) -> None:
    match value:
        case list():
            for one in value:
                _fill(one, steps)
        case dict() if steps:
            _fill(value.setdefault(steps[0], None), steps[1:])


def version(resource: hub.JsonObject) -> str:
    """`meta.lastModified` in UTC, such that versions sort as text; empty if there is none."""
    meta = resource.get("meta")
    said = meta.get("lastModified") if isinstance(meta, dict) else None
    try:
        moment = datetime.fromisoformat(said or "")
    except (ValueError, TypeError):
        return ""
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return known.astimezone(UTC).isoformat(timespec="microseconds")


def etag(resource: hub.JsonObject) -> str:
    meta = resource.get("meta")
    said = meta.get("version") if isinstance(meta, dict) else None
    return said if isinstance(said, str) else ""


def literal(text: str) -> str:
    """A text as a filter has it: a JSON string."""
    return orjson.dumps(text).decode()


def body(response: hub.Response) -> hub.JsonObject:
    """The JSON object of an answer; raises `Transient` for anything else."""
    try:
        said = response.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        kind = response.headers.get("content-type", "nothing")
        raise hub.Transient(f"a SCIM server answered {response.status_code} with {kind}, not JSON")
    return said
