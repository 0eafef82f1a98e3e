"""Which workers live: each says so every few seconds, and the others take over from the dead.

One row per worker, none per running job: a long job costs no heartbeat of its own.
"""

from __future__ import annotations

from itertools import groupby

from sqlalchemy import delete, select

from hub.queue.jobs import Claimed, claimed
from hub.queue.letters import keep
from hub.queue.settle import Again, remove, wait_again
from hub.queue.upsert import insert_for
from hub.store.database import Transaction, ring
from hub.store.system import jobs, workers

BEAT_EVERY = 5.0  # seconds
DEAD_AFTER = 15.0  # seconds without a beat
MOST_DEATHS = 3  # of workers, with the same job in hand
POISON = "poison"


def beat(tx: Transaction, worker: str, now: float) -> None:
    """Say that a worker lives."""
    row = insert_for(tx, workers)
    join = row.on_conflict_do_update(
        index_elements=["name"], set_={"beat_at": row.excluded.beat_at}
    )
    tx.execute(join, {"name": worker, "beat_at": now})


def leave(tx: Transaction, worker: str) -> None:
    """Say that a worker ends, which holds no job any more."""
    tx.execute(delete(workers).where(workers.c.name == worker))


def rescue(tx: Transaction, now: float, after: float = DEAD_AFTER) -> int:
    """Let others run what dead workers had in hand; how many jobs that were.

    A worker is dead when it has not said anything for `after` seconds. A job that was there when
    three workers died is buried as poison. Whoever was only slow cannot commit its jobs any more.
    """
    alive = select(workers.c.name).where(workers.c.beat_at >= now - after)
    orphans = select(jobs).where(jobs.c.running, jobs.c.worker.not_in(alive))
    found = [(claimed(row), row.worker) for row in tx.execute(orphans.with_for_update())]
    poison = [pair for pair in found if pair[0].crashes + 1 >= MOST_DEATHS]
    others = [job for job, _ in found if job.crashes + 1 < MOST_DEATHS]
    for worker, pairs in groupby(sorted(poison, key=lambda pair: pair[1]), lambda pair: pair[1]):
        _bury_poison(tx, worker, [job for job, _ in pairs], now)
    if others:
        wait_again(tx, [_survivor(job) for job in others])
        ring(tx)
    tx.execute(delete(workers).where(workers.c.beat_at < now - after))
    return len(found)


def held(tx: Transaction, worker: str) -> list[Claimed]:
    """The jobs that a worker has in hand, as the database knows."""
    rows = tx.execute(select(jobs).where(jobs.c.running, jobs.c.worker == worker))
    return [claimed(row) for row in rows]


def _survivor(job: Claimed) -> Again:
    deaths = job.crashes + 1
    return Again(
        job,
        attempt=job.attempt - 1,
        run_at=job.run_at,
        error=f"the worker died with it ({deaths} of {MOST_DEATHS})",
        crashes=deaths,
    )


def _bury_poison(tx: Transaction, worker: str, jobs_of: list[Claimed], now: float) -> None:
    error = f"{MOST_DEATHS} workers died while they ran it; the last was {worker}"
    keep(tx, jobs_of, POISON, error, now=now)
    remove(tx, jobs_of)
