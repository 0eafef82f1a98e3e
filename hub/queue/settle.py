"""What becomes of a job that ran and is not done: it waits again, or it is dead.

A job may find that another of its key has been put meanwhile, and waits. Then that one, whose
payload is newer, inherits what ours has been through, and ours is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import and_, case, delete, or_, select

from hub.queue.jobs import Claimed, done
from hub.queue.letters import keep, told
from hub.queue.upsert import insert_for
from hub.queue.words import in_words, time
from hub.store.database import Transaction, ring
from hub.store.work import pauses


def retry(
    tx: Transaction, job: Claimed, at: float, error: str, *, now: float | None = None
) -> None:
    """Run the job again at `at`; costs an attempt. Raises `LostLease`."""
    now = time(tx, now)
    wait_again(tx, [Again(job, attempt=job.attempt, run_at=at, error=error, failed_at=now)])


def pause(
    tx: Transaction, job: Claimed, until: float | None, error: str, *, now: float | None = None
) -> None:
    """Hold the job's connection until a time, or (None) until somebody acts.

    Costs the job no attempt. Raises `LostLease`.
    """
    wait_again(tx, [_unharmed(job, error)])
    hold(tx, job.connection, until, error, now=now)


def hand_back(tx: Transaction, held: Sequence[Claimed]) -> None:
    """Let others run these jobs, which costs them no attempt. Raises `LostLease`."""
    if held:
        wait_again(tx, [_unharmed(job, None) for job in held])
        ring(tx)


def bury(
    tx: Transaction, job: Claimed, reason: str, error: str, *, now: float | None = None
) -> None:
    """Make the job a dead letter, for a person. `reason` is one word. Raises `LostLease`."""
    done(tx, [job])
    keep(tx, [job], reason, error, now=time(tx, now))


def hold(
    tx: Transaction, connection: str, until: float | None, reason: str, *, now: float | None = None
) -> None:
    """Pause a connection: none of its jobs starts until then, or (None) until `resume`.

    Of two pauses the longer counts.
    """
    now = time(tx, now)
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


def paused(tx: Transaction, *, now: float | None = None) -> list[Pause]:
    """The connections that are held now."""
    now = time(tx, now)
    held = or_(pauses.c.until.is_(None), pauses.c.until > now)
    rows = tx.execute(select(pauses).where(held).order_by(pauses.c.connection))
    return [Pause(row.connection, row.until, row.reason, row.since) for row in rows]


@dataclass(frozen=True, slots=True)
class Again:
    """How a job goes back to waiting. `failed_at` adds `error` to its story."""

    job: Claimed
    attempt: int
    run_at: float
    error: str | None
    failed_at: float | None = None
    crashes: int | None = None


def _unharmed(job: Claimed, error: str | None) -> Again:
    return Again(job, attempt=job.attempt - 1, run_at=job.run_at, error=error)


def wait_again(tx: Transaction, returned: Sequence[Again]) -> None:
    """Turn running jobs into waiting ones, or into one with the heir of their key.

    Raises `LostLease`. Two statements, which nobody who puts the same key can come between.
    """
    done(tx, [one.job for one in returned])
    rows = sorted(map(_values, returned), key=lambda row: (row["kind"], row["key"]))
    tx.execute(in_words(_WAIT, tx), rows)


def _values(one: Again) -> dict[str, Any]:
    job, story = one.job, one.job.story
    if one.failed_at is not None:
        story = told(job, one.failed_at, one.error or "")
    return {
        "id": job.id,
        "kind": job.kind,
        "key": job.key,
        "connection": job.connection,
        "payload": orjson.dumps(job.payload).decode(),
        "lane": int(job.lane),
        "priority": job.priority,
        "run_at": one.run_at,
        "put_at": job.put_at,
        "puts": job.revision,
        "attempt": one.attempt,
        "crashes": job.crashes if one.crashes is None else one.crashes,
        "take": job.take,
        "error": one.error or (story[-1][-1] if story else None),
        "story": None if story is None else orjson.dumps(story).decode(),
    }


# The heir waits as long as ours has to: after a failure the back-off counts, whatever time the
# heir was put for; a job that was handed back had been due.
_WAIT = """
    INSERT INTO hub_job (id, kind, key, connection, payload, lane, priority, run_at, put_at,
      revision, running, attempt, crashes, take, error, story)
    VALUES (:id, :kind, :key, :connection, CAST(:payload AS {json}), :lane, :priority, :run_at,
      :put_at, :puts, {no}, :attempt, :crashes, :take, :error, CAST(:story AS {json}))
    ON CONFLICT (kind, key) WHERE running = {no} DO UPDATE SET
      attempt = excluded.attempt, crashes = excluded.crashes, run_at = excluded.run_at,
      put_at = excluded.put_at, revision = hub_job.revision + excluded.revision,
      lane = {least}(hub_job.lane, excluded.lane),
      priority = {least}(hub_job.priority, excluded.priority),
      error = coalesce(excluded.error, hub_job.error), story = excluded.story"""
