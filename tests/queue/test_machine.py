"""The queue as a state machine: whatever happens in whatever order, it is what the model says.

The model is a dictionary of what waits and one of what runs, written from the semantics alone.
After every step the tables hold exactly what the model holds.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub import queue
from hub.queue import Claimed, Lane, LostLease, Request, Which
from hub.queue.crew import DEAD_AFTER, MOST_DEATHS
from hub.store.database import Database, Transaction
from tests.databases import Databases
from tests.queue.world import START, rows

KEYS = {"a1": "acme", "a2": "acme", "z1": "zen"}
WORKERS = ("w1", "w2")

keys = st.sampled_from(sorted(KEYS))
delays = st.sampled_from([0, 1, 20, 300])


@dataclass(frozen=True)
class Job:
    """What the model knows of a job. `failures` counts what cost an attempt."""

    payload: int
    run_at: float
    lane: Lane
    failures: int = 0
    deaths: int = 0


@dataclass(frozen=True)
class Run:
    """A job that somebody runs."""

    job: Job
    take: Claimed
    worker: str


class QueueMachine(RuleBasedStateMachine):
    def __init__(self, databases: Databases) -> None:
        super().__init__()
        self.databases = databases
        self.folder = Path(tempfile.mkdtemp())
        self.url = databases.migrated(self.folder)
        self.db = Database(self.url)
        self.now = START
        self.puts = 0
        self.last_put: dict[str, int] = {}
        self.started: set[int] = set()
        self.waiting: dict[str, Job] = {}
        self.running: dict[str, Run] = {}
        self.lost: list[Claimed] = []
        self.dead: list[tuple[str, Job, str]] = []
        self.paused: dict[str, float | None] = {}
        self.beats: dict[str, float] = {}

    def teardown(self) -> None:
        self.db.close()
        self.databases.drop(self.url)
        shutil.rmtree(self.folder)

    @initialize()
    def everybody_lives(self) -> None:
        for worker in WORKERS:
            self.beat(worker)

    # What happens to the queue

    @rule(key=keys, delay=st.none() | delays, lane=st.sampled_from(Lane), hurry=st.booleans())
    def put(self, key: str, delay: float | None, lane: Lane, *, hurry: bool) -> None:
        self.puts += 1
        self.last_put[key] = self.puts
        run_at = None if delay is None else self.now + delay
        request = Request("push", key, KEYS[key], {"put": self.puts}, lane, run_at)
        with self.db.write() as tx:
            queue.put(tx, [request], now=self.now, hurry=hurry)
        asked = self.now + (delay or 0)
        there = self.waiting.get(key)
        if there is None:
            self.waiting[key] = Job(self.puts, asked, lane)
            return
        keeps_back_off = there.failures > 0 and not hurry
        self.waiting[key] = replace(
            there,
            payload=self.puts,
            lane=min(there.lane, lane),
            run_at=there.run_at if keeps_back_off else min(there.run_at, asked),
        )

    @rule(worker=st.sampled_from(WORKERS), most=st.integers(1, 3), turn=st.integers(0, 20))
    def claim(self, worker: str, most: int, turn: int) -> None:
        with self.db.write() as tx:
            taken = queue.claim(tx, worker=worker, most=most, now=self.now, turn=turn)
        may_run = {key for key, job in self.waiting.items() if not job.deaths and self.may_run(key)}
        assert {job.key for job in taken} <= may_run
        assert len(taken) == min(most, len(may_run))
        self.run(taken, worker)

    @rule(worker=st.sampled_from(WORKERS))
    def claim_a_suspect(self, worker: str) -> None:
        with self.db.write() as tx:
            taken = queue.claim_suspect(tx, worker=worker, now=self.now)
        may_run = {key for key, job in self.waiting.items() if job.deaths and self.may_run(key)}
        assert {job.key for job in taken} <= may_run
        assert len(taken) == min(1, len(may_run))
        self.run(taken, worker)

    def run(self, taken: list[Claimed], worker: str) -> None:
        self.beats.setdefault(worker, self.now)  # who claims lives
        for job in taken:
            known = self.waiting.pop(job.key)
            assert job.payload == {"put": known.payload}
            assert (job.attempt, job.crashes) == (known.failures + 1, known.deaths)
            self.started.add(known.payload)
            self.running[job.key] = Run(known, job, worker)

    def may_run(self, key: str) -> bool:
        held = KEYS[key] in self.paused and not self.is_over(self.paused[KEYS[key]])
        return key not in self.running and not held and self.waiting[key].run_at <= self.now

    def is_over(self, until: float | None) -> bool:
        return until is not None and until <= self.now

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.running)), min_size=1))
        with self.db.write() as tx:
            queue.done(tx, [self.running.pop(key).take for key in sorted(chosen)])

    @precondition(lambda self: self.running)
    @rule(data=st.data(), delay=delays)
    def fail(self, data: st.DataObject, delay: float) -> None:
        key, run = self.some_run(data)
        with self.db.write() as tx:
            queue.retry(tx, run.take, self.now + delay, "boom")
        failures = run.job.failures + 1
        self.wait_again(key, replace(run.job, failures=failures, run_at=self.now + delay))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), delay=st.none() | delays)
    def meet_a_limit(self, data: st.DataObject, delay: float | None) -> None:
        key, run = self.some_run(data)
        until = None if delay is None else self.now + delay
        with self.db.write() as tx:
            queue.pause(tx, run.take, until, "429", now=self.now)
        self.wait_again(key, run.job)
        self.hold(KEYS[key], until)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def hand_back(self, data: st.DataObject) -> None:
        key, run = self.some_run(data)
        with self.db.write() as tx:
            queue.hand_back(tx, [run.take])
        self.wait_again(key, run.job)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def bury(self, data: st.DataObject) -> None:
        key, run = self.some_run(data)
        with self.db.write() as tx:
            queue.bury(tx, run.take, "refused", "422", now=self.now)
        self.dead.append((key, run.job, "refused"))

    @precondition(lambda self: self.lost)
    @rule(data=st.data(), way=st.sampled_from(["done", "retry", "bury", "hand_back", "fence"]))
    def come_back_too_late(self, data: st.DataObject, way: str) -> None:
        job = data.draw(st.sampled_from(self.lost))
        with pytest.raises(LostLease), self.db.write() as tx:
            self.late(tx, job, way)

    def late(self, tx: Transaction, job: Claimed, way: str) -> None:
        match way:
            case "done":
                queue.done(tx, [*(run.take for run in self.running.values()), job])
            case "retry":
                queue.retry(tx, job, self.now, "late")
            case "bury":
                queue.bury(tx, job, "late", "late", now=self.now)
            case "hand_back":
                queue.hand_back(tx, [job])
            case _:
                queue.fence(tx, job)

    # What happens around it

    @rule(seconds=st.sampled_from([1, 10, 20, 400]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(worker=st.sampled_from(WORKERS))
    def beat(self, worker: str) -> None:
        self.beats[worker] = self.now
        with self.db.write() as tx:
            queue.beat(tx, worker, self.now)

    @rule()
    def rescue(self) -> None:
        silent = {name for name, beat in self.beats.items() if beat < self.now - DEAD_AFTER}
        orphans = {key: run for key, run in self.running.items() if run.worker in silent}
        with self.db.write() as tx:
            assert queue.rescue(tx, self.now) == len(orphans)
        for name in silent:
            del self.beats[name]
        for key, run in orphans.items():
            del self.running[key]
            self.lost.append(run.take)
            job = replace(run.job, deaths=run.job.deaths + 1)
            if job.deaths == MOST_DEATHS:
                self.dead.append((key, job, "poison"))
            else:
                self.wait_again(key, job)

    @precondition(lambda self: self.running)
    @rule()
    def everybody_dies(self) -> None:
        self.now += DEAD_AFTER + 1
        self.rescue()

    @rule(connection=st.sampled_from(["acme", "zen"]), delay=st.none() | delays)
    def somebody_pauses(self, connection: str, delay: float | None) -> None:
        until = None if delay is None else self.now + delay
        with self.db.write() as tx:
            queue.hold(tx, connection, until, "maintenance", now=self.now)
        self.hold(connection, until)

    @rule(connection=st.sampled_from(["acme", "zen"]))
    def somebody_resumes(self, connection: str) -> None:
        with self.db.write() as tx:
            assert queue.resume(tx, connection) == (connection in self.paused)
        self.paused.pop(connection, None)

    @precondition(lambda self: self.dead)
    @rule(reason=st.sampled_from([None, "poison", "refused"]))
    def somebody_revives(self, reason: str | None) -> None:
        chosen = [letter for letter in self.dead if reason in (None, letter[2])]
        with self.db.write() as tx:
            assert queue.revive(tx, Which(reason=reason), now=self.now) == len(chosen)
        newest = {key: job for key, job, _ in chosen}
        for key, job in newest.items():
            self.waiting.setdefault(key, Job(job.payload, self.now, job.lane))
        self.dead = [letter for letter in self.dead if letter not in chosen]

    # What must be so

    @invariant()
    def the_tables_hold_what_the_model_holds(self) -> None:
        found = rows(self.db)
        assert {row.key: _job(row) for row in found if not row.running} == self.waiting
        runs = {row.key: (_job(row), row.worker) for row in found if row.running}
        assert runs == {key: (run.job, run.worker) for key, run in self.running.items()}
        assert len(found) == len(self.waiting) + len(self.running), "one waits, one runs per key"
        with self.db.read() as tx:
            letters = queue.dead(tx)[::-1]
        assert [(letter.key, letter.payload["put"], letter.reason) for letter in letters] == [
            (key, job.payload, reason) for key, job, reason in self.dead
        ]

    @invariant()
    def the_last_put_of_every_key_was_started_or_waits(self) -> None:
        for key, put in self.last_put.items():
            assert put in self.started or self.waiting[key].payload == put

    # Words

    def some_run(self, data: st.DataObject) -> tuple[str, Run]:
        key = data.draw(st.sampled_from(sorted(self.running)))
        return key, self.running.pop(key)

    def wait_again(self, key: str, job: Job) -> None:
        heir = self.waiting.get(key)
        if heir is not None:
            job = replace(job, payload=heir.payload, lane=min(job.lane, heir.lane))
        self.waiting[key] = job

    def hold(self, connection: str, until: float | None) -> None:
        before = self.paused.get(connection, 0.0)
        longer = None if before is None or until is None else max(before, until)
        self.paused[connection] = longer


def _job(row: Any) -> Job:
    return Job(row.payload["put"], row.run_at, Lane(row.lane), row.attempt, row.crashes)


def test_the_queue_is_what_the_model_says(databases: Databases) -> None:
    run_state_machine_as_test(
        lambda: QueueMachine(databases),  # type: ignore[arg-type]
        settings=settings(max_examples=40, stateful_step_count=40, deadline=None),
    )
