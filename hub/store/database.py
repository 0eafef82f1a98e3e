"""Open a database, and the two kinds of transaction in it: one that reads, one that writes.

PostgreSQL is for many processes on many machines, SQLite for one. What callers see is the same.

SQLite has one writer at a time. A transaction that starts as a reader and then writes fails with
"database is locked" however long it would have waited, so a writing one says so at its start
(`BEGIN IMMEDIATE`); within a process, writers queue up at a lock, which is fair where SQLite's
own waiting is not.
"""

from __future__ import annotations

import select
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from hub.errors import Transient
from hub.store import outages

Transaction = Connection
"""What `Database.read` and `Database.write` yield."""

WAIT_FOR_LOCK = 30  # seconds
PAGE_CACHE = 16 * 1024  # KiB
CHECKPOINT_AFTER = (
    8000  # pages of 4 KiB in the write-ahead log: index pages are written once for many commits
)
CONNECT_WITHIN = 10  # seconds
POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
REPEATABLE_READ = 3  # psycopg's IsolationLevel, which is not imported where SQLite is used
OLDEST = 14  # the major version of PostgreSQL that is still tried


class Unavailable(Transient):
    """The database cannot be used now: away, locked, read-only or out of space."""


class Bell(threading.Condition):
    """What workers wait at. `rings` counts the commits that rang it."""

    rings = 0

    def ring(self) -> None:
        with self:
            self.rings += 1
            self.notify_all()


@dataclass
class Sessions:
    """How many sessions were `begun` with the server: one more may mean that it was restarted."""

    begun: int = 0


