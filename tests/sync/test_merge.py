"""Whose value it becomes: a table of truth, and laws."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sync.merge import Merged, merge, plain

OWNERS = ("theirs", "ours", "newest", "if_empty", "manual")
T, O, KEPT, SAME = "taken", "ours", "kept", "same"  # noqa: E741 -- reads as a table


def fate(theirs: Any, ours: Any, base: dict[str, Any] | None, owner: str, *, newer: bool) -> str:
    merged = merge({"f": theirs}, {"f": ours}, base, lambda _: owner, theirs_is_newer=newer)
    assert not merged.taken.keys() & merged.kept.keys()
    if "f" in merged.taken:
        assert merged.taken["f"] == theirs
        return T
    if "f" in merged.kept:
        assert merged.kept["f"] == theirs
        return KEPT
    return SAME if theirs == ours else O


@pytest.mark.parametrize(
    ("theirs", "ours", "base", "expected"),
    [
        ("a", "a", None, SAME),
        ("a", "a", {"f": "a"}, SAME),
        ("a", "a", {"f": "b"}, SAME),  # both made the same change
        ("a", "b", {"f": "a"}, O),  # only we changed it: ours is on its way
        ("b", "a", {"f": "a"}, T),  # only they changed it
        (None, "a", {"f": "a"}, T),  # they cleared it
        ("a", None, {"f": "a"}, O),  # we cleared it
        ("a", None, {"f": None}, T),
    ],
)
@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("newer", [True, False])
def test_where_one_side_changed_it_the_change_wins_whoever_owns_it(
    theirs: Any, ours: Any, base: dict[str, Any] | None, expected: str, owner: str, *, newer: bool
) -> None:
    assert fate(theirs, ours, base, owner, newer=newer) == expected


@pytest.mark.parametrize(
    ("owner", "newer", "expected"),
    [
        ("theirs", False, T),
        ("theirs", True, T),
        ("newest", True, T),
        ("newest", False, KEPT),
        ("ours", True, KEPT),
        ("if_empty", True, KEPT),
        ("manual", True, KEPT),
    ],
)
def test_where_both_changed_it_the_owner_decides(owner: str, expected: str, *, newer: bool) -> None:
    assert fate("theirs", "ours", {"f": "base"}, owner, newer=newer) == expected


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize(("owner", "expected"), [("ours", T), ("if_empty", T), ("manual", KEPT)])
def test_where_both_changed_it_and_ours_is_empty(owner: str, expected: str, empty: Any) -> None:
    assert fate("theirs", empty, {"f": "base"}, owner, newer=True) == expected


@pytest.mark.parametrize(
    ("owner", "ours", "expected"),
    [
        ("theirs", "x", T),
        ("newest", "x", T),
        ("manual", "x", T),
        ("ours", "x", O),
        ("if_empty", "x", O),
        ("ours", None, T),
        ("if_empty", "", T),
    ],
)
@pytest.mark.parametrize("base", [None, {}, {"other": 1}])
def test_where_nothing_was_agreed_yet(
    owner: str, ours: Any, expected: str, base: dict[str, Any] | None
) -> None:
    """A field that goes one way, or an adopted record: no conflict, whoever wins."""
    for newer in (True, False):
        assert fate("theirs", ours, base, owner, newer=newer) == expected


def test_each_field_has_its_own_owner() -> None:
    theirs, ours = {"a": 1, "b": 1}, {"a": 2, "b": 2}
    owner = {"a": "theirs", "b": "ours"}.__getitem__
    assert merge(theirs, ours, None, owner, theirs_is_newer=True) == Merged({"a": 1}, {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 3, 1, 8, tzinfo=UTC), "2026-03-01T08:00:00+00:00"),
        (Decimal("12.5000"), "12.5"),
        (Decimal("100.0000"), "100"),
        (Decimal(0), "0"),
        ("a", "a"),
        (None, None),
        (True, True),
        (7, 7),
    ],
)
def test_values_as_a_link_remembers_them(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_the_same_amount_is_the_same_however_it_is_written() -> None:
    assert plain(Decimal("1E+2")) == plain(Decimal("100.0000"))


values = st.none() | st.sampled_from(["", "a", "b"]) | st.integers(0, 2) | st.booleans()
fields = st.sampled_from(["f", "g", "h"])
rows = st.dictionaries(fields, values)
owners = st.sampled_from(OWNERS)


@given(rows, rows, st.none() | rows, owners, st.booleans())
def test_a_merge_again_changes_nothing(
    theirs: dict[str, Any],
    ours: dict[str, Any],
    base: Any,
    owner: str,
    newer: bool,  # noqa: FBT001
) -> None:
    once = merge(theirs, ours, base, lambda _: owner, theirs_is_newer=newer)
    after = ours | once.taken
    agreed = None if base is None else {**base, **theirs}
    again = merge(theirs, after, agreed, lambda _: owner, theirs_is_newer=newer)
    assert again.taken == {}
    assert again.kept == {}


@given(rows, rows, rows, owners, st.booleans())
def test_what_they_left_alone_never_overrules_us(
    said: dict[str, Any],
    ours: dict[str, Any],
    more: dict[str, Any],
    owner: str,
    newer: bool,  # noqa: FBT001
) -> None:
    merged = merge(said, ours, more | said, lambda _: owner, theirs_is_newer=newer)
    assert merged == Merged({}, {})


@given(rows, rows, st.none() | rows, owners, st.booleans())
def test_what_they_do_not_say_is_never_touched(
    theirs: dict[str, Any],
    ours: dict[str, Any],
    base: Any,
    owner: str,
    newer: bool,  # noqa: FBT001
) -> None:
    merged = merge(theirs, ours, base, lambda _: owner, theirs_is_newer=newer)
    assert merged.taken.keys() | merged.kept.keys() <= theirs.keys()


@given(rows, rows, rows, st.booleans())
def test_one_of_both_sides_wins_every_field(
    theirs: dict[str, Any],
    ours: dict[str, Any],
    base: dict[str, Any],
    newer: bool,  # noqa: FBT001
) -> None:
    for owner in OWNERS:
        merged = merge(theirs, ours, base, lambda _, o=owner: o, theirs_is_newer=newer)  # type: ignore[misc]
        for name, value in (ours | merged.taken).items():
            assert value in (theirs.get(name), ours.get(name))
