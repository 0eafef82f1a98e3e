"""What reading a stream from the beginning, or since a moment, will come to; nothing is stored.

How many records: they say (`Counts`), or they have all come with the first pages, or our links.
What a page costs: measured on the first ones. When it ends: at the pace of the connection, one call
after another, with the last of the vendor's quota left to others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Literal

from hub.abilities import Counts
from hub.errors import SyncError
from hub.http import Client
from hub.http.quota import Left, spelled
from hub.spoke import Cursor, Page, Pulls, Spoke, Stream
from hub.store import links
from hub.store.database import Database
from hub.sync.connection import Connection
from hub.sync.reading import records_in
from hub.sync.replay.backfill import RESERVE

SAMPLED, MOST_SAMPLED = 3, 12
"""Pages: at least so many, or as many as the second call takes, but no more than that."""
LONGEST_FAULT = 200  # characters
LEAST_SHARE = 0.001
LONGEST = timedelta(days=36_500)

Source = Literal["they", "read", "links", "nobody"]
_SAID: dict[Source, str] = {
    "they": "they say {:,} records",
    "read": "there are {:,} records, all seen just now",
    "links": "we know of {:,} records",
    "nobody": "how many records there are is not known before the end",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What had come after a page: records, calls, seconds."""

    records: int = 0
    calls: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The first page with all that comes before it, then some more of them; `ended` after the last."""

    first: Seen
    last: Seen
    ended: bool

    @property
    def a_call(self) -> float:
        """How many records come with a call, once it is under way."""
        begun, end = (self.first, self.last) if self.goes_on else (Seen(), self.last)
        return (end.records - begun.records) / max(1, end.calls - begun.calls)

    @property
    def goes_on(self) -> bool:
        """Whether there was more than the first page."""
        return self.last.records > self.first.records and self.last.calls > self.first.calls

    def calls(self, records: int) -> int | None:
        """About how many calls so many records take; None where the pages had none."""
        if self.ended:
            return max(1, self.last.calls)
        if not self.a_call:
            return None
        begun = self.first if self.goes_on else self.last
        return max(begun.calls, 1, round(begun.calls + (records - begun.records) / self.a_call))

    def seconds(self, calls: int) -> float:
        """About how long the answers to so many calls take."""
        begun, end = (self.first, self.last) if self.goes_on else (Seen(), self.last)
        each = (end.seconds - begun.seconds) / max(1, end.calls - begun.calls)
        return begun.seconds + max(0, calls - begun.calls) * each


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one stream will come to. `fault` says why they could not be asked how many it has.

    `gap` is how many seconds apart our calls are at least.
    """

    stream: str
    records: int | None
    source: Source
    sample: Sample
    gap: float
    left: Left | None = None
    fault: str = ""

    @property
    def calls(self) -> int | None:
        """About how many; None if it is not known how many records there are."""
        return None if self.records is None else self.sample.calls(self.records)

    @property
    def a_call(self) -> float | None:
        """Seconds from one call to the next: what answers take, or our own pace if that is slower."""
        return self.calls and max(self.gap, self.sample.seconds(self.calls) / self.calls)

    @property
    def seconds(self) -> float | None:
        """How long it takes at least: what is done with the answers comes on top."""
        if self.calls is None or self.a_call is None:
            return None
        return _seconds(self.left, self.calls, self.a_call)

    def spelled(self, now: datetime) -> str:
        """One line for a person."""
        if self.sample.ended and not self.records:
            return "no record is there"
        said = _SAID[self.source].format(self.records)
        if self.fault:
            said += f" (they could not be asked: {self.fault})"
        if self.calls is None or self.a_call is None:
            allowed = f"; {self.left.said}" if self.left else ""
            return f"{said}; {self.sample.a_call:,.0f} with each call{allowed}"
        each = "" if self.sample.ended else f"{self.sample.a_call:,.0f} with each call, so "
        calls = "about 1 call" if self.calls == 1 else f"about {self.calls:,} calls"
        return f"{said}; {each}{calls}{_cost(self.left, self.calls, self.a_call, now)}"

    def told(self, now: datetime) -> dict[str, Any]:
        """The same for a program; times in seconds, `ends` in ISO 8601."""
        left, seconds = self.left or Left(), self.seconds
        end = None if seconds is None else _end(now, seconds)
        return {
            "stream": self.stream, "records": self.records, "source": self.source,
            "fault": self.fault, "calls": self.calls, "allowed": left.limit, "left": left.calls,
            "window": left.per and left.per.total_seconds(), "seconds": seconds, "ends": end and end.isoformat(),
            "said": self.spelled(now),
        }  # fmt: skip


