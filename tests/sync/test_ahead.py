"""One page is fetched ahead, and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from hub.spoke import Page
from hub.sync.inbound.ahead import one_ahead
from tests.queue.world import until


class Source:
    """Pages that are made when they are asked for; page `broken` cannot be."""

    def __init__(self, count: int, *, broken: int = -1) -> None:
        self.count, self.broken = count, broken
        self.made: list[int] = []

    def pages(self) -> Iterator[Page]:
        for number in range(self.count):
            if number == self.broken:
                raise ConnectionError(f"page {number}")
            self.made.append(number)
            yield Page(cursor=str(number))


def test_pages_come_in_their_order() -> None:
    assert [page.cursor for page in one_ahead(Source(5).pages())] == list("01234")
    assert list(one_ahead(Source(0).pages())) == []


def test_the_next_page_is_made_while_one_is_used_and_no_other() -> None:
    source = Source(5)
    pages = one_ahead(source.pages())
    next(pages)
    until(lambda: source.made == [0, 1])
    next(pages)
    until(lambda: source.made == [0, 1, 2])


def test_an_error_comes_after_the_pages_before_it() -> None:
    pages = one_ahead(Source(5, broken=2).pages())
    assert [next(pages).cursor, next(pages).cursor] == ["0", "1"]
    with pytest.raises(ConnectionError, match="page 2"):
        next(pages)


def test_who_stops_does_not_wait_for_the_page_that_is_on_its_way() -> None:
    answered = threading.Event()

    def slow() -> Iterator[Page]:
        yield Page(cursor="0")
        answered.wait(60)
        yield Page(cursor="1")

    pages = one_ahead(slow())
    assert next(pages).cursor == "0"
    del pages
    assert not answered.is_set()
    answered.set()
