"""The composition root: a database and connections become a hub that works."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hub import queue
from hub.queue import Claimed, Worker
from hub.store import cursors
from hub.store.cursors import Counts
from hub.store.database import Database, Transaction
from hub.sync import jobs, timetable
from hub.sync.bind import bind
from hub.sync.connection import Connections
from hub.sync.inbound import Inbound
from hub.sync.jobs import Bind, Ingest, Poll, Push, Reread, Sweep
from hub.sync.outbound import push


def _unwatched(connection: str, stream: str, counts: Counts) -> None:
    del connection, stream, counts


@dataclass(frozen=True)
class Hub:
    """Everything that one process needs. `clock` gives seconds since 1970."""

    db: Database
    connections: Connections
    clock: Callable[[], float] = time.time
    watch: Callable[[str, str, Counts], None] = field(default=_unwatched)

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
            case Sweep():
                with self.db.write() as tx:
                    timetable.sweep(tx, now=self.clock())
                    queue.done(tx, [claimed])

    def resync(self, tx: Transaction, claimed: Claimed) -> None:
        """They lost our cursor: the poll that now waits again lists everything."""
        job = jobs.read(claimed)
        if isinstance(job, Poll):
            cursors.rewind(tx, job.connection, job.stream)

    def poll_again(self, connection: str, stream: str, *, full: bool = False) -> None:
        """Put a poll for a person, who does not wait until a failed one is due again.

        `full` starts over. What is unchanged is dropped by its digest.
        """
        with self.db.write() as tx:
            if full:
                cursors.rewind(tx, connection, stream)
            queue.put(tx, [jobs.request(Poll(connection, stream))], now=self.clock(), hurry=True)

    def worker(self, *, threads: int = 4, name: str = "") -> Worker:
        """A worker that does this hub's jobs."""
        return Worker(
            db=self.db,
            handlers=dict.fromkeys(jobs.KINDS, self.handle),
            threads=threads,
            name=name,
            clock=self.clock,
            on_resync=self.resync,
        )

    def tick(self) -> int:
        """Put the polls that are due; returns how many."""
        return timetable.tick(self.db, self.connections, now=self.clock())


def spare_the_collector() -> None:
    """Look for garbage in cycles more seldom, in a process that syncs.

    A page makes tens of thousands of objects that die together, without cycles among them.
    Python's defaults search them over and over: 15 % of a first load's time, 21 % of the time of
    one that finds nothing new.
    """
    gc.set_threshold(50_000, 20, 100)
