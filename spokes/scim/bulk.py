"""Several writes in one `/Bulk` request (RFC 7644, 3.7), where a server says that it takes them.

An answer is known by its `bulkId`, or by its `location` where a server gives that only to what it
creates. Nothing stops at an error: `failOnErrors` is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

import hub
from spokes.scim import records
from spokes.scim.listing import Server
from spokes.scim.writing import Call

MOST = 50
_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
_REFERENCE = '"bulkId:'  # begins a text that they replace by the id of what they create
_STATUS = re.compile(r"[2-5][0-9]{2}")
_ENVELOPE = 200  # bytes around the operations

Answered = Callable[[], hub.Response]
"""Gives the answer to one write, or raises the error that it stands for."""


def _is_literal(call: Call) -> bool:
    """Whether a bulk request would carry this write as it is."""
    return _REFERENCE not in orjson.dumps([call.path.split("/"), call.said]).decode()


def send(server: Server, calls: Mapping[int, Call]) -> dict[int, Answered]:
    """Send them in as few requests as the server takes; how each was answered.

    Not those which it would not carry as they are. Raises what concerns a request as a whole, and `Transient` for an answer that cannot be read.
    """
    answers: dict[int, Answered] = {}
    for some in _portions(server, calls):
        body = {"schemas": [_REQUEST], "Operations": list(some.values())}
        told = records.body(server.http.post("/Bulk", json=body))
        for number, one in _sorted(told, some).items():
            answers[number] = _answer(server, calls[number], one)
    return answers


def _portions(server: Server, calls: Mapping[int, Call]) -> Iterator[dict[int, hub.JsonObject]]:
    """As many operations and bytes as the server takes at a time; what is too large is left out."""
    some: dict[int, hub.JsonObject] = {}
    most, room, size = server.can.bulk, server.can.bulk_bytes, _ENVELOPE
    for number, call in calls.items():
        one = _operation(number, call)
        length = len(orjson.dumps(one)) + 1
        if not most or not _is_literal(call) or _ENVELOPE + length > room:
            continue
        if len(some) == most or size + length > room:
            yield some
            some, size = {}, _ENVELOPE
        some[number] = one
        size += length
    if some:
        yield some


def _operation(number: int, call: Call) -> hub.JsonObject:
    said = {"method": call.method, "path": call.path, "bulkId": f"w{number}", "data": call.said}
    return said | ({"version": call.version} if call.version else {})


def _sorted(told: hub.JsonObject, asked: Mapping[int, hub.JsonObject]) -> dict[int, hub.JsonObject]:
    """The answers by what they answer; raises `Transient` unless each was answered once."""
    listed = told.get("Operations")
    names = {one["bulkId"]: number for number, one in asked.items()}
    paths = {one["path"]: number for number, one in asked.items() if one["method"] != "POST"}
    found: dict[int, hub.JsonObject] = {}
    for one in listed if isinstance(listed, list) else []:
        number = _number(one, names, paths)
        if number is None or number in found or one.get("method") != asked[number]["method"]:
            raise _odd(f"it answers what was not asked: {_shown(one)}")
        found[number] = one
    if len(found) != len(asked):
        raise _odd(f"{len(asked)} operations were sent, and {len(found)} answers came")
    return found


def _number(one: Any, names: Mapping[str, int], paths: Mapping[str, int]) -> int | None:
    if not isinstance(one, dict):
        return None
    name, at = one.get("bulkId"), one.get("location")
    if isinstance(name, str):
        return names.get(name)
    path = unquote(_path(at))
    return next((n for end, n in paths.items() if path.endswith(unquote(end))), None)


def _shown(one: Any) -> str:
    """What an answer is about, and nothing of what it says of a person."""
    told = one if isinstance(one, dict) else {}
    return ", ".join(str(told.get(name))[:80] for name in ("method", "bulkId", "location"))


def _path(location: Any) -> str:
    """That of an address; empty for what is none."""
    try:
        return urlsplit(location).path if isinstance(location, str) else ""
    except ValueError:
        return ""


def _answer(server: Server, call: Call, one: hub.JsonObject) -> Answered:
    """As it would have come alone: what was created shows its id, an error what they say of it."""
    status = str(one.get("status"))
    if not _STATUS.fullmatch(status):
        raise _odd(f"an operation has the status {status[:20]!r}")
    said = one.get("response")
    if call.method == "POST" and int(status) < 300:  # noqa: PLR2004
        said = {"id": records.id_of(_path(one.get("location")))}
    content = b"" if said is None else orjson.dumps(said)
    return partial(server.http.part, call.method, call.path, int(status), {}, content)


def _odd(what: str) -> hub.Transient:
    return hub.Transient(
        f"/Bulk: the answer cannot be read: {what}; what was written is asked for again"
    )
