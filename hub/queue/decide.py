"""What to do with a job that failed: one pure function decides for the whole hub."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hub.errors import (
    AuthFailed,
    Conflict,
    CursorLost,
    MappingFailed,
    NotFound,
    Permanent,
    RateLimited,
)

MOST_ATTEMPTS = 12
MOST_CONFLICTS = 3
LONGEST_BACKOFF = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Retry:
    """Run the job again after a while; costs an attempt."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold the job's connection for a while, or (None) until somebody acts; costs no attempt."""

    after: timedelta | None


@dataclass(frozen=True, slots=True)
class Resync:
    """Forget the cursor and run the job again after a while; costs an attempt."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class Bury:
    """Make the job a dead letter."""

    reason: str


Decision = Retry | Pause | Resync | Bury


def spelled(decision: Decision) -> str:
    """A decision as a log says it: `retry in 12 s`."""
    match decision:
        case Retry(after):
            return f"retry in {after.total_seconds():.0f} s"
        case Pause(timedelta() as after):
            return f"pause the connection for {after.total_seconds():.0f} s"
        case Pause():
            return "pause the connection until somebody acts"
        case Resync(after):
            return f"start over in {after.total_seconds():.0f} s"
        case Bury(reason):
            return f"bury: {reason}"


def decide(
    error: Exception, attempt: int, *, jitter: Callable[[], float], conflicts: int = 0
) -> Decision:
    """The only code that looks at the types of errors.

    `attempt` counts from 1 and includes the failed one; `conflicts` of those before it were such.
    `jitter` gives numbers from 0 to 1.

    A refused credential holds the connection until somebody acts: every probe with it counts
    against us at their token endpoint, and some lock the account. After a correction `resume`
    is one command.
    """
    decision: Decision
    match error:
        case RateLimited():
            decision = Pause(error.retry_after)
        case AuthFailed():
            decision = Pause(None)
        case MappingFailed():
            decision = Bury("mapping")
        case NotFound():
            decision = Bury("not_found")
        case Permanent():
            decision = Bury("refused")
        case Conflict() if conflicts + 1 >= MOST_CONFLICTS:
            decision = Bury("conflict")
        case _ if attempt >= MOST_ATTEMPTS:
            decision = Bury("exhausted")
        case CursorLost():
            decision = Resync(backoff(attempt, jitter))
        case _:
            decision = Retry(backoff(attempt, jitter))
    return decision


def backoff(attempt: int, jitter: Callable[[], float]) -> timedelta:
    """Up to 1 s, 16 s, 81 s ... 4 h, at random: those who failed together do not return together."""
    return min(timedelta(seconds=attempt**4), LONGEST_BACKOFF) * jitter()
