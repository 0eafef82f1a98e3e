"""When a stream is polled: at an interval, or at the times of a cron expression in a time zone.

Times are seconds since 1970. Both kinds have regular ticks: those of an interval are counted from
when the stream was first due, those of cron are on the wall. Who missed some is due once, and
next at the next of them.

Where clocks change, cron does as Debian's does (cronsim, crontab(5)): what has a fixed time of day
runs once on that day, after the gap if its time is left out, the first time if it comes twice.
What is more frequent (`*` or `*/n` as minute or hour) goes by the time that passes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from difflib import get_close_matches
from itertools import islice
from math import floor
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, or L for the last",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT",
}
"""The fields of a cron expression, and what may stand in them, beside `*`, `*/n`, `a-b` and `a,b`."""
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
LONGEST = 200  # characters of a cron expression
DAY = 86_400  # seconds, in which clocks change once at most


class BadSchedule(ValueError):
    """No schedule can be made of this; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so often, from when the stream was first due."""

    every: timedelta

    def planned(self, due: float | None, now: float) -> float:
        """When a stream is due that was planned for `due`, maybe under another schedule.

        Who was never planned (None) is due at once.
        """
        return now if due is None else min(due, now + self.every.total_seconds())

    def after(self, due: float, now: float) -> float:
        """The next regular tick of a stream that is due since `due`: later than `now`."""
        every = self.every.total_seconds()
        return due + every * (floor((now - due) / every) + 1)

    def end_of(self, ticks: int, since: float) -> float:
        """When this many ticks have passed."""
        return since + ticks * self.every.total_seconds()

    def __str__(self) -> str:
        seconds = round(self.every.total_seconds())
        sizes = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
        unit = next(unit for unit, size in sizes.items() if seconds % size == 0)
        return f"every {seconds // sizes[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times of a cron expression of five fields."""

    expression: str
    zone: ZoneInfo

    @classmethod
    def of(cls, expression: str, zone: ZoneInfo) -> Cron:
        """A schedule that comes; raises `BadSchedule`."""
        fields = expression.split()
        if nickname := NICKNAMES.get(expression.strip().lower()):
            raise BadSchedule(f"{expression!r} is not known here; write {nickname!r}")
        if len(fields) != len(FIELDS) or len(expression) > LONGEST:
            raise BadSchedule(
                f"{expression[:LONGEST]!r} has {len(fields)} fields; write five: "
                f"{', '.join(FIELDS)}. '30 2 * * *' is 02:30 every day"
            )
        for position, (name, span) in enumerate(FIELDS.items()):
            alone = ["*"] * position + [fields[position]] + ["*"] * (4 - position)
            if not _comes(alone):
                what = f"no {name} is {fields[position]!r}; write {span}, or * for all"
                raise BadSchedule(f"{expression!r}: {what}")
        if not _comes(fields):
            raise BadSchedule(f"{expression!r} never comes; write days that its months have")
        return cls(" ".join(fields), zone)

    def planned(self, due: float | None, now: float) -> float:
        """When a stream is due that was planned for `due`, maybe under another schedule.

        Who was never planned (None) waits for the first tick. Who was planned for a time that is
        over is due only if there was a tick of ours since then.
        """
        missed = due is not None and self._next(due - 1) <= now
        return due if due is not None and missed else self._next(now)

    def after(self, due: float, now: float) -> float:
        """The next regular tick of a stream that is due since `due`: later than `now`."""
        del due
        return self._next(now)

    def end_of(self, ticks: int, since: float) -> float:
        """When this many ticks have passed."""
        return next(islice(self._ticks(since), ticks - 1, None))

    def __str__(self) -> str:
        return f"at {self.expression} ({self.zone.key})"

    def _next(self, moment: float) -> float:
        return next(self._ticks(moment))

    def _ticks(self, moment: float) -> Iterator[float]:
        """Those later than `moment`."""
        minute, hour, *_ = self.expression.split()
        if minute.startswith("*") or hour.startswith("*"):
            return self._frequent_ticks(floor(moment) + 1)
        return self._daily_ticks(moment)

    def _daily_ticks(self, moment: float) -> Iterator[float]:
        """In the hour that comes twice cronsim starts over at its beginning: what is past is skipped."""
        start = datetime.fromtimestamp(floor(moment), self.zone)
        for tick in CronSim(self.expression, start):
            if tick.timestamp() > moment:
                yield tick.timestamp()

    def _frequent_ticks(self, start: int) -> Iterator[float]:
        """From `start` on, each stretch between two changes of the clocks by itself.

        Where they change by half an hour (Lord Howe), cronsim, which goes on by whole hours, would
        step over what comes after.
        """
        while True:
            zone = timezone(self._offset(start))
            wall = datetime.fromtimestamp(start - 1, zone).replace(tzinfo=None)
            for tick in CronSim(self.expression, wall):
                at = round(tick.replace(tzinfo=zone).timestamp())
                change = self._change(start, at)
                start = change or at
                if change is not None:
                    break
                yield at
            else:
                return

    def _change(self, start: int, end: int) -> int | None:
        """When clocks change first after `start`, up to and including `end`."""
        before = self._offset(start)
        for day in range(start, end, DAY):
            last = min(day + DAY, end)
            if self._offset(last) != before:
                seconds = range(day, last)
                return seconds[0] + bisect_left(
                    seconds, True, key=lambda second: self._offset(second) != before
                )
        return None

    def _offset(self, moment: int) -> timedelta:
        return datetime.fromtimestamp(moment, self.zone).utcoffset() or timedelta()


Schedule = Interval | Cron


def time_zone(name: str) -> ZoneInfo:
    """The time zone of this name; raises `BadSchedule`."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        near = get_close_matches(name, (one for one in available_timezones() if "/" in one), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "write it as Europe/Berlin, or UTC"
        raise BadSchedule(f"unknown time zone {name!r}; {hint}") from None


def _comes(fields: list[str]) -> bool:
    """Whether cronsim can read these fields, and finds a time for them."""
    try:
        return next(CronSim(" ".join(fields), datetime(1970, 1, 1, tzinfo=UTC)), None) is not None
    except CronSimError:
        return False
