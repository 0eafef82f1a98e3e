"""Pulling by (timestamp, id): nothing is missed, whatever their clock and their rows do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import CursorLost
from hub.keyset import Keyset, Window

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = Keyset(horizon=timedelta(seconds=30), overlap=timedelta(minutes=5))


@dataclass(frozen=True)
class Row:
    id: str
    version: str
    visible_at: datetime = NOON - timedelta(days=365)

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.version)


def row(id: str, seconds: float, *, late: float = 0) -> Row:
    """A row that changed so many seconds after noon, and is seen so much later."""
    moment = NOON + timedelta(seconds=seconds)
    return Row(id, moment.isoformat(), moment + timedelta(seconds=late))


def reader(
    rows: Sequence[Row], now: datetime, page: int, asked: list[Window] | None = None
) -> Callable[[Window], Iterator[Sequence[Row]]]:
    """What a vendor's API does with the two predicates."""

    def read(window: Window) -> Iterator[Sequence[Row]]:
        if asked is not None:
            asked.append(window)
        found = sorted(
            (one for one in rows if one.visible_at <= now and one.at < window.before),
            key=lambda one: (one.at, one.id),
        )
        if window.since is not None:
            after = (window.since, window.id)
            found = [one for one in found if (one.at, one.id) > after]
        yield from (found[i : i + page] for i in range(0, len(found), page))

    return read


def pulled(
    rows: Sequence[Row], cursor: str | None, now: datetime, *, page: int = 2, most: int = 10_000
) -> tuple[list[Row], str | None]:
    """The rows of up to `most` pages, and the cursor after them."""
    seen: list[Row] = []
    for number, (batch, after) in enumerate(KEYS.walk(cursor, reader(rows, now, page), now=now)):
        seen += batch
        cursor = after
        if number + 1 == most:
            break
    return seen, cursor


def test_the_first_pull_reads_everything_up_to_the_horizon() -> None:
    asked: list[Window] = []
    rows = [row("a", -100), row("b", -31), row("c", -30), row("d", -1)]
    found = list(KEYS.walk(None, reader(rows, NOON, 10, asked), now=NOON))
    assert asked == [Window(None, "", NOON - timedelta(seconds=30))]
    assert [one.id for batch, _ in found for one in batch] == ["a", "b"]


def test_a_pull_that_stopped_in_a_second_resumes_in_it() -> None:
    rows = [row(id, -1000) for id in "abcdef"]
    first, cursor = pulled(rows, None, NOON, most=2)
    rest, _ = pulled(rows, cursor, NOON)
    assert [one.id for one in first + rest] == list("abcdef")


def test_a_pull_that_stopped_in_the_last_minutes_reads_them_again() -> None:
    """Rows may have surfaced before the one at which it stopped."""
    rows = [row("a", -1000), row("b", -100), row("late", -120, late=125), row("c", -90)]
    first, cursor = pulled(rows, None, NOON, page=1, most=2)
    rest, _ = pulled(rows, cursor, NOON + timedelta(seconds=10))
    assert [one.id for one in first] == ["a", "b"]
    assert [one.id for one in rest] == ["late", "b", "c"]


def test_a_finished_pull_reads_the_last_minutes_again() -> None:
    rows = [row("a", -400), row("b", -100)]
    _, cursor = pulled(rows, None, NOON)
    later = NOON + timedelta(seconds=60)
    asked: list[Window] = []
    list(KEYS.walk(cursor, reader(rows, later, 10, asked), now=later))
    [window] = asked
    assert window.since == NOON - timedelta(seconds=30) - KEYS.overlap
    assert (window.id, window.before) == ("", later - timedelta(seconds=30))


def test_a_row_that_surfaces_late_is_found() -> None:
    rows = [row("a", -100), row("late", -90, late=200)]
    first, cursor = pulled(rows, None, NOON)
    second, _ = pulled(rows, cursor, NOON + timedelta(seconds=120))
    assert [one.id for one in first] == ["a"]
    assert "late" in [one.id for one in second]


def test_without_new_rows_the_cursor_moves_on() -> None:
    cursor = None
    for minute in range(5):
        found, cursor = pulled([], cursor, NOON + timedelta(minutes=minute))
        assert found == []
    asked: list[Window] = []
    list(KEYS.walk(cursor, reader([], NOON, 1, asked), now=NOON + timedelta(hours=1)))
    assert asked[0].since == NOON + timedelta(minutes=4, seconds=-30) - KEYS.overlap


def test_a_clock_that_goes_back_does_not_take_the_cursor_along() -> None:
    _, cursor = pulled([row("a", -100)], None, NOON)
    earlier = NOON - timedelta(hours=1)
    [(batch, after)] = KEYS.walk(cursor, reader([], earlier, 2), now=earlier)
    assert (list(batch), after) == ([], cursor)


def test_a_page_may_be_empty() -> None:
    found = list(KEYS.walk(None, lambda _: [[], [row("a", -100)], []], now=NOON))
    assert [len(batch) for batch, _ in found] == [1, 0]


def test_versions_in_another_zone_are_the_same_moment() -> None:
    odd = Row("a", "2026-03-01T14:00:00.000+02:00")
    [(_, after), _] = KEYS.walk(None, lambda _: [[odd]], now=NOON + timedelta(hours=1))
    assert datetime.fromisoformat(orjson.loads(after)["at"]) == NOON


@pytest.mark.parametrize(
    "cursor", ["7", "null", "[]", "{}", '{"at": "soon", "id": "", "before": "later"}', "{", "x"]
)
def test_a_strange_cursor_is_lost(cursor: str) -> None:
    with pytest.raises(CursorLost, match="not a keyset cursor"):
        list(KEYS.walk(cursor, lambda _: [], now=NOON))


@pytest.mark.parametrize("cursor", [None, ""])
def test_no_cursor_is_the_beginning(cursor: str | None) -> None:
    asked: list[Window] = []
    list(KEYS.walk(cursor, reader([], NOON, 1, asked), now=NOON))
    assert asked[0].since is None


lateness = st.integers(0, 25)  # within the horizon
rows_of = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(-60, 120), lateness), max_size=25
).map(lambda all_: [row(f"{id}{n}", at, late=late) for n, (id, at, late) in enumerate(all_)])


@given(rows_of, st.integers(1, 4), st.lists(st.integers(1, 3), min_size=1, max_size=20))
def test_whoever_stops_anywhere_misses_nothing(
    rows: list[Row], page: int, stops: list[int]
) -> None:
    """Pulls at any time, broken off after any page, see every row, however late it surfaced."""
    seen: set[Any] = set()
    cursor: str | None = None
    now = NOON
    for stop in [*stops, 10_000, 10_000]:
        found, cursor = pulled(rows, cursor, now, page=page, most=stop)
        seen |= {one.id for one in found}
        now += timedelta(seconds=20)
    found, _ = pulled(rows, cursor, NOON + timedelta(hours=1), page=page)
    assert seen | {one.id for one in found} == {one.id for one in rows}
