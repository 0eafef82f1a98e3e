"""The example.yaml of a new spoke: a conversation with its invented vendor, as if recorded."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import yaml

from hub.kit.outline import JsonObject, Outline, StreamOutline
from hub.testing.example import numbered

TOKEN, HOOK_SECRET = "example-token-1", "example-hook-secret-1"
NOW, BEFORE = "2026-05-01T12:00:30Z", "2026-05-01T12:00:00Z"
LATER = "2026-05-01T12:00:31Z"


def example(name: str, host: str, outline: Outline) -> str:
    """The whole file, in the form that hub/testing/example.py describes."""
    return "\n".join(
        [
            f"# The example of {name}, in the form that hub/testing/example.py describes.",
            "settings:",
            f"  url: https://api.{host}",
            f"  token: {TOKEN}",
            f"  hook_secret: {HOOK_SECRET}",
            f"now: {NOW}",
            f"sends: {{authorization: Bearer {TOKEN}}}",
            "",
            "streams:",
            *_each(outline, _stream),
            "",
            "pull:",
            *_each(outline, _pull),
            "",
            "fetch:",
            *_each(outline, _fetch),
            "",
            *_webhook(outline.streams[0]),
            "",
            *_write(outline.streams[0]),
            "",
        ]
    )


def _each(outline: Outline, block: Any) -> Iterator[str]:
    for stream in outline.streams:
        yield from block(stream)


def _stream(stream: StreamOutline) -> Iterator[str]:
    yield f"  {stream.name}:"
    yield f"    create: {_flow(stream.create)}"
    yield f"    update: {_flow(stream.update)}"
    yield "    tombstones: true"
    yield f"    missing: {stream.name}-99999"
    yield "    key: id"
    yield "    version: changed"
    yield "    deleted: deleted"


def _pull(stream: StreamOutline) -> Iterator[str]:
    first, second = (_record(stream, n) for n in (1, 2))
    since = {"limit": "100", "before": BEFORE, "since": second["changed"], "after": second["id"]}
    yield f"  {stream.name}:"
    yield f"    ids: [{first['id']}, {second['id']}]"
    yield "    exchanges:"
    yield f"    - request: GET {stream.path}"
    yield f"      query: {_flow({'limit': '100', 'before': BEFORE})}"
    yield "      reply:"
    yield "        items:"
    yield f"        - {_flow(first)}"
    yield f"        - {_flow(second)}"
    yield f"    - request: GET {stream.path}"
    yield f"      query: {_flow(since)}"
    yield "      reply: {items: []}"


def _fetch(stream: StreamOutline) -> Iterator[str]:
    there, gone = _record(stream, 1), f"{stream.name}-99999"
    yield f"  {stream.name}:"
    yield f"    ids: [{there['id']}, {gone}]"
    yield f"    gone: [{gone}]"
    yield "    exchanges:"
    yield f"    - request: GET {stream.path}"
    yield f"      query: {{ids: '{there['id']},{gone}'}}"
    yield "      reply:"
    yield "        items:"
    yield f"        - {_flow(there)}"


def _webhook(stream: StreamOutline) -> Iterator[str]:
    id = _record(stream, 2)["id"]
    body = json.dumps({"type": f"{stream.name}.changed", "id": id})
    digest = hmac.new(HOOK_SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    yield "webhook:"
    yield f"  headers: {{x-signature: sha256={digest}, x-delivery: d-1}}"
    yield f"  body: '{body}'"
    yield f"  tells: [{{stream: {stream.name}, id: {id}}}]"
    yield '  ignored: {body: \'{"type": "ping"}\'}'
    yield "  signature: x-signature"
    yield "  secret: hook_secret"
    yield "  previous: previous_hook_secret"


def _write(stream: StreamOutline) -> Iterator[str]:
    id = f"{stream.name}-00003"
    yield "write:"
    yield f"  stream: {stream.name}"
    yield f"  id: {id}"
    yield f"  data: {_flow(stream.create)}"
    yield f"  update: {_flow(stream.update)}"
    yield "  conflicts: true"
    yield "  exchanges:"
    yield f"  - request: POST {stream.path}"
    yield f"    body: {_flow(stream.create)}"
    yield "    status: 201"
    yield f"    reply: {_flow({'id': id, 'changed': NOW})}"
    yield f"  - request: PATCH {stream.path}/{id}"
    yield f"    body: {_flow(stream.update)}"
    yield f"    reply: {_flow({'id': id, 'changed': LATER})}"
    yield f"  - request: DELETE {stream.path}/{id}"
    yield "    status: 204"


def _record(stream: StreamOutline, n: int) -> JsonObject:
    said: JsonObject = numbered(stream.create, n)
    stamps = {"deleted": False, "changed": f"2026-05-01T1{n - 1}:00:00Z"}
    return {"id": f"{stream.name}-{n:05}", **said, **stamps}


def _flow(value: Any) -> str:
    """On one line, as YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("\n...\n").rstrip()
