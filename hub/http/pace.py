"""Staying under a system's rate limit without ever hitting it.

A pace is one process's. Where several processes call the same account, each reserves its slots in
portions from a limit that they share (`Take`): one slot first, twice as many while calls keep
coming, at most a second's worth. So a limit that is used in full costs a question each second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hub.errors import RateLimited, Transient

Clock = Callable[[], float]  # monotonic seconds
Sleep = Callable[[float], None]  # seconds
Take = Callable[[int, float], float | None]
"""Reserves so many calls, that many seconds apart: in how many seconds the first may be made.

None when nobody else calls. Raises `Transient` when it cannot be asked.
"""

LONGEST_WAIT = 20.0  # seconds; whoever would wait longer goes back to the queue
PORTION = 1.0  # seconds' worth of slots that are reserved at once, at most
ALONE = 1.0  # seconds of a process's own pace before it asks again whether others call
SMALLEST_GAP = 0.001  # seconds; no process makes a thousand calls a second, so none need share it


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` requests per `per`, evenly spaced."""

    calls: int
    per: timedelta = timedelta(seconds=1)

    def __post_init__(self) -> None:
        if self.calls < 1 or self.per <= timedelta(0):
            raise ValueError(f"a rate needs a positive number of calls and time: {self}")

    @property
    def gap(self) -> float:
        """Seconds from one request to the next."""
        return self.per.total_seconds() / self.calls


class Pace:
    """Hands out evenly spaced slots; safe to share between threads.

    With `take` the slots are of a limit that several processes share. It is asked while the lock
    is held: whoever else wants a slot of this process needs that answer too.
    """

    def __init__(
        self,
        rate: Rate,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep,
        take: Take | None = None,
    ) -> None:
        self._gap, self._clock, self._sleep = rate.gap, clock, sleep
        self._lock = threading.Lock()
        self._next = clock()
        shared = take and rate.gap >= SMALLEST_GAP
        self._portions = _Portions(take, rate.gap, clock) if take and shared else None

    def wait(self) -> None:
        """Return when it is our turn; raises `RateLimited` if that is too far away.

        While the shared limit cannot be asked, as when the database is away, calls go on at this
        process's own pace: for that moment the processes together may exceed the rate.
        """
        with self._lock:
            slot = max(self._next, self._clock())
            if self._portions:
                slot = self._portions.slot(slot)
            delay = slot - self._clock()
            if delay > LONGEST_WAIT:
                raise RateLimited(
                    f"our own rate limit is used up for the next {delay:.0f} s",
                    timedelta(seconds=delay),
                )
            self._next = slot + self._gap
            if self._portions:
                self._portions.left -= 1
        if delay > 0:
            self._sleep(delay)


class _Portions:
    """Slots that this process has of a shared limit. For one thread at a time.

    A slot may be used from its beginning to its end, so that whoever was sent back to the queue
    and returns a little late still finds it. One that nobody came for is gone.
    """

    def __init__(self, take: Take, gap: float, clock: Clock) -> None:
        self._take, self._gap, self._clock = take, gap, clock
        self._most = max(1, round(PORTION / gap))
        self._size = 1
        self._begin = self._end = self._alone_until = clock()
        self.left = 0

    def slot(self, wanted: float) -> float:
        """The first time from `wanted` on at which a call may be made; asks for more if need be."""
        if self._clock() >= self._alone_until and (self.left < 1 or wanted >= self._end):
            self._reserve()
            wanted = max(wanted, self._clock())
        return max(wanted, self._begin)

    def _reserve(self) -> None:
        asked, before = self._clock(), self._end
        # Who comes later than its last slot is slower than the limit, and would waste more.
        size = min(self._size, self._most) if asked < before else 1
        try:
            delay = self._take(size, self._gap)
        except Transient:
            delay = None
        now = self._clock()
        if delay is None:
            self._alone_until, self._begin, self._size = now + ALONE, now, 1
            return
        self._begin = now + delay
        self._end, self.left = self._begin + size * self._gap, size
        # Behind long portions of many others, shorter ones let everybody have a turn sooner.
        crowded = self._begin - max(before, asked) > PORTION
        self._size = max(1, size // 2) if crowded else size * 2
