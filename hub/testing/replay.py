"""Recorded HTTP exchanges, played back to a spoke without a network."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue

from hub.http import MockTransport, Request, Response, Transport

ELSEWHERE = "https://elsewhere.example"


class Exchange(BaseModel):
    """One request that the spoke is expected to send, and the reply it gets.

    A request that fits several exchanges gets the first of them, every time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: str
    """Method and path, `GET /orders`; with `https://host/path`, the host counts too."""
    query: dict[str, str] | None = None
    """The whole query string; left out, any will do. Of a name that comes twice the first counts."""
    body: Any = None
    """What the JSON or form body must hold, at least; more is fine."""
    mentions: tuple[str, ...] = ()
    """Texts that must occur in the decoded path, `name=value` pairs with a space between, and body."""
    unsigned: bool = False
    """Whether it goes out without the headers in `sends`, as a token request does."""
    status: int = 200
    headers: dict[str, str] = {}
    reply: JsonValue = None
    """The reply's JSON, or its text if that is what it is."""

    @property
    def path(self) -> str:
        return urlsplit(self.request.partition(" ")[2]).path

    def fits(self, request: Request) -> bool:
        return self.asks_there(request) and not self.differs(request)

    def asks_there(self, request: Request) -> bool:
        """Whether it is the same method and address."""
        method, _, where = self.request.partition(" ")
        url = str(request.url.copy_with(query=None)) if "://" in where else request.url.path
        return (method, where) == (request.method, url)

    def differs(self, request: Request) -> str:
        """What a request to the same address says that was not recorded; empty if it fits."""
        asked, text = dict(request.url.params), _said(request)
        if self.query is not None and self.query != asked:
            names = sorted(self.query.keys() | asked.keys())
            odd = next(name for name in names if self.query.get(name) != asked.get(name))
            return f"query {odd} is {asked.get(odd)!r}, recorded is {self.query.get(odd)!r}"
        if self.body is not None and not _holds(_body(request), self.body):
            return f"the body is not the recorded one: {request.content.decode('utf-8', 'replace')}"
        missing = [mention for mention in self.mentions if mention not in text]
        return f"it does not mention {missing[0]!r}" if missing else ""

    def response(self) -> Response:
        if isinstance(self.reply, str):
            return Response(self.status, headers=self.headers, text=self.reply)
        if self.reply is None:
            return Response(self.status, headers=self.headers)
        return Response(self.status, headers=self.headers, json=self.reply)


class Replay:
    """A recorded external system. `seen` lists the requests that it got."""

    def __init__(
        self, exchanges: Sequence[Exchange], sends: Mapping[str, str] | None = None
    ) -> None:
        self._exchanges = exchanges
        self._sends = sends or {}
        self.seen: list[Request] = []
        self.faults: list[str] = []
        """What was wrong with a request: kept, since a spoke could swallow an exception."""
        self._used: set[int] = set()

    @property
    def unasked(self) -> list[str]:
        """The recorded requests that were never sent."""
        return [e.request for i, e in enumerate(self._exchanges) if i not in self._used]

    def transport(self) -> Transport:
        return MockTransport(self._answer)

    def _answer(self, request: Request) -> Response:
        self.seen.append(request)
        for number, exchange in enumerate(self._exchanges):
            if exchange.fits(request):
                self._used.add(number)
                self._check_headers(exchange, request)
                return exchange.response()
        said = f"{request.method} {_said(request)}"
        self.faults.append(f"no recorded reply to {said[:2000]}")
        there = [one.differs(request) for one in self._exchanges if one.asks_there(request)]
        why = "; or ".join(there) or "no exchange has this method and path"
        return Response(404, json={"not recorded": why})

    def _check_headers(self, exchange: Exchange, request: Request) -> None:
        if exchange.unsigned:
            return
        self.faults += [
            f"{request.method} {request.url.path}: header {name} should be {value!r}"
            for name, value in self._sends.items()
            if request.headers.get(name) != value
        ]


def always(status: int, headers: Mapping[str, str] | None = None, text: str = "nope") -> Transport:
    """Answer everything with one status."""
    return MockTransport(lambda _: Response(status, headers=headers, text=text))


def unreachable() -> str:
    """An address on this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


def misled(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The same exchanges with every link that the spoke follows pointing to another host.

    A link is a text in a reply, or in a Link header, that names the path of a recorded request.
    Empty when there is none: a spoke that passes bare cursors cannot be misled.
    """
    paths = {exchange.path for exchange in exchanges}
    found = False

    def mislead(value: Any) -> Any:
        nonlocal found
        match value:
            case dict():
                return {key: mislead(item) for key, item in value.items()}
            case list():
                return [mislead(item) for item in value]
            case str() if _is_link(value, paths):
                found = True
                parts = urlsplit(value)
                return ELSEWHERE + parts.path + (f"?{parts.query}" if parts.query else "")
            case _:
                return value

    def in_header(value: str) -> str:
        return re.sub(r"<([^>]*)>", lambda link: f"<{mislead(link[1])}>", value)

    changed = [
        exchange.model_copy(
            update={
                "reply": mislead(exchange.reply),
                "headers": {name: in_header(value) for name, value in exchange.headers.items()},
            }
        )
        for exchange in exchanges
    ]
    return changed if found else []


def _is_link(text: str, paths: set[str]) -> bool:
    return text.startswith(("/", "http://", "https://")) and urlsplit(text).path in paths


def _said(request: Request) -> str:
    params = " ".join(f"{name}={value}" for name, value in request.url.params.multi_items())
    return f"{request.url.path} {params} {request.content.decode('utf-8', 'replace')}"


def _body(request: Request) -> Any:
    try:
        return orjson.loads(request.content)
    except orjson.JSONDecodeError:
        return dict(parse_qsl(request.content.decode("utf-8", "replace"), keep_blank_values=True))


def _holds(body: Any, wanted: Any) -> bool:
    match wanted:
        case dict():
            return isinstance(body, dict) and all(
                name in body and _holds(body[name], value) for name, value in wanted.items()
            )
        case _:
            return bool(body == wanted)
