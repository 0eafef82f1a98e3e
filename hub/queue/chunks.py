"""Jobs that run together: one call of a handler for several of a kind, each with its own outcome.

    claim ──▶ first jobs of a group ──companions──▶ as many as their calls have room for
                                          │
                             formed ◀─────┘   (a, b, c) (d, e)      one thread runs each chunk

A worker has an appetite for calls, not for jobs: who comes along with another costs no more time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from hub.queue.jobs import COLUMNS, Claimed, claimed
from hub.queue.lanes import Lane
from hub.queue.words import careful, in_words
from hub.store.database import Transaction

NEAR = 500  # jobs after the first of a group among which its companions are looked for

Chunk = list[Claimed]
Call = Claimed | Chunk
"""What one thread runs at a time."""


class Group(NamedTuple):
    """Jobs whose keys begin alike, and how many of them one call takes: 1 if each runs alone."""

    start: str
    most: int


@dataclass(frozen=True, slots=True)
class Together:
    """Handles the jobs of a kind, several in one call.

    `run` says what became of each, in the order in which they were given: None, or what the
    handler of a single job would have raised, on which `decide` decides. What it raises itself is
    the outcome of all of them. For each job holds what holds for a single one (see `Worker`);
    `queue.finish` tells which of them are still ours.

    `group` tells what a job can run with: others of its kind, lane and connection that have failed
    as often. It is asked of every job, by the thread that all others wait for: no I/O.
    """

    run: Callable[[Sequence[Claimed]], Sequence[Exception | None]]
    group: Callable[[Claimed], Group]


class _Alike(NamedTuple):
    """What jobs that run together have in common."""

    kind: str
    lane: Lane
    connection: str
    priority: int
    attempt: int
    group: Group


def companions(
    tx: Transaction, handlers: Mapping[str, Together], first: Sequence[Claimed], *,
    worker: str, most: int, now: float,
) -> list[Claimed]:  # fmt: skip
    """Take up to `most` jobs that can run in the same calls as the `first` ones.

    One statement for each group; each of the first has a call of its own if there is so much.
    """
    taken: list[Claimed] = []
    for alike, those in _sorted_out(handlers, first).items():
        wanted = min(len(those) * (alike.group.most - 1), most - len(taken))
        if wanted > 0:
            taken += _claim(tx, alike, those[-1], worker=worker, most=wanted, now=now)
    return taken


def formed(handlers: Mapping[str, Together], jobs: Sequence[Claimed]) -> list[Call]:
    """The calls that run these jobs, in their order; the place of a chunk is that of its first."""
    calls: list[Call] = []
    filling: dict[_Alike, Chunk] = {}
    for job in jobs:
        handler = handlers.get(job.kind)
        if handler is None:
            calls.append(job)
            continue
        alike = _alike(handler, job)
        chunk = filling.get(alike)
        if chunk is None or len(chunk) >= alike.group.most:
            chunk = filling[alike] = []
            calls.append(chunk)
        chunk.append(job)
    return calls


def _sorted_out(
    handlers: Mapping[str, Together], jobs: Sequence[Claimed]
) -> dict[_Alike, list[Claimed]]:
    groups: dict[_Alike, list[Claimed]] = {}
    for job in jobs:
        if handler := handlers.get(job.kind):
            groups.setdefault(_alike(handler, job), []).append(job)
    return groups


def _alike(handler: Together, job: Claimed) -> _Alike:
    """A job that failed has fewer beside it each time, so that none is buried for another's fault.

    Half as many: what fails all that are with it is alone before it is buried.
    """
    start, most = handler.group(job)
    group = Group(start, max(1, most >> (job.attempt - 1)))
    return _Alike(job.kind, job.lane, job.connection, job.priority, job.attempt, group)


def _claim(
    tx: Transaction, alike: _Alike, after: Claimed, *, worker: str, most: int, now: float
) -> list[Claimed]:
    careful(tx)
    given = {
        "kind": alike.kind, "lane": int(alike.lane), "connection": alike.connection,
        "priority": alike.priority, "attempt": alike.attempt - 1, "start": alike.group.start,
        "run_at": after.run_at, "id": after.id, "worker": worker, "most": most, "now": now,
    }  # fmt: skip
    statement = _near("" if tx.dialect.name == "sqlite" else "FOR UPDATE OF j SKIP LOCKED")
    return sorted(claimed(tx.execute(in_words(statement, tx), given), worker), key=_AGE)


_AGE = attrgetter("run_at", "id")
_WAITING = "j.running = {no} AND j.crashes = 0"


@cache
def _near(lock: str) -> str:
    """Take what is near by in the index in which all jobs stand in line.

    Whatever else stands there is passed over, but not for long. A row is looked for again to be
    locked: others may have taken it meanwhile.
    """
    return f"""
    WITH near AS MATERIALIZED (
      SELECT j.id, j.kind, j.key, j.attempt, j.run_at FROM hub_job j
      WHERE {_WAITING} AND j.lane = :lane AND j.connection = :connection
        AND j.priority = :priority AND j.run_at <= :now AND (j.run_at, j.id) > (:run_at, :id)
      ORDER BY j.run_at, j.id LIMIT {NEAR}
    ), chosen AS MATERIALIZED (
      SELECT j.id FROM near CROSS JOIN hub_job j
      WHERE near.kind = :kind AND near.attempt = :attempt
        AND substr(near.key, 1, length(CAST(:start AS {{text}}))) = CAST(:start AS {{text}})
        AND j.id = near.id AND {_WAITING}
        AND (SELECT 1 FROM hub_job r
          WHERE r.running = {{yes}} AND r.kind = j.kind AND r.key = j.key LIMIT 1) IS NULL
      ORDER BY near.run_at, near.id LIMIT :most {lock}
    )
    UPDATE hub_job SET running = {{yes}}, worker = :worker, take = {{token}}
    WHERE id IN (SELECT id FROM chosen) RETURNING {COLUMNS}"""  # noqa: S608 -- no values in it
