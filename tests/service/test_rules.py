"""What follows from a change, and what nobody may order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.service.rules import PRIORITY, anomaly, command_faults, derive
from hub.service.states import MACHINES
from hub.store import entities

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)
FILLED = {"resolution_code": "fixed", "close_notes": "done", "close_code": "x", "hold_reason": "1"}

CASE_STEPS = {
    ("1", "10"), ("1", "3"), ("1", "7"),
    ("10", "18"), ("10", "6"), ("10", "3"), ("10", "7"),
    ("18", "10"), ("18", "6"), ("18", "3"), ("18", "7"),
    ("6", "3"), ("6", "10"),
}  # fmt: skip
INCIDENT_STEPS = {
    ("1", "2"), ("1", "8"),
    ("2", "3"), ("2", "6"), ("2", "8"),
    ("3", "2"), ("3", "6"), ("3", "8"),
    ("6", "7"), ("6", "2"),
}  # fmt: skip
STEPS = {"case": CASE_STEPS, "incident": INCIDENT_STEPS}


def codes(entity: str) -> list[str]:
    return list(entities.find(entity).shape.fields["state"].choices.values())


def pairs(entity: str) -> list[tuple[str, str, str]]:
    return [(entity, one, other) for one in codes(entity) for other in codes(entity)]


def step(entity: str, was: str, now: str, **values: Any) -> list[str]:
    before = {"state": was, **values}
    return command_faults(entity, before, {**before, "state": now}, {"state"})


@pytest.mark.parametrize(("entity", "was", "now"), pairs("case") + pairs("incident"))
def test_the_graph_of_r1_and_r2(entity: str, was: str, now: str) -> None:
    faults = step(entity, was, now, **FILLED)
    closed = was in MACHINES[entity].closed
    allowed = (was, now) in STEPS[entity] or (was == now and not closed)
    assert (faults == []) == allowed


def test_a_refusal_says_what_would_be_allowed() -> None:
    [fault] = step("case", "1", "6", **FILLED)
    assert fault == "state: new cannot become resolved; allowed: cancelled, closed, open"
    [fault] = step("incident", "6", "3", **FILLED)
    assert fault == "state: resolved cannot become on_hold; allowed: closed, in_progress"


@pytest.mark.parametrize(
    ("entity", "was", "now", "needed"),
    [
        ("case", "10", "6", {"resolution_code", "close_notes"}),
        ("case", "10", "3", {"close_notes"}),
        ("case", "1", "3", {"close_notes"}),
        ("incident", "2", "3", {"hold_reason"}),
        ("incident", "2", "6", {"close_code", "close_notes"}),
        ("case", "10", "18", set()),
        ("case", "10", "7", set()),
        ("incident", "1", "8", set()),
    ],
)
def test_what_a_state_requires(entity: str, was: str, now: str, needed: set[str]) -> None:
    faults = step(entity, was, now)
    assert {fault.partition(":")[0] for fault in faults} == needed
    filled = dict.fromkeys(needed, "x")
    assert step(entity, was, now, **filled) == []


@pytest.mark.parametrize(("entity", "state"), [("case", "3"), ("case", "7"), ("incident", "8")])
def test_a_closed_record_takes_no_change_at_all(entity: str, state: str) -> None:
    row = {"state": state}
    [fault] = command_faults(entity, row, {**row, "description": "x"}, {"description"})
    assert "takes no further change" in fault
    assert command_faults(entity, row, row, set()) == []


def test_a_new_record_may_begin_in_any_state() -> None:
    assert command_faults("case", None, {"state": "6"}, {"state"}) == []


def test_other_records_have_no_states_to_keep_to() -> None:
    assert command_faults("order", {"state": "new"}, {"state": "completed"}, {"state"}) == []
    assert derive("account", None, {"name": "x"}, {"name"}, now=NOW) == {}
    assert anomaly("order", {"state": "new"}, {"state": "completed"}) == ""


@pytest.mark.parametrize(("entity", "was", "now"), pairs("case") + pairs("incident"))
def test_a_step_that_the_graph_has_not_is_an_anomaly(entity: str, was: str, now: str) -> None:
    found = anomaly(entity, {"state": was}, {"state": now})
    expected = was != now and (was, now) not in STEPS[entity]
    assert bool(found) == expected
    assert found == (f"transition anomaly: {was} -> {now}" if expected else "")


def derived(entity: str, was: str | None, now: str, **values: Any) -> dict[str, Any]:
    before = None if was is None else {"state": was, "active": True, **values}
    after = {"active": True, **(before or values), "state": now}
    return derive(entity, before, after, {"state"}, now=NOW)


def test_a_new_record_is_opened_now_unless_they_say_when() -> None:
    assert derived("case", None, "1")["opened_at"] == NOW
    assert "opened_at" not in derived("case", None, "1", opened_at=EARLIER)


@pytest.mark.parametrize("now", ["10", "18", "6", "3"])
def test_work_starts_when_a_case_is_no_longer_new(now: str) -> None:
    assert derived("case", "1", now)["work_start"] == NOW


def test_work_starts_once() -> None:
    assert "work_start" not in derived("case", "1", "10", work_start=EARLIER)
    assert "work_start" not in derived("case", "18", "10", work_start=EARLIER)


def test_a_resolved_record_says_since_when() -> None:
    assert derived("case", "10", "6")["resolved_at"] == NOW
    assert "resolved_at" not in derived("case", "10", "6", resolved_at=EARLIER)
    assert derived("incident", None, "6")["resolved_at"] == NOW


@pytest.mark.parametrize(
    ("entity", "was", "now"), [("case", "6", "3"), ("case", "1", "7"), ("incident", "6", "7")]
)
def test_a_closed_record_is_not_active_and_says_since_when(entity: str, was: str, now: str) -> None:
    values = derived(entity, was, now)
    assert (values["active"], values["closed_at"]) == (False, NOW)


@pytest.mark.parametrize(
    ("entity", "was", "now"),
    [("case", "6", "10"), ("case", "3", "10"), ("incident", "6", "2"), ("incident", "8", "1")],
)
def test_a_reopened_record_forgets_its_end_and_counts(entity: str, was: str, now: str) -> None:
    ended = {"resolved_at": EARLIER, "closed_at": EARLIER, "resolved_by": "u", "reopen_count": 2}
    values = derived(entity, was, now, **ended)
    assert values["reopen_count"] == 3
    assert (values["resolved_at"], values["closed_at"], values["resolved_by"]) == (None,) * 3


def test_waiting_for_information_is_no_reopening() -> None:
    assert "reopen_count" not in derived("case", "18", "10")


def test_what_they_say_is_not_overruled() -> None:
    before = {"state": "10", "active": True, "priority": "3", "impact": "3", "urgency": "3"}
    said = {"state": "6", "resolved_at": EARLIER, "impact": "1", "urgency": "1", "priority": "4"}
    values = derive("case", before, before | said, set(said), now=NOW)
    assert values == {}


MATRIX = {
    ("1", "1"): "1", ("1", "2"): "2", ("1", "3"): "3",
    ("2", "1"): "2", ("2", "2"): "3", ("2", "3"): "4",
    ("3", "1"): "3", ("3", "2"): "4", ("3", "3"): "5",
}  # fmt: skip


def prioritised(entity: str, impact: str, urgency: str) -> str | None:
    before = {"state": "1", "active": True, "impact": None, "urgency": None, "priority": "x"}
    after = before | {"impact": impact, "urgency": urgency}
    return derive(entity, before, after, {"impact", "urgency"}, now=NOW).get("priority")


@pytest.mark.parametrize(("pair", "priority"), MATRIX.items())
def test_the_nine_cells_of_r9(pair: tuple[str, str], priority: str) -> None:
    assert prioritised("incident", *pair) == priority
    assert prioritised("case", *pair) == min(priority, "4")
    assert PRIORITY[pair] == priority


def test_a_manual_priority_stays_until_impact_or_urgency_change() -> None:
    row = {"state": "1", "active": True, "impact": "1", "urgency": "1", "priority": "4"}
    after = {**row, "description": "x"}
    assert "priority" not in derive("case", row, after, {"description"}, now=NOW)
    after = {**row, "urgency": "2"}
    assert derive("case", row, after, {"urgency"}, now=NOW)["priority"] == "2"


@pytest.mark.parametrize(("pair", "priority"), MATRIX.items())
def test_a_new_record_has_the_priority_of_its_impact_and_urgency(
    pair: tuple[str, str], priority: str
) -> None:
    entity = entities.find("incident")
    given = {"impact": pair[0], "urgency": pair[1]}
    after = {**entity.defaults, **given}
    values = derive("incident", None, after, set(given), now=NOW)
    assert {**after, **values}["priority"] == priority


def test_the_legacy_copy_of_an_incidents_state_follows() -> None:
    assert derived("incident", "1", "2", incident_state="1")["incident_state"] == "2"
    entity = entities.find("incident")
    assert derive("incident", None, entity.defaults, set(), now=NOW)["incident_state"] == "1"


@pytest.mark.parametrize("entity", ["case", "incident"])
def test_the_machines_speak_of_the_states_that_there_are(entity: str) -> None:
    machine, known = MACHINES[entity], set(codes(entity))
    assert {machine.first, machine.resolved, *machine.closed} <= known
    assert machine.next.keys() | {s for those in machine.next.values() for s in those} == known
    assert not machine.next.keys() & machine.closed
    assert machine.requires.keys() <= known
    fields = entities.find(entity).shape.fields
    assert all(field in fields for those in machine.requires.values() for field in those)


def test_each_machine_begins_where_its_entity_does() -> None:
    for entity, machine in MACHINES.items():
        assert entities.find(entity).defaults["state"] == machine.first
