"""A load generator: requests over keep-alive connections, in a process of its own.

It speaks just as much HTTP as it needs, so that the client is not what is measured.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from tests.bench import fleet


class Exchange(asyncio.Protocol):
    """One connection: a request at a time. `answered(connection, status, asked at)`."""

    def __init__(self, answered: Callable[[Exchange, int, float], None]) -> None:
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._got = b""
        self._asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes, asked: float) -> None:
        """Send a request; `asked` is when it should have been sent."""
        assert self._transport is not None
        self._asked = asked
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self._got = b""
        self._answered(self, int(head[9:12]), self._asked)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._asked:
            self._answered(self, 0, self._asked)

    def close(self) -> None:
        self._asked = 0.0
        if self._transport is not None:
            self._transport.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class Load:
    """What has been asked and answered so far. Latencies are in milliseconds."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self._idle: deque[Exchange] = deque()
        self._due: deque[float] = deque()
        self._until = 0.0
        self._closed_loop = False
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.finished = asyncio.Event()
        self._open = 0

    async def connect(self, address: str, connections: int) -> None:
        loop, (host, port) = asyncio.get_running_loop(), urlsplit(address).netloc.split(":")
        for _ in range(connections):
            _, exchange = await loop.create_connection(
                lambda: Exchange(self._answered), host, int(port)
            )
            self._idle.append(exchange)

    async def as_fast_as_answered(self, seconds: float) -> float:
        """Each connection asks again once it is answered; how many seconds it took."""
        start = time.monotonic()
        self._until, self._closed_loop = start + seconds, True
        while self._idle:
            self._ask(self._idle.popleft(), start)
        await self.finished.wait()
        return time.monotonic() - start

    async def at_rate(self, rate: float, seconds: float) -> float:
        """Requests fall due at a steady rate, whether or not the earlier ones are answered.

        The latency of one that had to wait for a connection counts from when it was due.
        """
        start = time.monotonic()
        for number in range(round(rate * seconds)):
            due = start + number / rate
            if (ahead := due - time.monotonic()) > 0.0005:
                await asyncio.sleep(ahead)
            if self._idle:
                self._ask(self._idle.popleft(), due)
            else:
                self._due.append(due)
        self._until = time.monotonic()
        if self._open:
            await self.finished.wait()
        return time.monotonic() - start

    def _ask(self, exchange: Exchange, due: float) -> None:
        self._open += 1
        exchange.ask(next(self._requests), due)

    def _answered(self, exchange: Exchange, status: int, asked: float) -> None:
        now = time.monotonic()
        self._open -= 1
        self.statuses[status] += 1
        self.latencies.append((now - asked) * 1000)
        if self._closed_loop and now < self._until:
            self._ask(exchange, now)
        elif self._due:
            self._ask(exchange, self._due.popleft())
        else:
            self._idle.append(exchange)
            if self._until and not self._open:
                self.finished.set()


def member(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    """A process of a fleet that puts load on `address`; see `benches` of hooks for the options."""
    return asyncio.run(_member(options, begin))


async def _member(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    load = Load(_requests(options["heads"], options["bodies"]))
    await load.connect(options["address"], options["connections"])
    begin()
    if rate := options.get("rate"):
        took = await load.at_rate(rate, options["seconds"])
    else:
        took = await load.as_fast_as_answered(options["seconds"])
    cuts = statistics.quantiles(load.latencies, n=100)
    return {
        "seconds": took,
        "statuses": {str(status): times for status, times in load.statuses.items()},
        "p50_ms": cuts[49], "p99_ms": cuts[98], "most_ms": max(load.latencies),
    }  # fmt: skip


def _requests(heads: list[str], bodies: list[str]) -> Iterator[bytes]:
    """The requests in turn; `%d` in a head is a number that no other request has."""
    made = [(head, body.encode()) for head, body in zip(heads, bodies, strict=True)]
    for number in count():
        head, body = made[number % len(made)]
        yield (head % number).encode() + body
