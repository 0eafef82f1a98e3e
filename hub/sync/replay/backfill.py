"""Reads a stream again beside its polls: one call at a time, page by page, and never the last drop.

    page ─▶ ⟦ absorb · its own cursor moves ⟧ ─▶ is the quota low? then later ─▶ page ...

A crash costs the page that was under way. What is unchanged is dropped by its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hub import queue
from hub.queue import Claimed, LostLease
from hub.spoke import Page, Spoke
from hub.store import backfills, cursors
from hub.store.cursors import Counts
from hub.store.database import Database, Transaction
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.absorb import absorb_records
from hub.sync.jobs import Backfill, label, request
from hub.sync.reading import Record, records_in
from hub.sync.schema import drift

RESERVE = 0.2
"""The share of the vendor's quota that is left to polls, webhooks and pushes."""
GIVES_WAY = 300.0  # seconds until it looks again whether there is more

Watch = Callable[[str, str, Counts], None]


def backfill(
    db: Database, connections: Connections, claimed: Claimed, job: Backfill,
    clock: Callable[[], float], watch: Watch, looks: drift.Watch,
) -> None:  # fmt: skip
    """Go on where it stopped, until the end of the stream or of what may be asked for now."""
    connection = connections.of_job(job.connection, job.stream)
    with db.read() as tx:
        held = backfills.load(tx, connection.name, job.stream)
        waits = drift.held(tx, connection, job.stream)
    run = _Run(db, connections, connection, job, claimed, clock, looks)
    if held is None:  # it was given up meanwhile
        run.finish()
        return
    for page in () if waits else connection.pull(job.stream, held.cursor):
        counts = run.commit(page)
        if counts is not None:
            watch(connection.name, job.stream, counts)
        if counts is None or is_low(connection.spoke):
            run.give_way()
            return
    if waits:  # for a person
        run.give_way()
        return
    looks.flush(db, connection, job.stream, ended=True)
    run.finish()


def is_low(spoke: Spoke) -> bool:
    """Whether their last answer says that no more than the reserve is left."""
    left = spoke.http.left
    return left is not None and left.share is not None and left.share < RESERVE


@dataclass(frozen=True, slots=True)
class _Run:
    """What one claim of the job does."""

    db: Database
    connections: Connections
    connection: Connection
    job: Backfill
    claimed: Claimed
    clock: Callable[[], float]
    looks: drift.Watch

    def commit(self, page: Page) -> Counts | None:
        """Absorb a page and move on, in one transaction. None: the stream must wait for a person."""
        first, *_ = self.connection.mappings[self.job.stream]
        empty = page.body is None and not page.changes
        records = [] if empty else records_in(page, self.job.stream, first)
        now = self.clock()
        if records and self.looks.look(self.db, self.connection, self.job.stream, records, now=now):
            return None
        with self.db.write() as tx:
            counts = self._absorbed(tx, records, now)
            moved = backfills.move(
                tx, self.connection.name, self.job.stream, page.cursor, seen=counts.seen,
                job=self.claimed.id, take=self.claimed.take,
            )  # fmt: skip
            if not moved:
                raise LostLease(f"{label(self.claimed)}: another worker has taken it over")
        return counts

    def _absorbed(self, tx: Transaction, records: Sequence[Record], now: float) -> Counts:
        if not records:
            return Counts()
        name, stream = self.connection.name, self.job.stream
        counts = absorb_records(
            tx, self.connections, self.connection, stream, records,
            now=datetime.fromtimestamp(now, UTC), job=label(self.claimed),
        )  # fmt: skip
        cursors.move(tx, name, stream, None, counts, now=now, newest=None)
        return counts

    def give_way(self) -> None:
        """Leave what is left of the quota to others, and go on later; that costs no attempt."""
        now = self.clock()
        with self.db.write() as tx:
            queue.done(tx, [self.claimed])
            queue.put(tx, [request(self.job, run_at=now + GIVES_WAY)], now=now)

    def finish(self) -> None:
        """All is read; a stream that was never polled need not be listed once more."""
        name, stream = self.connection.name, self.job.stream
        with self.db.write() as tx:
            if after := backfills.end(tx, name, stream):
                cursors.begin_after(tx, name, stream, after)
            queue.done(tx, [self.claimed])
