"""Dead letters: jobs that need a person, who revives or drops them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    delete,
    false,
    func,
    insert,
    literal,
    select,
)

from hub.queue.jobs import Claimed
from hub.queue.lanes import Lane
from hub.queue.upsert import insert_for
from hub.queue.words import time
from hub.store.database import Transaction, ring
from hub.store.work import dead_jobs, jobs

MOST = 10_000
"""Letters that one `revive` or `drop` touches; whoever wants more calls again."""


@dataclass(frozen=True, slots=True)
class Dead:
    """A job that was given up. `attempt` is how often it ran.

    `puts` is how many requests it stood for; `worker` the last to run it. `story` tells of its
    failures, [time, worker, error] each, the oldest first; of very many, the first and the last.
    """

    id: int
    lane: Lane
    kind: str
    key: str
    connection: str
    payload: dict[str, Any]
    put_at: float
    died_at: float
    attempt: int
    reason: str
    error: str
    priority: int = 0
    puts: int = 1
    worker: str | None = None
    story: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True, slots=True)
class Which:
    """Which dead letters are meant: all that have every given property."""

    connection: str | None = None
    kind: str | None = None
    key: str | None = None
    reason: str | None = None
    ids: Sequence[int] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        given = [
            (dead_jobs.c.connection, self.connection),
            (dead_jobs.c.kind, self.kind),
            (dead_jobs.c.key, self.key),
            (dead_jobs.c.reason, self.reason),
        ]
        named: list[ColumnElement[bool]] = [
            col == value for col, value in given if value is not None
        ]
        return named if self.ids is None else [*named, dead_jobs.c.id.in_(self.ids)]


LONGEST_STORY = 20  # failures: a job fails twelve times before it is given up
LONGEST_ERROR = 500  # characters of each of them
ALL = Which()


def dead(tx: Transaction, which: Which = ALL, *, limit: int = 100) -> list[Dead]:
    """The dead letters, newest first."""
    chosen = select(dead_jobs).where(*which.conditions())
    return [_letter(row) for row in tx.execute(chosen.order_by(dead_jobs.c.id.desc()).limit(limit))]


def revive(tx: Transaction, which: Which, *, now: float | None = None) -> int:
    """Let the oldest `MOST` of the letters run again, with all attempts; how many there were.

    Of letters with the same key the newest is put. One whose key waits again has been overtaken
    by that newer job, and joins it. For very many see `hub.queue.revivals`.
    """
    ids = _ids(tx, which)
    if ids:
        revive_these(tx, ids, now=time(tx, now))
    return len(ids)


def revive_these(tx: Transaction, ids: Sequence[int], *, now: float) -> None:
    """Let letters run again that the caller has locked."""
    newest = select(func.max(dead_jobs.c.id)).where(dead_jobs.c.id.in_(ids))
    newest = newest.group_by(dead_jobs.c.kind, dead_jobs.c.key)
    same = ("lane", "kind", "key", "connection", "priority", "payload", "put_at")
    fresh = {"run_at": literal(now), "running": false()}
    fresh |= {name: literal(start, Integer) for name, start in _START.items()}
    source = (
        select(*(dead_jobs.c[name] for name in same), *fresh.values())
        .where(dead_jobs.c.id.in_(newest))
        .order_by(dead_jobs.c.id)
    )
    put = insert_for(tx, jobs).from_select([*same, *fresh], source)
    tx.execute(put.on_conflict_do_nothing())
    tx.execute(delete(dead_jobs).where(dead_jobs.c.id.in_(ids)))
    ring(tx)


def drop(tx: Transaction, which: Which) -> int:
    """Forget the oldest `MOST` of the letters for good; how many there were."""
    ids = _ids(tx, which)
    if ids:
        tx.execute(delete(dead_jobs).where(dead_jobs.c.id.in_(ids)))
    return len(ids)


_START = {"revision": 1, "attempt": 0, "crashes": 0, "take": 0}


def _ids(tx: Transaction, which: Which) -> list[int]:
    chosen = select(dead_jobs.c.id).where(*which.conditions()).order_by(dead_jobs.c.id).limit(MOST)
    return list(tx.scalars(chosen.with_for_update()))


def keep(tx: Transaction, gone: Sequence[Claimed], reason: str, error: str, *, now: float) -> None:
    """Write dead letters for jobs, which the caller removes."""
    tx.execute(
        insert(dead_jobs),
        [
            {
                "lane": int(job.lane),
                "kind": job.kind,
                "key": job.key,
                "connection": job.connection,
                "payload": job.payload,
                "put_at": job.put_at,
                "died_at": now,
                "attempt": job.attempt,
                "reason": reason,
                "error": error,
                "priority": job.priority,
                "puts": job.revision,
                "worker": job.worker,
                "story": told(job, now, error),
            }
            for job in gone
        ],
    )


def told(job: Claimed, now: float, error: str) -> list[list[Any]]:
    """The job's story with one more failure."""
    story = job.story or []
    if len(story) >= LONGEST_STORY:
        story = [*story[:1], *story[2:]]
    return [*story, [now, job.worker, error[:LONGEST_ERROR]]]


def _letter(row: Row[Any]) -> Dead:
    return Dead(
        id=row.id,
        lane=Lane(row.lane),
        kind=row.kind,
        key=row.key,
        connection=row.connection,
        payload=row.payload,
        put_at=row.put_at,
        died_at=row.died_at,
        attempt=row.attempt,
        reason=row.reason,
        error=row.error,
        priority=row.priority,
        puts=row.puts,
        worker=row.worker,
        story=row.story or (),
    )
