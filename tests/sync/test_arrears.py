"""What they were never told is found by a complete listing, and told."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from hub.spoke import Pulls
from hub.sync.insight.plan import Foreseen, Planner
from hub.sync.insight.steps import Step
from hub.sync.jobs import Poll
from hub.sync.outbound import arrears
from tests.sync.elsewhere import System
from tests.sync.world import World

CASES = Poll("crm", "cases")


@pytest.fixture
def system(world: World) -> System:
    """Three cases that both sides know; the push of one was dropped."""
    system = world.system()
    system.page_size = 2
    for number in range(3):
        system.set("cases", f"c{number}", Subject=f"Till {number}", Status="New")
    world.run(CASES)
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    world.forget_jobs()
    return system


def owed(world: World) -> list[str]:
    crm = world.connections["crm"]
    with world.db.read() as tx:
        found = arrears.of_page(tx, crm, "cases", ["c0", "c1", "c2", "never-seen"])
    return [push.sys_id for push in found]


def steps(pages: Iterable[Foreseen]) -> list[Step]:
    return [step for page in pages for step in page.steps]


@pytest.mark.usefixtures("system")
def test_a_push_that_was_dropped_is_owed(world: World) -> None:
    assert owed(world) == [world.sys_id("case", "c1")]


@pytest.mark.usefixtures("system")
def test_one_that_waits_is_not_owed(world: World) -> None:
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours again")
    assert owed(world) == []


def test_a_plan_of_a_listing_shows_it_and_sends_nothing(world: World, system: System) -> None:
    crm = world.connections["crm"]
    assert isinstance(crm.spoke, Pulls)
    [step] = steps(Planner(world.db, world.connections, crm, world.clock).listing("cases"))
    assert (step.action, step.external_id) == ("send", "c1")
    assert [send.data for send in step.sends] == [{"Subject": "Ours"}]
    assert system.writes == []


def test_a_listing_has_it_told(world: World, system: System) -> None:
    world.hub.reconcile("crm", "cases")
    world.work()
    assert [write.data for write in system.writes] == [{"Subject": "Ours"}]
    assert system.get("cases", "c1")["Subject"] == "Ours"
    assert owed(world) == []


def test_a_poll_does_not_look_for_it(world: World, system: System) -> None:
    world.run(CASES)
    world.work()
    assert system.writes == []
