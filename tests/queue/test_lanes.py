"""Laws of sharing: everything is handed out, by weight, and nobody is forgotten."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hub.queue.lanes import ROUND, WEIGHTS, Lane, divide

offered = st.dictionaries(
    st.sampled_from(Lane),
    st.dictionaries(st.sampled_from("abcde"), st.integers(0, 12), max_size=5),
)


def _ids(counts: dict[Lane, dict[str, int]]) -> dict[Lane, dict[str, list[int]]]:
    numbers = iter(range(1000))
    return {
        lane: {name: [next(numbers) for _ in range(many)] for name, many in names.items()}
        for lane, names in counts.items()
    }


@given(offered, st.integers(0, 40), st.integers(0, 10_000))
def test_as_many_as_there_are_places_are_chosen_once_each(
    counts: dict[Lane, dict[str, int]], most: int, turn: int
) -> None:
    offers = _ids(counts)
    every = [one for names in offers.values() for ids in names.values() for one in ids]
    chosen = divide(offers, most, turn)
    assert len(chosen) == min(most, len(every))
    assert set(chosen) <= set(every)
    assert len(set(chosen)) == len(chosen)


@given(offered, st.integers(0, 40), st.integers(0, 10_000))
def test_the_oldest_of_a_connection_goes_first(
    counts: dict[Lane, dict[str, int]], most: int, turn: int
) -> None:
    offers = _ids(counts)
    chosen = divide(offers, most, turn)
    for names in offers.values():
        for ids in names.values():
            mine = [one for one in chosen if one in ids]
            assert mine == ids[: len(mine)]


@given(st.integers(0, 10_000))
def test_one_round_gives_every_lane_its_weight_whenever_it_begins(turn: int) -> None:
    offers = {lane: {"a": range(100 * lane, 100 * lane + 100)} for lane in Lane}
    chosen = divide(offers, len(ROUND), turn)
    assert Counter(Lane(one // 100) for one in chosen) == WEIGHTS


@given(st.integers(1, 9), st.integers(0, 500))
def test_taken_one_by_one_the_connections_of_every_lane_come_in_turn(
    connections: int, turn: int
) -> None:
    seen: Counter[tuple[Lane, int]] = Counter()
    offers = {lane: {str(n): [10 * lane + n] for n in range(connections)} for lane in Lane}
    for later in range(len(ROUND) * connections):
        [one] = divide(offers, 1, turn + later)
        seen[Lane(one // 10), one % 10] += 1
    assert seen == {(lane, n): WEIGHTS[lane] for lane in Lane for n in range(connections)}
