"""The cursor of a list that pages by tokens of theirs: which window, which list, and how far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

import orjson

from hub.errors import CursorLost
from hub.rest.language import Since, TimeFormat
from hub.spoke import Cursor


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pull is. `since` is None at the first pull, `before` None once one has ended.

    `part` counts the lists of one stream (its records, then its tombstones); `next` is how the
    next page of this one is asked for, None for its first.
    """

    since: datetime | None
    before: datetime | None
    part: int = 0
    next: str | int | None = None

    @classmethod
    def begin(cls, cursor: Cursor | None, since: Since | None, now: datetime) -> Self:
        """Resume, or begin the next pull: a little before where the last one ended.

        Raises `CursorLost` for a cursor that is none of ours.
        """
        held = cls._parse(cursor) if cursor else cls(None, None)
        if held.before is not None:
            return held
        horizon = since.horizon if since else timedelta(0)
        before = max(filter(None, [(now - horizon).replace(microsecond=0), held.since]))
        overlap = since.overlap if since else timedelta(0)
        return cls(None if held.since is None else held.since - overlap, before)

    @classmethod
    def _parse(cls, cursor: Cursor) -> Self:
        try:
            held = orjson.loads(cursor)
            since, before = (
                None if held[name] is None else datetime.fromisoformat(held[name])
                for name in ("since", "before")
            )
            return cls(since, before, int(held["part"]), held["next"])
        except (ValueError, KeyError, TypeError) as error:
            raise CursorLost(f"not a cursor of a list: {cursor!r:.100}") from error

    def after(self, following: str | int | None, *, parts: int) -> Self:
        """Where a pull stands after a page."""
        if following is not None:
            return replace(self, next=following)
        if self.part + 1 < parts:
            return replace(self, part=self.part + 1, next=None)
        return replace(self, since=self.before, before=None, part=0, next=None)

    def __str__(self) -> Cursor:
        said = {
            "since": self.since and self.since.isoformat(),
            "before": self.before and self.before.isoformat(),
            "part": self.part,
            "next": self.next,
        }
        return orjson.dumps(said).decode()


def written(moment: datetime, how: TimeFormat) -> str:
    """A moment as they want it."""
    moment = moment.astimezone(UTC)
    match how:
        case "iso":
            return moment.isoformat().replace("+00:00", "Z")
        case "epoch":
            return str(int(moment.timestamp()))
        case "epoch_ms":
            return str(round(moment.timestamp() * 1000))
        case "date":
            return moment.strftime("%Y-%m-%d")


def asked(since: Since | None, start: datetime | None, before: datetime | None) -> dict[str, str]:
    """The parameters of a window."""
    if since is None:
        return {}
    said = {}
    if start is not None:
        grain = timedelta(days=1) if since.format == "date" else timedelta(seconds=1)
        said[since.parameter] = written(start - grain if since.exclusive else start, since.format)
    if since.until and before is not None:
        said[since.until] = written(before, since.format)
    return said
