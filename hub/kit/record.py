"""Writes what a real account answers as the beginning of an example.yaml, without anybody in it.

    real pull ──▶ replies ──▶ shortened, scrubbed ──▶ the spoke asks again ──▶ requests
                                                                                └──▶ example.yaml
Only replies are kept of the real conversation. The requests are those that the spoke sends when it
is given the scrubbed replies and scrubbed settings, so nothing of the real ones can be left in
them, and what is written replays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import yaml

from hub.errors import SyncError
from hub.http import MemoryTokens, MockTransport, Request, Response, Transport
from hub.kit import replies
from hub.kit.disguise import anonymous
from hub.kit.replies import Reply
from hub.kit.scrub import DATE, Scrubber
from hub.spoke import Fetches, JsonObject, Page, Pulls, Spoke, Stream
from hub.sync.connection import Connection
from hub.testing.recorder import Recorder
from hub.testing.replay import Exchange, Replay

MOST_PAGES, MOST_ENDS = 20, 5
FETCHED = 2
TOKENS = frozenset({"access_token", "refresh_token", "id_token", "signature", "id"})
"""What of a token's answer lets somebody in, or tells who it was."""
PLAIN = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host"}
    | {"user-agent"}
)


class Unrecorded(Exception):
    """Nothing was written; the message says why, and what to do."""


@dataclass(slots=True)
class _Script:
    """Plays replies in order, whatever is asked; ends the list when they are used up."""

    replies: list[Reply]
    ids: set[str]
    asked: list[tuple[Request, Reply]] = field(default_factory=list[tuple[Request, Reply]])

    def transport(self) -> Transport:
        return MockTransport(self._answer)

    def _answer(self, request: Request) -> Response:
        n = len(self.asked)
        if n < len(self.replies):
            reply = self.replies[n]
        elif self.ids and n < len(self.replies) + MOST_ENDS:
            reply = replies.ended(self._alike(request), self.ids)
        else:
            raise Unrecorded(
                "the spoke goes on asking when a list has ended early: take a stream with few "
                "records, or more of them with --records"
            )
        self.asked.append((request, reply))
        return reply.response()

    def _alike(self, request: Request) -> Reply:
        """What was answered last to a request like this one, or to any with records."""
        lists = [(r, reply) for r, reply in self.asked if replies.holds(reply, self.ids)]
        same = [reply for r, reply in lists if _shape(r) == _shape(request)]
        return (same or [reply for _, reply in lists])[-1]


def _shape(request: Request) -> tuple[str, str, Any]:
    """What makes requests of one kind: GraphQL has one path for all of them."""
    return request.method, request.url.path, _body(request).get("query")


def record(connection: Connection, name: str, *, most: int, now: datetime) -> str:
    """The text of an example.yaml: settings, and a pull and a fetch of at most so many records.

    Reads only. Raises `Unrecorded`, or what the spoke raises.
    """
    spoke, now = connection.spoke, now.replace(microsecond=0)
    if not isinstance(spoke, Pulls):
        raise Unrecorded(f"{connection.name} does not pull: there is nothing to record")
    if connection.ours:
        raise Unrecorded(f"{connection.name} is this hub itself: nobody answers it")
    stream = next((one for one in spoke.streams if one.name == name), None)
    if stream is None:
        known = ", ".join(one.name for one in spoke.streams)
        raise Unrecorded(f"{connection.name} has no stream {name!r}; it has: {known}")
    settings, secrets = anonymous(spoke)
    scrubber = Scrubber(secrets)
    key_of = _key_of(connection, name)
    pulled, pages = _live(spoke, now, lambda one: _some(one, stream, most, key_of))
    kept = list(islice(_ids(pages, key_of), most))
    if not kept:
        raise Unrecorded(f"{connection.name}/{name} shows no record: there is nothing to record")
    if not any(replies.holds(reply, set(kept)) for reply in pulled):
        raise Unrecorded(
            f"{connection.name}/{name}: no answer holds the records as they are told, such as "
            f"{kept[0]}: the spoke makes them of something else; write this recording by hand"
        )
    _shorten(pulled, set(kept))
    fetched: list[Reply] = []
    if isinstance(spoke, Fetches):
        fetched, _ = _live(spoke, now, lambda one: _fetched(one, stream, kept[:FETCHED]))
    _learn(scrubber, [*pulled, *fetched], set(kept))
    clean = _Clean(settings, now, type(spoke), scrubber, set(kept))
    example = clean.example(stream, pulled, fetched, kept, _places(connection, name, pages), key_of)
    if left := scrubber.left(example):
        raise Unrecorded(f"{left} values that should be gone are still there: a fault of ours")
    head = _HEAD.format(kind=type(spoke).__name__, day=now.date())
    return head + yaml.dump(
        example, Dumper=_Quoting, sort_keys=False, allow_unicode=True, width=110,
        default_flow_style=None,
    )  # fmt: skip


