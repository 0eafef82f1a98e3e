"""How every stream is doing, in words that ops can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub import queue
from hub.store import backfills, conflicts, cursors, dead, listings
from hub.store import drift as drifts
from hub.store.backfills import Backfill
from hub.store.database import Transaction
from hub.store.dead import Tally
from hub.store.drift import Seen
from hub.store.listings import Listing
from hub.store.sets import named
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.reconcile import question
from hub.sync.schedule import Schedule
from hub.sync.schema import drift
from hub.sync.schema.drift import Finding

BEHIND = 3
"""A stream is late when it has missed this many of its polls."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """`state`: ok | waiting | late | failing | held | paused; `reason` and `next_step` say more.

    `backfill` says how far one is that goes on beside the polls. `lag` is the seconds since the stream was last known to be in step, `cursor_age` those since
    its cursor last moved; None before the first poll. `due_at` is when the next is due, in seconds
    since 1970 on the database's clock; None before a timetable ran. Counts are of the stream's
    whole life. `drift`: what of their records is not as it was.
    """

    stream: str
    state: str
    reason: str
    next_step: str
    cursor_age: float | None
    lag: float | None
    schedule: str
    due_at: float | None
    counts: dict[str, int]
    dead_records: int
    dead_groups: int
    last_run: dict[str, Any] | None
    drift: list[Finding]
    backfill: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """One connection: its streams, its jobs by state, and the conflicts that are open."""

    connection: str
    spoke: str
    kind: str
    state: str
    reason: str
    next_step: str
    waiting_jobs: int
    running_jobs: int
    dead_jobs: int
    streams: list[StreamStatus]
    conflicts: int = 0


def status(tx: Transaction, connections: Connections, *, now: float) -> list[ConnectionStatus]:
    """Every connection with its streams. Ten statements, whatever there is."""
    facts = _Facts(
        rows=cursors.all_of(tx),
        runs=cursors.last_runs(tx),
        dead=dead.counts(tx),
        jobs=_jobs(queue.counts(tx)),
        listings=listings.all_of(tx),
        backfills=backfills.all_of(tx),
        pauses={pause.connection: pause for pause in queue.paused(tx, now=now)},
        conflicts=conflicts.counts(tx),
        drift=drifts.news(tx),
    )
    return [_connection(connection, facts, now) for connection in connections.values()]


@dataclass(frozen=True, slots=True)
class _Facts:
    rows: dict[tuple[str, str], Any]
    runs: dict[tuple[str, str], Any]
    dead: dict[tuple[str, str], Tally]
    jobs: dict[str, tuple[int, int, int]]
    listings: dict[tuple[str, str], Listing]
    backfills: dict[tuple[str, str], Backfill]
    pauses: dict[str, queue.Pause]
    conflicts: dict[str, int]
    drift: dict[tuple[str, str], list[Seen]]


def _jobs(counted: list[queue.Count]) -> dict[str, tuple[int, int, int]]:
    """(waiting, running, dead) by connection, over all lanes."""
    jobs: dict[str, tuple[int, int, int]] = {}
    for one in counted:
        waiting, running, buried = jobs.get(one.connection, (0, 0, 0))
        jobs[one.connection] = (waiting + one.waiting, running + one.running, buried + one.dead)
    return jobs


def _connection(connection: Connection, facts: _Facts, now: float) -> ConnectionStatus:
    streams = [
        _stream(connection, stream.name, connection.schedule(stream.name), facts, now)
        for stream in connection.polled()
    ]
    waiting, running, buried = facts.jobs.get(connection.name, (0, 0, 0))
    state, reason, step = "ok", "", ""
    if pause := facts.pauses.get(connection.name):
        state, reason, step = "paused", pause.reason, _resume(connection.name)
    elif bad := [stream for stream in streams if stream.state in {"held", "failing", "late"}]:
        state, reason, step = bad[0].state, bad[0].reason, bad[0].next_step
    elif buried:
        state, reason = "attention", counted(buried, "dead job")
        step = f"hub dead list {connection.name}"
    return ConnectionStatus(
        connection.name, type(connection.spoke).__name__.lower(), connection.spoke.kind, state,
        reason, step, waiting, running, buried, streams, facts.conflicts.get(connection.name, 0),
    )  # fmt: skip


def _stream(
    connection: Connection, stream: str, schedule: Schedule, facts: _Facts, now: float
) -> StreamStatus:
    key = (connection.name, stream)
    row, run, buried = facts.rows.get(key), facts.runs.get(key), facts.dead.get(key, Tally())
    moved = row.moved_at if row is not None else None
    due_at = row.due_at or None if row is not None else None
    age = None if moved is None else max(0.0, now - moved)
    drifted = drift.of_connection(connection, facts.drift, stream)[stream]
    state, reason, step = "ok", "", ""
    if pause := facts.pauses.get(connection.name):
        state, reason, step = "paused", pause.reason, _resume(connection.name)
    elif (listing := facts.listings.get(key)) is not None and listing.held:
        state, (reason, step) = "held", question(connection.name, stream, listing)
    elif drifted and drift.holds(connection, stream):
        state, (reason, step) = "held", drift.question(connection.name, stream, drifted)
    elif run is not None and run.state == "failed" and run.ended_at >= (moved or 0):
        state, reason = "failing", run.error or ""
        step = f"it is tried again until it is given up: hub dead list {connection.name}"
    elif moved is None:
        state, reason = "waiting", "not polled yet"
        step = f"hub sync {connection.name}/{stream}, or hub run"
    elif now > schedule.end_of(BEHIND, since=moved):
        state, reason = "late", f"last in step {now - moved:.0f} s ago, polled {schedule}"
        step = "is a worker running? hub run, or hub work"
    elif buried.records:
        reason, step = _deaths(buried), f"hub dead list {connection.name}/{stream}"
        if buried.groups < buried.records:
            step = f"hub dead groups {connection.name}/{stream}"
    counts = {
        name: getattr(row, name) if row is not None else 0
        for name in ("seen", "created", "updated", "unchanged", "deleted", "failed")
    }
    return StreamStatus(
        stream, state, reason, step, age, age, str(schedule), due_at, counts, *buried,
        named(run) if run is not None else None, drifted,
        _progress(facts.backfills.get(key), now),
    )  # fmt: skip


def _deaths(buried: Tally) -> str:
    """`1 dead record`, `12 dead records of 2 causes`."""
    several = buried.groups < buried.records
    causes = f" of {counted(buried.groups, 'cause')}" if several else ""
    return f"{counted(buried.records, 'dead record')}{causes}"


def _progress(backfill: Backfill | None, now: float) -> str:
    if backfill is None:
        return ""
    of = "" if backfill.foreseen is None else f" of about {backfill.foreseen:,}"
    minutes = max(0, round((now - backfill.started_at) / 60))
    return f"{backfill.seen:,}{of} records read, begun {minutes} min ago by {backfill.started_by}"


def counted(number: int, what: str) -> str:
    """`1 dead job`, `2 dead jobs`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _resume(connection: str) -> str:
    return f"mend the cause, then: hub resume {connection}"
