"""How urgent a job is, and how the lanes and connections share the workers: pure arithmetic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import cycle, islice, zip_longest
from typing import TypeVar


class Lane(IntEnum):
    """The smaller, the more urgent."""

    WEBHOOK = 0
    PUSH = 1
    POLL = 2
    BACKFILL = 3


WEIGHTS: Mapping[Lane, int] = {
    Lane.WEBHOOK: 8,
    Lane.PUSH: 4,
    Lane.POLL: 2,
    Lane.BACKFILL: 1,
}
"""Of 15 jobs taken while every lane has work, how many come from each."""


def _round() -> tuple[Lane, ...]:
    """Spread each lane's turns evenly over one round ("smooth weighted round robin", nginx)."""
    total = sum(WEIGHTS.values())
    credit = dict.fromkeys(WEIGHTS, 0)
    turns = []
    for _ in range(total):
        for lane, weight in WEIGHTS.items():
            credit[lane] += weight
        first = max(credit, key=lambda lane: credit[lane])
        credit[first] -= total
        turns.append(first)
    return tuple(turns)


ROUND = _round()


def shares(
    heads: Collection[tuple[Lane, str]], most: int, turn: int
) -> dict[tuple[Lane, str], int]:
    """How many of `most` jobs to take of each lane and connection, as if none would run out.

    They are what `divide` chooses from endless offers.
    """
    names: dict[Lane, list[str]] = defaultdict(list)
    for lane, name in sorted(heads):
        names[lane].append(name)
    rounds, rest = divmod(most, sum(WEIGHTS[lane] for lane in names) or 1)
    many = {lane: rounds * WEIGHTS[lane] for lane in names}
    place = turn
    while rest and names:
        lane = ROUND[place % len(ROUND)]
        place += 1
        if lane in many:
            many[lane] += 1
            rest -= 1
    return {
        (lane, name): number
        for lane, of_lane in names.items()
        for name, number in _evenly(of_lane, many[lane], _turns_had(lane, turn))
    }


def _evenly(names: Sequence[str], many: int, first: int) -> Iterator[tuple[str, int]]:
    each, rest = divmod(many, len(names))
    for place, name in enumerate(names):
        yield name, each + ((place - first) % len(names) < rest)


Offered = TypeVar("Offered")
Offers = Mapping[Lane, Mapping[str, Sequence[Offered]]]
"""Jobs that could run, oldest first, by lane and connection."""


def divide(offers: Offers[Offered], most: int, turn: int) -> list[Offered]:
    """Choose up to `most` of what is offered, in the order in which it shall start.

    Lanes take their turns from `turn` on, a count that the caller moves on by the number it
    took: so none starves even when one job at a time is taken. A lane that offers nothing passes
    its turn on. Within a lane the connections take turns.
    """
    left = {lane: _by_turns(names, _turns_had(lane, turn)) for lane, names in offers.items()}
    left = {lane: queue for lane, queue in left.items() if queue}
    chosen: list[Offered] = []
    turns = islice(cycle(ROUND), turn % len(ROUND), None)
    while left and len(chosen) < most:
        queue = left.get(lane := next(turns))
        if queue:
            chosen.append(queue.pop())
            if not queue:
                del left[lane]
    return chosen


def _turns_had(lane: Lane, turn: int) -> int:
    rounds, rest = divmod(turn, len(ROUND))
    return rounds * WEIGHTS[lane] + ROUND[:rest].count(lane)


def _by_turns(offers: Mapping[str, Sequence[Offered]], first: int) -> list[Offered]:
    """One job of each connection after the other, last first; connection number `first` begins."""
    names = sorted(offers)
    start = first % len(names) if names else 0
    rows = zip_longest(*(offers[name] for name in names[start:] + names[:start]))
    return [one for row in rows for one in row if one is not None][::-1]