class _Quoting(yaml.SafeDumper):
    """Quotes every text that some reader of YAML might take for a moment."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = "'" if DATE.fullmatch(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Quoting.add_representer(str, _Quoting.represent_text)


_HEAD = """\
# Recorded by `hub record` from a real {kind} account on {day}. Secrets and people are replaced
# and the list is shortened; read it once before you share it. hub/testing/example.py describes the
# form, and what is still missing here: `create` and `update`, webhooks, writes.
"""


@dataclass(frozen=True, slots=True)
class _Clean:
    """Everything that the second conversation needs, none of it real."""

    settings: JsonObject
    now: datetime
    kind: type[Spoke]
    scrubber: Scrubber
    ids: set[str]

    def example(
        self, stream: Stream, pulled: list[Reply], fetched: list[Reply], kept: list[str],
        places: JsonObject, key_of: Callable[[Any], str],
    ) -> JsonObject:  # fmt: skip
        asked, pages = self._again(pulled, lambda one: _whole(one, stream))
        ids = list(_ids(pages, key_of))
        told: JsonObject = {
            "settings": self.settings,
            "now": self.now.isoformat(),
            "streams": {stream.name: {"create": {}, **places}},
            "pull": {stream.name: {"ids": ids, "exchanges": self._exchanges(asked)}},
        }
        if fetched:
            again, _ = self._again(fetched, lambda one: _fetched(one, stream, kept[:FETCHED]))
            some = {"ids": kept[:FETCHED], "exchanges": self._exchanges(again)}
            told["fetch"] = {stream.name: some}
        if sends := _sends([request for request, reply in asked if not _is_token(reply)]):
            told["sends"] = sends
        self._check(told, stream)
        return told

    def _again(
        self, kept: list[Reply], act: Callable[[Spoke], list[Page]]
    ) -> tuple[list[tuple[Request, Reply]], list[Page]]:
        """What the spoke asks and tells, when it is given these answers in their order."""
        script = _Script([self._scrubbed(reply) for reply in kept], self.ids)
        spoke = self._spoke(script.transport())
        try:
            pages = act(spoke)
        except SyncError as error:
            raise Unrecorded(
                f"without secrets and people the answers do not read any more: {error}"
            ) from error
        finally:
            spoke.close()
        return script.asked, pages

    def _spoke(self, transport: Transport) -> Spoke:
        spoke = self.kind.model_validate(self.settings)
        return spoke.using(transport=transport, clock=lambda: self.now, tokens=MemoryTokens())

    def _scrubbed(self, reply: Reply) -> Reply:
        clean = self.scrubber.record if replies.holds(reply, self.ids) else self.scrubber.answer
        headers = {name: self.scrubber.text(value) for name, value in reply.headers.items()}
        return Reply(reply.status, headers, clean(reply.json))

    def _exchanges(self, asked: Iterable[tuple[Request, Reply]]) -> list[JsonObject]:
        return [_exchange(self.settings["url"], request, reply) for request, reply in asked]

    def _check(self, told: JsonObject, stream: Stream) -> None:
        """Raise unless what will be written replays."""
        exchanges = [Exchange.model_validate(e) for e in told["pull"][stream.name]["exchanges"]]
        replay = Replay(exchanges, told.get("sends"))
        spoke = self._spoke(replay.transport())
        try:
            _whole(spoke, stream)
        except SyncError as error:
            raise Unrecorded(f"the recording does not replay: {error}") from error
        finally:
            spoke.close()
        if replay.faults:
            raise Unrecorded(f"the recording does not replay: {replay.faults[0]}")


# -- the real conversation -------------------------------------------------------------------------


def _live(
    spoke: Spoke, now: datetime, act: Callable[[Spoke], list[Page]]
) -> tuple[list[Reply], list[Page]]:
    recorder = Recorder(spoke.ca_file)
    live = spoke.using(transport=recorder, clock=lambda: now, tokens=MemoryTokens())
    try:
        pages = act(live)
    finally:
        live.close()
        recorder.close()
    return [Reply.of(taken.response) for taken in recorder.taken], pages


def _some(spoke: Spoke, stream: Stream, most: int, key_of: Callable[[Any], str]) -> list[Page]:
    """Pages until there are enough records, or no more."""
    assert isinstance(spoke, Pulls)
    pages: list[Page] = []
    for page in islice(spoke.pull(stream, None), MOST_PAGES):
        pages.append(page)
        if len(list(_ids(pages, key_of))) >= most:
            break
    return pages


def _fetched(spoke: Spoke, stream: Stream, ids: list[str]) -> list[Page]:
    assert isinstance(spoke, Fetches)
    return [Page(list(spoke.fetch(stream, ids)))]


def _whole(spoke: Spoke, stream: Stream) -> list[Page]:
    assert isinstance(spoke, Pulls)
    return list(islice(spoke.pull(stream, None), MOST_PAGES + MOST_ENDS))


def _ids(pages: Iterable[Page], key_of: Callable[[Any], str]) -> Iterator[str]:
    for page in pages:
        if page.body is None:
            yield from (change.id for change in page.changes)
        else:
            yield from (key_of(row) for row in _at(orjson.loads(page.body), page.at))


def _shorten(told: list[Reply], kept: set[str]) -> None:
    """Take out of the replies all records but these, and the replies after the last of them."""
    last = 0
    for n, reply in enumerate(told):
        if replies.holds(reply, kept):
            rows = replies.records(reply, kept)
            rows[:] = [row for row in rows if replies.count([row], kept)]
            last = n
    del told[last + 1 :]


def _learn(scrubber: Scrubber, told: Iterable[Reply], ids: set[str]) -> None:
    for reply in told:
        if replies.holds(reply, ids):
            for row in replies.records(reply, ids):
                scrubber.learn(row)
        elif _is_token(reply):
            for key in TOKENS & reply.json.keys():
                scrubber.call(str(reply.json[key]), f"example-{key.replace('_', '-')}-1")


# -- what is written -----------------------------------------------------------------------------------


def _exchange(url: str, request: Request, reply: Reply) -> JsonObject:
    token = _is_token(reply)
    own = request.url.host == urlsplit(url).hostname
    where = request.url.path if own and not token else str(request.url.copy_with(query=None))
    told: JsonObject = {"request": f"{request.method} {where}"}
    if request.url.query:
        told["query"] = dict(request.url.params)
    if body := _body(request):
        told["body"] = {k: body[k] for k in ("grant_type", "scope") if k in body} if token else body
    if token:
        told["unsigned"] = True
    if reply.status != 200:  # noqa: PLR2004
        told["status"] = reply.status
    if reply.headers:
        told["headers"] = reply.headers
    return told | ({} if reply.json is None else {"reply": reply.json})


def _body(request: Request) -> JsonObject:
    try:
        body = orjson.loads(request.content)
    except orjson.JSONDecodeError:
        return dict(parse_qsl(request.content.decode("utf-8", "replace"), keep_blank_values=True))
    return body if isinstance(body, dict) else {}


def _is_token(reply: Reply) -> bool:
    return isinstance(reply.json, dict) and "access_token" in reply.json


def _sends(requests: list[Request]) -> dict[str, str]:
    """The headers that every signed request has, the same each time."""
    if not requests:
        return {}
    first, *others = (dict(request.headers) for request in requests)
    return {
        name: value
        for name, value in first.items()
        if name not in PLAIN and all(other.get(name) == value for other in others)
    }


def _key_of(connection: Connection, stream: str) -> Callable[[Any], str]:
    found = connection.mappings.get(stream)
    return found[0].key if found else lambda record: str(record.get("id"))


def _places(connection: Connection, stream: str, pages: list[Page]) -> JsonObject:
    """Where id and version stand in records that come as they are."""
    if not any(page.body is not None for page in pages) or stream not in connection.mappings:
        return {}
    texts = connection.mappings[stream][0].declaration.texts
    return {word: texts[word] for word in ("key", "version", "deleted") if word in texts}


def _at(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value or []
