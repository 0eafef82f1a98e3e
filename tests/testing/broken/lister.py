"""Lister, another vendor that does not exist: Acme, where nobody can say what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import hub
from tests.testing.broken.acme import Acme


class Lister(Acme):
    """Lists everything at every pull."""

    streams = (hub.Stream("work_orders"),)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        del cursor  # it gives none that could be gone on from
        for page in super().pull(stream, None):
            yield hub.Page(page.changes, hub.LISTED)


class SkipsWhatMovesUp(Lister):
    """Counts how far it is in a list that gets shorter meanwhile; the deleted come at its end."""

    breaks: ClassVar = {"a_listing_leaves_nothing_out", "replays_the_recorded_pull"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        start = 0
        while True:
            pages = [page.changes for page in super().pull(stream, cursor)]
            told = [change for page in pages for change in page]
            alive = [change for change in told if change.data]
            some = alive[start : start + len(pages[0])]
            if not some:
                yield hub.Page([one for one in told if one.data is None], hub.LISTED)
                return
            yield hub.Page(some, hub.LISTED)
            start += len(some)


BROKEN: tuple[type[Lister], ...] = (SkipsWhatMovesUp,)
