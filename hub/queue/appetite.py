"""How many jobs a worker has in hand: as many as it has threads, and what it does in a moment more.

A round trip to the database costs as much as hundreds of quick jobs, so those are taken in advance;
slow ones are left to other workers.
"""

from __future__ import annotations

from dataclasses import dataclass

QUICK = 0.05  # seconds within which all that is in hand ended: take more
SLOW = 0.2  # seconds after which some have not been started: take fewer
TOO_SLOW = 1.0  # seconds after which those are left to others
MOST = 1000


@dataclass(slots=True)
class Appetite:
    """Starts small, doubles while jobs are quick, and halves when they are not."""

    threads: int
    most: int = 0

    def __post_init__(self) -> None:
        self.most = self.threads

    def learn(self, seconds: float, *, hungry: bool) -> None:
        """`seconds` since jobs were given; whether there were too few of them."""
        if hungry and seconds < QUICK:
            self.most = min(2 * self.most, MOST)
        elif seconds > SLOW:
            self.most = max(self.most // 2, self.threads)

    def lose(self) -> None:
        """Begin small again."""
        self.most = self.threads