def altogether(forecasts: Sequence[Forecast], now: datetime) -> str:
    """One line for the streams of a connection, which share its pace and its quota."""
    calls = [one.calls for one in forecasts if one.calls is not None]
    if not calls:
        return "how many calls it takes is not known before the end"
    slowest = max(one.a_call * one.calls for one in forecasts if one.a_call and one.calls)
    a_call = max(slowest / sum(calls), forecasts[0].gap)
    least = "" if len(calls) == len(forecasts) else "at least "
    said = f"{least}about {sum(calls):,} calls"
    return said + _cost(forecasts[-1].left, sum(calls), a_call, now)


def forecast(
    db: Database, connection: Connection, stream: str, start: Cursor | None, since: datetime | None
) -> Forecast:
    """Ask how much there is, and for the first pages after `start`, the cursor of `since`.

    Raises `SyncError` when there are no pages to be had; not when they do not count.
    """
    asked = connection.stream(stream)
    spoke = connection.spoke.using()  # its client counts nobody else's calls
    try:
        sample = _sampled(spoke.http, _sizes(spoke, connection, asked, start))
        counted, fault = (None, "") if sample.ended else _counted(spoke, asked, since)
        left = spoke.http.left
    finally:
        spoke.close()
    known = None if sample.ended or counted is not None else _linked(db, connection, stream, since)
    records, source = _most_certain(sample, counted, known)
    return Forecast(stream, records, source, sample, connection.spoke.rate.gap, left, fault)


def _most_certain(
    sample: Sample, counted: int | None, known: int | None
) -> tuple[int | None, Source]:
    """How many records there are, by whom; never fewer than have come."""
    if sample.ended:
        return sample.last.records, "read"
    if counted is not None:
        return max(counted, sample.last.records), "they"
    return (None, "nobody") if known is None else (max(known, sample.last.records), "links")


def _counted(spoke: Spoke, stream: Stream, since: datetime | None) -> tuple[int | None, str]:
    """How many they say, or why they could not be asked."""
    if not isinstance(spoke, Counts):
        return None, ""
    try:
        return spoke.count(stream, since), ""
    except SyncError as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        return None, said if len(said) <= LONGEST_FAULT else f"{said[: LONGEST_FAULT - 1]}…"


def _sizes(
    spoke: Spoke, connection: Connection, stream: Stream, start: Cursor | None
) -> Iterator[int]:
    """How many records each page has."""
    assert isinstance(spoke, Pulls)
    first, *_ = connection.mappings[stream.name]
    for page in spoke.pull(stream, start):
        yield len(records_in(page, stream.name, first)) if _is_filled(page) else 0


def _is_filled(page: Page) -> bool:
    return page.body is not None or bool(page.changes)


def _sampled(http: Client, sizes: Iterator[int]) -> Sample:
    """Read pages until it is known what one costs."""
    before, began, first, records = http.calls, monotonic(), Seen(), 0
    last = first
    for number, size in enumerate(sizes, start=1):
        records += size
        last = Seen(records, http.calls - before, monotonic() - began)
        first = last if number == 1 else first
        enough = number >= SAMPLED and last.calls > first.calls
        if enough or number == MOST_SAMPLED:
            return Sample(first, last, ended=False)
    return Sample(first, last, ended=True)


def _linked(
    db: Database, connection: Connection, stream: str, since: datetime | None
) -> int | None:
    """How many records will come, as far as links tell; None where none are linked."""
    with db.read() as tx:
        if since is not None:
            return links.count_since(tx, connection.name, stream, since.isoformat()[:19])
        return links.count(tx, connection.name, stream) or None


def _seconds(left: Left | None, calls: int, a_call: float) -> float:
    return (left or Left()).seconds(calls, a_call, RESERVE)


def _end(now: datetime, seconds: float) -> datetime | None:
    """When it ends; None where the calendar does, for what counts for others may be any number."""
    return now + timedelta(seconds=seconds) if seconds < LONGEST.total_seconds() else None


def _ends(now: datetime, seconds: float) -> str:
    end = _end(now, seconds)
    if end is None:
        return "that takes a hundred years: is their number right?"
    day = "tomorrow, " if end.date() == (now + timedelta(days=1)).date() else ""
    return f"ends about {day}{end:%Y-%m-%d %H:%M} UTC, in {spelled(timedelta(seconds=seconds))}"


def _cost(left: Left | None, calls: int, a_call: float, now: datetime) -> str:
    """What so many calls are of the quota, and when they are made."""
    ends = _ends(now, _seconds(left, calls, a_call))
    if left is None:
        return f", of a limit that they do not tell; {ends}"
    if left.limit is None:
        return f"; {left.said}; {ends}"
    fit = left.usable(RESERVE)
    short = fit is not None and left.per is not None and calls > fit
    rest = f", and {fit:,} fit now before the last fifth, which is left to others" if short else ""
    share = calls / left.limit
    part = f"{share:.1%}" if share >= LEAST_SHARE else f"less than {LEAST_SHARE:.1%}"
    return f", {part} of {left.allowed}; {left.said}{rest}; {ends}"
