"""Callers that come at about the same time, served by one call in a thread.

    caller ─▶ waiting ─┐             ┌─▶ its own result, or its own error
    caller ─▶ waiting ─┼─▶ one call ─┤
    caller ─▶ waiting ─┘ in a thread └─▶ ...

While one batch is served, the next one gathers: the more callers, the larger the batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Full(Exception):
    """More callers wait than there is room for."""


class Batches(Generic[Asked, Given]):
    """One batch at a time; for the callers of one event loop.

    `serve` gets what was asked for, in the order in which it came, and gives a result or an
    exception for each. A batch has at most `most` members, and at most `heaviest` by `weigh`
    unless it has only one. No more than `room` may wait; who gives up waits no longer.

    A batch waits for `linger` seconds at most until it is as large as those before let expect:
    callers who were answered together tend to come back together, and one call for all of them
    costs less than two for halves. Who comes alone waits for nobody.

    The thread is its own: nobody waits because others take long. It starts with the first batch
    and ends when this is no longer used.
    """

    def __init__(
        self,
        name: str,
        serve: Callable[[Sequence[Asked]], Sequence[Given | Exception]],
        *,
        room: int,
        most: int,
        weigh: Callable[[Asked], int] = lambda _: 0,
        heaviest: int = 0,
        linger: float = 0.0,
    ) -> None:
        self._serve, self._room, self._most = serve, room, most
        self._weigh, self._heaviest = weigh, heaviest
        self._linger, self._expected = linger, 1
        self._waiting: dict[asyncio.Future[Given], Asked] = {}
        self._all_here = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def one(self, asked: Asked) -> Given:
        """What `serve` gives for it. Raises `Full`, and what `serve` gives or raises."""
        if len(self._waiting) >= self._room:
            raise Full
        turn: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = asked
        if len(self._waiting) >= self._expected:
            self._all_here.set()
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve_all())
        try:
            return await turn
        finally:
            self._waiting.pop(turn, None)  # it may have given up

    async def _serve_all(self) -> None:
        while self._waiting:
            await self._gathered()
            batch = self._next()
            results = await self._results(list(batch.values()))
            for turn, result in zip(batch, results, strict=True):
                _tell(turn, result)
            self._expected = min(len(batch) + len(self._waiting), self._most)

    async def _gathered(self) -> None:
        await asyncio.sleep(0)  # whoever is just being read comes along
        if self._linger and len(self._waiting) < self._expected:
            self._all_here.clear()
            timer = asyncio.get_running_loop().call_later(self._linger, self._all_here.set)
            await self._all_here.wait()
            timer.cancel()

    def _next(self) -> dict[asyncio.Future[Given], Asked]:
        batch: dict[asyncio.Future[Given], Asked] = {}
        weight = 0
        for turn, asked in islice(self._waiting.items(), self._most):
            weight += self._weigh(asked)
            if batch and weight > self._heaviest > 0:
                break
            batch[turn] = asked
        for turn in batch:
            del self._waiting[turn]
        return batch

    async def _results(self, batch: Sequence[Asked]) -> Sequence[Given | Exception]:
        if not batch:
            return []  # everybody has given up
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._serve, batch)
        except Exception as error:  # noqa: BLE001 -- everybody in the batch raises it
            return [error] * len(batch)


def _tell(turn: asyncio.Future[Given], result: Given | Exception) -> None:
    if turn.done():  # given up meanwhile
        return
    if isinstance(result, Exception):
        turn.set_exception(result)
    else:
        turn.set_result(result)
