"""Every error has one consequence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import errors
from hub.errors import (
    AuthFailed,
    Conflict,
    CursorLost,
    MappingFailed,
    NotFound,
    Permanent,
    RateLimited,
    SyncError,
    Transient,
)
from hub.queue.decide import (
    LONGEST_BACKOFF,
    MOST_ATTEMPTS,
    Bury,
    Decision,
    Pause,
    Resync,
    Retry,
    decide,
    spelled,
)
from hub.store.database import Unavailable


def _decide(error: Exception, attempt: int = 1, conflicts: int = 0) -> Decision:
    return decide(error, attempt, jitter=lambda: 1.0, conflicts=conflicts)


SECOND = timedelta(seconds=1)

CONSEQUENCES: list[tuple[SyncError, Decision]] = [
    (SyncError("?"), Retry(SECOND)),
    (Transient("503"), Retry(SECOND)),
    (Unavailable("locked"), Retry(SECOND)),
    (RateLimited("429", timedelta(seconds=7)), Pause(timedelta(seconds=7))),
    (AuthFailed("401"), Pause(None)),
    (Conflict("412"), Retry(SECOND)),
    (CursorLost("410"), Resync(SECOND)),
    (MappingFailed("bad"), Bury("mapping")),
    (Permanent("422"), Bury("refused")),
    (NotFound("404"), Bury("not_found")),
]


@pytest.mark.parametrize(("error", "decision"), CONSEQUENCES)
def test_each_error_has_its_consequence(error: SyncError, decision: Decision) -> None:
    assert _decide(error) == decision


def test_no_error_of_ours_is_forgotten() -> None:
    every = {thing for thing in vars(errors).values() if isinstance(thing, type)}
    ours = {thing for thing in every if issubclass(thing, SyncError)}
    assert ours <= {type(error) for error, _ in CONSEQUENCES}


def test_a_bug_of_ours_is_tried_again() -> None:
    assert _decide(ZeroDivisionError()) == Retry(SECOND)


def test_the_back_off_grows_with_the_attempts() -> None:
    waits = [_decide(Transient("503"), attempt) for attempt in range(1, MOST_ATTEMPTS)]
    assert waits == [Retry(timedelta(seconds=n**4)) for n in range(1, MOST_ATTEMPTS)]


def test_after_twelve_attempts_a_person_must_look() -> None:
    assert _decide(Transient("503"), MOST_ATTEMPTS) == Bury("exhausted")
    assert _decide(CursorLost("410"), MOST_ATTEMPTS) == Bury("exhausted")
    assert _decide(ZeroDivisionError(), MOST_ATTEMPTS) == Bury("exhausted")


def test_a_conflict_is_heard_out_three_times() -> None:
    assert isinstance(_decide(Conflict("412"), 3, conflicts=1), Retry)
    assert _decide(Conflict("412"), 3, conflicts=2) == Bury("conflict")
    assert isinstance(_decide(Conflict("412"), 11), Retry)


def test_pauses_never_run_out_of_attempts() -> None:
    assert isinstance(_decide(RateLimited("429"), 500), Pause)
    assert _decide(AuthFailed("401"), 500) == Pause(None)


@given(st.integers(1, MOST_ATTEMPTS - 1), st.floats(0, 1))
def test_the_back_off_is_anywhere_up_to_its_cap(attempt: int, chance: float) -> None:
    decision = decide(Transient("503"), attempt, jitter=lambda: chance)
    assert isinstance(decision, Retry)
    assert timedelta() <= decision.after <= LONGEST_BACKOFF
    assert decision.after <= timedelta(seconds=attempt**4)


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (Retry(timedelta(seconds=12)), "retry in 12 s"),
        (Resync(timedelta(seconds=3)), "start over in 3 s"),
        (Pause(timedelta(minutes=2)), "pause the connection for 120 s"),
        (Pause(None), "pause the connection until somebody acts"),
        (Bury("mapping"), "bury: mapping"),
    ],
)
def test_a_log_says_decisions_in_words(decision: Decision, text: str) -> None:
    assert spelled(decision) == text
