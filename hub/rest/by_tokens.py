"""Pulling a list whose pages they number or link: the place in it is theirs, the window is ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from hub.errors import CursorLost, Permanent
from hub.http import Response
from hub.http.status import called
from hub.rest import pages
from hub.rest.language import Tombstones
from hub.rest.place import Place, asked
from hub.rest.source import Source
from hub.spoke import Cursor, Page


def pull(source: Source, cursor: Cursor | None, now: datetime) -> Iterator[Page]:
    """The records' pages, then those of tombstones that have a list of their own.

    Whoever resumes with a token that they forgot begins its window anew; a window that they
    forgot raises `CursorLost`.
    """
    place: Place | None = Place.begin(cursor, source.stream.since, now)
    while place is not None:
        stones = _listed_apart(source) if place.part else None
        window = asked(source.stream.since, place.since, place.before)
        try:
            response = source.ask(place.next, window, path=(stones and stones.path) or "")
        except CursorLost:
            if place.next is None:
                raise
            place = replace(place, next=None)
            continue
        page, place = _read(source, response, place, stones)
        yield page


def _read(
    source: Source, response: Response, place: Place, stones: Tombstones | None
) -> tuple[Page, Place | None]:
    """One answer as a page, and where the next one is; None after the last."""
    envelope = source.opened(response, stones.records if stones else source.stream.records)
    following = pages.following(source.stream.pages, response, envelope, place.next)
    if following is not None and following == place.next:
        raise Permanent(f"{called(response.request)}: the page after this one is itself")
    after = place.after(following, parts=2 if _listed_apart(source) else 1)
    if stones:
        page = Page([source.deletion(stones, row) for row in envelope.rows], str(after))
    else:
        page = source.page(response, envelope, str(after))
    return page, None if after.before is None else after


def _listed_apart(source: Source) -> Tombstones | None:
    stones = source.stream.tombstones
    return stones if stones and stones.path else None
