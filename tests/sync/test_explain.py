"""Why a field says what it says: who gave it, what that overruled, where it goes next."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.store import entities
from hub.store.database import Database
from hub.sync.insight.explain import Explained, explain
from hub.sync.jobs import Poll
from hub.sync.records.amend import Origin, Patch
from tests.sync.elsewhere import there
from tests.sync.world import World, altered, connected

CASES = Poll("crm", "cases")


@pytest.fixture
def world(db: Database) -> World:
    world = World(db)
    world.connect(connected("crm"), connected("erp", streams=("cases",)))
    return world


def explained(world: World, entity: str = "case", id: str = "c1") -> dict[str, Explained]:
    row = world.row(entity, id)
    with world.db.read() as tx:
        found = explain(tx, world.connections, entities.find(entity), row)
    return {one.field: one for one in found}


def one(world: World, field: str, *, entity: str = "case", sys_id: str = "") -> Explained:
    row = world.of(entity, sys_id) if sys_id else world.row(entity, "c1")
    with world.db.read() as tx:
        [found] = explain(tx, world.connections, entities.find(entity), row, only=field)
    return found


def test_of_a_record_that_came_whole_the_mapping_says_which_line_gave_what(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Subject="Till", Status="Open", Region="north"))
    found = explained(world)
    subject = found["short_description"]
    assert (subject.value, subject.giver, subject.connection, subject.external_id) == (
        "Till", "connection", "crm", "c1",
    )  # fmt: skip
    assert subject.place == world.connections["crm"].mappings["cases"][0].place("short_description")
    assert subject.place.partition(":")[2].isdigit()
    assert (subject.at, subject.previous, subject.mapping_changed) == (world.now, None, False)
    assert found["u_region"].giver == "connection"
    assert (found["state"].value, found["state"].display) == ("10", "open")
    assert found["number"].giver == "hub"
    assert found["active"].giver in {"rule", "default"}
    assert found["opened_at"].reason.startswith("the rules give a new record this value as well")
    assert found["state"].reason == found["short_description"].reason == ""
    assert not [name for name in found if name.startswith("sys_") or name == "hub_custom"]


def test_a_change_names_its_line_its_job_and_what_it_overruled(world: World) -> None:
    system = world.system()
    for subject in ("Till", "Till is dead"):
        system.set("cases", "c1", Subject=subject)
        world.put(CASES)
        world.work()
    found = one(world, "short_description")
    assert (found.value, found.previous, found.by) == ("Till is dead", "Till", "crm")
    assert found.job.startswith("poll/")
    assert found.place.partition(":")[2].isdigit()
    assert found.owner == "newest"


def test_a_persons_value_is_a_persons(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Subject="Till"))
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours", u_note="Mine")
    subject, note = one(world, "short_description"), one(world, "u_note")
    assert (subject.giver, subject.by, subject.connection) == ("person", "ann", "")
    assert (subject.previous, subject.place) == ("Till", "")
    assert (note.value, note.giver, note.outlets) == ("Mine", "person", [])


def test_what_follows_from_other_values_is_by_rule(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Subject="Till", Impact="3", Urgency="3"))
    sys_id = world.sys_id("case", "c1")
    world.edit("case", sys_id, impact="1", urgency="1")
    priority = one(world, "priority")
    assert (priority.value, priority.giver, priority.by, priority.place) == ("1", "rule", "ann", "")
    world.absorb(there("cases", "c1", 10**7, Status="Solved"))
    solved = one(world, "resolved_at")
    assert (solved.giver, solved.connection, solved.place) == ("rule", "crm", "")
    [entry] = [e for e in world.audits("case", sys_id) if e["fieldname"] == "resolved_at"]
    assert entry["hub_mapping"] == "rule"


def test_what_nobody_has_said_is_a_default_or_nothing(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Subject="Till"))
    assert one(world, "impact").reason.startswith("a new record has this value as well")
    assert one(world, "escalation").giver == "default"
    assert (one(world, "description").giver, one(world, "description").value) == ("nobody", None)


def test_a_record_that_a_person_made_is_theirs(world: World) -> None:
    patch = Patch(entities.find("case"), "a" * 32, {"short_description": "Ours"}, fresh=True)
    world.amend(patch, origin=Origin("ann", command=True))
    subject = one(world, "short_description", sys_id="a" * 32)
    assert (subject.giver, subject.by) == ("person", "ann")
    assert one(world, "opened_at", sys_id="a" * 32).giver == "rule"
    states = {outlet.connection: outlet.state for outlet in subject.outlets}
    assert states == dict.fromkeys(("crm", "erp"), "not there: it will be created")


def test_a_reference_is_shown_by_name_and_one_that_waits_says_for_what(world: World) -> None:
    world.absorb(there("accounts", "a1", 1, Name="Brookfield"))
    world.absorb(there("cases", "c1", 1, AccountId="a1", ContactId="p9"))
    found = explained(world)
    assert (found["account"].display, found["account"].giver) == ("Brookfield", "connection")
    assert (found["contact"].value, found["contact"].awaits) == (None, "crm/contacts p9")


def test_a_journal_has_entries_each_with_its_origin(world: World) -> None:
    comment = {"Id": "m1", "Text": "Hello", "Public": True, "At": "2026-03-01T08:00:00Z"}
    world.absorb(there("cases", "c1", 1, Comments=[comment]))
    world.edit("case", world.sys_id("case", "c1"), comments="Called back")
    comments = one(world, "comments")
    assert comments.value == 2
    origins = {(said.text, said.connection, said.external_id) for said in comments.entries}
    assert origins == {("Hello", "crm", "m1"), ("Called back", "", "")}
    assert explained(world)["comments"].value == 2


def test_it_says_where_the_value_goes_next(world: World) -> None:
    world.system().set("cases", "c1", Subject="Till")
    world.absorb(world.system().changes[-1])
    states = {outlet.connection: outlet.state for outlet in one(world, "short_description").outlets}
    assert states == {"crm": "in step", "erp": "not there: it will be created"}
    world.work()
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    outlets = one(world, "short_description").outlets
    assert {outlet.connection: outlet.state for outlet in outlets} == {
        "crm": "waits to be sent", "erp": "waits to be sent",
    }  # fmt: skip
    assert all(outlet.two_way and ":" in outlet.place for outlet in outlets)
    world.work()
    outlets = one(world, "short_description").outlets
    assert {outlet.state for outlet in outlets} == {"in step"}


def test_a_conflict_is_told_with_what_it_holds_back(world: World, tmp_path: Path) -> None:
    mapping = altered(tmp_path, "cases", "stamp: Hub_Id\n", "stamp: Hub_Id\nowner: manual\n")
    world.connect(connected(cases=mapping))
    world.absorb(there("cases", "c1", 1, Subject="Till"))
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    world.absorb(there("cases", "c1", 2, Subject="Theirs"))
    subject = one(world, "short_description")
    [conflict] = subject.conflicts
    assert (conflict.ours, conflict.theirs, conflict.open) == ("Ours", "Theirs", True)
    assert [outlet.state for outlet in subject.outlets] == [f"held back by conflict {conflict.id}"]
    assert subject.giver == "person", "what they said was not taken"


def test_a_mapping_that_has_changed_since_is_said_to_have(world: World, tmp_path: Path) -> None:
    world.absorb(there("cases", "c1", 1, Subject="Till"))
    digest = world.link("case", "c1").mapping_digest
    other = altered(tmp_path, "cases", "Subject\n", "Subject | trim\n")
    world.connect(connected(cases=other))
    subject = one(world, "short_description")
    assert (subject.mapping_digest, subject.mapping_changed) == (digest, True)


def test_a_connection_that_is_no_longer_there_is_still_named(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Subject="Till"))
    world.connect(connected("erp"))
    subject = one(world, "short_description")
    assert (subject.connection, subject.external_id) == ("crm", "c1")
    assert subject.giver == "connection"


def test_it_costs_the_same_however_much_there_is(world: World) -> None:
    world.absorb(there("accounts", "a1", 1, Name="Brookfield"))
    world.absorb(there("cases", "c1", 1, Subject="Till", AccountId="a1", Status="Open"))
    for number in range(20):
        world.edit("case", world.sys_id("case", "c1"), short_description=f"{number}")
    row = world.row("case", "c1")
    with world.counted() as sent, world.db.read() as tx:
        explain(tx, world.connections, entities.find("case"), row)
    assert len(sent) <= 7
