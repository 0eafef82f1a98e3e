"""PostgreSQL goes away under load and comes back: so do the workers, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@pytest.fixture
def there(server: Server) -> Iterator[Database]:
    """A database of that server."""
    url = server.url(server.create())
    first = Database(url)
    schema.migrate(first)
    first.close()
    opened = with_effects(url)
    yield opened
    opened.close()


def test_a_database_that_crashes_under_load_loses_no_job(server: Server, there: Database) -> None:
    def handle(job: Claimed) -> None:
        with there.write() as tx:
            note(tx, job.key)
            queue.done(tx, [job])

    _crash_under_load(server, there, handle)
    assert noted(there) == sorted(str(number) for number in range(JOBS))
    assert letters(there) == []


def test_ends_that_a_crash_may_forget_leave_no_job_behind(server: Server, there: Database) -> None:
    def handle(job: Claimed) -> None:
        with there.write() as tx:
            queue.unhurried(tx)
            queue.done(tx, [job])

    _crash_under_load(server, there, handle)
    assert letters(there) == []


def _crash_under_load(server: Server, db: Database, handle: Callable[[Claimed], None]) -> None:
    """Two workers do all jobs, and in between the server crashes."""

    def ended() -> int:
        with suppress(Unavailable):
            return JOBS - len(rows(db))
        return 0

    put(db, *(ask(str(number)) for number in range(JOBS)))
    with ExitStack() as stack:
        for _ in range(2):
            works = queue.Worker(db=db, handlers={"push": handle}, jitter=lambda: 0.0, poll=0.05)
            stack.enter_context(running(works))
        until(lambda: ended() > 20)
        server.restart(mode="immediate")
        until(lambda: ended() == JOBS)
