"""What both sides changed is kept, listed, decided by a person, and then true everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.errors import NotFound
from hub.service.rules import Refused
from hub.store import conflicts
from hub.store.conflicts import Conflict
from hub.sync.jobs import Poll
from hub.sync.records import choosing
from hub.sync.records.choosing import Choice, Taken
from tests.sync.elsewhere import EPOCH, System, there
from tests.sync.world import World, altered, connected

CASES = Poll("crm", "cases")


def start(world: World, tmp_path: Path, owner: str) -> System:
    """A case that both sides know, in a stream whose fields have this owner."""
    mapping = altered(tmp_path, "cases", "stamp: Hub_Id\n", f"stamp: Hub_Id\nowner: {owner}\n")
    world.connect(connected(cases=mapping))
    system = world.system()
    system.set("cases", "c1", Subject="Till", Description="Black", Status="Open")
    world.run(CASES)
    return system


def edit(world: World, **values: Any) -> None:
    world.edit("case", world.sys_id("case", "c1"), **values)


def both_change(world: World, system: System) -> None:
    """A person edits the subject here, somebody else there; theirs arrives before ours is sent."""
    edit(world, short_description="Ours")
    system.set("cases", "c1", Subject="Theirs")
    world.absorb(system.changes[-1])


def still_open(world: World) -> list[Conflict]:
    with world.db.read() as tx:
        return conflicts.listed(tx)


def over(world: World) -> list[Conflict]:
    with world.db.read() as tx:
        return conflicts.listed(tx, resolved=True)


def take(world: World, number: int, choice: Choice) -> Taken:
    with world.db.write() as tx:
        return choosing.take(tx, world.connections, number, choice, by="ann", now=world.now)


def subject(world: World) -> Any:
    return world.row("case", "c1")["short_description"]


def in_step(world: World) -> None:
    """Send what waits, and hear of it."""
    world.work()
    world.put(CASES)
    world.work()


def test_where_ours_stays_all_is_kept_until_they_have_heard(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "ours")
    both_change(world, system)
    [one] = still_open(world)
    link = world.link("case", "c1")
    assert (one.connection, one.stream, one.external_id) == ("crm", "cases", "c1")
    assert (one.table, one.sys_id) == ("sn_customerservice_case", link.sys_id)
    assert (one.field, one.base, one.ours, one.theirs) == (
        "short_description", "Till", "Ours", "Theirs",
    )  # fmt: skip
    assert (one.stayed, one.policy, one.version) == ("ours", "ours", system.changes[-1].version)
    assert one.place.partition(":")[2].isdigit()
    assert one.found_at == world.clock()
    in_step(world)
    assert still_open(world) == []
    [ended] = over(world)
    assert (ended.id, ended.resolved_how, ended.resolved_by) == (one.id, "agreed", "crm")
    assert system.get("cases", "c1")["Subject"] == "Ours"


def test_where_theirs_is_taken_ours_is_kept_and_nobody_is_asked(
    world: World, tmp_path: Path
) -> None:
    system = start(world, tmp_path, "theirs")
    both_change(world, system)
    assert still_open(world) == []
    [one] = over(world)
    assert (one.ours, one.theirs, one.stayed, one.resolved_how) == (
        "Ours", "Theirs", "theirs", "policy",
    )  # fmt: skip
    in_step(world)
    assert system.writes == []


def test_what_lost_by_a_policy_can_be_had_back(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "theirs")
    both_change(world, system)
    in_step(world)
    [one] = over(world)
    take(world, one.id, Choice("ours"))
    in_step(world)
    assert (subject(world), system.get("cases", "c1")["Subject"]) == ("Ours", "Ours")
    [ended] = over(world)
    assert (ended.resolved_how, ended.resolved_by) == ("ours", "ann")
    assert still_open(world) == []


def test_what_a_person_must_decide_is_neither_taken_nor_sent(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "manual")
    both_change(world, system)
    edit(world, description="White")
    in_step(world)
    record = system.get("cases", "c1")
    assert (record["Subject"], record["Description"]) == ("Theirs", "White")
    assert subject(world) == "Ours"
    assert [list(write.data) for write in system.writes] == [["Description"]]
    [one] = still_open(world)
    assert one.stayed == "both"


@pytest.mark.parametrize(
    ("choice", "value"),
    [(Choice("theirs"), "Theirs"), (Choice("ours"), "Ours"), (Choice(value="Third"), "Third")],
    ids=["theirs", "ours", "a third value"],
)
def test_a_persons_choice_is_true_on_all_sides_and_its_echo_is_none(
    world: World, tmp_path: Path, choice: Choice, value: str
) -> None:
    mapping = altered(tmp_path, "cases", "stamp: Hub_Id\n", "stamp: Hub_Id\nowner: manual\n")
    world.connect(connected(cases=mapping), connected("erp"))
    crm, erp = world.system(), world.system("erp")
    crm.set("cases", "c1", Subject="Till", Status="Open")
    world.run(CASES)
    world.work()
    both_change(world, crm)
    world.work()
    [one] = still_open(world)
    taken = take(world, one.id, choice)
    assert (taken.value, taken.told) == (value, ("crm", "erp"))
    for _ in range(3):
        in_step(world)
        world.put(Poll("erp", "cases"))
        world.work()
    [theirs] = erp.table("cases")
    assert subject(world) == value
    assert crm.get("cases", "c1")["Subject"] == value
    assert erp.get("cases", theirs)["Subject"] == value
    assert still_open(world) == []
    [ended] = over(world)
    assert (ended.resolved_how, ended.resolved_by) == (choice.how, "ann")
    writes = [write.data for write in crm.writes]
    assert writes == ([] if choice.side == "theirs" else [{"Subject": value}])
    told = [
        (entry["user"], entry["newvalue"])
        for entry in world.audits("case", one.sys_id)
        if entry["reason"] == f"conflict {one.id}: took {choice.how}"
    ]
    assert told == [("ann", value)]


def test_a_conflict_that_goes_on_is_one(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "manual")
    both_change(world, system)
    [first] = still_open(world)
    system.set("cases", "c1", Subject="Theirs again")
    world.absorb(system.changes[-1])
    edit(world, short_description="Ours again")
    [one] = still_open(world)
    assert (one.id, one.base) == (first.id, "Till")
    assert (one.ours, one.theirs) == ("Ours again", "Theirs again")
    assert one.version == system.changes[-1].version
    assert over(world) == []


@pytest.mark.parametrize("who", ["we", "they"])
def test_a_conflict_ends_by_itself_when_one_side_follows_the_other(
    world: World, tmp_path: Path, who: str
) -> None:
    system = start(world, tmp_path, "manual")
    both_change(world, system)
    if who == "we":
        edit(world, short_description="Theirs")
    else:
        system.set("cases", "c1", Subject="Ours")
        world.absorb(system.changes[-1])
    assert still_open(world) == []
    [one] = over(world)
    assert (one.resolved_how, one.resolved_by) == ("agreed", "ann" if who == "we" else "crm")
    edit(world, short_description="New")
    in_step(world)
    assert system.get("cases", "c1")["Subject"] == "New", "nothing is held back any more"


def test_they_cleared_it_and_we_changed_it(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "manual")
    edit(world, description="White")
    system.set("cases", "c1", Description=None)
    world.absorb(system.changes[-1])
    [one] = still_open(world)
    assert (one.base, one.ours, one.theirs) == ("Black", "White", None)
    take(world, one.id, Choice("theirs"))
    in_step(world)
    assert world.row("case", "c1")["description"] is None


def test_what_they_do_not_mention_is_no_conflict(world: World, tmp_path: Path) -> None:
    start(world, tmp_path, "manual")
    edit(world, short_description="Ours")
    world.absorb(there("cases", "c1", 1000, Description="White"))
    assert still_open(world) == over(world) == []


def test_a_custom_field_is_in_conflict_as_any(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "manual")
    system.set("cases", "c1", Region="north")
    world.run(CASES)
    edit(world, u_region="south")
    system.set("cases", "c1", Region="east")
    world.absorb(system.changes[-1])
    [one] = still_open(world)
    assert (one.field, one.base, one.ours, one.theirs) == ("u_region", "north", "south", "east")
    take(world, one.id, Choice("theirs"))
    in_step(world)
    assert world.row("case", "c1")["hub_custom"]["u_region"] == "east"
    assert still_open(world) == []


def test_a_moment_comes_back_as_one(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "manual")
    system.set("cases", "c1", CreatedDate="2026-03-01T08:00:00+00:00")
    world.run(CASES)
    edit(world, opened_at=EPOCH)
    system.set("cases", "c1", CreatedDate="2026-03-02T08:00:00+00:00")
    world.absorb(system.changes[-1])
    [one] = still_open(world)
    assert one.ours == EPOCH.isoformat()
    take(world, one.id, Choice("theirs"))
    assert world.row("case", "c1")["opened_at"].isoformat() == "2026-03-02T08:00:00+00:00"


def test_a_value_that_does_not_fit_decides_nothing(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "manual")
    edit(world, priority="2")
    system.set("cases", "c1", Priority="3")
    world.absorb(system.changes[-1])
    [one] = still_open(world)
    with pytest.raises(Refused, match=r"priority: .*critical"):
        take(world, one.id, Choice(value="huge"))
    assert still_open(world) == [one]


def test_a_number_that_nobody_has_given_is_refused(world: World) -> None:
    with pytest.raises(NotFound, match="there is no conflict 7; hub conflicts list"):
        take(world, 7, Choice("ours"))


def test_one_that_is_over_gives_way_to_the_one_that_is_open(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "manual")
    both_change(world, system)
    [first] = still_open(world)
    take(world, first.id, Choice("theirs"))
    in_step(world)
    both_change(world, system)
    system.set("cases", "c1", Subject="Theirs 2")
    world.absorb(system.changes[-1])
    [second] = still_open(world)
    with pytest.raises(Refused, match=f"now in conflict {second.id}: decide that"):
        take(world, first.id, Choice("ours"))


def test_a_choice_settles_the_field_with_everybody(world: World, tmp_path: Path) -> None:
    mapping = altered(tmp_path, "cases", "stamp: Hub_Id\n", "stamp: Hub_Id\nowner: manual\n")
    world.connect(connected(cases=mapping), connected("erp", cases=mapping))
    crm, erp = world.system(), world.system("erp")
    crm.set("cases", "c1", Subject="Till", Status="Open")
    world.run(CASES)
    world.work()
    [theirs] = erp.table("cases")
    edit(world, short_description="Ours")
    crm.set("cases", "c1", Subject="Crm")
    erp.set("cases", theirs, Subject="Erp")
    world.absorb(crm.changes[-1])
    world.absorb(erp.changes[-1], connection="erp")
    one, other = sorted(still_open(world), key=lambda each: each.connection)
    assert (one.connection, other.connection) == ("crm", "erp")
    take(world, one.id, Choice("theirs"))
    assert still_open(world) == []
    world.work()
    assert (subject(world), erp.get("cases", theirs)["Subject"]) == ("Crm", "Crm")


def test_a_page_without_a_conflict_costs_no_statement_more(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "newest")
    system.set("cases", "c1", Subject="Theirs")
    with world.counted() as sent:
        world.absorb(system.changes[-1])
    assert not [sql for sql in sent if "INTO hub_conflict" in sql or "sys_audit b" in sql]


@pytest.mark.parametrize("owner", ["newest", "theirs", "ours", "rank", "manual"])
def test_a_page_of_conflicts_costs_two_statements_more_at_most(
    world: World, tmp_path: Path, owner: str
) -> None:
    system = start(world, tmp_path, owner)
    names = [f"d{number}" for number in range(20)]
    for name in names:
        system.set("cases", name, Subject="Till", Description="Black", Region="north")
    world.run(CASES)
    for name in names:
        world.edit("case", world.sys_id("case", name), short_description="O", u_region="o")
        system.set("cases", name, Subject="T", Region="t")
    with world.counted() as sent:
        world.absorb(*system.changes[-20:])
    weighed = [sql for sql in sent if "sys_audit b" in sql]
    kept = [sql for sql in sent if "INTO hub_conflict" in sql]
    assert (len(weighed), len(kept)) == (1 if owner in {"newest", "rank"} else 0, 1)
    assert len(still_open(world) + over(world)) == 40


def test_they_hear_that_ours_stays_even_if_nobody_was_about_to_tell(
    world: World, tmp_path: Path
) -> None:
    """As after a push that died."""
    system = start(world, tmp_path, "ours")
    edit(world, short_description="Ours")
    world.forget_jobs()
    system.set("cases", "c1", Subject="Theirs")
    world.absorb(system.changes[-1])
    world.work()
    assert system.get("cases", "c1")["Subject"] == "Ours"


def test_only_what_a_person_must_decide_is_held_back(world: World, tmp_path: Path) -> None:
    mapping = altered(
        tmp_path, "cases", "description:       Description\n",
        "description:       {in: Description, owner: manual}\n",
    )  # fmt: skip
    [both] = mapping
    assert (both.owner_of("description"), both.owner_of("short_description")) == (
        "manual", "newest",
    )  # fmt: skip
    world.connect(connected(cases=mapping))
    system = world.system()
    system.set("cases", "c1", Subject="Till", Description="Black", Status="Open")
    world.run(CASES)
    edit(world, short_description="Ours", description="Ours")
    system.set("cases", "c1", Subject="Theirs", Description="Theirs")
    world.absorb(system.changes[-1])
    assert {one.field: one.stayed for one in still_open(world)} == {
        "short_description": "ours", "description": "both",
    }  # fmt: skip
    world.work()
    record = system.get("cases", "c1")
    assert (record["Subject"], record["Description"]) == ("Ours", "Theirs")
