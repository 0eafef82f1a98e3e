"""The state machines of cases and incidents.

Two ways in. A *command* (a person, the API) must keep to the graph. What another system *reports*
is accepted whatever it is, because it has happened: real systems skip states, and refusing them
loses data; the skip is noted. (ServiceNow: CSM case states, incident states.)

    case:      new ─▶ open ◀──▶ awaiting info      incident: new ─▶ in progress ◀─▶ on hold
                │      │  ▲          │                         │        │  ▲          │
                │      ▼  └─reject┐  ▼                         │        ▼  └─reopen   │
                └──▶ closed ◀─── resolved                      └▶ canceled  resolved ─▶ closed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """States by code: where each may go, which end the work, and what entering one requires.

    `solved` are those that a solution has led to, `closed` those that are final.
    """

    first: str
    next: Mapping[str, frozenset[str]]
    resolved: str
    solved: frozenset[str]
    closed: frozenset[str]
    requires: Mapping[str, tuple[str, ...]]

    @property
    def over(self) -> frozenset[str]:
        """Those in which nobody works on it; who leaves them reopens it."""
        return self.solved | self.closed

    def allows(self, before: str, after: str) -> bool:
        return after in self.next.get(before, frozenset())


NEW, OPEN, AWAITING_INFO, RESOLVED, CLOSED, CANCELLED = "1", "10", "18", "6", "3", "7"

CASE = Machine(
    first=NEW,
    next={
        NEW: frozenset({OPEN, CLOSED, CANCELLED}),
        OPEN: frozenset({AWAITING_INFO, RESOLVED, CLOSED, CANCELLED}),
        AWAITING_INFO: frozenset({OPEN, RESOLVED, CLOSED, CANCELLED}),
        RESOLVED: frozenset({CLOSED, OPEN}),
    },
    resolved=RESOLVED,
    solved=frozenset({RESOLVED, CLOSED}),
    closed=frozenset({CLOSED, CANCELLED}),
    requires={RESOLVED: ("resolution_code", "close_notes"), CLOSED: ("close_notes",)},
)

INCIDENT = Machine(
    first="1",
    next={
        "1": frozenset({"2", "8"}),
        "2": frozenset({"3", "6", "8"}),
        "3": frozenset({"2", "6", "8"}),
        "6": frozenset({"7", "2"}),
    },
    resolved="6",
    solved=frozenset({"6", "7"}),
    closed=frozenset({"7", "8"}),
    requires={"3": ("hold_reason",), "6": ("close_code", "close_notes")},
)

MACHINES: Mapping[str, Machine] = {"case": CASE, "incident": INCIDENT}
"""By the entity's short name."""
