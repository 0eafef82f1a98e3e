"""Workers of other processes are woken, one for one job; and a wrong clock wakes nobody early."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import select

from hub import queue
from hub.queue import Worker, crew
from hub.queue.wake import channel
from hub.store.database import Database
from hub.store.work import workers
from tests.databases import ON_POSTGRESQL
from tests.queue.world import (
    DEADLINE,
    Clock,
    ask,
    letters,
    put,
    rows,
    running,
    until,
    wait_for,
    worker,
)


@contextmanager
def waking(db: Database) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=queue.wake_others, args=[db, stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        db.bell.ring()
        thread.join(DEADLINE)


def _idle(db: Database) -> int:
    with db.read() as tx:
        return len(tx.execute(select(workers.c.name).where(workers.c.idle)).all())


@ON_POSTGRESQL
def test_a_worker_with_another_door_is_woken(db: Database, clock: Clock) -> None:
    theirs, ran = Database(db.url.render_as_string(hide_password=False)), threading.Event()
    with running(worker(theirs, lambda _: ran.set(), clock)), waking(db):
        until(lambda: _idle(db) == 1)
        put(db, ask("a"))
        wait_for(ran)
    theirs.close()


@ON_POSTGRESQL
def test_a_worker_that_was_woken_in_vain_waits_to_be_woken_again(db: Database) -> None:
    theirs = Database(db.url.render_as_string(hide_password=False))
    patient = Worker(db=theirs, handlers={}, poll=DEADLINE)
    with running(patient):
        for _ in range(3):
            until(lambda: _idle(db) == 1)
            with db.write() as tx:
                [name] = crew.idlers(tx, most=1)
                tx.exec_driver_sql("SELECT pg_notify(%s, '')", (channel(name),))
    theirs.close()


@ON_POSTGRESQL
def test_a_worker_that_gave_a_sign_of_life_waits_to_be_woken_still(
    db: Database, clock: Clock
) -> None:
    with running(worker(db, lambda _: None, clock, poll=0.02)):
        until(lambda: _idle(db) == 1)
        clock.pass_(crew.BEAT_EVERY + 1)
        until(lambda: _beat_at(db) == clock())
        until(lambda: _idle(db) == 1)


def _beat_at(db: Database) -> float:
    with db.read() as tx:
        return float(tx.execute(select(workers.c.beat_at)).scalar_one())


@ON_POSTGRESQL
def test_for_one_job_one_of_many_is_woken(db: Database) -> None:
    with db.write() as tx:
        for number in range(50):
            crew.beat(tx, f"w{number}", idle=True)
        assert len(crew.idlers(tx, most=1)) == 1
    assert _idle(db) == 49


_HOUR_AHEAD = """
import sys, time
wrong = time.time
time.time = lambda: wrong() + 3600
from hub import queue
from hub.store.database import Database
from tests.queue.world import ask
db = Database(sys.argv[1])
with db.write() as tx:
    queue.put(tx, [ask("put by a wrong clock")])
    queue.beat(tx, "wrong")
queue.Worker(db=db, handlers={"push": print}).run_until_idle()
"""


@ON_POSTGRESQL
def test_a_clock_that_is_an_hour_off_does_not_matter(db: Database) -> None:
    with db.write() as tx:
        now = queue.beat(tx, "alive")
        queue.put(tx, [ask("in a minute", run_at=now + 60), ask("held")])
        [job] = queue.claim(tx, worker="alive", most=1)
    url = db.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", _HOUR_AHEAD, url], check=True, timeout=DEADLINE)
    assert [row.key for row in rows(db)] == ["in a minute", "held"], "neither early nor late"
    with db.write() as tx:
        queue.done(tx, [job])
    assert letters(db) == []


def test_a_thousand_puts_of_one_key_at_once_are_one_job(db: Database) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: put(db, ask("a", number)), range(1000)))
    [row] = rows(db)
    assert row.revision == 1000
