"""Callers that come at about the same time are served together, within bounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from hub.web.batches import Batches, Full

DEADLINE = 60.0


class Kitchen:
    """Serves what is ordered, once it is open; notes what it made at a time."""

    def __init__(self, **bounds: Any) -> None:
        self.begun, self.opened = threading.Event(), threading.Event()
        self.made: list[list[str]] = []
        self.batches = Batches[str, str](
            "kitchen", self._make, **({"room": 99, "most": 99} | bounds)
        )

    def _make(self, orders: Sequence[str]) -> list[str | Exception]:
        self.made.append(list(orders))
        self.begun.set()
        assert self.opened.wait(DEADLINE)
        if "fire" in orders:
            raise RuntimeError("the kitchen burns")
        return [LookupError(order) if order == "unicorn" else order.upper() for order in orders]

    async def order(self, *orders: str) -> list[asyncio.Task[str]]:
        """Order, and be there when the call returns."""
        tasks = [asyncio.create_task(self.batches.one(order)) for order in orders]
        await asyncio.sleep(0)
        return tasks

    async def until_busy(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, DEADLINE)


async def served(tasks: Sequence[asyncio.Task[str]]) -> list[str | BaseException]:
    async with asyncio.timeout(DEADLINE):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def made(kitchen: Kitchen, *orders: str) -> list[list[str]]:
    """What is made at a time of orders that come while the kitchen is busy with another."""
    first = await kitchen.order("-")
    await kitchen.until_busy()
    others = await kitchen.order(*orders)
    kitchen.opened.set()
    assert await served(first + others) == ["-", *map(str.upper, orders)]
    return kitchen.made[1:]


def test_everybody_gets_what_they_asked_for() -> None:
    assert asyncio.run(made(Kitchen(), "tea", "pie")) == [["tea", "pie"]]


def test_a_batch_has_no_more_members_than_allowed() -> None:
    assert asyncio.run(made(Kitchen(most=2), *"abcde")) == [["a", "b"], ["c", "d"], ["e"]]


def test_a_batch_is_no_heavier_than_allowed_unless_it_has_only_one_member() -> None:
    kitchen = Kitchen(weigh=len, heaviest=4)
    together = asyncio.run(made(kitchen, "ab", "cd", "e", "too heavy", "f", "ghi", "j"))
    assert together == [["ab", "cd"], ["e"], ["too heavy"], ["f", "ghi"], ["j"]]


def test_an_error_of_one_is_no_error_of_others() -> None:
    async def run() -> list[str | BaseException]:
        kitchen = Kitchen()
        kitchen.opened.set()
        return await served(await kitchen.order("tea", "unicorn", "pie"))

    tea, unicorn, pie = asyncio.run(run())
    assert (tea, pie) == ("TEA", "PIE")
    assert isinstance(unicorn, LookupError)


def test_when_the_call_fails_everybody_in_it_hears_so_and_the_next_are_served() -> None:
    async def run() -> list[str | BaseException]:
        kitchen = Kitchen()
        kitchen.opened.set()
        burnt = await served(await kitchen.order("tea", "fire"))
        return burnt + await served(await kitchen.order("pie"))

    tea, fire, pie = asyncio.run(run())
    assert isinstance(tea, RuntimeError)
    assert isinstance(fire, RuntimeError)
    assert pie == "PIE"


def test_there_is_room_for_so_many_who_wait_and_again_when_some_are_served() -> None:
    async def run() -> None:
        kitchen = Kitchen(room=2)
        busy = await kitchen.order("-")
        await kitchen.until_busy()
        waiting = await kitchen.order("a", "b")
        with pytest.raises(Full):
            await kitchen.batches.one("c")
        kitchen.opened.set()
        assert await served(busy + waiting) == ["-", "A", "B"]
        assert await kitchen.batches.one("c") == "C"

    asyncio.run(run())


def test_who_gives_up_makes_room_and_is_not_served() -> None:
    async def run() -> list[list[str]]:
        kitchen = Kitchen(room=1)
        busy = await kitchen.order("-")
        await kitchen.until_busy()
        [hungry] = await kitchen.order("a")
        hungry.cancel()
        await served([hungry])
        patient = await kitchen.order("b")
        kitchen.opened.set()
        assert await served(busy + patient) == ["-", "B"]
        return kitchen.made

    assert asyncio.run(run()) == [["-"], ["b"]]


def test_a_batch_waits_for_those_who_came_with_the_last_one() -> None:
    async def run() -> list[list[str]]:
        kitchen = Kitchen(linger=DEADLINE)
        kitchen.opened.set()
        await served(await kitchen.order("a", "b", "c"))
        early = await kitchen.order("d", "e")
        for _ in range(100):  # turns of the loop, in which it could have begun
            await asyncio.sleep(0)
        assert len(kitchen.made) == 1, "one is still expected"
        late = await kitchen.order("f")
        await served(early + late)
        return kitchen.made

    assert asyncio.run(run()) == [["a", "b", "c"], ["d", "e", "f"]]


def test_a_batch_does_not_wait_longer_than_allowed_nor_for_ever_more() -> None:
    async def run() -> list[list[str]]:
        kitchen = Kitchen(linger=0.001)
        kitchen.opened.set()
        await served(await kitchen.order("a", "b", "c"))
        await served(await kitchen.order("d"))
        return kitchen.made

    assert asyncio.run(run()) == [["a", "b", "c"], ["d"]]
    alone = Kitchen(linger=DEADLINE)
    alone.opened.set()

    async def one_after_another() -> None:
        for order in "abc":
            assert await alone.batches.one(order) == order.upper()

    asyncio.run(one_after_another())
    assert alone.made == [["a"], ["b"], ["c"]]
