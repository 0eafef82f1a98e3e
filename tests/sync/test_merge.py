"""Whose value it becomes: a table of truth, and laws."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.shape import Field
from hub.sync.records.merge import Claims, Merged, merge, plain, unplain

OWNERS = ("theirs", "ours", "newest", "rank", "if_empty", "manual")
T, O, KEPT, OVER, SAME = "taken", "ours", "kept", "overruled", "same"  # noqa: E741 -- reads as a table


def claims(*, newer: bool, higher: bool) -> Claims:
    return Claims(lambda _: newer, lambda _: higher)


def unasked(_: str) -> bool:
    raise AssertionError("nobody may ask: it costs a statement")


def fate(
    theirs: Any, ours: Any, base: dict[str, Any] | None, owner: str, *,
    newer: bool, higher: bool = True,
) -> str:  # fmt: skip
    merged = merge(
        {"f": theirs}, {"f": ours}, base, lambda _: owner, claims(newer=newer, higher=higher)
    )
    assert not merged.taken.keys() & merged.kept.keys()
    assert merged.overruled.keys() <= merged.taken.keys()
    if "f" in merged.taken:
        assert merged.taken["f"] == theirs
        assert merged.overruled in ({}, {"f": ours})
        return OVER if merged.overruled else T
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
    ("owner", "newer", "higher", "expected"),
    [
        ("theirs", False, False, OVER),
        ("theirs", True, True, OVER),
        ("newest", True, False, OVER),
        ("newest", False, True, KEPT),
        ("rank", False, True, OVER),
        ("rank", True, False, KEPT),
        ("ours", True, True, KEPT),
        ("if_empty", True, True, KEPT),
        ("manual", True, True, KEPT),
    ],
)
def test_where_both_changed_it_the_owner_decides(
    owner: str, expected: str, *, newer: bool, higher: bool
) -> None:
    assert fate("theirs", "ours", {"f": "base"}, owner, newer=newer, higher=higher) == expected


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize(
    ("owner", "expected"), [("ours", OVER), ("if_empty", OVER), ("manual", KEPT), ("rank", KEPT)]
)
def test_where_both_changed_it_and_ours_is_empty(owner: str, expected: str, empty: Any) -> None:
    """Somebody emptied it: that is a change as any other, except to who fills what is empty."""
    assert fate("theirs", empty, {"f": "base"}, owner, newer=True, higher=False) == expected


@pytest.mark.parametrize("owner", OWNERS)
def test_where_both_changed_it_and_they_emptied_it(owner: str) -> None:
    found = fate(None, "ours", {"f": "base"}, owner, newer=True, higher=True)
    assert found == (OVER if owner in {"theirs", "newest", "rank"} else KEPT)


@pytest.mark.parametrize(
    ("owner", "ours", "expected"),
    [
        ("theirs", "x", T),
        ("newest", "x", T),
        ("manual", "x", T),
        ("rank", "x", T),
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


def test_of_a_field_that_goes_one_way_the_higher_rank_keeps_its_value() -> None:
    assert fate("theirs", "ours", None, "rank", newer=True, higher=False) == O
    assert fate("theirs", None, None, "rank", newer=True, higher=False) == T


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize(
    ("theirs", "ours"), [("a", "b"), ("b", "a"), ("b", "b")], ids=["ours", "theirs", "both alike"]
)
def test_nobody_asks_who_was_first_where_nothing_is_contested(
    owner: str, theirs: str, ours: str
) -> None:
    merge({"f": theirs}, {"f": ours}, {"f": "a"}, lambda _: owner, Claims(unasked, unasked))


def test_each_field_has_its_own_owner() -> None:
    theirs, ours = {"a": 1, "b": 1}, {"a": 2, "b": 2}
    owner = {"a": "theirs", "b": "ours"}.__getitem__
    assert merge(theirs, ours, None, owner, Claims(unasked, unasked)) == Merged({"a": 1})


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


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("instant", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("instant", None),
        ("money", Decimal("12.5")),
        ("string", "2026-03-01"),
        ("integer", 7),
        ("boolean", False),
        ("json", {"a": [1]}),
    ],
)
def test_a_remembered_value_comes_back_as_it_was(kind: Any, value: Any) -> None:
    assert unplain(Field("f", kind), plain(value)) == value
    assert unplain(None, "custom") == "custom"


values = st.none() | st.sampled_from(["", "a", "b"]) | st.integers(0, 2) | st.booleans()
fields = st.sampled_from(["f", "g", "h"])
rows = st.dictionaries(fields, values)
bases = st.none() | rows
owned = st.fixed_dictionaries({name: st.sampled_from(OWNERS) for name in ("f", "g", "h")})
said_of = st.fixed_dictionaries({name: st.booleans() for name in ("f", "g", "h")})


@dataclass(frozen=True)
class Case:
    """Everything that a merge can depend on."""

    theirs: dict[str, Any]
    ours: dict[str, Any]
    base: dict[str, Any] | None
    owner: dict[str, str]
    newer: dict[str, bool]
    higher: dict[str, bool]

    def merged(self, **instead: Any) -> Merged:
        given = {"theirs": self.theirs, "ours": self.ours, "base": self.base} | instead
        weighed = Claims(self.newer.__getitem__, self.higher.__getitem__)
        return merge(given["theirs"], given["ours"], given["base"], self.owner.__getitem__, weighed)


cases = st.builds(Case, rows, rows, bases, owned, said_of, said_of)


def as_written_down(case: Case, name: str) -> str:
    """The rules as docs/two-way.md has them, a sentence a line."""
    if name not in case.theirs:
        return "untouched"
    theirs, ours, owner = case.theirs[name], case.ours.get(name), case.owner[name]
    if theirs == ours:
        return "untouched"
    empty = ours is None or ours == ""
    if case.base is not None and name in case.base:
        if theirs == case.base[name]:
            return "untouched"
        if ours == case.base[name]:
            return "taken"
        wins = {
            "theirs": True,
            "ours": empty,
            "if_empty": empty,
            "newest": case.newer[name],
            "rank": case.higher[name],
            "manual": False,
        }[owner]
        return "overruled" if wins else "kept"
    wins = {
        "theirs": True,
        "ours": empty,
        "if_empty": empty,
        "newest": True,
        "rank": empty or case.higher[name],
        "manual": True,
    }[owner]
    return "taken" if wins else "untouched"


@settings(max_examples=2_000)
@given(cases)
def test_it_does_what_the_guide_says(case: Case) -> None:
    merged = case.merged()
    for name in ("f", "g", "h"):
        expected: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
        match as_written_down(case, name):
            case "taken":
                expected = ({name: case.theirs[name]}, {}, {})
            case "overruled":
                expected = ({name: case.theirs[name]}, {}, {name: case.ours.get(name)})
            case "kept":
                expected = ({}, {name: case.theirs[name]}, {})
            case _:
                expected = ({}, {}, {})
        found = (merged.taken, merged.kept, merged.overruled)
        assert tuple(_only(name, one) for one in found) == expected


def _only(name: str, values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name]} if name in values else {}


@given(cases)
def test_a_merge_again_changes_nothing(case: Case) -> None:
    once = case.merged()
    after = case.ours | once.taken
    agreed = None if case.base is None else {**case.base, **case.theirs}
    again = case.merged(ours=after, base=agreed)
    assert (again.taken, again.kept, again.overruled) == ({}, {}, {})


@given(cases)
def test_what_they_left_alone_never_overrules_us(case: Case) -> None:
    assert case.merged(base={**(case.base or {}), **case.theirs}) == Merged()


@given(cases)
def test_what_they_do_not_say_is_never_touched(case: Case) -> None:
    merged = case.merged()
    assert merged.taken.keys() | merged.kept.keys() <= case.theirs.keys()


@given(cases)
def test_one_of_both_sides_wins_every_field(case: Case) -> None:
    merged = case.merged()
    for name, value in (case.ours | merged.taken).items():
        assert value in (case.theirs.get(name), case.ours.get(name))


@given(cases)
def test_nothing_that_both_changed_is_lost_without_a_trace(case: Case) -> None:
    """Whichever value does not stay is in what the merge gives, to be kept."""
    merged, base = case.merged(), case.base or {}
    for name in case.theirs.keys() & base.keys():
        theirs, ours = case.theirs[name], case.ours.get(name)
        if base[name] not in (theirs, ours) and theirs != ours:
            assert merged.kept.get(name, theirs) == theirs
            assert (name in merged.kept) != (name in merged.overruled)
