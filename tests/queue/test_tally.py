"""Counting what waits, runs and is dead."""

from __future__ import annotations

import pytest

from hub import queue
from hub.queue import Count, Lane, tally
from hub.store.database import Database
from tests.queue.world import START, ask, put, statements


def _counts(db: Database) -> list[Count]:
    with db.read() as tx:
        return queue.counts(tx)


def test_an_empty_queue_counts_nothing(db: Database) -> None:
    assert _counts(db) == []


def test_every_connection_and_lane_is_counted(db: Database) -> None:
    put(db, ask("a", run_at=START - 5), ask("b"), ask("c"), ask("d", lane=Lane.POLL))
    put(db, ask("z", connection="zen", run_at=START + 9))
    put(db, ask("s", connection=""))
    with db.write() as tx:
        for job in queue.claim(tx, worker="w", most=2, now=START - 1):
            queue.bury(tx, job, "refused", "no", now=START)
        queue.claim(tx, worker="w", most=1, now=START, lanes=[Lane.POLL])
    assert _counts(db) == [
        Count("", Lane.PUSH, waiting=1, oldest=START),
        Count("acme", Lane.PUSH, waiting=2, dead=1, oldest=START),
        Count("acme", Lane.POLL, running=1),
        Count("zen", Lane.PUSH, waiting=1, oldest=START + 9),
    ]


def test_a_long_backlog_is_counted_up_to_a_bound(db: Database) -> None:
    put(db, *(ask(str(number)) for number in range(tally.MOST_COUNTED + 5)))
    [count] = _counts(db)
    assert count.waiting == tally.MOST_COUNTED


@pytest.mark.parametrize("analyzed", [False, True])
def test_counting_reads_indexes_only(db: Database, *, analyzed: bool) -> None:
    put(db, *(ask(str(number), connection=f"c{number % 7}") for number in range(5_000)))
    with db.write() as tx:
        if analyzed:
            tx.exec_driver_sql("ANALYZE")
        with statements(db) as sql:
            queue.counts(tx)
        assert sql.plans(tx)
        assert sql.scans(tx, "hub_job") == []
