"""What becomes of a job that ran and is not done: it waits again, or it is dead.

A job may find that another of its key has been put meanwhile, and waits. Then that one, whose
payload is newer, inherits what ours has been through, and ours is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Float,
    Integer,
    String,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from hub.queue.jobs import Claimed, fence
from hub.queue.letters import keep
from hub.queue.upsert import insert_for
from hub.store.database import Transaction, ring
from hub.store.system import jobs, pauses


def retry(tx: Transaction, job: Claimed, at: float, error: str) -> None:
    """Run the job again at `at`; costs an attempt. Raises `LostLease`."""
    fence(tx, job)
    wait_again(tx, [Again(job, attempt=job.attempt, run_at=at, error=error)])


def pause(tx: Transaction, job: Claimed, until: float | None, error: str, *, now: float) -> None:
    """Hold the job's connection until a time, or (None) until somebody acts.

    Costs the job no attempt. Raises `LostLease`.
    """
    fence(tx, job)
    hold(tx, job.connection, until, error, now=now)
    wait_again(tx, [_unharmed(job, error)])


def hand_back(tx: Transaction, held: Sequence[Claimed]) -> None:
    """Let others run these jobs, which costs them no attempt. Raises `LostLease`."""
    if held:
        fence(tx, *held)
        wait_again(tx, [_unharmed(job, None) for job in held])
        ring(tx)


def bury(tx: Transaction, job: Claimed, reason: str, error: str, *, now: float) -> None:
    """Make the job a dead letter, for a person. `reason` is one word. Raises `LostLease`."""
    fence(tx, job)
    keep(tx, [job], reason, error, now=now)
    remove(tx, [job])


def hold(tx: Transaction, connection: str, until: float | None, reason: str, *, now: float) -> None:
    """Pause a connection: none of its jobs starts until then, or (None) until `resume`.

    Of two pauses the longer counts.
    """
    pause = insert_for(tx, pauses)
    longer = or_(
        and_(pauses.c.until.is_not(None), pause.excluded.until.is_(None)),
        pauses.c.until < pause.excluded.until,
    )
    over = pauses.c.until <= now
    tx.execute(
        pause.on_conflict_do_update(
            index_elements=["connection"],
            where=longer,
            set_={
                "until": pause.excluded.until,
                "reason": pause.excluded.reason,
                "since": case((over, pause.excluded.since), else_=pauses.c.since),
            },
        ),
        {"connection": connection, "until": until, "reason": reason, "since": now},
    )


def resume(tx: Transaction, connection: str) -> bool:
    """End a connection's pause; whether there was one."""
    ring(tx)
    return bool(tx.execute(delete(pauses).where(pauses.c.connection == connection)).rowcount)


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a connection is held since when, and until when (None: until somebody acts)."""

    connection: str
    until: float | None
    reason: str
    since: float


def paused(tx: Transaction, *, now: float) -> list[Pause]:
    """The connections that are held now."""
    held = or_(pauses.c.until.is_(None), pauses.c.until > now)
    rows = tx.execute(select(pauses).where(held).order_by(pauses.c.connection))
    return [Pause(row.connection, row.until, row.reason, row.since) for row in rows]


@dataclass(frozen=True, slots=True)
class Again:
    """How a job goes back to waiting."""

    job: Claimed
    attempt: int
    run_at: float
    error: str | None
    crashes: int | None = None


def _unharmed(job: Claimed, error: str | None) -> Again:
    return Again(job, attempt=job.attempt - 1, run_at=job.run_at, error=error)


def wait_again(tx: Transaction, returned: Sequence[Again]) -> None:
    """Turn running jobs into waiting ones, or into one with the heir of their key."""
    rows = [_values(one) for one in returned]
    tx.execute(_INHERIT, rows)
    tx.execute(_GIVE_WAY, rows)
    tx.execute(_WAIT, rows)


def remove(tx: Transaction, gone: Sequence[Claimed]) -> None:
    """Remove running jobs that are known to be ours."""
    tx.execute(delete(jobs).where(jobs.c.id.in_([job.id for job in gone])))


def _values(one: Again) -> dict[str, Any]:
    return {
        "this": one.job.id,
        "of_kind": one.job.kind,
        "of_key": one.job.key,
        "urgency": int(one.job.lane),
        "put_first": one.job.put_at,
        "failures": one.attempt,
        "deaths": one.job.crashes if one.crashes is None else one.crashes,
        "at": one.run_at,
        "why": one.error,
    }


_at = bindparam("at", type_=Float)
_urgency = bindparam("urgency", type_=Integer)
_why = bindparam("why", type_=String)
_heir = and_(
    ~jobs.c.running, jobs.c.kind == bindparam("of_kind"), jobs.c.key == bindparam("of_key")
)
_other = jobs.alias("heir")
_INHERIT = (
    update(jobs)
    .where(_heir)
    .values(
        attempt=bindparam("failures"),
        crashes=bindparam("deaths"),
        error=func.coalesce(_why, jobs.c.error),
        put_at=bindparam("put_first"),
        lane=case((_urgency < jobs.c.lane, _urgency), else_=jobs.c.lane),
        # After a failure the back-off counts, whatever time the heir was put for; a job that
        # was handed back had been due.
        run_at=_at,
    )
)
_GIVE_WAY = delete(jobs).where(
    jobs.c.id == bindparam("this"),
    exists().where(~_other.c.running, _other.c.kind == jobs.c.kind, _other.c.key == jobs.c.key),
)
_WAIT = (
    update(jobs)
    .where(jobs.c.id == bindparam("this"))
    .values(
        running=False,
        worker=None,
        attempt=bindparam("failures"),
        crashes=bindparam("deaths"),
        run_at=_at,
        error=func.coalesce(_why, jobs.c.error),
    )
)
