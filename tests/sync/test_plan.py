"""A plan says what a sync does, and does nothing of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub.store.metadata import metadata
from hub.sync.insight.plan import Foreseen, Planner
from hub.sync.insight.steps import Step
from hub.sync.jobs import Poll
from tests.sync.elsewhere import Elsewhere, System
from tests.sync.world import World, altered, connected

CASES = Poll("crm", "cases")


@pytest.fixture
def system(world: World) -> System:
    """Three cases, in pages of two; the hub knows none of them."""
    system = world.system()
    system.page_size = 2
    for number in range(3):
        system.set("cases", f"c{number}", Subject=f"Till {number} is dead", Status="New", Impact=1)
    return system


def planner(world: World, connection: str = "crm") -> Planner:
    return Planner(world.db, world.connections, world.connections[connection], world.clock)


def foreseen(world: World, **instead: Any) -> list[Step]:
    """The steps of a poll that goes on where the last one stopped."""
    cursor = instead.get("cursor")
    return steps(planner(world).pull("cases", cursor))


def steps(pages: Iterable[Foreseen]) -> list[Step]:
    return [step for page in pages for step in page.steps]


def everything(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with world.db.read() as tx:
        return {
            table.name: sorted((tuple(row) for row in tx.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def fields(step: Step) -> dict[str, tuple[str | None, str | None]]:
    return {one.field: (one.old, one.new) for one in step.fields}


def test_a_plan_leaves_no_trace(world: World, system: System) -> None:
    before = everything(world)
    assert len(foreseen(world)) == 3
    assert everything(world) == before
    assert system.writes == []


@pytest.mark.usefixtures("system")
def test_a_new_record_shows_what_it_will_say_and_where_that_is_mapped(world: World) -> None:
    [first, *_] = foreseen(world)
    assert (first.action, first.entity, first.external_id) == ("create", "case", "c0")
    assert fields(first)["short_description"] == (None, "Till 0 is dead")
    assert fields(first)["state"] == (None, "1")
    [line] = [one.place for one in first.fields if one.field == "short_description"]
    assert line == "cases.yaml:12"


def test_a_sync_does_what_was_planned(world: World, system: System) -> None:
    world.run(CASES)
    system.set("cases", "c1", Subject="Till 1 burns", Status="Open")
    system.remove("cases", "c2")
    planned = {step.external_id: step for step in foreseen(world, cursor="3")}
    world.run(CASES)
    assert planned["c1"].action == "update"
    assert fields(planned["c1"]) == {
        "short_description": ("Till 1 is dead", "Till 1 burns"), "state": ("1", "10"),
    }  # fmt: skip
    assert world.row("case", "c1")["short_description"] == "Till 1 burns"
    assert planned["c2"].action == "delete"
    assert planned["c2"].number == world.row("case", "c2")["number"]
    assert world.link("case", "c2").deleted_at is not None


@pytest.mark.usefixtures("system")
def test_what_is_unchanged_is_counted_and_no_step(world: World) -> None:
    world.run(CASES)
    pages = list(planner(world).pull("cases", None))
    assert steps(pages) == []
    assert sum(page.counts.unchanged for page in pages) == 3


def test_a_record_that_cannot_be_read_is_planned_as_dead(world: World, system: System) -> None:
    system.set("cases", "c1", Status="Exploded")
    [dead] = [step for step in foreseen(world) if step.action == "dead"]
    assert dead.external_id == "c1"
    assert "no value for 'Exploded'" in dead.fault
    assert world.dead() == []


def test_what_we_keep_against_theirs_is_told(world: World, system: System, tmp_path: Path) -> None:
    ours = altered(tmp_path, "cases", "stamp: Hub_Id", "stamp: Hub_Id\nowner: ours")
    world.connect(connected(spoke=Elsewhere.of(system), cases=ours))
    world.run(CASES)
    world.edit("case", world.sys_id("case", "c0"), short_description="Ours")
    system.set("cases", "c0", Subject="Theirs")
    [step] = foreseen(world, cursor="3")
    [kept] = [one for one in step.fields if one.field == "short_description"]
    assert (kept.old, kept.new) == ("Ours", "Ours")
    assert "Theirs" in kept.reason


def test_what_would_be_sent_on_to_others_is_shown(world: World, system: System) -> None:
    world.connect(connected(spoke=Elsewhere.of(system)), connected("desk"))
    [first, *_] = foreseen(world)
    [send] = first.sends
    assert (send.connection, send.stream, send.external_id) == ("desk", "cases", "")
    assert send.data["Subject"] == "Till 0 is dead"
    assert world.system("desk").writes == []


def test_a_push_that_waits_is_part_of_the_plan(world: World, system: System) -> None:
    world.run(CASES)
    world.edit("case", world.sys_id("case", "c0"), short_description="Ours")
    [step] = planner(world).waiting("cases")
    assert (step.action, step.external_id) == ("send", "c0")
    [send] = step.sends
    assert send.data == {"Subject": "Ours"}
    assert list(planner(world).waiting("case")) == []
    assert system.writes == []


def test_a_listing_plans_what_it_does_not_have_as_deleted(world: World, system: System) -> None:
    world.run(CASES)
    system.forget("cases", "c1")
    [step] = steps(planner(world).listing("cases"))
    assert (step.action, step.external_id) == ("delete", "c1")
    assert world.link("case", "c1").deleted_at is None


def test_dead_records_are_planned_as_they_would_read_now(
    world: World, system: System, tmp_path: Path
) -> None:
    system.set("cases", "c1", Status="Exploded")
    world.run(CASES)
    [step] = steps(planner(world).dead("cases"))
    assert step.action == "dead"
    mended = altered(tmp_path, "cases", "{New: new,", "{Exploded: closed, New: new,")
    world.connect(connected(spoke=Elsewhere.of(system), cases=mended))
    [step] = steps(planner(world).dead("cases"))
    assert (step.action, fields(step)["state"][1]) == ("update", "3")
    assert len(world.dead()) == 1


def test_a_changed_mapping_is_tried_on_what_is_remembered(
    world: World, system: System, tmp_path: Path
) -> None:
    crm = replace(connected(spoke=Elsewhere.of(system)), remembers=True)
    world.connect(crm)
    world.run(CASES)
    asked = len(system.pulled)
    upper = altered(tmp_path, "cases", "Subject\n", "Subject | upper\n")
    world.connect(replace(crm, mappings={**crm.mappings, "cases": upper}))
    planned = steps(planner(world).remembered("cases"))
    assert [fields(step)["short_description"][1] for step in planned] == [
        "TILL 0 IS DEAD", "TILL 1 IS DEAD", "TILL 2 IS DEAD",
    ]  # fmt: skip
    assert len(system.pulled) == asked
    assert world.row("case", "c0")["short_description"] == "Till 0 is dead"
