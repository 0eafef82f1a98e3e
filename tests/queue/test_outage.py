"""The database goes away while jobs run: workers come back, and nothing they knew is lost."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hub import queue
from hub.errors import Permanent
from hub.queue import Claimed
from hub.store.database import Database, Transaction, Unavailable
from tests.databases import ON_SQLITE, Databases
from tests.queue.world import (
    DEADLINE,
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
    with_effects,
    worker,
)

pytestmark = ON_SQLITE  # whose outages are easy to make; for PostgreSQL's see test_restart.py


class Hasty(Database):
    """Gives up a locked file at once; when told, does not hear that a commit went through."""

    deaf = False

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Transaction]:
        with super().write(durable=durable) as tx:
            yield tx
        if self.deaf:
            self.deaf = False
            raise Unavailable("the connection broke at the commit")


@pytest.fixture
def db(databases: Databases, tmp_path: Path) -> Iterator[Hasty]:
    url = databases.migrated(tmp_path)
    with_effects(url).close()
    database = Hasty(f"sqlite:///{tmp_path / 'hub.db'}", wait=0.2)
    yield database
    database.close()


@contextmanager
def away(db: Database) -> Iterator[None]:
    """Somebody else has locked the file."""
    with closing(sqlite3.connect(str(db.url.database), timeout=DEADLINE)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        yield


def _noting(db: Database) -> Any:
    def handle(job: Claimed) -> None:
        with db.write() as tx:
            note(tx, f"{job.key} at attempt {job.attempt}")
            queue.done(tx, [job])

    return handle


def test_a_job_that_failed_during_an_outage_is_settled_after_it(db: Hasty, clock: Clock) -> None:
    begun, failed = threading.Event(), threading.Event()

    def handle(_: Claimed) -> None:
        begun.set()
        wait_for(failed)
        raise Permanent("422")

    put(db, ask("a"))
    with capture_logs() as lines, running(worker(db, handle, clock, poll=0.01)):
        wait_for(begun)
        with away(db):
            failed.set()
            until(lambda: "database away" in [line["event"] for line in lines])
        until(lambda: bool(letters(db)))
    assert [letter.error for letter in letters(db)] == ["Permanent: 422"]
    assert rows(db) == []


def test_a_handler_that_meets_an_outage_is_tried_again(db: Hasty, clock: Clock) -> None:
    put(db, ask("a"))
    met = threading.Event()

    def handle(job: Claimed) -> None:
        if job.attempt == 1:
            with away(db):
                try:
                    _noting(db)(job)
                finally:
                    met.set()
        _noting(db)(job)

    with running(worker(db, handle, clock, poll=0.01)):
        wait_for(met)
        until(lambda: [row.attempt for row in rows(db) if not row.running] == [1])
        clock.pass_(1)
        until(lambda: rows(db) == [])
    assert noted(db) == ["a at attempt 2"]


def test_working_until_idle_says_that_the_database_is_away(db: Hasty, clock: Clock) -> None:
    put(db, ask("a"))
    with away(db), pytest.raises(Unavailable, match="locked"):
        worker(db, print, clock).run_until_idle()
    assert [(row.running, row.attempt) for row in rows(db)] == [(False, 0)]


def test_a_claim_that_went_through_unheard_is_given_back_and_run(db: Hasty, clock: Clock) -> None:
    put(db, ask("a"))
    db.deaf = True
    with running(worker(db, _noting(db), clock, poll=0.01)):
        until(lambda: rows(db) == [])
    assert noted(db) == ["a at attempt 1"]


def test_a_completion_that_went_through_unheard_is_not_repeated(db: Hasty, clock: Clock) -> None:
    def handle(job: Claimed) -> None:
        db.deaf = True
        _noting(db)(job)

    put(db, ask("a"))
    assert worker(db, handle, clock).run_until_idle() == 1
    clock.pass_(9e9)
    assert worker(db, handle, clock).run_until_idle() == 0
    assert noted(db) == ["a at attempt 1"]


def test_after_an_outage_nobody_is_taken_for_dead_at_once(db: Hasty, clock: Clock) -> None:
    """All were silent together: whoever comes back first must not take over from the others."""
    with running(worker(db, _noting(db), clock, poll=0.01)):
        put(db, ask("theirs"))
        until(lambda: rows(db) == [])
        with db.write() as tx:
            queue.beat(tx, "sleeper", clock())
            queue.put(tx, [ask("slow")], now=clock())
            [job] = queue.claim(tx, worker="sleeper", most=1, now=clock())
        clock.pass_(60)
        put(db, ask("next"), now=clock())
        until(lambda: "next at attempt 1" in noted(db))
        with db.write() as tx:
            queue.fence(tx, job)
            queue.done(tx, [job])
