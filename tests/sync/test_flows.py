"""Flows: what changes in one record of ours becomes, or keeps in step with, another of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub import queue
from hub.mapping import Mapping as FieldMapping
from hub.mapping import load
from hub.store import entities
from hub.store.cursors import Counts
from hub.store.records import Row
from hub.sync.connection import Connection
from hub.sync.inbound.absorb import absorb
from hub.sync.insight.explain import Explained, explain
from hub.sync.insight.plan import Planner
from hub.sync.insight.preview import sampled
from hub.sync.jobs import Poll, Push, Refetch
from hub.sync.ours import OurStore
from hub.sync.outbound.unsent import Unsent, unsent
from hub.sync.records.amend import Origin, Patch
from tests.sync.world import World, connected, mapped

SHIPPED = Path(__file__).parents[2] / "mappings" / "hub" / "case_to_incident.yaml"
NEEDS_IT: dict[str, Any] = {
    "short_description": "Till 4 does not start", "category": "1", "subcategory": "IT",
    "impact": "2", "urgency": "1",
}  # fmt: skip


def flowing(**mappings: tuple[FieldMapping, ...]) -> Connection:
    """The hub as a connection of its own, with these mappings by stream."""
    return Connection("hub", OurStore(), mappings or {"case": mapped(SHIPPED)})


@pytest.fixture
def world(db: Any) -> World:
    world = World(db)
    world.connect(connected(), flowing())
    return world


def created(world: World, entity: str = "case", **values: Any) -> str:
    """A record that a person makes."""
    sys_id = f"{entity}{len(world.rows(entity))}"
    world.amend(Patch(entities.find(entity), sys_id, NEEDS_IT | values, fresh=True))
    return sys_id


def incident_of(world: World, case: str) -> Row:
    return world.of("incident", str(world.of("case", case)["incident"]))


def test_a_case_that_needs_it_opens_an_incident_and_names_it(world: World) -> None:
    case = created(world)
    world.work()
    [incident] = world.rows("incident")
    assert world.of("case", case)["incident"] == incident["sys_id"]
    assert incident["short_description"] == "Till 4 does not start"
    assert (incident["impact"], incident["urgency"], incident["priority"]) == ("2", "1", "2")
    assert (incident["origin_table"], incident["origin_id"]) == ("sn_customerservice_case", case)
    assert incident["number"].startswith("INC")
    assert world.waiting() == []


def test_a_case_that_does_not_need_it_opens_none(world: World) -> None:
    created(world, subcategory="Delivery")
    world.work()
    assert world.rows("incident") == []
    assert world.waiting() == []


def test_what_another_system_tells_of_flows_on(world: World) -> None:
    """Whoever made the record: a poll, a webhook, a person."""
    system = world.system()
    system.set("cases", "c1", Subject="Till", Status="Open")
    world.run(Poll("crm", "cases"))
    case = world.sys_id("case", "c1")
    world.work()
    assert world.rows("incident") == []
    world.edit("case", case, subcategory="IT")
    world.work()
    assert incident_of(world, case)["short_description"] == "Till"


def test_a_resolved_incident_resolves_its_case_with_its_notes(world: World) -> None:
    case = created(world)
    world.work()
    incident = str(world.of("case", case)["incident"])
    resolve(world, incident)
    world.work()
    row = world.of("case", case)
    assert (row["state"], row["close_notes"]) == ("6", "A new power supply")
    assert row["resolution_code"].endswith("Fixed by closing related Incident")
    assert row["resolved_at"] == world.now
    assert [note["value"] for note in world.notes(case)] == ["The incident is resolved."]
    told = {one["fieldname"]: one for one in world.audits("case", case)}
    assert told["state"]["hub_source"] == "hub"
    assert told["state"]["hub_mapping"].startswith(f"{SHIPPED.name}:")
    assert world.waiting() == []
    assert world.letters() == []


def resolve(world: World, incident: str) -> None:
    """As a person does, step by step."""
    world.edit("incident", incident, state="2")
    world.edit(
        "incident", incident, state="6", close_code="Solution provided",
        close_notes="A new power supply",
    )  # fmt: skip


def resolved_elsewhere(world: World, incident: str) -> None:
    """Another system resolves it, and says nothing of how."""
    patch = Patch(entities.find("incident"), incident, {"state": "6"}, owner_of=lambda _: "theirs")
    world.amend(patch, origin=Origin("pager", "pager"))


def test_a_step_that_says_nothing_of_the_case_takes_nothing_from_it(world: World) -> None:
    case = created(world)
    world.work()
    incident = str(world.of("case", case)["incident"])
    world.edit("case", case, resolution_code="Solved - Change")
    world.edit("incident", incident, state="2")
    world.work()
    row = world.of("case", case)
    assert (row["state"], row["resolution_code"]) == ("1", "Solved - Change")
    assert [note["value"] for note in world.notes(case)] == ["IT works on the incident."]


def test_the_steps_between_are_made_up_for(world: World) -> None:
    """A case that nobody has taken up is opened before it is resolved."""
    case = created(world)
    world.work()
    resolve(world, str(world.of("case", case)["incident"]))
    world.work()
    states = [
        (one["oldvalue"], one["newvalue"])
        for one in world.audits("case", case)
        if one["fieldname"] == "state"
    ]
    assert states == [("1", "10"), ("10", "6")]


def test_a_priority_is_kept_in_step_both_ways(world: World) -> None:
    case = created(world)
    world.work()
    world.edit("case", case, impact="1")
    world.work()
    incident = incident_of(world, case)
    assert (incident["impact"], incident["urgency"], incident["priority"]) == ("1", "1", "1")
    world.edit("incident", incident["sys_id"], impact="3", urgency="3")
    world.work()
    assert world.of("incident", incident["sys_id"])["priority"] == "5"
    assert world.of("case", case)["priority"] == "4"
    assert world.notes(case) == []  # that it is new is no news
    world.work()
    assert world.of("incident", incident["sys_id"])["priority"] == "5"
    assert world.waiting() == []


def test_an_incident_that_no_case_has_makes_none(world: World) -> None:
    incident = created(world, "incident", category=None)
    world.edit("incident", incident, state="2")
    world.work()
    assert world.rows("case") == []
    with world.db.read() as tx:
        [owed] = unsent(tx, world.connections["hub"], [Push("hub", "case", "incident", incident)])
    assert isinstance(owed, Unsent)
    assert not owed.values


def test_what_both_changed_at_once_ends_the_same_on_both(world: World) -> None:
    """The incident is a person's own word, the case's comes by a flow: that one gives way."""
    case = created(world)
    world.work()
    incident = incident_of(world, case)["sys_id"]
    world.edit("case", case, priority="4")
    world.edit("incident", incident, priority="1")
    world.work()
    assert world.of("incident", incident)["priority"] == "1"
    assert world.of("case", case)["priority"] == "1"
    assert world.waiting() == []


def test_what_a_flow_wrote_back_does_not_go_by_it_again(world: World) -> None:
    world.connect(flowing())
    case = created(world)
    world.work()
    incident = incident_of(world, case)["sys_id"]
    world.edit("incident", incident, priority="4")
    world.work()  # and the case, which refers to it since it was read, is read again
    world.edit("incident", incident, priority="1")
    assert world.waiting() == [f"hub/case/incident/{incident}"]
    assert world.hub.worker(threads=1).run_until_idle() == 1
    assert world.of("case", case)["priority"] == "1"


def test_a_case_that_was_read_before_it_heard_says_nothing_later(world: World) -> None:
    """What another worker has in its hands meanwhile is old, and what is new in it is read again."""
    case = created(world)
    world.work()
    incident = incident_of(world, case)["sys_id"]
    world.edit("case", case, urgency="2")
    world.forget_jobs()
    here = world.connections.at_home(world.db, world.clock)["hub"]
    assert isinstance(here.spoke, OurStore)
    read_before = list(here.spoke.fetch(here.stream("case"), [case]))
    world.edit("incident", incident, impact="3")
    world.work()
    world.absorb(*read_before, connection="hub", again=True)
    world.work()
    assert (world.of("case", case)["impact"], incident_of(world, case)["impact"]) == ("3", "3")
    assert (world.of("case", case)["urgency"], incident_of(world, case)["urgency"]) == ("2", "2")


def test_of_what_is_over_a_flow_changes_nothing_but_leaves_a_note(world: World) -> None:
    case = created(world)
    world.work()
    incident = str(world.of("case", case)["incident"])
    world.edit("case", case, state="3", close_notes="The customer has bought another one")
    world.work()
    resolve(world, incident)
    world.edit("incident", incident, priority="1")
    world.work()
    row = world.of("case", case)
    assert (row["state"], row["close_notes"]) == ("3", "The customer has bought another one")
    assert row["priority"] == "2"
    assert world.of("incident", incident)["priority"] == "1"
    assert [note["value"] for note in world.notes(case)] == ["The incident is resolved."]
    assert world.letters() == []


def test_a_step_that_the_rules_refuse_is_a_dead_letter_that_says_so(world: World) -> None:
    case = created(world)
    world.work()
    incident = str(world.of("case", case)["incident"])
    resolved_elsewhere(world, incident)
    world.work()
    [letter] = world.letters()
    number = world.of("case", case)["number"]
    assert letter.error == (
        f"Refused: {SHIPPED.name}:32: hub/case {number} refuses what the incident says: "
        "close_notes: needed to set state resolved"
    )
    assert world.of("case", case)["state"] == "1"


def test_all_cases_of_an_incident_hear_of_it(world: World) -> None:
    """A person sets the incident of a second case: it joins, and takes over what IT says."""
    first = created(world)
    world.work()
    incident = str(world.of("case", first)["incident"])
    world.edit("incident", incident, state="2", priority="1")
    world.work()
    second = created(world, subcategory="Delivery", incident=incident, short_description="Mine too")
    world.work()
    assert len(world.rows("incident")) == 1
    assert world.of("incident", incident)["short_description"] == "Till 4 does not start"
    assert world.of("incident", incident)["priority"] == "1"
    assert world.of("case", second)["priority"] == "1"
    world.edit("case", second, impact="3", urgency="3", priority="4")
    world.work()
    assert world.of("case", first)["priority"] == "4"
    world.edit(
        "incident", incident, state="6", close_code="Solution provided", close_notes="Mended"
    )
    world.work()
    assert [world.of("case", one)["state"] for one in (first, second)] == ["6", "6"]
    assert world.waiting() == []


def test_one_case_that_refuses_keeps_nobody_else_waiting(world: World) -> None:
    first = created(world)
    world.work()
    incident = str(world.of("case", first)["incident"])
    second = created(world, incident=incident)
    world.work()
    world.edit("case", first, resolution_code="Guidance", close_notes="Told them how", state="10")
    resolved_elsewhere(world, incident)
    world.work()
    assert [world.of("case", one)["state"] for one in (first, second)] == ["6", "1"]
    [letter] = world.letters()
    assert world.of("case", second)["number"] in letter.error


def test_who_names_another_incident_changes_over_to_that_one(world: World) -> None:
    case = created(world)
    world.work()
    other = created(world, "incident", short_description="All tills", category=None, urgency="2")
    world.edit("case", case, incident=other)
    world.work()
    assert world.of("case", case)["incident"] == other
    assert world.of("case", case)["urgency"] == "2"
    world.edit("incident", other, priority="1")
    world.work()
    assert world.of("case", case)["priority"] == "1"


BACK = """\
mapping: hub/incident
to: case
key: sys_id
owner: newest
fields:
  short_description: short_description
  priority: {in: '"low" if priority == "planning" else priority', out: {}}
