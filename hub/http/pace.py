"""Staying under a system's rate limit without ever hitting it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hub.errors import RateLimited

Clock = Callable[[], float]  # monotonic seconds
Sleep = Callable[[float], None]  # seconds

LONGEST_WAIT = 20.0  # seconds; whoever would wait longer goes back to the queue


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
    """Hands out evenly spaced slots; safe to share between threads."""

    def __init__(self, rate: Rate, *, clock: Clock = time.monotonic, sleep: Sleep) -> None:
        self._gap, self._clock, self._sleep = rate.gap, clock, sleep
        self._lock = threading.Lock()
        self._next = clock()

    def wait(self) -> None:
        """Return when it is our turn; raises `RateLimited` if that is too far away."""
        with self._lock:
            now = self._clock()
            slot = max(self._next, now)
            delay = slot - now
            if delay > LONGEST_WAIT:
                raise RateLimited(
                    f"our own rate limit is used up for the next {delay:.0f} s",
                    timedelta(seconds=delay),
                )
            self._next = slot + self._gap
        if delay > 0:
            self._sleep(delay)
