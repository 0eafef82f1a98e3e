"""What the queue's tests share: a queue in a file, a clock to turn, and short words for jobs."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, MetaData, String, Table, event, insert, select

from hub import queue
from hub.queue import Claimed, Lane, Request
from hub.store.database import Database, Transaction
from hub.store.work import jobs

DEADLINE = 30.0  # seconds; only ever waited for when a test fails
START = 1_000.0

effects = Table("effect", MetaData(), Column("name", String, primary_key=True))


def with_effects(url: str) -> Database:
    """A migrated database, opened, with a place for the effects of jobs."""
    database = Database(url)
    with database.write() as tx:
        effects.create(tx, checkfirst=True)
    return database


@dataclass
class Clock:
    """Seconds since 1970 that pass when a test says so."""

    now: float = START

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


def ask(
    key: str,
    payload: Any = None,
    *,
    connection: str = "acme",
    lane: Lane = Lane.PUSH,
    run_at: float | None = None,
    kind: str = "push",
) -> Request:
    return Request(kind, key, connection, {"is": payload}, lane, run_at)


def put(db: Database, *requests: Request, now: float = START, hurry: bool = False) -> None:
    with db.write() as tx:
        queue.put(tx, requests, now=now, hurry=hurry)


def claim(db: Database, most: int = 1, *, worker: str = "w1", now: float = START) -> list[Claimed]:
    with db.write() as tx:
        return queue.claim(tx, worker=worker, most=most, now=now)


def claim_one(db: Database, *, worker: str = "w1", now: float = START) -> Claimed:
    [job] = claim(db, worker=worker, now=now)
    return job


def claim_suspect(db: Database, *, worker: str = "w1", now: float = START) -> Claimed:
    with db.write() as tx:
        [job] = queue.claim_suspect(tx, worker=worker, now=now)
    return job


def done(db: Database, *finished: Claimed) -> None:
    with db.write() as tx:
        queue.done(tx, finished)


def rows(db: Database) -> list[Any]:
    with db.read() as tx:
        return list(tx.execute(select(jobs).order_by(jobs.c.id)))


def waiting(db: Database) -> list[str]:
    return [row.key for row in rows(db) if not row.running]


def letters(db: Database) -> list[queue.Dead]:
    with db.read() as tx:
        return queue.dead(tx)


def note(tx: Transaction, name: str) -> None:
    """An effect that cannot happen twice."""
    tx.execute(insert(effects).values(name=name))


def noted(db: Database) -> list[str]:
    with db.read() as tx:
        return sorted(tx.scalars(select(effects.c.name)))


def worker(
    db: Database, handle: Callable[[Claimed], object], clock: Callable[[], float], **more: Any
) -> queue.Worker:
    """A worker for jobs of the kind `push`, whose back-off is always the longest.

    Unless told otherwise it wakes for the bell alone.
    """
    more.setdefault("poll", 3600)
    return queue.Worker(db=db, handlers={"push": handle}, clock=clock, jitter=lambda: 1.0, **more)


@contextmanager
def running(of: queue.Worker) -> Iterator[threading.Event]:
    """The worker runs in a thread of its own; the event stops it."""
    stop = threading.Event()
    thread = threading.Thread(target=of.run, args=[stop])
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        with of.db.bell:
            of.db.bell.notify_all()
        thread.join(DEADLINE)
        assert not thread.is_alive(), "the worker does not stop"


@dataclass
class Statements:
    """The SQL that went to a database."""

    sent: list[tuple[str, Any]] = field(default_factory=list)

    def plans(self, tx: Transaction) -> list[str]:
        """How the database would run each: one step of it a line."""
        how = "EXPLAIN QUERY PLAN" if tx.dialect.name == "sqlite" else "EXPLAIN"
        steps = []
        for sql, values in list(self.sent):
            one = values[0] if isinstance(values, list) else values
            plan = tx.exec_driver_sql(f"{how} {sql}", one)
            steps += [row[-1] for row in plan]
        return steps

    def scans(self, tx: Transaction, table: str) -> list[str]:
        """Those steps that go through all rows of a table, and how many look rows up in it."""
        return [step for step in self.plans(tx) if _scans(step, table)]


@contextmanager
def statements(db: Database) -> Iterator[Statements]:
    listened = Statements()

    def listen(_: Any, __: Any, sql: str, values: Sequence[Any], *___: Any) -> None:
        if "set_config" not in sql:  # how to plan, not what to do
            listened.sent.append((sql, values))

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        yield listened
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)


def wait_for(fact: threading.Event) -> None:
    assert fact.wait(DEADLINE), "it never happened"


def until(fact: Callable[[], bool]) -> None:
    """Look again and again until it is so."""
    pause = threading.Event()
    for _ in range(int(DEADLINE / 0.01)):
        if fact():
            return
        pause.wait(0.01)
    raise AssertionError("it never came to be")


def _scans(step: str, table: str) -> bool:
    if "Seq Scan" in step:
        return table in step
    # An index of what runs, or of suspects, may be gone through: those are few.
    named = re.match(rf"SCAN ({table}|j|r|n|first|heir|other)\b(?! USING)", step)
    return bool(named)
