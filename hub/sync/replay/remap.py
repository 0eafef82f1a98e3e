"""A mapping has changed: what is remembered of the records is read again, nobody is asked for it.

Only links say what is to be done: a record whose link was made by the very same mapping is passed
over, so this can be stopped and repeated at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from hub import queue
from hub.queue import Claimed
from hub.store import cursors, links, remembered
from hub.store.cursors import Counts
from hub.store.database import Database, Transaction
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.absorb import absorb_records
from hub.sync.jobs import Remap, label
from hub.sync.reading import Record, digested

PORTION = 500

Watch = Callable[[str, str, Counts], None]


def remap(
    db: Database, connections: Connections, claimed: Claimed, job: Remap,
    clock: Callable[[], float], watch: Watch,
) -> None:  # fmt: skip
    """Read everything again, a portion a transaction; the last one removes the job.

    Two that do so at once find nothing to do after each other.
    """
    connection, after = connections.of_job(job.connection, job.stream), ""
    while True:
        now = clock()
        with db.write() as tx:
            links.take_turn(tx, connection.name, job.stream)  # or it may be older than what came
            kept = _next(tx, connection, job.stream, after)
            if not kept:
                queue.done(tx, [claimed])
                return
            counts = absorb_records(
                tx, connections, connection, job.stream, kept,
                now=datetime.fromtimestamp(now, UTC), job=label(claimed),
            )  # fmt: skip
            cursors.move(tx, connection.name, job.stream, None, counts, now=now, newest=None)
        watch(connection.name, job.stream, counts)
        after = kept[-1].id


def portions(db: Database, connection: Connection, stream: str) -> Iterator[list[Record]]:
    """What is remembered of a stream, in the order of the ids, as pages would bring it."""
    after = ""
    while True:
        with db.read() as tx:
            kept = _next(tx, connection, stream, after)
        if not kept:
            return
        yield kept
        after = kept[-1].id


def _next(tx: Transaction, connection: Connection, stream: str, after: str) -> list[Record]:
    kept = remembered.portion(tx, connection.name, stream, after=after, most=PORTION)
    return [digested(Record(one.id, one.version, one.raw)) for one in kept]
