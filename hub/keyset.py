"""Pulling by (timestamp, id), safe against ties and against rows that become visible late.

    cursor ── overlap ──┐                           ┌── horizon ── now
    ────────────────────┼───────────────────────────┼──────────────────▶ their clock
                        └── read, oldest first ─────┘

Timestamps out there have second precision, so a page may end in the middle of a second: the
cursor holds the id as well. Rows surface with a timestamp that is already past: the newest
seconds are not read yet (`horizon`), and the last minutes are read again (`overlap`); what is
unchanged is dropped by its digest. Facts: Salesforce and others, see docs/adr/0006.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import orjson

from hub.errors import CursorLost

Cursor = str
"""Where a pull stopped. Only who made it knows what is inside."""


class Versioned(Protocol):
    """A change: its id, and a version that is an ISO 8601 timestamp with an offset."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> str: ...


Row = TypeVar("Row", bound=Versioned)


@dataclass(frozen=True, slots=True)
class Window:
    """What to read: `timestamp > since or (timestamp == since and id > id)`, and `< before`.

    In order of (timestamp, id). `since` is None for everything up to `before`.
    """

    since: datetime | None
    id: str
    before: datetime


@dataclass(frozen=True, slots=True)
class Keyset:
    """How far from now a pull stays, and how much of the past it reads again."""

    horizon: timedelta = timedelta(seconds=30)
    overlap: timedelta = timedelta(minutes=5)

    def walk(
        self,
        cursor: Cursor | None,
        read: Callable[[Window], Iterable[Sequence[Row]]],
        *,
        now: datetime,
    ) -> Iterator[tuple[Sequence[Row], Cursor]]:
        """Yield batches, each with the cursor to resume after it; the last one may be empty.

        A cursor from the middle of a pull resumes right there; one from its end goes back by
        the overlap. Raises `CursorLost` for a cursor that is not one of ours.
        """
        at, id, finished = _parse(cursor)
        before = (now - self.horizon).replace(microsecond=0)
        since = at - self.overlap if at and finished else at
        if since is None or since < before:
            for batch in read(Window(since, id, before)):
                if batch:
                    last = batch[-1]
                    yield batch, _format(datetime.fromisoformat(last.version), last.id)
        yield (), _format(max(before, at) if at else before, "", finished=True)


def _parse(cursor: Cursor | None) -> tuple[datetime | None, str, bool]:
    if not cursor:
        return None, "", False
    try:
        held = orjson.loads(cursor)
        return datetime.fromisoformat(held["at"]), held["id"], held["finished"]
    except (ValueError, KeyError, TypeError) as error:
        raise CursorLost(f"not a keyset cursor: {cursor!r}") from error


def _format(at: datetime, id: str, *, finished: bool = False) -> Cursor:
    return orjson.dumps({"at": at.isoformat(), "id": id, "finished": finished}).decode()
