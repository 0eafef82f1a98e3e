"""Two systems linked both ways: every change goes round once, and the echo dies."""

from __future__ import annotations

import random

import pytest

from hub.store.database import Database
from hub.sync.jobs import Poll
from tests.sync.elsewhere import System
from tests.sync.world import World, connected

ROUNDS = 50
STATES = ["New", "Open", "Waiting", "Solved"]


@pytest.fixture
def world(db: Database) -> World:
    world = World(db)
    world.connect(
        connected("crm", streams=("accounts", "cases")),
        connected("erp", streams=("accounts", "cases")),
    )
    return world


def sides(world: World) -> tuple[System, System]:
    return world.system("crm"), world.system("erp")


def settle(world: World) -> int:
    """Poll both until neither has anything to say; how many writes that took."""
    before = sum(len(side.writes) for side in sides(world))
    for _ in range(6):
        for name in ("crm", "erp"):
            world.put(Poll(name, "accounts"), Poll(name, "cases"))
        world.work()
        world.clock.pass_(60)
    return sum(len(side.writes) for side in sides(world)) - before


def test_a_record_made_in_one_appears_once_in_the_other(world: World) -> None:
    crm, erp = sides(world)
    crm.set("accounts", "a1", Name="Brookfield")
    crm.set("cases", "c1", Subject="Till", Status="Open", AccountId="a1")
    settle(world)
    [account], [case] = erp.table("accounts").items(), erp.table("cases").items()
    assert case[1] is not None
    assert (case[1]["Subject"], case[1]["AccountId"]) == ("Till", account[0])
    assert len(world.rows("case")) == len(world.rows("account")) == 1
    assert crm.writes == []


def test_fifty_rounds_cost_one_write_per_change(world: World) -> None:
    crm, erp = sides(world)
    crm.set("cases", "c1", Subject="Till", Status="Open", Description=None, Region="north")
    settle(world)
    [theirs] = erp.table("cases")
    chance = random.Random(7)
    for number in range(ROUNDS):
        side, id = ((crm, "c1"), (erp, theirs))[number % 2]
        field, value = chance.choice(
            [
                ("Subject", f"Till {number}"),
                ("Status", chance.choice(STATES)),
                ("Region", chance.choice(["north", "south", None])),
            ]
        )
        changed = side.get("cases", id).get(field) != value
        side.set("cases", id, **{field: value})
        assert settle(world) == (1 if changed else 0), f"round {number}: {field} = {value}"
        assert crm.get("cases", "c1")[field] == erp.get("cases", theirs)[field] == value
    assert len(world.rows("case")) == 1
    assert world.letters() == []
    assert world.waiting() == []


def test_a_change_in_the_hub_costs_one_write_to_each(world: World) -> None:
    crm, erp = sides(world)
    crm.set("cases", "c1", Subject="Till", Status="Open")
    settle(world)
    [theirs] = erp.table("cases")
    for number in range(10):
        world.edit("case", world.sys_id("case", "c1"), short_description=f"Till {number}")
        assert settle(world) == 2
        assert crm.get("cases", "c1")["Subject"] == f"Till {number}"
        assert erp.get("cases", theirs)["Subject"] == f"Till {number}"


def test_both_sides_change_different_fields_at_once(world: World) -> None:
    crm, erp = sides(world)
    crm.set("cases", "c1", Subject="Till", Status="Open", Region="north")
    settle(world)
    [theirs] = erp.table("cases")
    crm.set("cases", "c1", Subject="Till is dead")
    erp.set("cases", theirs, Region="south")
    settle(world)
    for side, id in ((crm, "c1"), (erp, theirs)):
        record = side.get("cases", id)
        assert (record["Subject"], record["Region"]) == ("Till is dead", "south")
    assert settle(world) == 0


def test_both_sides_change_the_same_field_at_once_and_end_equal(world: World) -> None:
    crm, erp = sides(world)
    crm.set("cases", "c1", Subject="Till", Status="Open")
    settle(world)
    [theirs] = erp.table("cases")
    for number in range(10):
        crm.set("cases", "c1", Subject=f"crm {number}")
        erp.set("cases", theirs, Subject=f"erp {number}")
        settle(world)
        assert crm.get("cases", "c1")["Subject"] == erp.get("cases", theirs)["Subject"]
        assert settle(world) == 0


def test_a_deletion_on_one_side_closes_the_case_on_the_other(world: World) -> None:
    crm, erp = sides(world)
    crm.set("cases", "c1", Subject="Till", Status="Open")
    settle(world)
    [theirs] = erp.table("cases")
    crm.remove("cases", "c1")
    settle(world)
    assert world.row("case", "c1")["state"] == "7"
    assert theirs in erp.table("cases")
    assert settle(world) == 0
