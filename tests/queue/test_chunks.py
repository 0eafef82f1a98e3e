"""Jobs that run together: in one call, and each ends as it would have ended alone."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from hub import queue
from hub.errors import AuthFailed, CursorLost, Permanent, RateLimited, Transient
from hub.queue import Claimed, Lane, LostLease, chunks
from hub.queue.hands import Hands
from hub.queue.words import careful
from hub.store.database import Database
from tests.queue.world import (
    DEADLINE,
    START,
    Clock,
    ask,
    claim,
    letters,
    note,
    noted,
    put,
    rows,
    running,
    statements,
    wait_for,
)

MOST = 25
Outcomes = Sequence[Exception | None]


def by_start(job: Claimed) -> queue.Group:
    """`a/1` goes with `a/2`; what has no slash in its key goes alone."""
    start, slash, _ = job.key.partition("/")
    return queue.Group(start + slash, MOST if slash else 1)


def worker(
    db: Database, run: Callable[[Sequence[Claimed]], Outcomes], clock: Clock, **more: Any
) -> queue.Worker:
    """Runs jobs of the kind `push` together, of the kind `plain` each alone."""
    together = queue.Together(run, by_start)
    handlers: dict[str, Any] = {"push": together, "plain": lambda job: run([job])}
    more = {"poll": 3600, "threads": 1, **more}
    return queue.Worker(db=db, handlers=handlers, clock=clock, jitter=lambda: 1.0, **more)


class Calls(list[list[str]]):
    """The keys of each call; every job leaves an effect that cannot happen twice."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def __call__(self, jobs: Sequence[Claimed]) -> Outcomes:
        self.append([job.key for job in jobs])
        with self.db.write() as tx:
            for job in jobs:
                note(tx, f"{job.kind} {job.key}")
            queue.done(tx, jobs)
        return [None] * len(jobs)


def keys(start: str, count: int) -> list[str]:
    return [f"{start}/{number:02}" for number in range(count)]


def test_jobs_of_a_group_run_in_few_calls_and_no_others_with_them(
    db: Database, clock: Clock
) -> None:
    mixed = [ask(key) for pair in zip(keys("a", 60), keys("b", 60), strict=True) for key in pair]
    put(db, *mixed, ask("alone"), ask("alone too"), ask("a/x", connection="zen"))
    put(db, ask("a/y", lane=Lane.POLL), ask("a/z", kind="plain"))
    calls = Calls(db)
    assert worker(db, calls, clock).run_until_idle() == 125
    sizes = Counter(len(call) for call in calls)
    assert sizes == {25: 4, 10: 2, 1: 5}
    assert all(len({key[0] for key in call}) == 1 for call in calls)
    assert rows(db) == []
    assert len(noted(db)) == 125


def test_within_a_group_the_oldest_go_first(db: Database, clock: Clock) -> None:
    put(db, *(ask(key) for key in keys("a", 60)))
    calls = Calls(db)
    worker(db, calls, clock).run_until_idle()
    assert [key for call in calls for key in call] == keys("a", 60)


def test_what_a_worker_holds_is_counted_in_calls(db: Database, clock: Clock) -> None:
    """Four threads run a hundred jobs, and when one of them has ended its call it gets another."""
    all_at_once, fifth = threading.Barrier(4, timeout=DEADLINE), threading.Event()
    begun: list[int] = []
    put(db, *(ask(key) for key in keys("a", 125)))

    def run(jobs: Sequence[Claimed]) -> Outcomes:
        begun.append(len(jobs))
        if len(begun) > 4:
            fifth.set()
        elif all_at_once.wait():
            wait_for(fifth)  # but for one of them
        return [None] * len(jobs)

    assert worker(db, run, clock, threads=4).run_until_idle() == 125
    assert rows(db) == []


def test_each_ends_in_its_own_way(db: Database, clock: Clock) -> None:
    resynced = []
    errors: dict[str, Exception | None] = {
        "a/done": None, "a/again": Transient("503"), "a/bad": Permanent("422: too long"),
        "a/lost": CursorLost("410"), "a/bug": ZeroDivisionError("oops"),
        "a/wait": RateLimited("429", timedelta(seconds=30)),
    }  # fmt: skip
    put(db, *(ask(key) for key in errors))

    def run(jobs: Sequence[Claimed]) -> Outcomes:
        assert len(jobs) == len(errors)
        return [errors[job.key] for job in jobs]

    works = worker(db, run, clock, on_resync=lambda _, job: resynced.append(job.key))
    assert works.run_until_idle() == len(errors)
    told = {row.key: (row.attempt, row.run_at - START, row.error) for row in rows(db)}
    assert told == {
        "a/again": (1, 1.0, "Transient: 503"),
        "a/lost": (1, 1.0, "CursorLost: 410"),
        "a/bug": (1, 1.0, "ZeroDivisionError: oops"),
        "a/wait": (0, 0.0, "RateLimited: 429"),
    }
    assert resynced == ["a/lost"]
    assert [(one.key, one.reason) for one in letters(db)] == [("a/bad", "refused")]
    with db.read() as tx:
        [pause] = queue.paused(tx, now=START)
    assert (pause.connection, pause.until) == ("acme", START + 30)


