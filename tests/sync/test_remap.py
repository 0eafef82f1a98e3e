"""What is remembered of records is read again when their mapping changes, and nobody is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub.spoke import Change
from hub.store import remembered
from hub.sync.connection import Connection
from hub.sync.jobs import Poll, Remap
from tests.sync.elsewhere import Elsewhere, System, gone, there
from tests.sync.world import World, altered, connected

CASES, AGAIN = Poll("crm", "cases"), Remap("crm", "cases")


@pytest.fixture
def crm(world: World) -> Connection:
    """A connection that remembers the two cases it has told of."""
    system = System()
    crm = replace(connected(spoke=Elsewhere.of(system)), remembers=True)
    world.connect(crm)
    system.set("cases", "c0", Subject="Till is dead", Region="north")
    system.set("cases", "c1", Subject="Door sticks", Region="south")
    world.run(CASES)
    return crm


def kept(world: World) -> dict[str, bytes]:
    with world.db.read() as tx:
        found = remembered.portion(tx, "crm", "cases", after="", most=100)
    return {one.id: one.raw for one in found}


def change(world: World, crm: Connection, folder: Path, old: str, new: str) -> None:
    """Edit the mapping of the cases."""
    cases = altered(folder, "cases", old, new)
    world.connect(replace(crm, mappings={**crm.mappings, "cases": cases}))


def test_a_changed_mapping_is_applied_to_all_records(
    world: World, crm: Connection, tmp_path: Path
) -> None:
    change(world, crm, tmp_path, "Subject\n", "Subject | upper\n")
    asked = list(world.system().pulled)
    world.run(AGAIN)
    assert world.row("case", "c0")["short_description"] == "TILL IS DEAD"
    assert world.row("case", "c1")["short_description"] == "DOOR STICKS"
    assert (world.system().pulled, world.system().fetched) == (asked, [])
    [change_] = [e for e in world.audits("case", world.sys_id("case", "c0")) if e["oldvalue"]]
    assert change_["hub_job_id"].startswith("remap/")


@pytest.mark.usefixtures("crm")
def test_an_unchanged_mapping_changes_nothing(world: World) -> None:
    before = world.rows("case")
    world.run(AGAIN)
    assert world.rows("case") == before


def test_a_field_that_is_mapped_from_now_on_is_filled(
    world: World, crm: Connection, tmp_path: Path
) -> None:
    change(
        world,
        crm,
        tmp_path,
        "u_region:          Region",
        "u_region: Region\n  u_area: {in: Region, out: {}}",
    )
    world.run(AGAIN)
    assert world.row("case", "c1")["hub_custom"] == {"u_region": "south", "u_area": "south"}


def test_what_people_changed_in_the_hub_stays(
    world: World, crm: Connection, tmp_path: Path
) -> None:
    world.edit("case", world.sys_id("case", "c0"), short_description="Ours")
    world.forget_jobs()  # it is not pushed yet
    change(world, crm, tmp_path, "u_region:          Region", "u_region: Region | upper")
    world.run(AGAIN)
    row = world.row("case", "c0")
    assert row["short_description"] == "Ours"
    assert row["hub_custom"]["u_region"] == "NORTH"


@pytest.mark.usefixtures("crm")
def test_the_newest_version_is_remembered_whatever_the_order(world: World) -> None:
    world.absorb(there("cases", "c0", 9, Subject="Newest"))
    world.absorb(there("cases", "c0", 5, Subject="Late"))
    assert b"Newest" in kept(world)["c0"]


def test_what_is_gone_is_forgotten(world: World, crm: Connection, tmp_path: Path) -> None:
    world.absorb(gone("cases", "c0", 9))
    assert kept(world).keys() == {"c1"}
    change(world, crm, tmp_path, "Subject\n", "Subject | upper\n")
    world.run(AGAIN)
    assert world.link("case", "c0").deleted_at is not None


@pytest.mark.usefixtures("crm")
def test_what_could_not_be_read_is_its_letters_to_keep(world: World) -> None:
    world.absorb(there("cases", "c0", 9, Status="Exploded"))
    assert list(kept(world)) == ["c1"]
    assert b"Exploded" in world.dead()[0].raw


def test_what_was_remembered_before_a_dead_change_does_not_take_its_place(
    world: World, crm: Connection, tmp_path: Path
) -> None:
    """Without versions only the order in which they came tells which is newer."""
    world.absorb(Change("cases", "c9", {"Id": "c9", "Subject": "first"}))
    world.absorb(Change("cases", "c9", {"Id": "c9", "Subject": "second", "Status": "Exploded"}))
    change(world, crm, tmp_path, "Closed: closed}", "Closed: closed, Exploded: open}")
    world.run(AGAIN)
    assert [letter.external_id for letter in world.dead()] == ["c9"]
    world.read_again()
    assert world.dead() == []
    assert world.row("case", "c9")["short_description"] == "second"


def test_a_record_that_the_mapping_left_out_is_taken_in_when_it_wants_it(
    world: World, crm: Connection, tmp_path: Path
) -> None:
    world.absorb(there("cases", "c9", 9, Subject="Hush", Kind="private"))
    assert len(world.rows("case")) == 2
    change(world, crm, tmp_path, 'when: Kind != "private"\n', "")
    world.run(AGAIN)
    assert world.row("case", "c9")["short_description"] == "Hush"


def test_nothing_is_kept_where_nobody_asked_for_it(world: World) -> None:
    world.connect(connected())
    world.absorb(there("cases", "c0", Subject="Till is dead"))
    assert world.count("hub_remembered") == 0


@pytest.mark.usefixtures("crm")
def test_remembering_costs_a_page_one_statement(world: World) -> None:
    page = [there("cases", f"n{n}", 3, Subject=f"{n}") for n in range(50)]
    with world.counted() as sent:
        world.absorb(*page)
    assert len([s for s in sent if "hub_remembered" in s]) == 1
