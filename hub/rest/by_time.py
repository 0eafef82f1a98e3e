"""Pulling a list that is in order of time: the last record's version is where the next page begins.

keyset   `(version, id)` names the place exactly; pages stay bytes
numbers  pages and offsets shift while records change, so each page begins anew at the version of
         the last record, and numbers only count within one moment
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from hub.errors import Permanent
from hub.http import Response
from hub.keyset import Keyset, Window
from hub.rest import pages
from hub.rest.envelope import Envelope
from hub.rest.language import Since
from hub.rest.place import asked
from hub.rest.records import id_of, moment_of
from hub.rest.source import Source
from hub.spoke import Change, Cursor, Page


@dataclass(frozen=True, slots=True)
class Row:
    """A page, under the id and the moment of its last record: what `Keyset` asks of it."""

    id: str
    at: datetime
    page: Page

    @property
    def version(self) -> str:
        return self.at.isoformat()


def pull(source: Source, since: Since, cursor: Cursor | None, now: datetime) -> Iterator[Page]:
    """Oldest first; see `hub.keyset` for the window and the cursor."""
    how = source.stream.pages
    read = partial(_by_key if how and how.by == "keyset" else _by_number, source)
    for rows, after in Keyset(since.horizon, since.overlap).walk(cursor, read, now=now):
        yield replace(rows[-1].page, cursor=after) if rows else Page((), after)


def _page(
    source: Source, window: Window, start: datetime | None, at: pages.Next | None
) -> tuple[Response, Envelope]:
    response = source.ask(at, asked(source.stream.since, start, window.before))
    return response, source.opened(response, source.stream.records)


def _by_key(source: Source, window: Window) -> Iterator[Sequence[Row]]:
    start, id = window.since, window.id
    while True:
        response, envelope = _page(source, window, start, id or None)
        if not envelope.records:
            return
        last = envelope.last
        row = Row(
            id_of(last, source.stream.id, source.name),
            _moment(source, last),
            source.page(response, envelope, ""),
        )
        if (row.id, row.at) == (id, start):
            raise Permanent(f"{source.name}: the page after {id} ends with it: is it a keyset?")
        yield [row]
        if not pages.more(source.stream.pages, envelope):
            return
        start, id = row.at, row.id


def _by_number(source: Source, window: Window) -> Iterator[Sequence[Row]]:
    """Read each moment until a pass over all of its pages brings nothing new.

    A record that changes meanwhile leaves its page, and the next one moves up: whoever counts on
    would miss one. A moment that fits into its first page needs no second pass.
    """
    moment = window.since and _floor(source, window.since)
    seen: dict[tuple[str, str], datetime] = {}
    number: pages.Next | None = None
    late = False
    while True:
        response, envelope = _page(source, window, moment, number)
        rows = envelope.rows
        fresh = _unseen(source, envelope, rows, seen)
        if fresh:
            late |= number is not None
            yield [Row(fresh[-1].id, seen[fresh[-1].id, fresh[-1].version], Page(fresh))]
        following = pages.following(source.stream.pages, response, envelope, number)
        reached = _floor(source, _moment(source, rows[-1])) if rows else moment
        moved = reached is not None and (moment is None or reached > moment)
        if late and (following is None or moved):
            number, late = None, False
        elif following is None:
            return
        elif moved and reached is not None:
            moment, number = reached, None
            seen = {key: at for key, at in seen.items() if at >= reached}
        else:
            number = following


def _unseen(
    source: Source, envelope: Envelope, rows: Sequence[object],
    seen: dict[tuple[str, str], datetime],
) -> list[Change]:  # fmt: skip
    """The changes that no page of this moment has told yet; they are noted."""
    fresh = []
    for change, row in zip(source.changes(envelope), rows, strict=True):
        if (change.id, change.version) not in seen:
            seen[change.id, change.version] = _moment(source, row)
            fresh.append(change)
    return fresh


def _moment(source: Source, row: object) -> datetime:
    since = source.stream.since
    ms = since is not None and since.format == "epoch_ms"
    return moment_of(row, source.stream.version, source.name, ms=ms).astimezone(UTC)


def _floor(source: Source, at: datetime) -> datetime:
    """The moment as exactly as they can be asked for it."""
    since = source.stream.since
    at = at.astimezone(UTC).replace(microsecond=0)
    return at.replace(hour=0, minute=0, second=0) if since and since.format == "date" else at
