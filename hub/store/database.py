"""Open a database, and the two kinds of transaction in it: one that reads, one that writes.

SQLite has one writer at a time. A transaction that starts as a reader and then writes fails with
"database is locked" however long it would have waited, so a writing one says so at its start
(`BEGIN IMMEDIATE`); within a process, writers queue up at a lock, which is fair where SQLite's
own waiting is not.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from time import monotonic
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from hub.errors import Transient

Transaction = Connection
"""What `Database.read` and `Database.write` yield."""

WAIT_FOR_LOCK = 30  # seconds
PAGE_CACHE = 64 * 1024  # KiB


class Unavailable(Transient):
    """The database cannot be used now: away, locked, read-only or out of space."""


class Database:
    """One database, safe to share between threads.

    `bell` rings whenever a transaction that called `ring` has committed: workers wait on it.
    `wait` is for how many seconds a writer waits for other writers.
    """

    def __init__(self, url: str, *, wait: float = WAIT_FOR_LOCK) -> None:
        self.url = make_url(url)
        self.engine: Engine = _open(url)
        self.bell = threading.Condition()
        self.wait = wait
        self._one_writer = threading.Lock()

    def within(self, seconds: float) -> Database:
        """The same database for somebody who must not wait longer than this for other writers."""
        other = copy(self)
        other.wait = seconds
        return other

    @property
    def sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view. Raises `Unavailable`."""
        with _translated(self.url.render_as_string()), self.engine.begin() as tx:
            yield tx

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Transaction]:
        """All or nothing, committed at the end of the block. Raises `Unavailable`.

        `durable`: what is committed survives a power cut too, and so does all before it. That is
        for what we acknowledge to others. What a worker does need not wait for the disk: lost
        with the power, it is done again, from the cursors and jobs of that same moment.
        """
        place = self.url.render_as_string()
        with _translated(place), self._turn() as left, self.engine.connect() as tx:
            tx.execution_options(hub_writes=True, hub_wait=left, hub_durable=durable)
            tx.info[RING] = False
            with tx.begin():
                yield tx
            rung: bool = tx.info[RING]
        if rung:
            with self.bell:
                self.bell.notify_all()

    @contextmanager
    def _turn(self) -> Iterator[float]:
        """One writer at a time, where the database has only one anyway.

        Yields the seconds that are left to wait for writers of other processes.
        """
        if not self.sqlite:
            yield self.wait
            return
        start = monotonic()
        if not self._one_writer.acquire(timeout=self.wait):
            raise Unavailable(
                f"database {self.url.render_as_string()}: busy; another writer of this process "
                f"was not done within {self.wait:g} s"
            )
        try:
            yield max(0.0, round(self.wait - (monotonic() - start), 1))
        finally:
            self._one_writer.release()

    def close(self) -> None:
        self.engine.dispose()


def ring(tx: Transaction) -> None:
    """Wake this process's workers once `tx` has committed."""
    tx.info[RING] = True


RING = "hub_ring"
WAITS = "hub_wait"
SYNCS = "hub_synchronous"


def _open(url: str) -> Engine:
    engine = create_engine(
        url,
        connect_args=_arguments(url),
        pool_size=20,
        max_overflow=20,
        json_serializer=_json,
        json_deserializer=orjson.loads,
        hide_parameters=True,  # they are customers' data, and errors end up in logs
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _arguments(url: str) -> dict[str, Any]:
    if make_url(url).get_backend_name() != "sqlite":
        return {}
    return {"timeout": WAIT_FOR_LOCK, "check_same_thread": False, "cached_statements": 512}


def _prepare_sqlite(raw: Any, _: Any) -> None:
    raw.isolation_level = None  # pysqlite would begin transactions of its own, too late
    cursor = raw.cursor()
    _into_wal(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute(f"PRAGMA cache_size = -{PAGE_CACHE}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _into_wal(cursor: Any) -> None:
    """Write-ahead logging, which lets readers read while somebody writes.

    Who comes second while a new file is being switched is refused at once: SQLite does not wait
    there as it does everywhere else, so we do.
    """
    patiently = Retrying(
        retry=retry_if_exception(_is_busy),
        wait=wait_random(0.005, 0.02),
        stop=stop_after_delay(WAIT_FOR_LOCK),
        reraise=True,
    )
    patiently(cursor.execute, "PRAGMA journal_mode = WAL")


def _is_busy(error: BaseException) -> bool:
    """Whether SQLite refused because of another connection (its codes' low byte says what kind)."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    raw: Any = connection.connection.driver_connection
    wait = options.get("hub_wait", WAIT_FOR_LOCK)
    if connection.info.get(WAITS, WAIT_FOR_LOCK) != wait:  # it was last used by somebody else
        raw.execute(f"PRAGMA busy_timeout = {round(wait * 1000)}")
        connection.info[WAITS] = wait
    sync = "FULL" if options.get("hub_durable") else "NORMAL"
    if connection.info.get(SYNCS, "NORMAL") != sync:
        raw.execute(f"PRAGMA synchronous = {sync}")
        connection.info[SYNCS] = sync
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("hub_writes") else "BEGIN")


@contextmanager
def _translated(place: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if _is_outage(error):
            advice = SQLITE_OUTAGES.get(_sqlite_code(error) or 0)
            what = f"{error.orig}; {advice}" if advice else str(error.orig)
            raise Unavailable(f"database {place}: {what}") from error
        raise


_ELSEWHERE = "another program has been writing to it for too long: see which, and try again"
_RESTORE = "name another file, or restore the last backup"
SQLITE_OUTAGES = {
    5: _ELSEWHERE,  # SQLITE_BUSY
    6: _ELSEWHERE,  # LOCKED
    8: "this user must be allowed to write to the file and its folder",  # READONLY
    10: "look at the disk: is it full?",  # IOERR
    11: _RESTORE,  # CORRUPT
    13: "make room: what was committed is kept, the rest is done again",  # FULL
    14: "its folder must exist, and this user must be allowed to write to it",  # CANTOPEN
    26: _RESTORE,  # NOTADB
}
"""What keeps a database from being used until somebody acts (sqlite.org/rescode.html), and how."""
POSTGRES_OUTAGES = ("08", "53", "57P")
"""Connection exceptions, insufficient resources, operator intervention (SQLSTATE classes)."""


def _is_outage(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    code = _sqlite_code(error)
    if code is not None:
        return code in SQLITE_OUTAGES
    state = getattr(error.orig, "sqlstate", None)
    return state.startswith(POSTGRES_OUTAGES) if state else False


def _sqlite_code(error: DBAPIError) -> int | None:
    """The primary result code, without what extends it."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF
