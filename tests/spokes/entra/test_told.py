"""What a page says of one object, in rows that agree and rows that do not."""

from __future__ import annotations

from typing import Any

import pytest

import hub
from spokes.entra import delta
from spokes.entra.delta import Round, Told

ID = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"


def told(*rows: dict[str, Any]) -> Told:
    [one] = delta.told({"value": [{"id": ID, **row} for row in rows]})
    return one


def test_rows_that_agree_are_one() -> None:
    one = told({"displayName": "Ada"}, {"displayName": "Ada", "city": "Lindau"})
    assert (one.values["displayName"], one.values["city"]) == ("Ada", "Lindau")
    assert (one.alive, one.gone, one.torn) == (True, False, False)


def test_rows_that_do_not_agree_are_torn() -> None:
    assert told({"city": "Lindau"}, {"city": None}).torn


@pytest.mark.parametrize("order", [1, -1])
def test_a_row_and_a_removal_say_both(order: int) -> None:
    rows: list[dict[str, Any]] = [{"city": "Lindau"}, {"@removed": {"reason": "changed"}}]
    one = told(*rows[::order])
    assert (one.alive, one.gone) == (True, True)


def test_annotations_are_no_properties() -> None:
    one = told({"@odata.type": "#microsoft.graph.user", "manager@delta": []})
    assert set(one.values) == {"id"}


def test_a_member_told_both_ways_is_one_if_it_was_found() -> None:
    one = told(
        {"members@delta": [{"id": "m1", "@odata.type": "#microsoft.graph.user"}]},
        {"members@delta": [{"id": "m1", "@removed": {"reason": "deleted"}}]},
    )
    assert one.over_members([("m1", "user")]) == {("m1", "user")}
    assert one.over_members([]) == set()


def test_a_removal_that_names_no_type_removes() -> None:
    one = told({"members@delta": [{"id": "M1", "@removed": {"reason": "deleted"}}]})
    assert one.over_members([("m1", "user"), ("m2", "user")]) == {("m2", "user")}


def test_a_round_repeats_only_what_says_something_else() -> None:
    round_ = Round()
    first = hub.Change("users", ID, {"city": "Lindau"})
    other = hub.Change("users", ID, {"city": "Graz"})
    assert round_.fresh([first]) == [first]
    assert round_.fresh([first]) == []
    assert round_.fresh([other]) == [other]


def test_a_row_that_the_page_before_has_told_needs_no_reading() -> None:
    round_ = Round()
    round_.unsaid([told({"city": "Lindau"})])
    round_.fresh([hub.Change("users", ID, {"city": "Lindau", "state": None})])
    assert round_.unsaid([]) == [], "an empty page makes nobody forget"
    assert round_.unsaid([told({"city": "Lindau"})]) == []
    assert len(round_.unsaid([told({"city": "Graz"})])) == 1


def test_a_page_without_a_link_is_no_end() -> None:
    place = delta.Place("/v1.0/users/delta", ("id",), first=True)
    with pytest.raises(hub.Transient, match="neither a nextLink nor a deltaLink"):
        delta.after(place, {"value": []})