def test_what_the_call_raises_is_the_outcome_of_all_and_half_as_many_try_again(
    db: Database, clock: Clock
) -> None:
    """So who fails all that are with it is alone in the end, and buried alone."""
    put(db, *(ask(key) for key in keys("a", MOST)))
    calls: list[list[str]] = []

    def run(jobs: Sequence[Claimed]) -> Outcomes:
        calls.append([job.key for job in jobs])
        if "a/07" in calls[-1]:
            raise Permanent("no") if len(jobs) == 1 else Transient("one of you")
        return [None] * len(jobs)

    works = worker(db, run, clock)
    for _ in range(6):
        works.run_until_idle()
        clock.pass_(10_000)
    assert [len(call) for call in calls if "a/07" in call] == [25, 12, 6, 3, 1]
    assert [one.key for one in letters(db)] == ["a/07"]
    assert rows(db) == []


def test_too_few_outcomes_are_a_bug_that_loses_no_job(db: Database, clock: Clock) -> None:
    put(db, *(ask(key) for key in keys("a", 3)))
    worker(db, lambda jobs: [None] * (len(jobs) - 1), clock).run_until_idle()
    assert [row.attempt for row in rows(db)] == [1, 1, 1]
    assert all("zip()" in row.error for row in rows(db))


def test_a_dead_token_burns_no_attempts_of_a_thousand_jobs(db: Database, clock: Clock) -> None:
    put(db, *(ask(f"a/{number}") for number in range(1000)))
    ran = []

    def run(jobs: Sequence[Claimed]) -> Outcomes:
        ran.append(len(jobs))
        raise AuthFailed("invalid_grant")

    worker(db, run, clock, threads=2).run_until_idle()
    assert sum(ran) <= 4 * MOST
    assert {row.attempt for row in rows(db)} == {0}
    assert len(rows(db)) == 1000


def test_only_what_may_run_comes_along(db: Database, clock: Clock) -> None:
    put(db, ask("a/busy"))
    [busy] = claim(db, worker="other")
    put(db, ask("a/failed"))
    [failed] = claim(db, worker="other")
    with db.write() as tx:
        queue.retry(tx, failed, START + 1, "503", now=START)
    clock.pass_(1)
    put(db, ask("a/1", run_at=START), ask("a/busy"), ask("a/late", run_at=START + 9))
    put(db, ask("b/1"), ask("a/plain", kind="plain"), ask("a/2"))
    beside: list[set[str]] = []
    calls = Calls(db)

    def run(jobs: Sequence[Claimed]) -> Outcomes:
        beside.append({row.key for row in rows(db) if row.running} - {job.key for job in jobs})
        return calls(jobs)

    worker(db, run, clock).run_until_idle()
    assert (calls[0], beside[0]) == (["a/1", "a/2"], {"a/busy"})
    assert sorted(calls[1:]) == [["a/failed"], ["a/plain"], ["b/1"]]
    with db.write() as tx:
        queue.done(tx, [busy])
    clock.pass_(9)
    worker(db, run, clock).run_until_idle()
    assert calls[4:] == [["a/busy", "a/late"]]


def test_of_a_key_that_is_put_while_it_runs_the_newer_runs_afterwards(
    db: Database, clock: Clock
) -> None:
    put(db, ask("a/1", "old"), ask("a/2", "old"))
    seen: list[list[tuple[str, str]]] = []

    def run(jobs: Sequence[Claimed]) -> Outcomes:
        seen.append([(job.key, job.payload["is"]) for job in jobs])
        if len(seen) == 1:
            put(db, ask("a/2", "newer"), ask("a/2", "newest"))
        return [None] * len(jobs)

    worker(db, run, clock).run_until_idle()
    assert seen == [[("a/1", "old"), ("a/2", "old")], [("a/2", "newest")]]


