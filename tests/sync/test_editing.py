"""A dead record as a person mends it: applied whole or not at all, and nothing of it is forgotten."""

from __future__ import annotations

import json
from typing import Any

import pytest

import hub
from hub.store import dead, edits
from hub.sync.replay import editing
from hub.sync.replay.editing import Edited, NotEdited
from tests.sync.elsewhere import at, gone, there
from tests.sync.world import World

CAME = {"Status": "Exploded", "Subject": "Till", "Lines": [{"Sku": "a"}]}


@pytest.fixture
def letter(world: World) -> Any:
    """Of a case that was well once."""
    world.absorb(there("cases", "c1", 1, Status="New", Subject="Till"))
    world.absorb(there("cases", "c1", 2, **CAME))
    return world.dead()[0]


def edit(world: World, letter: Any, *, only_try: bool = False, **values: Any) -> Edited:
    """These values in place of what came."""
    record = json.loads(letter.raw) | values
    raw = editing.told(json.dumps(record), seen=letter.raw)
    return editing.edit(
        world.db, world.connections, letter.id, raw, seen=letter.raw, by="ann", now=world.clock(),
        only_try=only_try,
    )  # fmt: skip


def state(world: World) -> tuple[str, str]:
    row = world.row("case", "c1")
    return row["state"], row["short_description"]


def kept(world: World) -> list[Any]:
    with world.db.read() as tx:
        return edits.find(tx)


def test_it_is_read_as_if_it_had_come_so(world: World, letter: Any) -> None:
    edited = edit(world, letter, Status="Open", Subject="Till 3")
    assert (world.dead(), state(world)) == ([], ("10", "Till 3"))
    [effect] = edited.effects
    assert (effect.entity, effect.number, effect.created) == ("case", "CS0001001", False)
    assert ("short_description", "Till", "Till 3") in effect.changes
    assert world.link("case", "c1").version == at(2)


def test_who_did_it_is_in_the_audit_and_what_came_is_kept(world: World, letter: Any) -> None:
    edited = edit(world, letter, Status="Open")
    entry = next(
        e for e in world.audits("case", world.sys_id("case", "c1")) if e["fieldname"] == "state"
    )
    assert (entry["user"], entry["hub_source"]) == ("ann", "crm")
    assert entry["hub_job_id"] == f"edit/{edited.number}"
    [row] = kept(world)
    assert (row.id, row.letter, row.edited_by) == (edited.number, letter.id, "ann")
    assert (row.external_id, row.version, row.edited_at) == ("c1", at(2), world.clock())
    assert bytes(row.before) == bytes(letter.raw)
    assert json.loads(row.after)["Status"] == "Open"


def test_a_record_that_is_born_edited_says_so_as_well(world: World) -> None:
    world.absorb(there("cases", "c1", 2, **CAME))
    edited = edit(world, world.dead()[0], Status="Open")
    [effect] = edited.effects
    assert effect.created
    assert ("short_description", "", "Till") in effect.changes
    [entry] = world.audits("case", world.sys_id("case", "c1"))
    assert (entry["fieldname"], entry["user"]) == ("*", "ann")
    assert entry["hub_job_id"] == f"edit/{edited.number}"


def test_what_came_is_no_news_when_it_comes_again(world: World, letter: Any) -> None:
    edit(world, letter, Status="Open")
    for _ in range(2):
        counts = world.absorb(there("cases", "c1", 2, **CAME))
        assert (counts.unchanged, world.dead(), state(world)) == (1, [], ("10", "Till"))


def test_its_next_real_change_takes_the_place_of_all_that_was_edited(
    world: World, letter: Any
) -> None:
    edit(world, letter, Status="Open", Subject="Till 3")
    world.absorb(there("cases", "c1", 3, Status="Solved", Subject="Till"))
    assert state(world) == ("6", "Till")


def test_a_next_change_that_is_bad_is_a_letter_again_and_holds_that(
    world: World, letter: Any
) -> None:
    edit(world, letter, Status="Open")
    world.absorb(there("cases", "c1", 3, Status="Melted"))
    [again] = world.dead()
    assert (again.version, state(world)) == (at(3), ("10", "Till"))
    assert again.since == world.clock()


def test_trying_writes_nothing(world: World, letter: Any) -> None:
    before = world.count("sys_audit"), world.link("case", "c1")
    tried = edit(world, letter, only_try=True, Status="Open")
    assert tried.effects[0].changes
    assert [one.id for one in world.dead()] == [letter.id]
    assert (world.count("sys_audit"), world.link("case", "c1")) == before
    assert (kept(world), state(world)) == ([], ("1", "Till"))


def test_an_edit_that_cannot_be_read_either_changes_nothing(world: World, letter: Any) -> None:
    with pytest.raises(NotEdited, match=r"(?s)r1: so it cannot be read either:.*'Melted'"):
        edit(world, letter, Status="Melted", Subject="Till 3")
    [still] = world.dead()
    assert (bytes(still.raw), still.error) == (bytes(letter.raw), letter.error)
    assert (kept(world), state(world)) == ([], ("1", "Till"))


