"""Jobs whose effects tell, key by key, what ran how often and in which order.

step   leaves its number at the end of its key's trail, and asks for the key's next one
late   the same; but who runs it the first time is silent for so long that others take it over
troop  the same as step, but several leave theirs in one call
count  counts what all steps have left; every step asks for the one job of this kind
long   lasts until the pill is buried
pill   kills who runs it, once all long jobs have begun
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import text

from hub import queue
from hub.queue import Claimed, Lane, LostLease, Request, Together
from hub.store.database import Database, Transaction
from tests.queue.world import ask, letters, until

STEPS = 8  # of each key
TROOP = 3  # jobs in one call
Handler = Callable[[Claimed], None] | Together

_TABLE = "CREATE TABLE trail (key VARCHAR PRIMARY KEY, steps VARCHAR, worker VARCHAR)"
_LEAVE = """
    INSERT INTO trail VALUES (:key, :step, :worker)
    ON CONFLICT (key) DO UPDATE SET steps = trail.steps || excluded.steps"""
_COUNT = """
    INSERT INTO trail SELECT 'count', CAST(sum(length(steps)) AS VARCHAR), ''
    FROM trail WHERE key <> 'count'
    ON CONFLICT (key) DO UPDATE SET steps = excluded.steps"""


def begin(db: Database, *requests: Request) -> None:
    """Make room for trails, and put the first jobs."""
    with db.write() as tx:
        tx.execute(text(_TABLE))
        queue.put(tx, requests)


def step(key: int, number: int = 1, *, kind: str = "step") -> Request:
    """In several lanes and connections, so that there are several heads to take from."""
    connection, lane = ("acme", "zen")[key % 2], tuple(Lane)[key % 3]
    payload = {"key": key, "step": number}
    return Request(kind, f"key {key}", connection, payload, lane)


def left(db: Database) -> dict[str, str]:
    """The trail of each key."""
    with db.read() as tx:
        rows = tx.execute(text("SELECT key, steps FROM trail"))
        return {row.key: row.steps for row in rows}


def who(db: Database, start: str) -> list[str]:
    """Who left the first step of each trail whose key starts so."""
    query = text("SELECT worker FROM trail WHERE key LIKE :start")
    with db.read() as tx:
        return list(tx.scalars(query, {"start": f"{start}%"}))


def handlers(db: Database, die: Callable[[], None]) -> Mapping[str, Handler]:
    """What workers do about the jobs; `die` ends the process."""

    def walk(job: Claimed) -> None:
        with db.write() as tx:
            queue.put(tx, [*_walked(tx, job), ask("count", kind="count")])
            queue.done(tx, [job])

    def walk_together(jobs: Sequence[Claimed]) -> list[Exception | None]:
        with db.write() as tx:
            ours = queue.finish(tx, jobs)
            more = [one for job in ours for one in _walked(tx, job)]
            queue.put(tx, [*more, ask("count", kind="count")])
        return [None if job in ours else LostLease(str(job)) for job in jobs]

    def walk_late(job: Claimed) -> None:
        if not job.crashes:
            with db.write() as tx:
                queue.beat(tx, job.worker, now=0.0)
            with db.write() as tx:
                queue.rescue(tx)
        walk(job)

    def add_up(job: Claimed) -> None:
        with db.write() as tx:
            tx.execute(text(_COUNT))
            queue.done(tx, [job])

    def last(job: Claimed) -> None:
        with db.write() as tx:
            _leave(tx, job, "begun ")
        until(lambda: bool(letters(db)))
        with db.write() as tx:
            _leave(tx, job, "ended ")
            queue.done(tx, [job])

    def swallow(job: Claimed) -> None:
        until(lambda: len(who(db, "long")) == job.payload["is"])
        die()

    return {
        "step": walk,
        "troop": Together(walk_together, lambda _: queue.Group("key ", TROOP)),
        "late": walk_late,
        "count": add_up,
        "long": last,
        "pill": swallow,
    }


def _walked(tx: Transaction, job: Claimed) -> list[Request]:
    """Leave the job's step; what asks for the next one."""
    key, number = job.payload["key"], job.payload["step"]
    _leave(tx, job, f"{number} ")
    return [step(key, number + 1, kind=job.kind)] if number < STEPS else []


def _leave(tx: Transaction, job: Claimed, step: str) -> None:
    tx.execute(text(_LEAVE), {"key": job.key, "step": step, "worker": job.worker})
