"""The outermost layer: what holds for every request and every answer.

Oversized headers end here, unknown errors become a 500 that tells nothing but an id, and every
answer forbids browsers to guess, to keep, or to embed it.
"""

from __future__ import annotations

from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.web.problems import Problem, broken

log = structlog.get_logger()

MOST_HEADERS = 100
HEADER_BYTES = 16 * 1024

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""Headers of every answer that does not say otherwise."""


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = {name for name, _ in message["headers"]}
                ours = (pair for pair in ALWAYS if pair[0] not in given)
                message["headers"] = [*message["headers"], *ours]
            await send(message)

        try:
            app = _too_many_headers(scope) or _nul(scope) or self._app
            await app(scope, receive, guarded)
        except Exception:
            error_id = uuid4().hex[:12]
            method, path = scope["method"], scope["path"]
            log.exception("request failed", error_id=error_id, method=method, path=path)
            if started:
                raise
            await broken(error_id).response()(scope, receive, guarded)


def _nul(scope: Scope) -> ASGIApp | None:
    """No name of anything holds a NUL, and PostgreSQL takes none in a text."""
    if "\0" not in scope["path"] and b"%00" not in scope["query_string"]:
        return None
    return Problem(400, "The address holds a NUL (%00).", "Leave it out.").response()


def _too_many_headers(scope: Scope) -> ASGIApp | None:
    headers = scope["headers"]
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) <= MOST_HEADERS and size <= HEADER_BYTES:
        return None
    return Problem(
        431,
        f"{len(headers)} headers of {size} bytes are too many.",
        f"Send at most {MOST_HEADERS} headers of {HEADER_BYTES} bytes together.",
    ).response()
