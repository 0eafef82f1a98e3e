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

LISTED: Cursor = "listed"
"""The cursor of who lists all that there is every time, and can be asked for nothing less.

A pull that ends with it cannot be gone on with: the next one gets None, and what that one does not
have is gone, as after a lost cursor. On a page before the last it says that whoever stops there
begins again.
"""


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

        A cursor resumes at its row, but never nearer than the overlap to the end of the pull
        that it is from: rows that surfaced late meanwhile are before it. Raises `CursorLost` for
        a cursor that is not one of ours.
        """
        held = _parse(cursor) if cursor else None
        before = (now - self.horizon).replace(microsecond=0)
        if held is not None:
            before = max(before, held.before)
        window = Window(None, "", before) if held is None else self._window(held, before)
        if window.since is None or window.since < before:
            for batch in read(window):
                if batch:
                    last = batch[-1]
                    at = datetime.fromisoformat(last.version)
                    yield batch, _format(_Held(at, last.id, before))
        yield (), _format(_Held(before, "", before))

    @staticmethod
    def since(moment: datetime) -> Cursor:
        """A cursor after which a walk brings all that changed from this moment on, and before it
        what the overlap reads again.
        """
        return _format(_Held(moment, "", moment))

    def _window(self, held: _Held, before: datetime) -> Window:
        settled = held.before - self.overlap
        if held.at > settled:
            return Window(settled, "", before)
        return Window(held.at, held.id, before)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a cursor says: the last row, and up to when its pull went."""

    at: datetime
    id: str
    before: datetime


def _parse(cursor: Cursor) -> _Held:
    try:
        held = orjson.loads(cursor)
        at, before = (datetime.fromisoformat(held[name]) for name in ("at", "before"))
        return _Held(at, str(held["id"]), before)
    except (ValueError, KeyError, TypeError) as error:
        raise CursorLost(f"not a keyset cursor: {cursor!r}") from error


def _format(held: _Held) -> Cursor:
    said = {"at": held.at.isoformat(), "id": held.id, "before": held.before.isoformat()}
    return orjson.dumps(said).decode()
