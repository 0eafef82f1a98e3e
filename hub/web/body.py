"""The raw body of a request, read within limits: the only thing that the web edge awaits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import Request

from hub.web.problems import Problem


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` bytes, all of which arrive within so many `seconds`."""

    most: int
    seconds: float = 10.0


async def read(request: Request, limit: Limit) -> bytes:
    """The body as it was sent. Raises `Problem`: 415 if it is compressed, 413, 408.

    What is announced as too large is not read at all; no more than the limit is ever kept.
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
            return await _stream(request, limit)
    except TimeoutError:
        raise Problem(
            408,
            f"The body did not arrive within {limit.seconds:g} s.",
            "Send the same request again.",
            headers={"Connection": "close"},
        ) from None


async def _stream(request: Request, limit: Limit) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit.most:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(limit: Limit) -> Problem:
    return Problem(
        413,
        f"The body is larger than {limit.most} bytes.",
        "Send less at a time. For webhooks, hub.yaml sets hooks.max_body.",
    )
