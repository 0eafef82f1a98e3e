"""What is written about jobs that failed: in the table, and in the log."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from hub.errors import Conflict
from hub.queue import jobs, settle
from hub.queue.decide import Bury, Decision, Pause, Resync, Retry, spelled
from hub.queue.jobs import Claimed
from hub.store.database import Transaction
from hub.store.types import storable

LONGEST_ERROR = 2000  # characters kept in the table

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that failed, and what shall become of it."""

    job: Claimed
    error: Exception
    decision: Decision


def apply(
    tx: Transaction,
    failure: Failure,
    now: float,
    on_resync: Callable[[Transaction, Claimed], None],
) -> None:
    """Do what was decided. Raises `LostLease`."""
    job, error = failure.job, shortened(failure.error)
    match failure.decision:
        case Retry(after):
            settle.retry(tx, job, now + after.total_seconds(), error, now=now)
        case Resync(after):
            jobs.fence(tx, job)
            on_resync(tx, job)
            settle.retry(tx, job, now + after.total_seconds(), error, now=now)
        case Pause(after):
            until = None if after is None else now + after.total_seconds()
            settle.pause(tx, job, until, error, now=now)
        case Bury(reason):
            settle.bury(tx, job, reason, error, now=now)


def conflicts(job: Claimed) -> int:
    """How many of the job's attempts so far have met a newer version on the other side."""
    return sum(said.startswith(f"{Conflict.__name__}: ") for _, _, said in job.story or ())


def shortened(error: Exception) -> str:
    """The error as the table and the log keep it."""
    return storable(f"{type(error).__name__}: {error}"[:LONGEST_ERROR])


def report(failure: Failure) -> None:
    """One line in the log, without the payload."""
    job, frames = failure.job, traceback.extract_tb(failure.error.__traceback__)
    log.warning(
        "job failed",
        kind=job.kind,
        key=job.key,
        attempt=job.attempt,
        decision=spelled(failure.decision),
        error=shortened(failure.error),
        place=f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "",
    )
