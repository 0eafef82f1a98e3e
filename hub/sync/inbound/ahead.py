"""Fetch one page ahead: while a page is folded into the store, the next one is on its way.

One and no more, so that memory does not grow, and so that little is fetched in vain when a page
cannot be applied.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

from hub.spoke import Page

Answer = SimpleQueue[Page | None | BaseException]


def one_ahead(pages: Iterator[Page]) -> Iterator[Page]:
    """The same pages in the same order; what `pages` raises comes where its page would have."""
    page = next(pages, None)
    while page is not None:
        upcoming = _fetched(pages)
        yield page
        answer = upcoming.get()
        if isinstance(answer, BaseException):
            raise answer
        page = answer


def _fetched(pages: Iterator[Page]) -> Answer:
    """Where the next page will be. Nobody waits for the thread: who stops early ends at once."""
    answer: Answer = SimpleQueue()
    threading.Thread(target=_fetch, args=(pages, answer), name="fetch", daemon=True).start()
    return answer


def _fetch(pages: Iterator[Page], answer: Answer) -> None:
    try:
        answer.put(next(pages, None))
    except BaseException as error:  # noqa: BLE001 -- it is raised where the page is waited for
        answer.put(error)
