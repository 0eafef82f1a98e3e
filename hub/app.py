"""The composition root: a database and connections become a hub that works."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import cached_property

from sqlalchemy import func, select

from hub import queue
from hub.queue import Claimed, Lane, Worker
from hub.store import cursors
from hub.store.cursors import Counts
from hub.store.database import Database, Transaction
from hub.store.system import workers
from hub.sync import jobs, reconcile, timetable
from hub.sync.bind import bind
from hub.sync.connection import Connections
from hub.sync.inbound import Inbound
from hub.sync.jobs import Bind, Ingest, Poll, Push, Refetch, Remap, Reread, Subscribe, Sweep
from hub.sync.outbound import push
from hub.sync.remap import remap
from hub.sync.subscribe import subscribe

PATIENCE = 2.0  # seconds that a call waits for the shared limit's row; then it goes on without
SEVERAL = 2  # workers


def _unwatched(connection: str, stream: str, counts: Counts) -> None:
    del connection, stream, counts


@dataclass(frozen=True)
class Hub:
    """Everything that one process needs. `test_clock` gives seconds since 1970 to a test.

    `public_url` is where other systems reach it, if they do.
    """

    db: Database
    connections: Connections
    test_clock: Callable[[], float] | None = None
    watch: Callable[[str, str, Counts], None] = field(default=_unwatched)
    public_url: str = ""

    @cached_property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970 on the database's clock: that of this machine may be wrong."""
        return self.test_clock or queue.DatabaseClock(self.db)

    @property
    def inbound(self) -> Inbound:
        return Inbound(self.db, self.connections, self.clock, self.watch)

    def handle(self, claimed: Claimed) -> None:
        """Do a claimed job. Its last transaction removes it."""
        inbound = self.inbound
        match jobs.read(claimed):
            case Ingest() as job:
                inbound.ingest(claimed, job)
            case Poll() as job:
                inbound.poll(claimed, job)
            case Reread() as job:
                inbound.reread(claimed, job)
            case Bind() as job:
                bind(self.db, self.connections, claimed, job, self.clock)
            case Push() as job:
                push(self.db, self.connections, claimed, job, self.clock)
            case Subscribe() as job:
                subscribe(self.db, self.connections, claimed, job, public_url=self.public_url)
            case Refetch() as job:
                inbound.refetch(claimed, job)
            case Remap() as job:
                remap(self.db, self.connections, claimed, job, self.clock, self.watch)
            case Sweep():
                with self.db.write() as tx:
                    timetable.sweep(tx, now=self.clock())
                    queue.done(tx, [claimed])

    def resync(self, tx: Transaction, claimed: Claimed) -> None:
        """They lost our cursor: the poll that now waits again lists everything."""
        job = jobs.read(claimed)
        if isinstance(job, Poll):
            connection = self.connections.of_job(job.connection, job.stream)
            reconcile.begin(tx, connection, job.stream, now=self.clock())

    def poll_again(self, connection: str, stream: str, *, full: bool = False) -> None:
        """Put a poll for a person, who does not wait until a failed one is due again.

        `full` starts over. What is unchanged is dropped by its digest.
        """
        with self.db.write() as tx:
            if full:
                cursors.rewind(tx, connection, stream)
            queue.put(tx, [jobs.request(Poll(connection, stream))], now=self.clock(), hurry=True)

    def reconcile(self, connection: str, stream: str) -> None:
        """Put a poll that lists everything: what is not there any more is deleted."""
        found = self.connections.of_job(connection, stream)
        now = self.clock()
        with self.db.write() as tx:
            reconcile.begin(tx, found, stream, now=now)
            queue.put(tx, [jobs.request(Poll(connection, stream))], now=now, hurry=True)

    def remap(self, connection: str, stream: str) -> None:
        """Put the reading of all that is remembered of a stream, by its mapping as it is now."""
        job = jobs.request(Remap(connection, stream))
        with self.db.write() as tx:
            queue.put(tx, [job], now=self.clock(), hurry=True)

    def worker(self, *, threads: int = 4, name: str = "", lanes: Collection[Lane] = ()) -> Worker:
        """A worker that does this hub's jobs; those of some lanes only, if any are named."""
        return Worker(
            db=self.db,
            handlers=dict.fromkeys(jobs.KINDS, self.handle),
            threads=threads,
            name=name,
            lanes=lanes or tuple(Lane),
            clock=self.test_clock,
            on_resync=self.resync,
        )

    @cached_property
    def timetable(self) -> timetable.Timetable:
        return timetable.Timetable(self.connections)

    def tick(self) -> int:
        """Put the polls that are due by the database's clock, or a test's; returns how many."""
        return self.timetable.tick(self.db, clock=self.test_clock)


def sharing_rates(db: Database, connections: Connections) -> Connections:
    """The connections, each of which stays under its rate limit together with all workers.

    On PostgreSQL the limit is kept in the database from the first call on. On SQLite it is while
    several workers live: a process that is alone only looks, about once a second, whether it is.
    """
    return Connections(
        replace(one, spoke=one.spoke.using(take=_take(db.within(PATIENCE), one.name)))
        for one in connections.values()
    )


def _take(db: Database, connection: str) -> Callable[[int, float], float | None]:
    shared = queue.rates.SharedRate(db, connection)

    def take(calls: int, gap: float) -> float | None:
        return None if db.sqlite and _alone(db) else shared(calls, gap)

    return take


def _alone(db: Database) -> bool:
    with db.read() as tx:
        return tx.execute(select(func.count()).select_from(workers)).scalar_one() < SEVERAL


def spare_the_collector() -> None:
    """Look for garbage in cycles more seldom, in a process that syncs.

    A page makes tens of thousands of objects that die together, without cycles among them.
    Python's defaults search them over and over: 15 % of a first load's time, 21 % of the time of
    one that finds nothing new.
    """
    gc.set_threshold(50_000, 20, 100)
