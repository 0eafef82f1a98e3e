"""What follows from a change of a case or an incident.

Pure: rows in, derived values and complaints out. `amend` applies them to every record that
really changes, whoever asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.errors import Permanent
from hub.service.states import MACHINES, Machine

Row = Mapping[str, Any]


class Refused(Permanent):
    """A command that the rules do not allow; says what would be allowed."""


PRIORITY = {
    ("1", "1"): "1", ("1", "2"): "2", ("2", "1"): "2",
    ("1", "3"): "3", ("2", "2"): "3", ("3", "1"): "3",
    ("2", "3"): "4", ("3", "2"): "4", ("3", "3"): "5",
}  # fmt: skip
"""impact x urgency -> priority: ServiceNow's stock matrix."""
LOWEST_CASE_PRIORITY = "4"  # a case has no 5 - Planning


def command_faults(entity: str, before: Row | None, after: Row, changed: set[str]) -> list[str]:
    """Why a person may not make this change; empty if they may."""
    machine = MACHINES.get(entity)
    if machine is None or before is None:
        return []
    was, now = before.get("state") or machine.first, after.get("state") or machine.first
    if was in machine.closed and changed:
        return [f"state: a record in state {was!r} is closed and takes no further change"]
    if was == now:
        return []
    if not machine.allows(was, now):
        allowed = ", ".join(sorted(machine.next.get(was, ()))) or "nothing"
        return [f"state: {was!r} cannot become {now!r}; allowed: {allowed}"]
    return [
        f"{field}: needed to set state {now!r}"
        for field in machine.requires.get(now, ())
        if not after.get(field)
    ]


def anomaly(entity: str, before: Row | None, after: Row) -> str:
    """The step that another system reports and that our graph does not have; empty if none."""
    machine = MACHINES.get(entity)
    if machine is None or before is None:
        return ""
    was, now = before.get("state"), after.get("state")
    if was == now or was is None or now is None or machine.allows(was, now):
        return ""
    return f"transition anomaly: {was} -> {now}"


def derive(
    entity: str, before: Row | None, after: Row, given: set[str], *, now: datetime
) -> dict[str, Any]:
    """The values that follow; what was `given` from outside is never overruled."""
    machine = MACHINES.get(entity)
    if machine is None:
        return {}
    derived = _of_state(machine, before, after, now=now)
    if entity == "incident" and "state" in given:
        derived["incident_state"] = after.get("state")
    derived |= _of_priority(entity, before, after)
    return {
        field: value
        for field, value in derived.items()
        if field not in given and after.get(field) != value
    }


def _of_state(
    machine: Machine, before: Row | None, after: Row, *, now: datetime
) -> dict[str, Any]:
    was = before.get("state") if before else None
    state = after.get("state") or machine.first
    derived: dict[str, Any] = {"active": state not in machine.closed}
    if before is None and not after.get("opened_at"):
        derived["opened_at"] = now
    if was == state:
        return derived
    if state == machine.resolved:
        derived["resolved_at"] = after.get("resolved_at") or now
    elif state in machine.closed:
        derived["closed_at"] = after.get("closed_at") or now
    elif was == machine.resolved or was in machine.closed:
        derived |= dict.fromkeys(("resolved_at", "resolved_by", "closed_at", "closed_by"))
        derived["reopen_count"] = (after.get("reopen_count") or 0) + 1
    elif was is not None and not after.get("work_start"):
        derived["work_start"] = now
    return derived


def _of_priority(entity: str, before: Row | None, after: Row) -> dict[str, Any]:
    pair = (after.get("impact"), after.get("urgency"))
    if before is not None and pair == (before.get("impact"), before.get("urgency")):
        return {}
    priority = PRIORITY.get(pair)  # type: ignore[arg-type]
    if priority is None or (before is None and after.get("priority")):
        return {}
    if entity == "case":
        priority = min(priority, LOWEST_CASE_PRIORITY)
    return {"priority": priority}
