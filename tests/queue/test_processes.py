"""Real threads and real processes on one file: nothing lost, nothing twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from hub import queue
from hub.errors import RateLimited
from hub.queue import Claimed
from hub.store.database import Database
from tests.queue import dying
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
    until,
    with_effects,
    worker,
)


def _start(db: Database, now: float, way: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            dying.__file__ or "",
            db.url.render_as_string(hide_password=False),
            str(now),
            way,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


def _noting(db: Database) -> queue.Worker:
    def handle(job: Claimed) -> None:
        with db.write() as tx:
            note(tx, job.key)
            queue.done(tx, [job])

    return worker(db, handle, Clock(START + 60))


def test_the_jobs_of_a_killed_process_are_taken_over(db: Database) -> None:
    put(db, ask("a"), ask("b"))
    with _start(db, START, "hang") as child:
        assert child.stdout
        assert child.stdout.readline() == "begun\n"
        assert {row.running for row in rows(db)} == {True}
        child.kill()
    assert noted(db) == [], "what was not committed never happened"
    assert _noting(db).run_until_idle() == 2
    assert noted(db) == ["a", "b"]
    assert rows(db) == []


def test_a_pill_is_buried_and_its_innocent_neighbours_are_not(db: Database) -> None:
    put(db, *(ask(f"job {number}") for number in range(3)), ask("pill"))
    put(db, *(ask(f"job {number}") for number in range(3, 7)))
    endings = []
    for start in range(5):
        with _start(db, START + 60 * start, "pill") as child:
            endings.append(child.wait(DEADLINE))
        if endings[-1] == 0:
            break
    assert endings == [9, 9, 9, 0]
    assert [(letter.key, letter.reason) for letter in letters(db)] == [("pill", "poison")]
    assert noted(db) == [f"job {number}" for number in range(7)]
    assert rows(db) == []


def test_a_worker_survives_that_others_have_what_it_gives_back(db: Database) -> None:
    """It gives back what it has not started when a connection pauses; by then it was robbed."""
    asked: list[float] = []

    def clock() -> float:
        """Asked whenever the worker turns to its jobs."""
        asked.append(START)
        return START

    def handle(job: Claimed) -> None:
        if job.key == "limited" and not job.crashes:
            with db.write() as tx:
                queue.rescue(tx, START + 60)
            raise RateLimited("slow down", retry_after=timedelta(seconds=60))
        if job.key == "next" and not job.crashes:
            enough = len(asked) + 20
            until(lambda: len(asked) > enough)

    quick = [ask(f"quick {number}") for number in range(300)]  # so that it takes many at a time
    put(db, *quick[:250], ask("limited"), ask("next"), *quick[250:])
    worker(db, handle, clock, threads=1, poll=0.01).run_until_idle()
    worker(db, handle, clock).run_until_idle()
    assert rows(db) == []


def test_eight_threads_with_two_doors_lose_nothing_and_do_nothing_twice(
    database_url: str,
) -> None:
    """Half of them put while the others claim and finish, through two doors to one file."""
    doors = [with_effects(database_url), Database(database_url)]
    total, producers = 2_000, 4
    left = threading.Semaphore(0)
    putting = threading.Event()

    def produce(number: int) -> None:
        for first in range(number, total, producers * 10):
            keys = range(first, min(first + producers * 10, total), producers)
            put(doors[number % 2], *(ask(str(key)) for key in keys))
        left.release()

    def consume(number: int) -> int:
        db, finished = doors[number % 2], 0
        while True:
            last = putting.is_set()
            taken = claim(db, 7, worker=f"w{number}")
            with db.write() as tx:
                for job in taken:
                    note(tx, job.key)  # fails when it is there already
                queue.done(tx, taken)
            finished += len(taken)
            if last and not taken:
                return finished

    with ThreadPoolExecutor(8) as pool:
        consumers = [pool.submit(consume, number) for number in range(4)]
        makers = [pool.submit(produce, number) for number in range(producers)]
        for maker in makers:
            maker.result(DEADLINE)
        putting.set()
        assert sum(one.result(DEADLINE) for one in consumers) == total
    assert noted(doors[0]) == sorted(str(key) for key in range(total))
    assert rows(doors[0]) == []
    for door in doors:
        door.close()


def test_a_busy_key_never_runs_twice_at_once_and_ends_with_the_last_request(db: Database) -> None:
    keys, puts = [f"k{number}" for number in range(5)], 60
    lock = threading.Lock()
    at_work: set[str] = set()
    seen: dict[str, list[int]] = {key: [] for key in keys}
    ended = threading.Event()

    def produce(key: str) -> None:
        for number in range(puts):
            put(db, ask(key, number))

    def handle(job: Claimed) -> None:
        with lock:
            assert job.key not in at_work
            at_work.add(job.key)
            seen[job.key].append(job.payload["is"])
        with db.write() as tx:
            queue.still_ours(tx, job)
        with lock:
            at_work.remove(job.key)

    works = worker(db, handle, Clock(), threads=4, poll=0.01)
    thread = threading.Thread(target=works.run, args=[ended])
    thread.start()
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(produce, keys))
    ended.set()
    thread.join(DEADLINE)
    works.run_until_idle()
    assert letters(db) == []
    assert rows(db) == []
    for key in keys:
        assert seen[key] == sorted(seen[key]), "newer payloads come later"
        assert seen[key][-1] == puts - 1
        assert max(Counter(seen[key]).values()) == 1
