"""PostgreSQL goes away under load and comes back: so do the workers, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from hub import queue
from hub.queue import Claimed
from hub.store import schema
from hub.store.database import Database, Unavailable
from tests.postgres import Server
from tests.queue.world import ask, letters, note, noted, put, rows, running, until, with_effects

JOBS = 400


@pytest.fixture
def server() -> Iterator[Server]:
    own = Server(fsync="off", synchronous_commit="on")
    yield own
    own.stop()


def test_a_database_that_crashes_under_load_loses_no_job(server: Server) -> None:
    url = server.url(server.create())
    first = Database(url)
    schema.migrate(first)
    first.close()
    db = with_effects(url)

    def handle(job: Claimed) -> None:
        with db.write() as tx:
            note(tx, job.key)
            queue.done(tx, [job])

    def seen() -> int:
        with suppress(Unavailable):
            return JOBS - len(rows(db))
        return 0

    put(db, *(ask(str(number)) for number in range(JOBS)))
    with ExitStack() as stack:
        for _ in range(2):
            works = queue.Worker(db=db, handlers={"push": handle}, jitter=lambda: 0.0, poll=0.05)
            stack.enter_context(running(works))
        until(lambda: seen() > 20)
        server.restart(mode="immediate")
        until(lambda: seen() == JOBS)
    assert noted(db) == sorted(str(number) for number in range(JOBS))
    assert letters(db) == []
    db.close()
