"""What becomes of a record of ours when theirs is deleted is the mapping's word."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.store import entities
from hub.store.sys_ids import new_sys_id
from hub.sync.insight.plan import Planner
from hub.sync.reading import records_of
from hub.sync.records.patch import Patch
from tests.sync.elsewhere import gone, there
from tests.sync.world import World, altered, connected


@pytest.fixture
def lenient(world: World, tmp_path: Path) -> World:
    """A hub whose cases stay when they are deleted over there."""
    cases = altered(tmp_path, "cases", "stamp: Hub_Id", "stamp: Hub_Id\non_delete: ignore")
    world.connect(connected(cases=cases))
    world.absorb(there("cases", "c1", 1, Subject="Till", Status="Open"))
    return world


def test_it_says_so_unless_the_mapping_says_otherwise(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Status="Open"))
    world.absorb(gone("cases", "c1", 2))
    assert world.row("case", "c1")["state"] == "7"


def test_ours_stays_as_it_is(lenient: World) -> None:
    before = lenient.row("case", "c1")
    counts = lenient.absorb(gone("cases", "c1", 2))
    assert counts.deleted == 1
    assert lenient.row("case", "c1") == before
    assert lenient.link("case", "c1").deleted_at is not None


def test_it_is_not_written_there_any_more(lenient: World) -> None:
    lenient.absorb(gone("cases", "c1", 2))
    lenient.edit("case", lenient.sys_id("case", "c1"), short_description="Ours")
    lenient.work()
    assert lenient.system().writes == []


def test_what_comes_back_is_read_again(lenient: World) -> None:
    lenient.absorb(gone("cases", "c1", 2))
    lenient.absorb(there("cases", "c1", 3, Subject="Back", Status="Waiting"))
    row = lenient.row("case", "c1")
    assert (row["short_description"], row["state"]) == ("Back", "18")
    assert lenient.link("case", "c1").deleted_at is None
    assert len(lenient.rows("case")) == 1


SETS = """on_delete:
  state: resolved
  close_notes: Deleted over there
  resolution_code: null
  escalation: 2
  follow_up: 2026-03-01T08:00:00Z
  u_gone: "yes"
  work_notes: It is gone over there
owner: ours
"""


@pytest.fixture
def setting(world: World, tmp_path: Path) -> World:
    """A hub that is told by the mapping what its cases say when theirs are deleted."""
    world.connect(connected(cases=altered(tmp_path, "cases", "stamp: Hub_Id\n", f"{SETS}")))
    world.absorb(there("cases", "c1", 1, Subject="Till", Status="Open"))
    case = world.sys_id("case", "c1")
    world.edit("case", case, resolution_code="1", escalation="1", close_notes="Not yet")
    return world


def case(world: World) -> dict[str, Any]:
    row = world.row("case", "c1")
    names = ("state", "close_notes", "resolution_code", "escalation", "follow_up")
    return {name: row[name] for name in names} | {"u_gone": (row["hub_custom"] or {}).get("u_gone")}


def test_the_fields_that_the_mapping_names_are_set(setting: World) -> None:
    assert setting.absorb(gone("cases", "c1", 2)).deleted == 1
    assert case(setting) == {
        "state": "6", "close_notes": "Deleted over there", "resolution_code": None,
        "escalation": "2", "follow_up": datetime(2026, 3, 1, 8, tzinfo=UTC), "u_gone": "yes",
    }  # fmt: skip
    sys_id = setting.sys_id("case", "c1")
    assert [note["value"] for note in setting.notes(sys_id)] == ["It is gone over there"]
    assert setting.row("case", "c1")["resolved_at"] is not None, "the rules hold"
    places = {e["fieldname"]: e["hub_mapping"] for e in setting.audits("case", sys_id)}
    assert places["close_notes"].endswith(".yaml:8")


def test_what_a_deletion_has_set_goes_with_it(setting: World) -> None:
    before = case(setting)
    setting.absorb(gone("cases", "c1", 2))
    setting.absorb(there("cases", "c1", 3, Subject="Till", Status="Waiting"))
    assert case(setting) == before | {"state": "18"}
    setting.absorb(gone("cases", "c1", 4))
    setting.absorb(there("cases", "c1", 5, Subject="Till", Status="Waiting"))
    assert case(setting) == before | {"state": "18"}


def test_what_somebody_has_changed_since_stays(setting: World) -> None:
    setting.absorb(gone("cases", "c1", 2))
    setting.edit("case", setting.sys_id("case", "c1"), close_notes="Ask them", escalation="3")
    setting.edit("case", setting.sys_id("case", "c1"), escalation="2")
    setting.absorb(there("cases", "c1", 3, Subject="Till", Status="Open"))
    now = case(setting)
    assert (now["close_notes"], now["escalation"], now["u_gone"]) == ("Ask them", "2", None)


def test_a_plan_shows_it_with_the_line(setting: World) -> None:
    planner = Planner(setting.db, setting.connections, setting.connections["crm"], setting.clock)
    before = case(setting)
    steps = planner.page("cases", records_of([gone("cases", "c1", 2)])).steps
    [step] = [one for one in steps if one.action == "delete"]
    assert case(setting) == before
    shown = {one.field: (one.new, one.place.rpartition(":")[2]) for one in step.fields}
    assert (shown["state"], shown["u_gone"]) == (("6", "7"), ("yes", "12"))


def test_who_is_inactive_already_is_so_when_theirs_is_back(world: World) -> None:
    world.absorb(there("contacts", "p1", 1, Name="Zoe"))
    world.edit("contact", world.sys_id("contact", "p1"), active=False)
    world.absorb(gone("contacts", "p1", 2))
    world.absorb(there("contacts", "p1", 3, Name="Zoe"))
    assert world.row("contact", "p1")["active"] is False


def test_who_did_not_create_a_record_may_say_what_becomes_of_it(
    world: World, tmp_path: Path
) -> None:
    says = "match: [short_description]\ncreates: false\non_delete: {u_crm: left}"
    world.connect(
        connected(cases=altered(tmp_path, "cases", "stamp: Hub_Id\nmatch: [correlation_id]", says))
    )
    world.amend(
        Patch(entities.find("case"), new_sys_id(), {"short_description": "Till"}, fresh=True)
    )
    world.absorb(there("cases", "c1", 1, Subject="Till", Status="Open"))
    world.absorb(gone("cases", "c1", 2))
    row = world.row("case", "c1")
    assert (row["state"], row["hub_custom"]) == ("10", {"u_crm": "left"})


def test_only_a_page_with_records_that_are_back_costs_a_statement_more(setting: World) -> None:
    with setting.counted() as without:
        setting.absorb(there("cases", "c1", 2, Subject="Till", Status="Waiting"))
    setting.absorb(gone("cases", "c1", 3))
    with setting.counted() as back:
        setting.absorb(there("cases", "c1", 4, Subject="Till", Status="Waiting"))
    asked = [
        [sql for sql in those if "FROM" in sql and "sys_audit" in sql] for those in (without, back)
    ]
    assert list(map(len, asked)) == [0, 1]


def test_another_word_reads_nothing_again(setting: World, tmp_path: Path) -> None:
    setting.absorb(there("cases", "c2", 1, Subject="Scale", Status="Open"))
    other = SETS.replace("Deleted over there", "Gone")
    setting.connect(connected(cases=altered(tmp_path, "cases", "stamp: Hub_Id\n", other)))
    page = there("cases", "c2", 1, Subject="Scale", Status="Open")
    assert setting.absorb(page).unchanged == 1
    setting.absorb(gone("cases", "c1", 2))
    assert case(setting)["close_notes"] == "Gone"
