"""Which workers live: each says so every few seconds, and the others take over from the dead.

One row per worker, none per running job: a long job costs no heartbeat of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select

from hub.queue import suspects
from hub.queue.jobs import COLUMNS, Claimed, claimed, done
from hub.queue.lanes import Lane
from hub.queue.letters import keep
from hub.queue.outlook import Outlook
from hub.queue.settle import Again, wait_again
from hub.queue.words import as_driven, careful, in_words, time
from hub.store.database import Transaction, ring
from hub.store.work import workers

BEAT_EVERY = 5.0  # seconds
DEAD_AFTER = 15.0  # seconds without a beat
MOST_DEATHS = 3  # of workers, with the same job in hand
POISON = "poison"

_BEAT = """
    INSERT INTO hub_worker (name, beat_at, idle)
    VALUES (:name, coalesce(:now, {clock}), CAST(:idle AS BOOLEAN))
    ON CONFLICT (name) DO UPDATE SET
      beat_at = excluded.beat_at, idle = excluded.idle
    RETURNING beat_at"""
_JOIN = """
    INSERT INTO hub_worker (name, beat_at, idle) VALUES (:name, coalesce(:now, {clock}), {no})
    ON CONFLICT (name) DO NOTHING"""


def beat(tx: Transaction, worker: str, now: float | None = None, *, idle: bool = False) -> float:
    """Say that a worker lives, and whether it waits to be woken; returns the database's time."""
    said = {"name": worker, "now": now, "idle": idle}
    return float(tx.exec_driver_sql(as_driven(_BEAT, tx), said).scalar_one())


def leave(tx: Transaction, worker: str) -> None:
    """Say that a worker ends, which holds no job any more."""
    tx.execute(delete(workers).where(workers.c.name == worker))


def claim(
    tx: Transaction,
    *,
    worker: str,
    most: int,
    now: float | None = None,
    lanes: Collection[Lane] = tuple(Lane),
    turn: int = 0,
) -> list[Claimed]:
    """Take up to `most` jobs that may run now, in the order in which they should start.

    Steps over paused connections, keys that run, what is not due, and what may have killed a
    worker: see `claim_suspect`. The lanes share by weight, the connections within a lane evenly,
    and within a connection smaller priorities go first. `turn` is how many jobs the caller took
    before: see `lanes.divide`. The cost does not grow with the number of waiting jobs.
    """
    if most < 1 or not lanes:
        return []
    now = time(tx, now)
    tx.execute(in_words(_JOIN, tx), {"name": worker, "now": now})
    return Outlook(lanes).claim(tx, worker=worker, most=most, now=now, turn=turn)


def claim_suspect(
    tx: Transaction,
    *,
    worker: str,
    now: float | None = None,
    lanes: Collection[Lane] = tuple(Lane),
) -> list[Claimed]:
    """Take one job that was there when a worker died, if any may run.

    For a worker that has nothing else in hand, and takes nothing else until this has ended:
    should it die, it has died of this job, and no other is blamed.
    """
    now = time(tx, now)
    tx.execute(in_words(_JOIN, tx), {"name": worker, "now": now})
    return suspects.claim(tx, worker=worker, lanes=lanes, now=now)


def rescue(tx: Transaction, now: float | None = None, after: float = DEAD_AFTER) -> int:
    """Let others run what dead workers had in hand; how many jobs that were.

    A worker is dead when it has not said anything for `after` seconds. A job that was there when
    three workers died is buried as poison. Whoever was only slow cannot commit its jobs any more.
    """
    now = time(tx, now)
    silent = select(workers.c.name).where(workers.c.beat_at < now - after)
    dead = tx.scalars(silent.with_for_update(skip_locked=True)).all()
    if not dead:
        return 0
    found = [job for name in dead for job in held(tx, name)]
    poison = [job for job in found if job.crashes + 1 >= MOST_DEATHS]
    others = [job for job in found if job.crashes + 1 < MOST_DEATHS]
    for job in poison:
        _bury_poison(tx, job, now)
    if others:
        wait_again(tx, [_survivor(job, now) for job in others])
        ring(tx)
    tx.execute(delete(workers).where(workers.c.name.in_(dead)))
    return len(found)


def held(tx: Transaction, worker: str) -> list[Claimed]:
    """The jobs that a worker has in hand, as the database knows; nobody else changes them now."""
    careful(tx)
    lock = "" if tx.dialect.name == "sqlite" else "FOR UPDATE"
    statement = f"""
    SELECT {COLUMNS} FROM hub_job {{among what runs}}
    WHERE running = {{yes}} AND worker = :name ORDER BY id {lock}"""  # noqa: S608 -- no values
    return claimed(tx.execute(in_words(statement, tx), {"name": worker}), worker)


def tokens(tx: Transaction, worker: str) -> set[tuple[int, int]]:
    """(id, take) of the jobs that a worker has in hand, as the database knows."""
    careful(tx)
    statement = """
    SELECT id, take FROM hub_job {among what runs} WHERE running = {yes} AND worker = :name"""
    rows = tx.execute(in_words(statement, tx), {"name": worker})
    return {(id, take) for id, take in rows}


def _survivor(job: Claimed, now: float) -> Again:
    deaths = job.crashes + 1
    return Again(
        job,
        attempt=job.attempt - 1,
        run_at=job.run_at,
        error=f"the worker died with it ({deaths} of {MOST_DEATHS})",
        failed_at=now,
        crashes=deaths,
    )


def _bury_poison(tx: Transaction, job: Claimed, now: float) -> None:
    error = f"{MOST_DEATHS} workers died while they ran it; the last was {job.worker}"
    done(tx, [job])
    keep(tx, [job], POISON, error, now=now)


def idlers(tx: Transaction, most: int) -> Sequence[str]:
    """Up to `most` workers that wait to be woken, who from now on count as awake."""
    statement = """
    UPDATE hub_worker SET idle = {no} WHERE name IN (
      SELECT name FROM hub_worker WHERE idle = {yes} ORDER BY beat_at DESC LIMIT :most
      FOR UPDATE SKIP LOCKED)
    RETURNING name"""
    return tx.exec_driver_sql(as_driven(statement, tx), {"most": most}).scalars().all()
