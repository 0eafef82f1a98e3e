"""The database's time in a process whose own clock may be wrong: asked now and then, and carried on."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hub.queue import words
from hub.store.database import Database

ASK_AGAIN = 60.0  # seconds, in which the monotonic clocks of machines part by a millisecond at most


@dataclass(slots=True)
class DatabaseClock:
    """Calling it gives seconds since 1970 on the database's clock, mostly without asking it.

    Raises `Unavailable` when it must ask and cannot.
    """

    db: Database
    _told: float = 0.0
    _told_at: float | None = None  # by the monotonic clock

    def __call__(self) -> float:
        at = self._told_at
        if at is None or time.monotonic() - at > ASK_AGAIN:
            with self.db.read() as tx:
                self.set(words.time(tx))
            at = self._told_at
        return self._told + time.monotonic() - (at or 0.0)

    def set(self, now: float) -> None:
        """Take over what the database has just said."""
        self._told_at = time.monotonic()
        self._told = now
