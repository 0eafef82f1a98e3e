"""The body of a request, read within limits: the only thing that the web edge awaits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Self

import orjson
from fastapi import Request

from hub.web.problems import Problem, busy


@dataclass(slots=True)
class Room:
    """Bytes that all bodies may have together; `left` are free."""

    left: int


@dataclass(slots=True)
class Share:
    """What one request has of a room, until the `with` block ends."""

    room: Room
    taken: int = 0

    def take(self, size: int) -> None:
        """Raises `Problem` 503 when there is not so much left."""
        if size > self.room.left:
            raise busy()
        self.room.left -= size
        self.taken += size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.room.left += self.taken


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` bytes, all of which arrive within so many `seconds`."""

    most: int
    seconds: float = 10.0


async def read(request: Request, limit: Limit, share: Share | None = None) -> bytes:
    """The body as it was sent. Raises `Problem`: 415 if it is compressed, 413, 408, 503.

    What is announced as too large is not read at all; no more than the limit is ever kept, and
    no more than there is room for.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() not in {"identity", ""}:
        raise Problem(
            415,
            f"A body with Content-Encoding {encoding!r} is not accepted.",
            "Send it uncompressed.",
            headers={"Accept-Encoding": "identity"},
        )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit.most:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(limit.seconds):
            return await _stream(request, limit, share)
    except TimeoutError:
        raise Problem(
            408,
            f"The body did not arrive within {limit.seconds:g} s.",
            "Send the same request again.",
            headers={"Connection": "close"},
        ) from None


async def json_object(request: Request, limit: Limit) -> dict[str, Any]:
    """The JSON object in the body; raises `Problem`: 415, 413, 408, 400."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem(
            415,
            f"A body of type {kind!r} is not accepted." if kind else "The body has no type.",
            "Send JSON, with `Content-Type: application/json`.",
        )
    raw = await read(request, limit)
    try:
        values = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"The body is not JSON: {error}.", "Mend it there.") from error
    if not isinstance(values, dict):
        step = 'Send names and their values: {"state": "open"}.'
        raise Problem(400, "The body is JSON, but not an object.", step)
    return values


async def _stream(request: Request, limit: Limit, share: Share | None) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit.most:
            raise _too_large(limit)
        if share:
            share.take(len(part))
        parts.append(part)
    return b"".join(parts)


def _too_large(limit: Limit) -> Problem:
    return Problem(
        413,
        f"The body is larger than {limit.most} bytes.",
        "Send less at a time. For webhooks, hub.yaml sets hooks.max_body.",
    )
