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
from hub.store import entities

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


READ_AT_BIRTH = (
    "state", "incident_state", "impact", "urgency", "priority", "active",
    "opened_at", "resolved_at", "closed_at",
)  # fmt: skip
"""All that `derive` looks at in a record that is new; of the moments, whether they are there."""


def command_faults(entity: str, before: Row | None, after: Row, changed: set[str]) -> list[str]:
    """Why a person may not make this change; empty if they may."""
    machine = MACHINES.get(entity)
    if machine is None or before is None:
        return []
    was, now = before.get("state") or machine.first, after.get("state") or machine.first
    if was in machine.closed and changed:
        return [f"state: {_called(entity, was)} is final: the record takes no further change"]
    if was == now:
        return []
    if not machine.allows(was, now):
        allowed = sorted(_called(entity, state) for state in machine.next.get(was, ()))
        step = f"{_called(entity, was)} cannot become {_called(entity, now)}"
        return [f"state: {step}; allowed: {', '.join(allowed) or 'nothing'}"]
    return [
        f"{field}: needed to set state {_called(entity, now)}"
        for field in machine.requires.get(now, ())
        if not after.get(field)
    ]


def _called(entity: str, state: str) -> str:
    """A state as people know it: `open`, not `10`."""
    choices = entities.find(entity).shape.fields["state"].choices
    return next((name for name, code in choices.items() if code == state), state)


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
    entity: str, before: Row | None, after: Row, given: set[str], *, now: datetime,
    reported: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """The values that follow; what was `given` from outside is never overruled.

    `given` are all fields that were spoken of, also those that say what we had. Of what another
    system has `reported` we may have missed steps, or hear of them late: there nothing is derived
    from the way that a record has come, so that every order of arrival ends the same.
    """
    machine = MACHINES.get(entity)
    if machine is None:
        return {}
    derived = _of_state(machine, before, after, now=now)
    if before is not None and not reported:
        derived |= _of_step(machine, before, after, now=now)
    if entity == "incident" and (before is None or "state" in given):
        derived["incident_state"] = after.get("state")
    derived |= _of_priority(entity, before, after)
    return {
        field: value
        for field, value in derived.items()
        if field not in given and after.get(field) != value
    }


def _of_state(machine: Machine, before: Row | None, after: Row, *, now: datetime) -> dict[str, Any]:
    """What a state means, however the record has come to it."""
    state = after.get("state") or machine.first
    derived: dict[str, Any] = {"active": state not in machine.closed}
    if before is None and not after.get("opened_at"):
        derived["opened_at"] = now
    was = before.get("state") if before else None
    if was != state:
        over = was in machine.over
        derived |= _stamp("resolved", after, now if state in machine.solved else None, over=over)
        derived |= _stamp("closed", after, now if state in machine.closed else None, over=over)
    return derived


def _stamp(what: str, row: Row, now: datetime | None, *, over: bool) -> dict[str, Any]:
    """When it came to this; nothing, and nobody, once what was `over` is so no more."""
    if now is not None:
        return {f"{what}_at": row.get(f"{what}_at") or now}
    return {f"{what}_at": None, f"{what}_by": None} if over else {}


def _of_step(machine: Machine, before: Row, after: Row, *, now: datetime) -> dict[str, Any]:
    """What somebody has done who went from one state to the next."""
    was, state = before.get("state"), after.get("state") or machine.first
    if was in machine.over and state not in machine.over:
        return {"reopen_count": (after.get("reopen_count") or 0) + 1}
    taken_up = was == machine.first and state in machine.next.keys() | machine.solved
    if taken_up and state != was and not after.get("work_start"):
        return {"work_start": now}
    return {}


def _of_priority(entity: str, before: Row | None, after: Row) -> dict[str, Any]:
    pair = (after.get("impact"), after.get("urgency"))
    if before is not None and pair == (before.get("impact"), before.get("urgency")):
        return {}
    priority = PRIORITY.get(pair)  # type: ignore[arg-type]
    if priority is None:
        return {}
    if entity == "case":
        priority = min(priority, LOWEST_CASE_PRIORITY)
    return {"priority": priority}
