"""What other systems report of a case or incident ends the same in any order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.service import rules
from hub.service.states import MACHINES
from hub.store import entities

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EARLIER = datetime(2026, 11, 20, 9, tzinfo=UTC)
NEW, IN_PROGRESS, RESOLVED, CLOSED, CANCELED = "1", "2", "6", "7", "8"

Row = dict[str, Any]


def reported(*arrivals: tuple[int, Row], entity: str = "incident") -> Row:
    """The record after reports of (version, fields), of which older ones are dropped."""
    row: Row | None = None
    newest = 0
    for version, told in arrivals:
        if version > newest:
            row, newest = _changed(entity, row, told, reported=True), version
    assert row is not None
    return row


def commanded(row: Row, **values: Any) -> Row:
    """The record after somebody here has changed it."""
    return _changed("incident", row, values, reported=False)


def _changed(entity: str, row: Row | None, told: Row, *, reported: bool) -> Row:
    after = dict(row or entities.find(entity).blank) | told
    return after | rules.derive(entity, row, after, set(told), now=NOW, reported=reported)


def in_both_orders(*history: Row) -> Row:
    arrivals = list(enumerate(history, start=1))
    forth, back = reported(*arrivals), reported(*arrivals[::-1])
    assert forth == back
    return forth


def test_when_work_began_is_not_guessed_from_what_arrived() -> None:
    ending = in_both_orders({"state": NEW}, {"state": IN_PROGRESS}, {"state": RESOLVED})
    assert ending["work_start"] is None


def test_how_often_it_was_reopened_is_not_counted_from_what_arrived() -> None:
    ending = in_both_orders({"state": RESOLVED}, {"state": IN_PROGRESS})
    assert (ending["reopen_count"], ending["resolved_at"]) == (0, None)


def test_what_they_say_of_it_is_never_overruled() -> None:
    told = {"resolved_at": EARLIER, "reopen_count": 0}
    ending = in_both_orders({"state": RESOLVED} | told, {"state": IN_PROGRESS} | told)
    assert (ending["resolved_at"], ending["reopen_count"]) == (EARLIER, 0)


def test_that_they_do_not_know_when_it_was_resolved_is_not_overruled_either() -> None:
    told = {"resolved_at": None}
    ending = in_both_orders({"state": NEW} | told, {"state": RESOLVED} | told)
    assert ending["resolved_at"] is None


def test_what_is_closed_was_resolved_at_the_latest_then() -> None:
    ending = in_both_orders({"state": RESOLVED}, {"state": CLOSED})
    assert (ending["resolved_at"], ending["closed_at"], ending["active"]) == (NOW, NOW, False)


def test_what_is_canceled_was_not_resolved() -> None:
    ending = in_both_orders({"state": RESOLVED}, {"state": CANCELED})
    assert (ending["resolved_at"], ending["closed_at"]) == (None, NOW)


def test_what_came_back_is_not_closed_any_more() -> None:
    ending = in_both_orders({"state": CLOSED}, {"state": RESOLVED})
    assert (ending["resolved_at"], ending["closed_at"], ending["active"]) == (NOW, None, True)


def test_the_priority_follows_from_the_first_report_as_from_a_later_one() -> None:
    urgent = {"impact": "1", "urgency": "1"}
    ending = in_both_orders({"impact": "3", "urgency": "3"}, urgent)
    assert ending["priority"] == "1"


@pytest.mark.parametrize("entity", MACHINES)
@given(data=st.data())
def test_every_history_ends_the_same_shuffled_and_repeated(
    entity: str, data: st.DataObject
) -> None:
    told = data.draw(st.lists(_reports(entity), min_size=1, max_size=8))
    history = list(enumerate(told, start=1))
    again = data.draw(st.lists(st.sampled_from(history), max_size=6))
    shuffled = data.draw(st.permutations([*history, *again]))
    assert reported(*shuffled, entity=entity) == reported(*history, entity=entity)


def _reports(entity: str) -> st.SearchStrategy[Row]:
    """States in any order; the rest is told by all reports of a history or by none of them."""
    machine = MACHINES[entity]
    states: Sequence[str] = sorted({machine.first, *machine.next, *machine.closed})
    return st.fixed_dictionaries(
        {
            "state": st.sampled_from(states),
            "impact": st.sampled_from("123"),
            "urgency": st.sampled_from("123"),
            "closed_at": st.sampled_from([None, EARLIER]),
        }
    )


def test_what_somebody_here_does_is_counted() -> None:
    row = reported((1, {"state": NEW}))
    row = commanded(row, state=IN_PROGRESS)
    assert row["work_start"] == NOW
    row = commanded(row, state=RESOLVED)
    assert row["resolved_at"] == NOW
    row = commanded(row, state=IN_PROGRESS)
    assert (row["resolved_at"], row["reopen_count"], row["work_start"]) == (None, 1, NOW)
