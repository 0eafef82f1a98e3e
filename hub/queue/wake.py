"""How workers in other processes hear of new jobs on PostgreSQL: one is woken, and it wakes the next.

A NOTIFY makes every commit of the database wait its turn, so none is sent by those who put jobs.
After their commits one thread of the process wakes one worker that waits, at most a hundred times
a second, and while nobody waits it sends nothing. A worker that takes as much as it can have wakes
another, and so on: a single job wakes one worker, a flood wakes all of them.

What is not heard is found: workers look at the table every second anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from hub.queue.crew import idlers
from hub.store.database import Database, Unavailable

PAUSE = 0.01  # seconds from one wake-up to the next
RECONNECT = 1.0  # seconds until the next try to listen
LISTEN = 0.5  # seconds for which a listener that is told to stop may not hear of it

log = structlog.get_logger(__name__)


def wake_others(db: Database, stop: threading.Event) -> None:
    """Wake workers of other processes when this one has put jobs, until `stop` is set.

    Run it in a thread of its own, one per process; ring the bell after setting `stop`. On SQLite,
    which tells nobody anything, it returns at once.
    """
    heard = db.bell.rings
    while not db.sqlite and not stop.is_set():
        with db.bell:
            db.bell.wait_for(lambda: stop.is_set() or db.bell.rings != heard)  # noqa: B023
            heard = db.bell.rings
        if not stop.is_set():
            _wake_one(db)
        stop.wait(PAUSE)


def _wake_one(db: Database) -> None:
    try:
        with db.write() as tx:
            for name in idlers(tx, most=1):
                wake = "SELECT pg_notify(%s, ''), set_config('synchronous_commit', 'off', true)"
                tx.exec_driver_sql(wake, (channel(name),))
    except Unavailable as error:
        log.info("nobody was woken", error=str(error))


def channel(worker: str) -> str:
    """Where a worker listens; names of channels are short."""
    return f"hub_{worker[-16:]}"


class Ear:
    """Rings this process's bell when another one wakes a worker, which hears of it by `woken`.

    Who was woken counts as awake, whether or not it finds anything: it must say again that it waits.
    """

    def __init__(self, db: Database, worker: str, woken: Callable[[], None]) -> None:
        self._db, self._channel, self._woken = db, channel(worker), woken
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{worker}-ear", daemon=True)

    def __enter__(self) -> None:
        if not self._db.sqlite:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if not self._db.sqlite:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (psycopg.Error, Unavailable) as error:
                log.info("not listening; looking every second", error=str(error))
                self._stop.wait(RECONNECT)

    def _listen(self) -> None:
        with _own_connection(self._db) as raw:
            raw.execute(f'LISTEN "{self._channel}"')
            while not self._stop.is_set():
                for _ in raw.notifies(timeout=LISTEN, stop_after=1):
                    with self._db.bell:
                        self._woken()
                        self._db.bell.notify_all()


def _own_connection(db: Database) -> psycopg.Connection[Any]:
    """Not one of the pool's: a listener keeps it for good."""
    args, settings = db.engine.dialect.create_connect_args(db.url)
    return psycopg.connect(*args, **settings, connect_timeout=10, autocommit=True)