def test_who_was_there_when_a_worker_died_runs_alone(db: Database, clock: Clock) -> None:
    put(db, *(ask(key) for key in keys("a", 3)))
    with db.write() as tx:
        queue.claim(tx, worker="died", most=3, now=START)
        queue.rescue(tx, START + 60)
    put(db, *(ask(key) for key in keys("b", 4)), ask("a/fresh"), ask("a/too"))
    calls = Calls(db)
    worker(db, calls, clock).run_until_idle()
    assert calls[:3] == [["a/00"], ["a/01"], ["a/02"]]
    assert sorted(calls[3:]) == [["a/fresh", "a/too"], keys("b", 4)]


def test_a_suspect_does_not_come_along(db: Database) -> None:
    put(db, ask("a/1"), ask("a/suspect"), ask("a/2"))
    with db.write() as tx:
        innocent, _ = queue.claim(tx, worker="died", most=2, now=START)
        queue.hand_back(tx, [innocent])
        queue.rescue(tx, START + 60)
    first = claim(db)
    handlers = {"push": queue.Together(lambda jobs: [None] * len(jobs), by_start)}
    with db.write() as tx:
        more = chunks.companions(tx, handlers, first, worker="w1", most=9, now=START)
    assert [job.key for job in [*first, *more]] == ["a/1", "a/2"]


def test_only_those_that_are_still_ours_are_finished(db: Database) -> None:
    put(db, *(ask(key) for key in keys("a", 4)))
    one, two, three, four = claim(db, 4)
    with db.write() as tx:
        queue.done(tx, [two])
        queue.hand_back(tx, [three])
    [taken] = claim(db, worker="other")
    with db.write() as tx:
        assert queue.finish(tx, [four, three, two, one]) == [four, one]
        with pytest.raises(LostLease):
            queue.fence(tx, three)
        assert queue.finish(tx, [taken]) == [taken]
        assert queue.finish(tx, []) == []
    assert rows(db) == []


def test_a_stopping_worker_hands_back_the_calls_that_it_has_not_started(
    db: Database, clock: Clock
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    put(db, *(ask(key) for key in keys("a", 75)))
    calls = Calls(db)

    def run(jobs: Sequence[Claimed]) -> Outcomes:
        if calls:
            begun.set()
            wait_for(go_on)
        return calls(jobs)

    with running(worker(db, run, clock, poll=0.01)) as stop:
        wait_for(begun)  # the second; a third may wait for the one thread
        stop.set()
        go_on.set()
    left = rows(db)
    assert [key for call in calls for key in call] + [row.key for row in left] == keys("a", 75)
    assert {(row.running, row.attempt, row.crashes) for row in left} <= {(False, 0, 0)}


def test_calls_that_wait_behind_a_rate_limit_are_handed_back_and_run_later(
    db: Database, clock: Clock
) -> None:
    put(db, *(ask(key) for key in keys("a", 99)))
    calls, limited = Calls(db), list[str]()

    def run(jobs: Sequence[Claimed]) -> Outcomes:
        if len(calls) == 2 and not limited:
            limited.extend(job.key for job in jobs)
            raise RateLimited("429", timedelta(seconds=5))
        return calls(jobs)

    works = worker(db, run, clock)
    works.run_until_idle()
    left = {row.key for row in rows(db)}
    assert {*limited} <= left <= {*keys("a", 99)[50:]}, "the next may run before we know"
    assert {(row.running, row.attempt) for row in rows(db)} == {(False, 0)}
    clock.pass_(5)
    works.run_until_idle()
    assert sorted(key for call in calls for key in call) == keys("a", 99)
    assert rows(db) == []


def test_calls_that_were_not_started_come_back_with_all_their_jobs(db: Database) -> None:
    put(db, *(ask(key) for key in keys("a", 5)))
    jobs = claim(db, 5)
    hands = Hands({}, db.bell)
    hands.give([jobs[:2], jobs[2], jobs[3:]])
    assert (hands.full, hands.take_back(), hands.full) == (True, jobs, False)


def test_companions_are_looked_for_once_and_found_without_a_scan(
    db: Database, clock: Clock
) -> None:
    put(db, *(ask(key) for key in keys("a", 20)))
    with statements(db) as sent:
        worker(db, Calls(db), clock).run_until_idle()
    sent.sent = [(sql, values) for sql, values in sent.sent if "near AS" in sql]
    assert len(sent.sent) == 1
    with db.write() as tx:
        careful(tx)
        assert sent.scans(tx, "hub_job") == []
