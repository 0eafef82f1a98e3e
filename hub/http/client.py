"""The HTTP client of one connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from hub.errors import Permanent, SyncError
from hub.http.auth import Auth, Flow
from hub.http.oauth import OAuth
from hub.http.pace import Clock, Pace, Rate, Sleep, Take
from hub.http.quota import Left, Quota, left_of
from hub.http.safe import Origin, shown
from hub.http.status import error_of
from hub.http.tokens import Token
from hub.http.wire import (
    AS_IT_COMES,
    GOES_AGAIN,
    MAX_BYTES,
    PIECE,
    READ_TIMEOUT,
    Pool,
    Wire,
    breaking_off,
    open_client,
)

_OF_TRANSFER = frozenset({"content-encoding", "content-length", "transfer-encoding"})

Translate = Callable[[httpx.Response], SyncError | None]
Params = Mapping[str, Any] | Iterable[tuple[str, Any]]


class Client:
    """Speaks to one system: paced, signed, timed-out; raises our errors. Safe for many threads.

    `url` is where paths start. `translate` reads the vendor's own error out of an answer, and
    comes before the status. `transport` stands in for the network, and `ca_file` (PEM) for the
    public certificate authorities. An answer may have `max_bytes`, and be silent for `silence`.
    With `take` the rate is that of all processes together (`hub.http.pace`). `quota` is what is
    known of their limit beside what answers say. Nothing is opened before the first request.
    `calls` counts the answers; several threads may lose one of them.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: Auth | None = None,
        rate: Rate = Rate(calls=10),  # noqa: B008 -- frozen
        translate: Translate = lambda _: None,
        transport: httpx.BaseTransport | None = None,
        ca_file: Path | None = None,
        max_bytes: int = MAX_BYTES,
        silence: timedelta = READ_TIMEOUT,
        clock: Clock = time.monotonic,
        sleep: Sleep | None = None,
        take: Take | None = None,
        quota: Quota | None = None,
    ) -> None:
        self._base = httpx.URL(url)
        if self._base.scheme not in ("http", "https") or not self._base.host or self._base.userinfo:
            raise ValueError(f"{shown(url)}: not an http(s) address without user and password")
        self._origin = Origin.of(self._base)
        self._translate = translate
        self.calls = 0
        self._quota = quota
        self._told: Mapping[str, str] = {}
        self._closed = threading.Event()
        rest = sleep or self._rest
        self._pool = Pool(transport, ca_file=ca_file, max_bytes=max_bytes, clock=clock)
        if isinstance(auth, OAuth):
            auth.bind(open_client(Wire(self._pool, None, rest)))
        self._auth = auth
        pace = Pace(rate, clock=clock, sleep=rest, take=take)
        self._http = open_client(
            Wire(self._pool, pace, rest),
            None if auth is None else _OwnOrigin(auth, self._origin),
            silence=silence,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        content: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> httpx.Response:
        """Send one request and return the answer, read to its end.

        `content` in pieces is sent as it is gone through, which happens again if they refuse the
        token: no generator. Say its Content-Length, or it goes chunked.

        `path` is relative to the connection's url, or a whole URL of the same scheme, host and
        port; any other raises `Permanent` before anything is sent. Transport errors become
        `Transient`. Statuses raise our errors (`hub.http.status`) unless `check` is False: then
        every answer is returned as it came.
        """
        request = self._http.build_request(
            method,
            self._resolve(path),
            params=_listed(params),
            json=json,
            content=content,
            headers=headers,
            extensions=None if content is None or isinstance(content, Iterator) else GOES_AGAIN,
        )
        response = self._http.send(request)
        self.calls += 1
        self._told = response.headers
        # httpx's stream refers back to the answer: megabytes, until the collector comes by.
        response.stream = httpx.ByteStream(response.content)
        return self._checked(response) if check else response

    def part(
        self, method: str, path: str, status: int, headers: Mapping[str, str], content: bytes
    ) -> httpx.Response:
        """An answer out of a batch's, as `request` would have returned it, or raised its error.

        `method` and `path` are of the request within the batch that it answers.
        """
        return self._checked(
            httpx.Response(
                status,
                headers={k: v for k, v in headers.items() if k.lower() not in _OF_TRANSFER},
                content=content,
                request=self._http.build_request(method, self._resolve(path)),
            )
        )

    def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """GET something large and yield its bytes as they come, unpacked; nothing is kept.

        As `request`, but that an answer may take as long as it goes on, and be of any size: whoever
        reads counts. Raises `Transient` for one that breaks off.
        """
        request = self._http.build_request(
            "GET", self._resolve(path), headers=headers, extensions=AS_IT_COMES
        )
        response = self._http.send(request, stream=True)
        try:
            if not response.is_success:
                response.read()
                self._checked(response)
            with breaking_off(request):
                yield from response.iter_bytes(PIECE)
        finally:
            response.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    @property
    def left(self) -> Left | None:
        """How often we may still ask by the last answer, and by what they document; None: unknown."""
        return left_of(self._told, self._quota)

    def token(self, refused: Token | None = None) -> Token:
        """The OAuth token, for an SDK that signs its requests itself.

        With the token that got a 401, returns a newer one, asked for once however many threads
        come with it.
        """
        if not isinstance(self._auth, OAuth):
            raise TypeError(f"{self!r} does not sign in by OAuth")
        return self._auth.token(refused)

    def close(self) -> None:
        """Close all connections; whoever is waiting gets `Transient`."""
        self._closed.set()
        self._pool.close()

    def __repr__(self) -> str:
        return f"Client({shown(self._base)!r})"

    def _rest(self, seconds: float) -> None:
        self._closed.wait(seconds)

    def _checked(self, response: httpx.Response) -> httpx.Response:
        """The answer, or the error that it stands for: theirs first, then the status."""
        error = self._translate(response) or error_of(response)
        if error is not None:
            raise error
        return response

    def _resolve(self, path: str) -> httpx.URL:
        try:
            url = httpx.URL(path)
        except httpx.InvalidURL:
            raise Permanent(f"{shown(self._base)}: cannot follow a malformed link") from None
        if not (url.scheme or url.host):
            base = self._base.raw_path.partition(b"?")[0].rstrip(b"/")
            slash = b"" if path == "" or path.startswith("?") else b"/"
            return self._base.copy_with(raw_path=base + slash + url.raw_path.lstrip(b"/") or b"/")
        if Origin.of(url) != self._origin or url.userinfo:
            raise Permanent(
                f"refused to follow a link from {shown(self._base)} to {shown(url)}: "
                "our credentials are only for the connection's own scheme, host and port"
            )
        return url


class _OwnOrigin(httpx.Auth):
    """Signs requests to one origin, and no others."""

    def __init__(self, auth: httpx.Auth, origin: Origin) -> None:
        self._auth, self._origin = auth, origin

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        if Origin.of(request.url) == self._origin:
            yield from self._auth.sync_auth_flow(request)
        else:
            yield request


def _listed(params: Params | None) -> list[tuple[str, Any]] | None:
    """Pairs, or None for none: httpx would rewrite the link's own query for an empty list."""
    if not params:
        return None
    return list(params.items() if isinstance(params, Mapping) else params)
