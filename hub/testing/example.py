"""A spoke's `example.yaml`: settings, a recorded conversation, and sample records to judge it by.

settings: {url: "https://acme.example", token: tok-1}     # of the recorded conversation
now: 2026-05-01T12:00:00Z      # the spoke's clock in it
sandbox: {orders: 100}         # options of the sandbox for the rules: a small one is quicker
sends: {authorization: Bearer tok-1}                      # on every request but `unsigned` ones
errors: {403: RateLimited}     # where this vendor's statuses mean something else than usual
hidden:                        # errors that this vendor sends with a 200
- {reply: {errors: [{code: busy}]}, raises: RateLimited}

streams:                       # every stream of the spoke: what the rules do in the sandbox
  work_orders:
    create: {title: "Door {n}"}      # `data` of Sandbox.mutate; {n} counts, for what is unique
    update: {title: "Window {n}"}    # left out: records of this stream never change
    tombstones: true                 # a pull tells of deletions
    missing: wo_0                    # an id which is well formed and nobody's
    key: id                          # only for Page(body=...): where a record's id, version
    version: changed                 #   and deletion stand; `deleted` also for plain changes
    deleted: is_deleted              #   whose data says so instead of being None

pull:                          # recorded: replies as the vendor really sent them
  work_orders:
    ids: [wo_1, wo_2]          # what comes out, in order
    exchanges:
    - request: GET /work_orders          # see replay.Exchange for how a request is matched
      query: {after: ""}
      reply: {items: [...], next: /work_orders?after=wo_1}
fetch:
  work_orders: {ids: [wo_1, wo_7], gone: [wo_7], exchanges: [...]}
webhook:
  headers: {x-acme-signature: 9e4b1f...}
  body: '{"id": "wo_2"}'
  tells: [{stream: work_orders, id: wo_2}]   # as a change or a hint
  ignored: {headers: {}, body: '{"type": "ping"}'}   # an event that means nothing to us
  signature: x-acme-signature  # the header that proves it genuine
  secret: hook_secret          # the setting that signs
  previous: hook_secret_old    # the setting with the older secret while they rotate
  streams: [work_orders]       # those that the sandbox tells of; `tells` by default
write:
  stream: work_orders
  id: wo_9                     # what the recorded creation answers
  data: {title: Door}          # hub.Write.data of a creation ({n} counts)
  update: {title: Window}      # ... and of an update
  conflicts: false             # true: an older `version` in a Write raises Conflict
  refused: {title: ""}         # what makes a creation's data such that they refuse it
  exchanges: [...]             # create (key `key-1`), update (`key-2`), delete
attach:                        # of a spoke that carries files; nothing of these two is recorded
  stream: photos
  data: {order: wo_9, name: photo.jpg}       # hub.Write.data of a file, of a record in the sandbox
  named: name                  # the field of it that holds the file's name, if one does
recall:                        # of a spoke that looks for what it created without a key
  stream: notes
  data: {order: wo_9, text: "Note {n}"}      # as for write; what people there create is alike
  text: text                   # the field of it with the text
  theirs: {author: somebody}   # what is different where somebody else creates it in the sandbox
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from hub import marked
from hub.spoke import Webhook
from hub.testing.replay import Exchange

JsonObject = dict[str, JsonValue]


class BadExample(ValueError):
    """An example.yaml that does not have the form described above."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StreamExample(Part):
    create: JsonObject
    update: JsonObject = {}
    tombstones: bool = False
    missing: str = ""
    key: str = ""
    version: str = ""
    deleted: str = ""


class PullExample(Part):
    ids: list[str]
    exchanges: list[Exchange]


class FetchExample(Part):
    ids: list[str]
    gone: list[str] = []
    exchanges: list[Exchange]


class Told(Part):
    stream: str
    id: str


class Ignored(Part):
    headers: dict[str, str] = {}
    body: str


class HookExample(Part):
    headers: dict[str, str]
    body: str
    tells: list[Told]
    ignored: Ignored
    signature: str
    secret: str
    previous: str = ""
    streams: list[str] = []

    def hook(self) -> Webhook:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Webhook(headers, self.body.encode())

    def unknown(self) -> Webhook:
        headers = {name.lower(): value for name, value in self.ignored.headers.items()}
        return Webhook(headers, self.ignored.body.encode())

    def told_of(self) -> list[str]:
        """The streams of which the sandbox sends webhooks."""
        return self.streams or sorted({told.stream for told in self.tells})


class WriteExample(Part):
    stream: str
    id: str
    data: JsonObject
    update: JsonObject
    refused: JsonObject = {}
    conflicts: bool = False
    exchanges: list[Exchange]


class AttachExample(Part):
    stream: str
    data: JsonObject
    named: str = ""


class RecallExample(Part):
    stream: str
    data: JsonObject
    text: str
    theirs: JsonObject = {}


class HiddenError(Part):
    reply: JsonValue
    raises: str
    headers: dict[str, str] = {}


class Example(Part):
    settings: JsonObject
    now: datetime | None = None
    sandbox: JsonObject = {}
    sends: dict[str, str] = {}
    errors: dict[int, str] = {}
    hidden: list[HiddenError] = []
    streams: dict[str, StreamExample]
    pull: dict[str, PullExample] = {}
    fetch: dict[str, FetchExample] = {}
    webhook: HookExample | None = None
    write: WriteExample | None = None
    attach: AttachExample | None = None
    recall: RecallExample | None = None


def read(path: Path) -> Example:
    """Read one example file; raises `BadExample` or `BadYaml`, which name the place."""
    document = marked.read(path)[0]
    try:
        return Example.model_validate(document.data)
    except ValidationError as error:
        faults = [
            f"{document.at(*fault['loc'])}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise BadExample("\n".join(faults)) from error


def numbered(data: Any, n: int) -> Any:
    """Sample data with `{n}` in its texts replaced by a number."""
    match data:
        case dict():
            return {key: numbered(value, n) for key, value in data.items()}
        case list():
            return [numbered(value, n) for value in data]
        case str():
            return data.replace("{n}", str(n))
        case _:
            return data