@pytest.mark.parametrize("id", ["c2", 7])
def test_an_edit_keeps_the_id(world: World, letter: Any, id: Any) -> None:
    with pytest.raises(NotEdited, match=f"would be another record, '{id}' and not 'c1'"):
        edit(world, letter, Status="Open", Id=id)


def test_an_edit_cannot_take_the_id_away(world: World, letter: Any) -> None:
    with pytest.raises(NotEdited, match="cannot be read either"):
        edit(world, letter, Status="Open", Id=None)


def test_one_without_a_key_is_given_one_and_keeps_its_place_in_order(world: World) -> None:
    world.absorb(there("cases", "c1", 3, Status="Open", Subject="newer"))
    world.absorb(hub.Change("cases", "?1", {"Id": None, "Version": at(2), "Subject": "older"}))
    edit(world, world.dead()[0], Id="c1")
    assert (world.dead(), state(world)) == ([], ("10", "newer"))


def test_an_edit_does_not_make_a_record_newer_than_it_was(world: World, letter: Any) -> None:
    edit(world, letter, Status="Open", Version=at(9))
    world.absorb(there("cases", "c1", 3, Status="Solved"))
    assert state(world)[0] == "6"


def test_a_letter_that_was_resolved_meanwhile_is_not_edited(world: World, letter: Any) -> None:
    world.absorb(there("cases", "c1", 3, Status="Solved"))
    with pytest.raises(NotEdited, match="no longer: a newer change may have been read well"):
        edit(world, letter, Status="Open")
    assert state(world)[0] == "6"


def test_a_letter_that_holds_another_change_by_now_is_not_edited(world: World, letter: Any) -> None:
    world.absorb(there("cases", "c1", 3, Status="Melted"))
    with pytest.raises(NotEdited, match="a newer change of the record came meanwhile"):
        edit(world, letter, Status="Open")
    assert world.dead()[0].version == at(3)


def test_a_letter_of_a_stream_that_is_no_longer_configured_is_not_edited(
    world: World, letter: Any
) -> None:
    world.connect()
    with pytest.raises(NotEdited, match="crm/cases is no longer configured"):
        edit(world, letter, Status="Open")


def test_an_edit_to_its_deletion_deletes(world: World, letter: Any) -> None:
    edit(world, letter, Status="Open", IsDeleted=True)
    assert world.dead() == []
    assert world.link("case", "c1").deleted_at is not None
    world.absorb(gone("cases", "c1", 3))
    assert world.dead() == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON: line 1, column 1"),
        (b'{"Id": "c1",}', "not JSON: line 1, column 1"),
        (b'{"Id": NaN}', "not JSON: there is no NaN in it"),
        (b"\xff\xfe", "not JSON: "),
        (b"[" * 100_000, "not JSON: "),
        (b'["Id"]', "a record is an object"),
        (b"null", "a record is an object"),
        (b'{"Id": "c1", "Subject": "' + b"x" * editing.LARGEST + b'"}', "is larger than 1048576 b"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(NotEdited, match=why):
        editing.told(text, seen=b"{}")


def test_a_record_may_grow_to_twice_what_came() -> None:
    seen = b'{"a": "' + b"x" * editing.LARGEST + b'"}'
    assert editing.told(seen, seen=seen)


def test_values_are_set_by_path_as_mappings_have_them() -> None:
    record: dict[str, Any] = {"Lines": [{"Qty": 1}], "Status": "x"}
    editing.with_set(
        record,
        ["Status=Open", "Lines[0].Qty=2", 'this["odd key"]=a=b', "Address.City=null", 'No="7"'],
    )  # fmt: skip
    assert record == {
        "Status": "Open", "Lines": [{"Qty": 2}], "odd key": "a=b", "Address": {"City": None},
        "No": "7",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("assignment", "why"),
    [
        ("Status", "is no assignment: PATH=VALUE"),
        ("=x", "the expression is empty"),
        ("Lines[3].Qty=1", "there is no item 3 in the record"),
        ("Status.Name=x", "there is no 'Name' in the record"),
        ("1=x", "is no path"),
        ("a | trim=x", "is no path"),
        ("__class__=x", "is not a key"),
        ("a(b=1)=x", "cannot be read|is no path"),
        ("Status=NaN", "there is no NaN"),
    ],
)
def test_what_cannot_be_set_is_told(assignment: str, why: str) -> None:
    with pytest.raises(NotEdited, match=why):
        editing.with_set({"Lines": [], "Status": "x"}, [assignment])


def test_differences_are_told_by_path() -> None:
    before = {"a": 1, "b": [1, {"c": 2}], "d": None, "f": 1}
    after = {"a": 1.5, "b": [1, {"c": 3}, 4], "e": None, "f": True}
    assert sorted(editing.differences(before, after)) == [
        ("a", "1", "1.5"), ("b[1].c", "2", "3"), ("b[2]", "", "4"), ("d", "null", ""),
        ("e", "", "null"), ("f", "1", "true"),
    ]  # fmt: skip


def test_a_dropped_letter_keeps_its_edits(world: World, letter: Any) -> None:
    edit(world, letter, Status="Open")
    with world.db.write() as tx:
        assert dead.drop(tx, dead.Which()) == 0, "what is resolved is no letter"
    assert len(kept(world)) == 1
