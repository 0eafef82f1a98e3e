"""Put polls when they are due. Any number may run: each tick is taken by one."""

from __future__ import annotations

from hub import queue
from hub.store import cursors, deliveries
from hub.store.database import Database, Transaction
from hub.sync.connection import Connections
from hub.sync.jobs import Poll, Sweep, request

SWEEP_EVERY = 3600.0  # seconds
KEEP_DELIVERIES = 7 * 86400.0  # seconds; longer than any sender repeats, twice over


def tick(db: Database, connections: Connections, *, now: float) -> int:
    """Put what is due; returns how many jobs."""
    streams = [
        (connection.name, stream.name, stream.every.total_seconds())
        for connection in connections.values()
        for stream in connection.polled()
    ]
    with db.read() as tx:
        rows = cursors.all_of(tx)
    waiting = [
        one for one in [*streams, SWEEP]
        if one[:2] not in rows or rows[one[:2]].due_at <= now
    ]  # fmt: skip
    if not waiting:
        return 0
    with db.write() as tx:
        due = cursors.take_due(tx, waiting, now=now)
        jobs = [request(Poll(*one) if one[0] else Sweep()) for one in due]
        queue.put(tx, jobs, now=now)
    return len(jobs)


SWEEP = ("", "sweep", SWEEP_EVERY)


def sweep(tx: Transaction, *, now: float) -> int:
    """Forget old deliveries; returns how many."""
    return deliveries.purge(tx, before=now - KEEP_DELIVERIES)