"""


def test_two_flows_that_feed_each_other_come_to_rest(world: World, tmp_path: Path) -> None:
    """Each would make a record of what the other has made: they are the same two."""
    world.connect(connected(), flowing(case=mapped(SHIPPED), incident=read(tmp_path, BACK)))
    case = created(world)
    world.work()
    assert [row["sys_id"] for row in world.rows("case")] == [case]
    assert len(world.rows("incident")) == 1
    incident = incident_of(world, case)["sys_id"]
    world.edit("incident", incident, short_description="All tills")
    world.work()
    assert world.of("case", case)["short_description"] == "All tills"
    world.edit("case", case, priority="1")
    world.work()
    assert world.of("incident", incident)["priority"] == "1"
    assert world.waiting() == []
    other = created(world, "incident", short_description="Printer", category=None)
    world.work()
    assert len(world.rows("case")) == 2
    assert len(world.rows("incident")) == 2
    assert world.link("case", other, "hub").stream == "incident"


@pytest.mark.parametrize("many", [1, 25])
def test_two_flows_that_never_agree_are_stopped_and_named(
    world: World, tmp_path: Path, many: int
) -> None:
    there = read(tmp_path, "mapping: hub/case\nto: incident\nkey: sys_id\nfields:\n"
                 "  short_description: 'f\"{short_description}!\"'\n", "there")  # fmt: skip
    back = read(tmp_path, "mapping: hub/incident\nto: case\nkey: sys_id\nfields:\n"
                "  short_description: 'f\"{short_description}?\"'\n", "back")  # fmt: skip
    world.connect(connected(), flowing(case=there, incident=back))
    for _ in range(many):
        created(world)
    world.forget_jobs()  # all of them come in one page
    world.put(Poll("hub", "case"))
    for _ in range(12):
        world.clock.pass_(60)
        world.work()
    letters = world.letters()
    assert len(letters) == many
    assert all(": a change has gone through 8 flows" in one.error for one in letters)
    assert {one.error.partition(": a change")[0] for one in letters} <= {
        "Permanent: hub/case", "Permanent: hub/incident",
    }  # fmt: skip
    assert world.waiting() == []


def test_a_change_is_heard_also_where_the_clock_went_back(world: World) -> None:
    case = created(world)
    world.work()
    for seconds, impact in ((10, "1"), (-3, "3")):
        world.clock.pass_(seconds)
        world.edit("case", case, impact=impact)
        world.work()
    assert incident_of(world, case)["impact"] == "3"


def test_cases_of_one_incident_hear_of_it_in_the_same_statements_however_many(world: World) -> None:
    first = created(world)
    world.work()
    incident = str(world.of("case", first)["incident"])
    costs: list[int] = []
    for many, urgency in ((3, "2"), (30, "3")):
        while len(world.rows("case")) < many:
            created(world, incident=incident)
        world.work()
        world.forget_jobs()
        world.edit("incident", incident, urgency=urgency)
        job = world.claim()
        assert job.kind == "push"
        with world.counted() as sent:
            world.hub.handle(job)
        assert {case["urgency"] for case in world.rows("case")} == {urgency}
        costs.append(len(sent))
    assert costs[1] <= costs[0]


def read(folder: Path, text: str, name: str = "flow") -> tuple[FieldMapping, ...]:
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return tuple(load(file, shape_of=lambda name: entities.find(name).shape, shown_as=file.name))


def test_many_new_cases_are_read_at_once_by_a_poll(world: World) -> None:
    """One job for a page of a first load, and not one for each record."""
    world.connect(connected(), flowing())
    system = world.system()
    for number in range(30):
        system.set("cases", f"c{number}", Subject=f"Till {number}", Status="New")
    system.page_size = 30
    world.run(Poll("crm", "cases"))
    assert world.waiting() == ["hub/case"]
    world.clock.pass_(60)
    world.work()
    assert world.rows("incident") == []  # none of them needs IT


def test_what_was_there_before_the_flow_is_read_by_its_first_poll(world: World) -> None:
    world.connect(connected())
    cases = [created(world) for _ in range(3)]
    old = created(world)
    world.edit("case", old, state="7")
    world.work()
    world.connect(connected(), flowing())
    world.clock.pass_(60)
    world.run(Poll("hub", "case"))
    assert [incident_of(world, case)["origin_id"] for case in cases] == cases
    assert world.of("case", old)["incident"] is None
    world.clock.pass_(60)
    world.run(Poll("hub", "case"))
    assert len(world.rows("incident")) == 3


def test_a_flow_stays_or_goes_with_its_job(world: World) -> None:
    """Another worker took the job over: nothing of what the first one did may stay."""
    world.connect(flowing())
    case = created(world)
    lost = world.claim()
    world.forget_jobs()
    with pytest.raises(queue.LostLease):
        world.hub.handle(lost)
    assert world.rows("incident") == []
    assert world.of("case", case)["incident"] is None
    world.run(Refetch("hub", "case", case))
    incident = incident_of(world, case)["sys_id"]
    world.edit("incident", incident, state="2")
    lost = world.claim()
    world.forget_jobs()
    with pytest.raises(queue.LostLease):
        world.hub.handle(lost)
    assert world.notes(case) == []
    world.edit("incident", incident, priority="4")
    world.work()
    assert [note["value"] for note in world.notes(case)] == ["IT works on the incident."]


def test_a_change_that_others_hear_of_costs_no_statement_more_for_flows(world: World) -> None:
    case = created(world)
    world.forget_jobs()
    costs: list[int] = []
    for connections in ([connected()], [connected(), flowing()]):
        world.connect(*connections)
        with world.counted() as sent:
            world.edit("case", case, short_description=f"Till {len(costs)}")
        costs.append(len(sent))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("what", ["new", "linked"])
def test_a_page_of_cases_costs_the_same_however_many_there_are(world: World, what: str) -> None:
    costs: list[int] = []
    for many in (2, 60):
        cases = [created(world) for _ in range(many)]
        world.forget_jobs()
        if what == "linked":
            take_in(world, cases)
            for case in cases:
                world.edit("case", case, priority="1")
        with world.counted() as sent:
            assert take_in(world, cases).failed == 0
        costs.append(len(sent))
    assert costs[0] == costs[1] <= 18


def take_in(world: World, cases: list[str]) -> Counts:
    home = world.hub.connections
    spoke = home["hub"].spoke
    assert isinstance(spoke, OurStore)
    page = list(spoke.fetch(home["hub"].stream("case"), cases))
    with world.db.write() as tx:
        return absorb(tx, home, home["hub"], "case", page, now=world.now)


def test_a_plan_says_what_would_become_of_a_case_and_does_nothing(world: World) -> None:
    case = created(world)
    world.forget_jobs()
    home = world.hub.connections
    planner = Planner(world.db, home, home["hub"], world.clock)
    [record] = sampled(planner, "case", id=case)
    steps = planner.page("case", [record]).steps
    assert next((step.action, step.entity, step.external_id) for step in steps) == (
        "create", "incident", case,
    )  # fmt: skip
    assert world.rows("incident") == []


def test_why_a_field_says_so_leads_to_the_flow(world: World) -> None:
    case = created(world)
    world.work()
    incident = incident_of(world, case)
    resolve(world, incident["sys_id"])
    world.work()
    said, came = explained(world, "case", case), explained(world, "incident", incident["sys_id"])
    assert said["close_notes"].connection == "hub"
    assert said["close_notes"].place == f"{SHIPPED.name}:37"
    [there] = said["priority"].outlets[1:]
    assert (there.connection, there.external_id, there.state, there.two_way) == (
        "hub", incident["sys_id"], "incident.priority", True,
    )  # fmt: skip
    assert came["origin_id"].place == f"{SHIPPED.name}:24"
    assert [one.state for one in came["priority"].outlets] == ["in step"]


def explained(world: World, entity: str, sys_id: str) -> dict[str, Explained]:
    row = world.of(entity, sys_id)
    with world.db.read() as tx:
        found = explain(tx, world.connections, entities.find(entity), row)
    return {one.field: one for one in found}


def test_broken_hardware_sends_a_technician_of_whom_the_case_hears(world: World) -> None:
    """A second flow of the same cases."""
    both = (*mapped(SHIPPED), *mapped(SHIPPED.with_name("case_to_work_order.yaml")))
    world.connect(connected(), flowing(case=both))
    case = created(world, subcategory=None, u_service_issue_type="hardware")
    world.work()
    [order] = world.rows("work_order")
    assert (order["initiated_from"], order["priority"]) == (case, "2")
    assert world.rows("incident") == []
    for state in ("18", "3"):
        world.edit("work_order", order["sys_id"], state=state)
        world.work()
    said = [note["value"] for note in world.notes(case)]
    assert said == ["The technician is at work.", "The technician is done."]
    row = world.of("case", case)
    assert (row["state"], row["needs_attention"]) == ("1", True)
    world.edit("case", case, subcategory="IT")
    world.work()
    assert incident_of(world, case)["origin_id"] == case
