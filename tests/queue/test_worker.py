"""A worker runs jobs, and each ends in exactly one way."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from sqlalchemy import Row, func, insert, select
from structlog.testing import capture_logs

from hub import queue
from hub.errors import AuthFailed, CursorLost, Permanent, RateLimited, Transient
from hub.queue import Claimed, Lane, crew
from hub.store.database import Database, Transaction
from hub.store.work import jobs, workers
from tests.queue.world import (
    START,
    Clock,
    ask,
    letters,
    note,
    noted,
    put,
    rows,
    running,
    until,
    wait_for,
    worker,
)


class Once:
    """Fails with `error` the first time, and notes the job from then on."""

    def __init__(self, db: Database, error: BaseException) -> None:
        self.db = db
        self.error: BaseException | None = error

    def __call__(self, job: Claimed) -> None:
        with self.db.write() as tx:
            note(tx, f"{job.key} at attempt {job.attempt}")
            queue.done(tx, [job])
            if self.error:
                error, self.error = self.error, None
                raise error


def test_everything_due_is_run_and_counted(db: Database, clock: Clock) -> None:
    put(db, *(ask(str(n), lane=Lane(n % 4)) for n in range(50)))
    put(db, ask("tomorrow", run_at=START + 86_400))

    def handle(job: Claimed) -> None:
        with db.write() as tx:
            note(tx, job.key)
            queue.done(tx, [job])

    assert worker(db, handle, clock).run_until_idle() == 50
    assert noted(db) == sorted(str(n) for n in range(50))
    assert [row.key for row in rows(db)] == ["tomorrow"]


def test_a_job_whose_end_a_crashed_server_forgot_runs_again(db: Database, clock: Clock) -> None:
    ends = {name: threading.Event() for name in ("a", "b", "a again")}
    kept: list[Row[Any]] = []

    def handle(job: Claimed) -> None:
        kept.extend(rows(db))
        with db.write() as tx:
            queue.done(tx, [job])
        ends["a again" if len(kept) > 2 else job.key].set()

    with running(worker(db, handle, clock, threads=1, poll=0.02)):
        for key in ("a", "b"):  # when b runs, a is no longer in hand
            put(db, ask(key))
            wait_for(ends[key])
        with db.write() as tx:
            tx.execute(insert(jobs).values(kept[0]._asdict()))
        db.sessions.begun += 1  # as after a crash
        clock.pass_(crew.BEAT_EVERY + 1)
        wait_for(ends["a again"])


def test_jobs_that_jobs_put_are_run_too(db: Database, clock: Clock) -> None:
    put(db, ask("3"))

    def handle(job: Claimed) -> None:
        with db.write() as tx:
            note(tx, job.key)
            queue.done(tx, [job])
            if job.key != "0":
                queue.put(tx, [ask(str(int(job.key) - 1))], now=clock())

    assert worker(db, handle, clock).run_until_idle() == 4
    assert noted(db) == ["0", "1", "2", "3"]


def test_a_job_that_is_still_there_when_its_handler_returns_is_finished(
    db: Database, clock: Clock
) -> None:
    put(db, ask("a"), ask("b"))
    seen = []
    assert worker(db, lambda job: seen.append(job.key), clock).run_until_idle() == 2
    assert sorted(seen) == ["a", "b"]
    assert rows(db) == []


def test_a_failure_undoes_effects_and_removal_and_is_tried_again(
    db: Database, clock: Clock
) -> None:
    put(db, ask("a"))
    works = worker(db, Once(db, Transient("503")), clock)
    assert works.run_until_idle() == 1
    assert noted(db) == []
    [row] = rows(db)
    assert (row.run_at, row.error) == (START + 1, "Transient: 503")
    clock.pass_(1)
    works.run_until_idle()
    assert noted(db) == ["a at attempt 2"]
    assert rows(db) == []


def test_a_rate_limit_holds_its_connection_and_nobody_else(db: Database, clock: Clock) -> None:
    put(db, ask("a"), ask("z", connection="zen"))
    limited = RateLimited("429", timedelta(seconds=30))
    first = Once(db, limited)
    works = worker(db, lambda job: first(job) if job.key == "a" else None, clock)
    assert works.run_until_idle() == 2
    assert [row.key for row in rows(db)] == ["a"]
    clock.pass_(29)
    assert works.run_until_idle() == 0
    clock.pass_(1)
    assert works.run_until_idle() == 1
    assert noted(db) == ["a at attempt 1"], "the pause has cost no attempt"


def test_a_worker_goes_on_though_others_took_over_what_it_hands_back(
    db: Database, clock: Clock
) -> None:
    put(db, *(ask(f"{number:02}") for number in range(60)))
    ran: set[str] = set()
    taken_over = threading.Event()

    def handle(job: Claimed) -> None:
        if job.key == "40" and not job.crashes:
            with db.write() as tx:
                queue.rescue(tx, START + 60)
            clock.pass_(crew.BEAT_EVERY + 1)
            taken_over.set()
            raise RateLimited(
                "429", retry_after=timedelta(seconds=1)
            )  # those behind it are handed back
        if taken_over.is_set():
            until(lambda: _workers(db) == 1)  # ours says again that it lives
        ran.add(job.key)

    with running(worker(db, handle, clock, threads=1, poll=0.02)):
        until(lambda: not rows(db))
    assert ran == {f"{number:02}" for number in range(60)}


def _workers(db: Database) -> int:
    with db.read() as tx:
        return tx.execute(select(func.count()).select_from(workers)).scalar_one()


def test_a_dead_token_burns_no_attempts_of_a_thousand_jobs(db: Database, clock: Clock) -> None:
    put(db, *(ask(str(n)) for n in range(1000)))

    def handle(_: Claimed) -> NoReturn:
        raise AuthFailed("invalid_grant")

    assert worker(db, handle, clock, threads=2).run_until_idle() <= 4
    clock.pass_(9e9)
    assert worker(db, handle, clock).run_until_idle() == 0
    with db.write() as tx:
        queue.resume(tx, "acme")
    assert len(rows(db)) == 1000
    assert {row.attempt for row in rows(db)} == {0}


def test_a_refused_record_is_a_dead_letter(db: Database, clock: Clock) -> None:
    put(db, ask("a"))
    worker(db, Once(db, Permanent("422: name is too long")), clock).run_until_idle()
    [letter] = letters(db)
    assert (letter.reason, letter.error) == ("refused", "Permanent: 422: name is too long")


def test_a_lost_cursor_is_forgotten_and_the_job_runs_again(db: Database, clock: Clock) -> None:
    def forget(tx: Transaction, job: Claimed) -> None:
        note(tx, f"forgot {job.key}")

    put(db, ask("a"))
    works = worker(db, Once(db, CursorLost("410")), clock, on_resync=forget)
    works.run_until_idle()
    clock.pass_(1)
    works.run_until_idle()
    assert noted(db) == ["a at attempt 2", "forgot a"]


def test_a_bug_in_starting_over_is_a_failure_like_any_other(db: Database, clock: Clock) -> None:
    def forget(tx: Transaction, _: Claimed) -> NoReturn:
        note(tx, "half")
        raise ZeroDivisionError("oops")

    put(db, ask("a"))
    worker(db, Once(db, CursorLost("410")), clock, on_resync=forget).run_until_idle()
    assert noted(db) == []
    assert [(row.attempt, row.error) for row in rows(db)] == [(1, "ZeroDivisionError: oops")]


def test_a_kind_without_a_handler_is_tried_again_by_a_newer_release(
    db: Database, clock: Clock
) -> None:
    put(db, ask("a", kind="dance"))
    worker(db, print, clock).run_until_idle()
    [row] = rows(db)
    assert row.attempt == 1
    assert "no handler for jobs of kind 'dance'; this worker has: push" in row.error


def test_a_failure_is_one_line_without_the_payload(db: Database, clock: Clock) -> None:
    put(db, ask("a", "the customer's secret"))
    with capture_logs() as lines:
        worker(db, Once(db, Transient("503")), clock, name="w").run_until_idle()
    [line] = lines
    assert line["place"].rpartition(":")[0] == __file__
    del line["place"]
    assert line == {
        "event": "job failed",
        "log_level": "warning",
        "kind": "push",
        "key": "a",
        "attempt": 1,
        "decision": "retry in 1 s",
        "error": "Transient: 503",
    }


def test_a_very_long_error_is_cut(db: Database, clock: Clock) -> None:
    put(db, ask("a"))
    worker(db, Once(db, Transient("x" * 1_000_000)), clock).run_until_idle()
    assert len(rows(db)[0].error) == 2000


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_a_handler_hands_the_job_back(
    db: Database, clock: Clock, interrupt: type[BaseException]
) -> None:
    put(db, ask("a"))
    works = worker(db, Once(db, interrupt()), clock)
    with pytest.raises(interrupt):
        works.run_until_idle()
    assert noted(db) == []
    works.run_until_idle()
    assert noted(db) == ["a at attempt 1"]


def test_ctrl_c_in_the_middle_of_a_job_hands_it_back(db: Database, clock: Clock) -> None:
    go_on, ended = threading.Event(), threading.Event()

    def handle(job: Claimed) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        wait_for(go_on)
        try:
            with db.write() as tx:
                note(tx, "too late")
                queue.done(tx, [job])
        finally:
            ended.set()

    put(db, ask("a"))
    with pytest.raises(KeyboardInterrupt):  # Python may hear of it only when its wait ends
        worker(db, handle, clock, poll=0.1).run_until_idle()
    [row] = rows(db)
    assert (row.running, row.attempt, row.crashes) == (False, 0, 0)
    go_on.set()
    wait_for(ended)
    assert noted(db) == []


def test_an_idle_worker_hears_of_a_job_at_once(db: Database, clock: Clock) -> None:
    ran = threading.Event()
    works = worker(db, lambda _: ran.set(), clock, poll=3600)
    with running(works):
        put(db, ask("a"))
        wait_for(ran)
    assert rows(db) == []


def test_a_stopping_worker_finishes_what_runs_and_takes_nothing_new(
    db: Database, clock: Clock
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def handle(job: Claimed) -> None:
        begun.set()
        wait_for(go_on)
        with db.write() as tx:
            note(tx, job.key)
            queue.done(tx, [job])

    put(db, ask("a"), ask("b"))
    with running(worker(db, handle, clock, threads=1, poll=0.01)) as stop:
        wait_for(begun)
        stop.set()
        go_on.set()
    assert noted(db) == ["a"]
    [row] = rows(db)
    assert (row.key, row.running, row.attempt) == ("b", False, 0)


def test_what_does_not_finish_in_the_grace_period_is_handed_back(
    db: Database, clock: Clock
) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def handle(job: Claimed) -> None:
        begun.set()
        wait_for(go_on)
        try:
            with db.write() as tx:
                note(tx, job.key)
                queue.done(tx, [job])
        finally:
            ended.set()

    put(db, ask("a"))
    with running(worker(db, handle, clock, grace=0.01)) as stop:
        wait_for(begun)
        stop.set()
    [row] = rows(db)
    assert (row.running, row.attempt, row.crashes) == (False, 0, 0)
    go_on.set()
    wait_for(ended)
    assert noted(db) == []


def test_a_worker_that_left_is_off_the_list(db: Database, clock: Clock) -> None:
    def crew() -> int:
        with db.read() as tx:
            return tx.scalar(select(func.count()).select_from(workers)) or 0

    seen: list[int] = []
    put(db, ask("a"))
    worker(db, lambda _: seen.append(crew()), clock).run_until_idle()
    assert seen == [1]
    assert crew() == 0


def test_suspects_run_alone(db: Database, clock: Clock) -> None:
    """What was there when a worker died runs beside nothing, one after the other."""
    put(db, *(ask(f"suspect {n}") for n in range(3)))
    with db.write() as tx:
        queue.claim(tx, worker="died", most=3, now=START)
        queue.rescue(tx, START + 60)
    put(db, *(ask(f"fresh {n}") for n in range(5)))
    lock = threading.Lock()
    beside: set[str] = set()
    met: dict[str, set[str]] = {}

    def handle(job: Claimed) -> None:
        with lock:
            beside.add(job.key)
            for key in beside:
                met.setdefault(key, set()).update(beside - {key})
        with db.read():
            pass
        with lock:
            beside.discard(job.key)

    assert worker(db, handle, clock, threads=8).run_until_idle() == 8
    assert [met[f"suspect {n}"] for n in range(3)] == [set(), set(), set()]
    assert rows(db) == []
