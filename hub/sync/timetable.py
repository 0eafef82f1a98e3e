"""Put polls when they are due. Any number may run, anywhere: each tick is taken by one.

What time it is, and what is due, is the database's to say: the clocks of the machines that the
timetables run on are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from hub import queue
from hub.spoke import Subscribes
from hub.store import conflicts, cursors, deliveries
from hub.store.cursors import NEVER, Tick
from hub.store.database import Database, Transaction
from hub.sync.connection import Connections
from hub.sync.jobs import Job, Poll, Subscribe, Sweep, request
from hub.sync.schedule import Interval, Schedule

SWEEP = ("", "sweep")
HOURLY = Interval(timedelta(hours=1))
SUBSCRIBE = "#subscribe"
"""In place of a stream's name, for a connection that must be asked to send webhooks."""
KEEP_DELIVERIES = 7 * 86400.0  # seconds; longer than any sender repeats, twice over
KEEP_CONFLICTS = 90 * 86400.0  # seconds after they were settled; till then one can be taken back
SETTLED = 600.0  # seconds from one look at all streams to the next


class Timetable:
    """When every stream of these connections is polled. Keep it: its first look is at all streams.

    Afterwards it asks only for what is due, and looks at all of them again every ten minutes, for
    what others did to the plan: a process whose configuration is older, an operator, a clock that
    was set.
    """

    def __init__(self, connections: Connections) -> None:
        self._schedules: dict[tuple[str, str], Schedule] = {
            (connection.name, stream.name): connection.schedule(stream.name)
            for connection in connections.values()
            for stream in connection.polled()
        }
        self._schedules[SWEEP] = HOURLY
        for connection in connections.values():
            if isinstance(connection.spoke, Subscribes):
                self._schedules[connection.name, SUBSCRIBE] = HOURLY
        self._settled = NEVER

    def tick(self, db: Database, *, clock: Callable[[], float] | None = None) -> int:
        """Put what is due; returns how many jobs. `clock` is a test's, not the database's.

        Where nothing is due it costs one statement, which returns a single row.
        """
        with db.read() as tx:
            look = self._look(tx, clock)
        put = 0
        if look.take or look.plan:
            with db.write() as tx:  # which may have waited for others: look again
                queue.unhurried(tx)  # a tick that a crashed server forgets is still due
                look = self._look(tx, clock)
                put = _act(tx, look)
        if look.whole:
            self._settled = (look.now, look.now + SETTLED)
        return put

    def _look(self, tx: Transaction, clock: Callable[[], float] | None) -> _Look:
        given = clock() if clock else None
        now, planned = cursors.due(tx, settled=self._settled, now=given)
        whole = not self._settled[0] <= now <= self._settled[1]
        mine = self._schedules
        asked = mine if whole else {key: mine[key] for key in planned if key in mine}
        take, plan = _decide(asked, planned, now)
        return _Look(now, given, whole, take, plan)


@dataclass(frozen=True, slots=True)
class _Look:
    """What is to be done: ticks to take, which are due, and ticks to plan, which are not yet.

    `given` is what a test's clock said, `whole` whether all streams were looked at.
    """

    now: float
    given: float | None
    whole: bool
    take: list[Tick]
    plan: list[Tick]


def _decide(
    asked: Mapping[tuple[str, str], Schedule], planned: Mapping[tuple[str, str], float], now: float
) -> tuple[list[Tick], list[Tick]]:
    """Ticks to take and ticks to plan."""
    take: list[Tick] = []
    plan: list[Tick] = []
    for key, schedule in asked.items():
        was = planned.get(key) or None  # 0: a webhook or a person came before any timetable
        due = schedule.planned(was, now)
        if due <= now:
            take.append((*key, schedule.after(due, now)))
        elif due != was:
            plan.append((*key, due))
    return take, plan


def _act(tx: Transaction, look: _Look) -> int:
    cursors.plan(tx, look.plan, now=look.given)
    taken = cursors.take_due(tx, look.take, now=look.now)
    queue.put(tx, [request(_job(*one)) for one in taken], now=look.now)
    return len(taken)


def _job(connection: str, stream: str) -> Job:
    if (connection, stream) == SWEEP:
        return Sweep()
    return Subscribe(connection) if stream == SUBSCRIBE else Poll(connection, stream)


def sweep(tx: Transaction, *, now: float) -> int:
    """Forget old deliveries, and conflicts that are long over; returns how many."""
    told = deliveries.purge(tx, before=now - KEEP_DELIVERIES)
    return told + conflicts.purge(tx, before=now - KEEP_CONFLICTS)
