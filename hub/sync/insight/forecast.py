"""What reading a stream again will come to, measured on its first pages; nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic

from hub.http.quota import Left
from hub.spoke import Cursor, Pulls
from hub.store import links
from hub.store.database import Database
from hub.sync.connection import Connection
from hub.sync.reading import records_in

SAMPLED = 3  # pages


@dataclass(frozen=True, slots=True)
class Forecast:
    """`records` as far as we know: those that are linked. `calls` and `seconds` follow from pages.

    `limit` is how many calls they allow, if they say so, in whatever time they count.
    """

    records: int | None
    sampled: int
    calls_sampled: int
    seconds_sampled: float
    left: Left | None = None

    @property
    def calls(self) -> int | None:
        """About how many; None if it is not known how many records there are."""
        if self.records is None or not self.sampled:
            return None
        return max(1, round(self.calls_sampled * max(1.0, self.records / self.sampled)))

    @property
    def seconds(self) -> float | None:
        """About how long their answers will take."""
        return self.calls and self.calls * self.seconds_sampled / self.calls_sampled

    def spelled(self, now: datetime) -> str:
        """One line for a person."""
        if not self.sampled:
            return "no record is there"
        a_call = f"{self.sampled / self.calls_sampled:.0f} records came with a call"
        if self.calls is None or self.seconds is None:
            return f"how many there are is not known before the end; {a_call}{self._quota()}"
        end = now + timedelta(seconds=self.seconds)
        return (
            f"about {self.records:,} records; {a_call}, so about {self.calls:,} calls"
            f"{self._quota()}; about {self.seconds:,.0f} s, until {end:%Y-%m-%d %H:%M} UTC"
        )

    def _quota(self) -> str:
        if self.left is None:
            return ", of a limit that they do not tell"
        share = self.calls and self.left.limit and self.calls / self.left.limit
        of = f" ({share:.1%} of what they allow)" if share else ""
        return f"{of}; {self.left.said}"


def forecast(
    db: Database, connection: Connection, stream: str, start: Cursor | None, since: datetime | None
) -> Forecast:
    """Ask for the first pages after `start`, the cursor of the moment `since`. Raises `SyncError`."""
    spoke = connection.spoke.using()  # its client counts nobody else's calls
    assert isinstance(spoke, Pulls)
    first, *_ = connection.mappings[stream]
    sampled, began = 0, monotonic()
    try:
        for page in islice(spoke.pull(connection.stream(stream), start), SAMPLED):
            if page.body is not None or page.changes:
                sampled += len(records_in(page, stream, first))
        calls, left = spoke.http.calls, spoke.http.left
    finally:
        spoke.close()
    seconds = monotonic() - began
    return Forecast(_known(db, connection, stream, since), sampled, max(1, calls), seconds, left)


def _known(db: Database, connection: Connection, stream: str, since: datetime | None) -> int | None:
    """How many records will come, as far as links tell; None where none are linked."""
    with db.read() as tx:
        if since is not None:
            return links.count_since(tx, connection.name, stream, since.isoformat()[:19])
        return links.count(tx, connection.name, stream) or None
