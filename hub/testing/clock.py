"""The clock of a sandbox: it runs from the real time until a test holds or moves it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """What time it is at the vendor. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = datetime.now(UTC)
        self._since = time.monotonic()
        self._frozen = False

    @property
    def frozen(self) -> bool:
        return self._frozen

    def now(self) -> datetime:
        """The vendor's time, in UTC."""
        with self._lock:
            return self._now()

    def set(self, at: datetime) -> None:
        """Move to this moment; the clock goes on running, or stays frozen."""
        if at.tzinfo is None:
            raise ValueError(f"the time {at.isoformat()} has no offset: add Z or +00:00")
        with self._lock:
            self._move(at.astimezone(UTC))

    def advance(self, by: timedelta) -> None:
        """Let this much time pass at once."""
        with self._lock:
            self._move(self._now() + by)

    def freeze(self) -> None:
        """Hold the time until `run`, so that many things happen in one moment."""
        with self._lock:
            self._move(self._now())
            self._frozen = True

    def run(self) -> None:
        """Let a frozen clock go on from where it stands."""
        with self._lock:
            self._move(self._now())
            self._frozen = False

    def _now(self) -> datetime:
        if self._frozen:
            return self._at
        return self._at + timedelta(seconds=time.monotonic() - self._since)

    def _move(self, at: datetime) -> None:
        self._at, self._since = at, time.monotonic()
