"""The composition root: a database and connections become a hub that works."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy import func, select

from hub import queue
from hub.queue import Claimed, Lane, Worker
from hub.store import backfills
from hub.store.attachments import Files
from hub.store.cursors import Counts
from hub.store.database import Database, Transaction
from hub.store.work import workers
from hub.sync import jobs, timetable
from hub.sync.connection import Connections
from hub.sync.inbound import reconcile
from hub.sync.inbound.bind import bind
from hub.sync.inbound.handlers import Inbound
from hub.sync.jobs import (
    Backfill,
    Bind,
    Ingest,
    Poll,
    Push,
    PushFiles,
    PushNotes,
    Refetch,
    Remap,
    Reread,
    Subscribe,
    Sweep,
)
from hub.sync.outbound import attachments, flows, notes
from hub.sync.outbound.push import push, together
from hub.sync.outbound.unsent import tried
from hub.sync.replay import retrying
from hub.sync.replay.backfill import backfill
from hub.sync.replay.remap import remap
from hub.sync.schema import drift
from hub.sync.subscribe import subscribe

PATIENCE = 2.0  # seconds that a call waits for the shared limit's row; then it goes on without
SEVERAL = 2  # workers


def _unwatched(connection: str, stream: str, counts: Counts) -> None:
    del connection, stream, counts


@dataclass(frozen=True)
class Hub:
    """Everything that one process needs. `test_clock` gives seconds since 1970 to a test.

    `public_url` is where other systems reach it, if they do; `files` the folder with attachments.
    """

    db: Database
    connections: Connections
    test_clock: Callable[[], float] | None = None
    watch: Callable[[str, str, Counts], None] = field(default=_unwatched)
    public_url: str = ""
    files: Files = field(default_factory=lambda: Files(Path("attachments")))

    def __post_init__(self) -> None:
        """Where records of our own are mapped to others, they are read from this hub's store."""
        at_home = self.connections.at_home(self.db, self.clock)
        object.__setattr__(self, "connections", at_home)

    @cached_property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970 on the database's clock: that of this machine may be wrong."""
        return self.test_clock or queue.DatabaseClock(self.db)

    @property
    def inbound(self) -> Inbound:
        return Inbound(self.db, self.connections, self.clock, self.watch, self.drift)

    @cached_property
    def drift(self) -> drift.Watch:
        """What this process knows of how the records of streams look."""
        return drift.Watch()

    def handle(self, claimed: Claimed) -> None:
        """Do a claimed job. Its last transaction removes it."""
        match jobs.read(claimed):
            case Ingest() | Poll() | Reread() | Refetch() as job:
                self._bring_in(claimed, job)
            case Backfill() as job:
                backfill(
                    self.db, self.connections, claimed, job, self.clock, self.watch, self.drift
                )
            case Remap() as job:
                remap(self.db, self.connections, claimed, job, self.clock, self.watch)
            case Bind() as job:
                bind(self.db, self.connections, claimed, job, self.clock)
            case Push() | PushNotes() | PushFiles() as job:
                self._send(claimed, job)
            case Subscribe() as job:
                subscribe(self.db, self.connections, claimed, job, public_url=self.public_url)
            case Sweep():
                with self.db.write() as tx:
                    timetable.sweep(tx, now=self.clock())
                attachments.sweep(self.db, self.files)
                with self.db.write() as tx:
                    queue.done(tx, [claimed])

    def _bring_in(self, claimed: Claimed, job: Ingest | Poll | Reread | Refetch) -> None:
        match job:
            case Ingest():
                self.inbound.ingest(claimed, job)
            case Poll():
                self.inbound.poll(claimed, job)
            case Reread():
                retrying.reread(self.inbound, claimed, job)
            case Refetch():
                self.inbound.refetch(claimed, job)

    def _send(self, claimed: Claimed, job: Push | PushNotes | PushFiles) -> None:
        """Do a job that writes to another system."""
        with_all = (self.db, self.connections)
        match job:
            case Push():
                [error] = self._push([claimed])
                if error is not None:
                    raise error
            case PushNotes():
                notes.push(*with_all, claimed, job, self.clock)
            case PushFiles():
                attachments.push(*with_all, self.files, claimed, job, self.clock)

    def _push(self, claimed: Sequence[Claimed]) -> Sequence[Exception | None]:
        if claimed[0].connection in self.connections.own:
            return [tried(partial(self._push_back, one)) for one in claimed]
        return push(self.db, self.connections, claimed, self.clock)

    def _push_back(self, claimed: Claimed) -> None:
        """Do a push that stays in our own store."""
        job = jobs.read(claimed)
        assert isinstance(job, Push)
        flows.push(self.db, self.connections, claimed, job, self.clock)

    def _pushed_together(self, claimed: Claimed) -> queue.Group:
        return together(self.connections, claimed)

    def resync(self, tx: Transaction, claimed: Claimed) -> None:
        """They lost our cursor: the poll that now waits again lists everything."""
        job = jobs.read(claimed)
        if isinstance(job, Poll):
            connection = self.connections.of_job(job.connection, job.stream)
            reconcile.begin(tx, connection, job.stream, now=self.clock())
        elif isinstance(job, Backfill):
            backfills.start_over(tx, job.connection, job.stream)

    def poll_again(self, connection: str, stream: str) -> None:
        """Put a poll for a person, who does not wait until a failed one is due again."""
        with self.db.write() as tx:
            queue.put(tx, [jobs.request(Poll(connection, stream))], now=self.clock(), hurry=True)

    def reconcile(self, connection: str, stream: str) -> None:
        """Put a poll that lists everything: what is not there any more is deleted."""
        found = self.connections.of_job(connection, stream)
        now = self.clock()
        with self.db.write() as tx:
            reconcile.begin(tx, found, stream, now=now)
            queue.put(tx, [jobs.request(Poll(connection, stream))], now=now, hurry=True)

    def backfill(
        self, connection: str, stream: str, *, start: str | None, by: str, foreseen: int | None
    ) -> None:
        """Have a stream read again after the cursor `start`, or from its beginning.

        It goes on beside the stream's polls, whose cursor it leaves alone. One that is under way
        is replaced.
        """
        self.connections.of_job(connection, stream)
        now = self.clock()
        with self.db.write() as tx:
            backfills.begin(tx, connection, stream, start=start, foreseen=foreseen, by=by, now=now)
            queue.put(tx, [jobs.request(Backfill(connection, stream))], now=now, hurry=True)

    def remap(self, connection: str, stream: str) -> None:
        """Put the reading of all that is remembered of a stream, by its mapping as it is now."""
        job = jobs.request(Remap(connection, stream))
        with self.db.write() as tx:
            queue.put(tx, [job], now=self.clock(), hurry=True)

    def worker(self, *, threads: int = 4, name: str = "", lanes: Collection[Lane] = ()) -> Worker:
        """A worker that does this hub's jobs; those of some lanes only, if any are named."""
        return Worker(
            db=self.db,
            handlers={
                **dict.fromkeys(jobs.KINDS, self.handle),
                Push.kind: queue.Together(self._push, self._pushed_together),
            },
            threads=threads,
            name=name,
            lanes=lanes or tuple(Lane),
            clock=self.test_clock,
            on_resync=self.resync,
        )

    def retry_where_mappings_changed(self) -> list[int]:
        """Begin to read again what died of a mapping that is another now; the revivals' numbers."""
        return retrying.begin_where_mappings_changed(self.db, self.connections, now=self.clock())

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
