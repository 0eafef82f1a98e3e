"""The one way in which a record changes: rules, audit, and who is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.errors import Conflict, NotFound
from hub.service.rules import Refused
from hub.store import entities
from hub.sync.records import command
from hub.sync.records.amend import Origin, Patch
from hub.sync.records.children import ChildList
from tests.sync.elsewhere import EPOCH, at, there
from tests.sync.world import COMMAND, World, connected

CASE, INCIDENT, ACCOUNT, ORDER = map(entities.find, ("case", "incident", "account", "order"))
ID = "c" * 32


def made(world: World, sys_id: str = ID, **values: Any) -> str:
    world.amend(Patch(CASE, sys_id, values, fresh=True))
    world.clock.pass_(60)
    return sys_id


def test_nothing_changed_has_no_effect(world: World) -> None:
    made(world, short_description="Till", state="10")
    world.forget_jobs()
    before, audits = world.of("case", ID), world.count("sys_audit")
    with world.counted() as sent:
        [result] = world.amend(Patch(CASE, ID, {"short_description": "Till", "state": "10"}))
    assert (result.changed, result.created) == (frozenset(), False)
    assert len(sent) == 1
    assert (world.of("case", ID), world.count("sys_audit"), world.waiting()) == (before, audits, [])


def test_a_change_is_audited_with_who_when_and_from_where(world: World) -> None:
    made(world, short_description="Till")
    origin = Origin("crm", "crm", "poll/7")
    world.amend(
        Patch(CASE, ID, {"short_description": "Tell", "auto_close": True, "due_date": world.now},
              external_id="e1", place_of=lambda field: f"x.yaml:{len(field)}"),
        origin=origin,
    )  # fmt: skip
    entries = {entry["fieldname"]: entry for entry in world.audits("case", ID)[1:]}
    told = entries["short_description"]
    assert (told["oldvalue"], told["newvalue"]) == ("Till", "Tell")
    assert (told["user"], told["hub_source"], told["hub_job_id"]) == ("crm", "crm", "poll/7")
    assert (told["hub_external_id"], told["hub_mapping"]) == ("e1", "x.yaml:17")
    assert told["sys_created_on"] == world.now
    assert entries["auto_close"]["newvalue"] == "true"
    assert entries["due_date"]["newvalue"] == world.now.strftime("%Y-%m-%d %H:%M:%S")
    assert len({entry["internal_checkpoint"] for entry in entries.values()}) == 1


def test_a_command_keeps_to_the_graph(world: World) -> None:
    made(world, state="1")
    with pytest.raises(
        Refused, match="new cannot become resolved; allowed: cancelled, closed, open"
    ):
        world.edit("case", ID, state="6")
    with pytest.raises(Refused, match="close_notes: needed to set state closed"):
        world.edit("case", ID, state="3")
    assert world.of("case", ID)["state"] == "1"
    world.edit("case", ID, state="3", close_notes="Solved by phone")
    assert world.of("case", ID)["state"] == "3"


def test_one_refused_patch_undoes_the_others(world: World) -> None:
    made(world)
    with pytest.raises(Refused):
        world.amend(Patch(CASE, ID, {"description": "x"}), Patch(CASE, ID, {"state": "6"}))
    assert world.of("case", ID)["description"] is None


@pytest.mark.parametrize("value", ["description", "comments", "work_notes"])
def test_a_closed_case_takes_nothing_from_people(world: World, value: str) -> None:
    made(world, state="3")
    with pytest.raises(Refused, match="closed is final: the record takes no further change"):
        world.edit("case", ID, **{value: "One more thing"})
    assert world.notes(ID) == []


def test_what_another_system_reports_is_taken_and_the_skip_is_noted(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Status="New"))
    world.absorb(there("cases", "c1", 2, Status="Solved"))
    row = world.row("case", "c1")
    assert (row["state"], row["resolved_at"]) == ("6", world.now)
    entries = {e["fieldname"]: e["reason"] for e in world.audits("case", row["sys_id"])}
    assert entries["state"] == "transition anomaly: 1 -> 6"
    world.absorb(there("cases", "c1", 3, Status="Open"))
    assert world.audits("case", row["sys_id"])[-1]["reason"] == ""


def test_a_reported_step_is_not_counted_for_we_may_have_missed_others(world: World) -> None:
    for moment, status in enumerate(["New", "Solved", "Open"], 1):
        world.absorb(there("cases", "c1", moment, Status=status))
    row = world.row("case", "c1")
    assert (row["reopen_count"], row["work_start"], row["resolved_at"]) == (0, None, None)


def test_a_reported_time_is_not_overruled_by_the_rules(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Status="Open", CreatedDate=at(-3600)))
    row = world.row("case", "c1")
    assert row["opened_at"] == EPOCH - timedelta(hours=1)
    assert row["sys_created_on"] == world.now


def test_a_case_through_its_life(world: World) -> None:
    made(world)
    world.edit("case", ID, state="10")
    assert world.of("case", ID)["work_start"] == world.now
    world.clock.pass_(60)
    world.edit("case", ID, state="6", resolution_code="fixed", close_notes="New cable")
    assert world.of("case", ID)["resolved_at"] == world.now
    world.edit("case", ID, state="10")
    row = world.of("case", ID)
    assert (row["resolved_at"], row["reopen_count"]) == (None, 1)
    world.edit("case", ID, state="6")
    world.clock.pass_(60)
    world.edit("case", ID, state="3")
    row = world.of("case", ID)
    assert (row["closed_at"], row["active"], row["sys_mod_count"]) == (world.now, False, 5)
    derived = [e["fieldname"] for e in world.audits("case", ID)]
    assert derived.count("resolved_at") == 3


@pytest.mark.parametrize("impact", "123")
@pytest.mark.parametrize("urgency", "123")
def test_priority_follows_impact_and_urgency(world: World, impact: str, urgency: str) -> None:
    expected = {2: "1", 3: "2", 4: "3", 5: "4", 6: "5"}[int(impact) + int(urgency)]
    world.amend(Patch(INCIDENT, ID, {"impact": impact, "urgency": urgency}, fresh=True))
    assert world.of("incident", ID)["priority"] == expected
    made(world, "d" * 32)
    world.edit("case", "d" * 32, impact=impact, urgency=urgency)
    assert world.of("case", "d" * 32)["priority"] == min(expected, "4")


def test_two_patches_of_one_record_in_one_call(world: World) -> None:
    one, other = world.amend(
        Patch(CASE, ID, {"short_description": "Till", "description": "One"}, fresh=True),
        Patch(CASE, ID, {"description": "Two", "state": "10"}),
    )
    row = world.of("case", ID)
    assert (row["short_description"], row["description"], row["state"]) == ("Till", "Two", "10")
    assert (row["number"], row["sys_mod_count"]) == ("CS0001001", 1)
    assert (one.created, other.created) == (True, False)
    assert {"description", "state"} <= other.changed


def test_two_patches_with_the_same_line_make_one(world: World) -> None:
    lines = {"lines": ChildList(entities.find("order_line"), [("l1", {"sku": "A"})])}
    more = {"lines": ChildList(entities.find("order_line"), [("l1", {"sku": "B"})])}
    world.amend(
        Patch(ORDER, ID, {}, fresh=True, children=lines), Patch(ORDER, ID, {}, children=more)
    )
    [line] = world.rows("order_line")
    assert (line["sku"], line["number"]) == ("B", "ORDL0001001")


def test_custom_fields_live_together_and_change_apart(world: World) -> None:
    made(world, u_region="north", u_tier="gold")
    world.edit("case", ID, u_region="south")
    assert world.of("case", ID)["hub_custom"] == {"u_region": "south", "u_tier": "gold"}
    [entry] = world.audits("case", ID)[1:]
    assert (entry["fieldname"], entry["oldvalue"], entry["newvalue"]) == (
        "u_region",
        "north",
        "south",
    )
    [result] = world.amend(Patch(CASE, ID, {"u_region": "south"}))
    assert result.changed == frozenset()


def test_a_comment_of_a_person_is_an_entry_every_time(world: World) -> None:
    made(world)
    world.edit("case", ID, comments="Any news?")
    world.clock.pass_(60)
    world.edit("case", ID, comments="Any news?", work_notes="They are impatient")
    notes = world.notes(ID)
    assert [note["value"] for note in notes].count("Any news?") == 2
    assert {note["sys_created_by"] for note in notes} == {"ann"}
    assert world.of("case", ID)["sys_mod_count"] == 0, "a journal is no field of the row"


def test_a_change_is_pushed_to_everybody_who_shows_it_but_its_origin(world: World) -> None:
    world.connect(connected("crm"), connected("erp"), connected("shop", streams=("orders",)))
    world.absorb(there("cases", "c1", Subject="Till"))
    sys_id = world.sys_id("case", "c1")
    key = f"cases/sn_customerservice_case/{sys_id}"
    assert [k for k in world.waiting("push") if "/cases/" in k] == [f"erp/{key}"]
    world.forget_jobs()
    world.edit("case", sys_id, short_description="Tell")
    assert sorted(k for k in world.waiting("push") if "/cases/" in k) == [
        f"crm/{key}",
        f"erp/{key}",
    ]
    world.forget_jobs()
    world.edit("case", sys_id, cause="Coffee")
    assert world.waiting() == []


def test_jobs_come_with_the_change_or_not_at_all(world: World) -> None:
    made(world)
    world.forget_jobs()
    with pytest.raises(Refused):
        world.edit("case", ID, short_description="Tell", state="6")
    assert world.waiting() == []


def change(world: World, key: str, *, expected: int | None = None, **values: Any) -> Any:
    return command.change(
        world.db, world.connections, CASE, key, values, user="ann", now=world.now,
        expected=expected,
    )  # fmt: skip


def test_a_person_changes_a_record_by_number_and_names(world: World) -> None:
    made(world)
    world.amend(Patch(ACCOUNT, "a" * 32, {"name": "Brookfield"}, fresh=True))
    row = change(world, "CS0001001", state="open", account="ACCT0000001", u_region="north")
    assert (row["state"], row["account"]) == ("10", "a" * 32)
    assert world.of("case", ID) == row
    assert row["sys_updated_by"] == "ann"


def test_everything_that_is_wrong_with_a_command_is_said_at_once(world: World) -> None:
    made(world)
    with pytest.raises(Refused) as caught:
        change(world, ID, state="opened", account="nobody", colour="red", number="CS1")
    for part in ("state: ", "did you mean 'open'", "account: there is no record", "colour: "):
        assert part in str(caught.value)
    assert world.count("sys_audit") == 1


def test_a_command_may_insist_on_what_it_saw(world: World) -> None:
    made(world)
    change(world, ID, description="One", expected=0)
    with pytest.raises(Conflict, match="its sys_mod_count is 1, not 0; read it again"):
        change(world, ID, description="Two", expected=0)
    assert world.of("case", ID)["description"] == "One"


def test_a_command_for_a_record_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound, match="no record with number or sys_id 'CS9'"):
        change(world, "CS9", state="open")


def test_what_a_command_says_of_its_origin() -> None:
    assert COMMAND.command
    assert not Origin("crm", "crm").command
