"""Service protection: three limits of one user on one web server, by the sandbox's clock.

Each refusal says how long to wait. Who asks again before that is told to wait twice as long.
https://learn.microsoft.com/power-apps/developer/data-platform/api-limits
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from math import ceil

from spokes.dynamics365.sandbox.refusal import Refused

WINDOW = timedelta(seconds=300)
LONGEST = timedelta(seconds=300)
_FIRST = timedelta(seconds=5)
_MESSAGES = {
    "0x80072322": "Number of requests exceeded the limit of {} over time window of 300 seconds.",
    "0x80072321": "Combined execution time of incoming requests exceeded limit of {:,} milliseconds"
    " over time window of 300 seconds. Decrease number of concurrent requests or reduce the"
    " duration of requests and try again later.",
    "0x80072326": "Number of concurrent requests exceeded the limit of {}.",
}


class Limits:
    """What one user has asked for in the last five minutes.

    `cost` is how long each request is said to take, `others` how many of the same user are said
    to be running right now.
    """

    def __init__(self) -> None:
        self.requests, self.milliseconds, self.concurrent = 6_000, 1_200_000, 52
        self.cost, self.others = 50, 0
        self._asked: deque[tuple[datetime, int]] = deque()
        self._wait = timedelta(0)
        self._until: datetime | None = None
        self._code = ""

    def admit(self, now: datetime) -> dict[str, str]:
        """Count a request; what is left, as headers. Raises `Refused` with 429."""
        while self._asked and now - self._asked[0][0] >= WINDOW:
            self._asked.popleft()
        if self._until is not None and now < self._until:
            raise self._refusal(self._code, now)
        spent = sum(cost for _, cost in self._asked)
        if self.others >= self.concurrent:
            raise self._refusal("0x80072326", now)
        if len(self._asked) >= self.requests:
            raise self._refusal("0x80072322", now)
        if spent >= self.milliseconds:
            raise self._refusal("0x80072321", now)
        self._asked.append((now, self.cost))
        self._until, self._wait = None, timedelta(0)
        left = self.milliseconds - spent - self.cost
        return {
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(self.requests - len(self._asked)),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{max(left, 0) / 1000:.2f}",
        }

    def _refusal(self, code: str, now: datetime) -> Refused:
        self._wait = min(max(self._wait * 2, _FIRST), LONGEST)
        self._until, self._code = now + self._wait, code
        limit = {
            "0x80072322": self.requests,
            "0x80072321": self.milliseconds,
            "0x80072326": self.concurrent,
        }[code]
        after = {"Retry-After": str(ceil(self._wait.total_seconds()))}
        return Refused(429, code, _MESSAGES[code].format(limit), after)