class Database:
    """One database, safe to share between threads.

    `bell` rings whenever a transaction that called `ring` has committed: workers wait on it.
    `wait` is for how many seconds a writer waits for other writers.
    """

    def __init__(self, url: str, *, wait: float = WAIT_FOR_LOCK) -> None:
        self.url = _with_driver(url)
        self.engine: Engine = _open(url)
        if not self.sqlite:
            event.listen(self.engine, "connect", self._check_server, insert=True)
        self.bell = Bell()
        self.sessions = Sessions()
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

    @property
    def place(self) -> str:
        """What messages call it: its address as it was given, without the password."""
        address = self.url.set(drivername=self.url.get_backend_name())
        return f"database {address.render_as_string()}"

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view. Raises `Unavailable`."""
        with self._connected() as tx:
            tx.execution_options(hub_writes=False)
            with tx.begin():
                yield tx

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Transaction]:
        """All or nothing, committed at the end of the block. Raises `Unavailable`.

        `durable`: what is committed survives a power cut too, and so does all before it. That is
        for what we acknowledge to others. What a worker does need not wait for the disk: lost
        with the power, it is done again, from the cursors and jobs of that same moment.
        """
        with self._turn() as left, self._connected() as tx:
            tx.execution_options(hub_writes=True, hub_wait=left, hub_durable=durable)
            tx.info[RING] = False
            with tx.begin():
                yield tx
            rung: bool = tx.info[RING]
        if rung:
            self.bell.ring()

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
                f"{self.place}: busy; another writer of this process "
                f"was not done within {self.wait:g} s"
            )
        try:
            yield max(0.0, round(self.wait - (monotonic() - start), 1))
        finally:
            self._one_writer.release()

    def _check_server(self, raw: Any, _: Any) -> None:
        self.sessions.begun += 1
        version = raw.info.server_version // 10_000
        encoding = raw.info.parameter_status("server_encoding")
        if version >= OLDEST and encoding == "UTF8":
            return
        raw.close()
        raise Unavailable(
            f"{self.place}: PostgreSQL {version}, texts in {encoding}: the hub needs PostgreSQL "
            f"{OLDEST} or newer, and a database that was made with ENCODING 'UTF8'"
        )

    @contextmanager
    def _connected(self) -> Iterator[Transaction]:
        """A connection whose errors are `Unavailable` if they pass, and never quote values."""
        errors: Any = self.engine.dialect.dbapi
        try:
            tx = self.engine.connect()
        except (DBAPIError, PoolTimeout) as error:
            todo = outages.advice(error) if self.sqlite else outages.refused(error)
            if todo is None:
                raise
            raise Unavailable(f"{self.place}: {outages.said(error)}; {todo}") from error
        try:
            with tx:
                yield tx
        except (DBAPIError, errors.Error) as error:
            if todo := outages.advice(error):
                raise Unavailable(f"{self.place}: {outages.said(error)}; {todo}") from error
            outages.hide_values(error)
            raise

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
        _with_driver(url),
        connect_args=_arguments(url),
        pool_size=20,
        pool_use_lifo=True,  # the one that was used last is set up for who comes next
        max_overflow=20,
        json_serializer=_json,
        json_deserializer=orjson.loads,
        hide_parameters=True,  # they are customers' data, and errors end up in logs
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "checkout", _look_whether_it_is_there)
        event.listen(engine, "begin", _begin_postgresql)
    return engine


def _with_driver(url: str) -> URL:
    """The address with our driver, which nobody needs to name: psycopg 3."""
    asked = make_url(url)
    return asked.set(drivername="postgresql+psycopg") if asked.drivername in POSTGRESQL else asked


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _arguments(url: str) -> dict[str, Any]:
    if make_url(url).get_backend_name() != "sqlite":
        ours = {"connect_timeout": CONNECT_WITHIN, "application_name": "hub"}
        asked = make_url(url).query
        return {"client_encoding": "utf8"} | {k: v for k, v in ours.items() if k not in asked}
    return {"timeout": WAIT_FOR_LOCK, "check_same_thread": False, "cached_statements": 512}


def _prepare_sqlite(raw: Any, _: Any) -> None:
    raw.isolation_level = None  # pysqlite would begin transactions of its own, too late
    cursor = raw.cursor()
    _into_wal(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute(f"PRAGMA cache_size = -{PAGE_CACHE}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_AFTER}")
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


_BY_INDEX = ("seqscan", "bitmapscan", "hashjoin", "mergejoin")
"""Ways that PostgreSQL takes instead of an index where it remembers a table as small, or empty: a
prepared statement keeps them while the table grows to millions of rows. Ours all look things up by
an index, set by set; what has none is read as a whole all the same."""


def _prepare_postgresql(raw: Any, _: Any) -> None:
    raw.execute(
        f"SET timezone TO 'UTC'; SET lock_timeout TO '{WAIT_FOR_LOCK}s'; "
        "SET idle_in_transaction_session_timeout TO '10min'; SET jit TO off; "
        + "; ".join(f"SET enable_{way} TO off" for way in _BY_INDEX)
    )
    raw.commit()


def _look_whether_it_is_there(raw: Any, _: Any, __: Any) -> None:
    """Find out without asking whether the server has gone since this connection was used last.

    Then there is something to read: its farewell, and the end. Asking would be a round trip.
    """
    readable = select.poll()
    try:
        readable.register(raw, select.POLLIN)
        while readable.poll(0):
            raw.pgconn.consume_input()
    except raw.OperationalError as error:
        raise DisconnectionError(str(error)) from error  # the pool makes a new one


def _begin_postgresql(connection: Connection) -> None:
    """Say what the driver's BEGIN shall say, and how long an impatient one waits.

    A writer's says nothing of READ WRITE: a standby, or a database made read-only, would be
    overruled or stumble over the word itself.
    """
    options = connection.get_execution_options()
    raw: Any = connection.connection.driver_connection
    reads = not options.get("hub_writes")
    if raw.read_only is not (reads or None):
        raw.read_only = reads or None
        raw.isolation_level = REPEATABLE_READ if reads else None
    wait = options.get("hub_wait", WAIT_FOR_LOCK)
    if connection.info.get(WAITS, WAIT_FOR_LOCK) != wait:  # it was last used by somebody else
        raw.autocommit = True  # so that it stays, also if this transaction does not
        raw.execute(f"SET lock_timeout TO '{round(wait * 1000)}ms'")
        raw.autocommit = False
        connection.info[WAITS] = wait
