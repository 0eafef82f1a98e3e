"""PostgreSQL as a server: who is not let in, what breaks off, and how it goes on afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.engine import make_url

from hub.store import schema
from hub.store.database import Database, Transaction, Unavailable
from hub.store.numbers import sys_number
from tests.databases import ON_POSTGRESQL, PostgresDatabases
from tests.postgres import Server

pytestmark = ON_POSTGRESQL
needs_roles = pytest.mark.usefixtures("_roles")
COUNT = select(func.count()).select_from(sys_number)
PASSWORD = "p@ss:w/rd"
QUOTED = "p%40ss%3Aw%2Frd"


def series(prefix: object) -> dict[str, object]:
    return {"prefix": str(prefix), "category": "x", "number": 1, "maximum_digits": 7}


def add(db: Database, prefix: object) -> None:
    with db.write() as tx:
        tx.execute(insert(sys_number).values(series(prefix)))


def driver(tx: Transaction) -> Any:
    return tx.connection.driver_connection


def look(db: Database) -> int:
    with db.read() as tx:
        return tx.execute(COUNT).scalar_one()


@pytest.fixture(scope="module")
def _roles(postgres: Server) -> None:
    """Users who need a password, may not do much, or come one at a time."""
    postgres.order(
        f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'",
        "CREATE ROLE guest LOGIN",
        "CREATE ROLE few LOGIN CONNECTION LIMIT 1",
        "GRANT pg_read_all_data TO guarded, few",
    )
    postgres.ask_for_password("guarded")


# -- who is let in


@needs_roles
def test_who_has_the_password_is_let_in(database_url: str) -> None:
    db = Database(database_url.replace("postgres@", f"guarded:{QUOTED}@"))
    assert schema.current(db) == schema.head()
    db.close()


@needs_roles
def test_a_password_may_come_from_the_environment(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    db = Database(database_url.replace("postgres@", "guarded@"))
    assert schema.current(db) == schema.head()
    db.close()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("guarded:wr0ng@/NAME?host=SOCKETS",
         'password authentication failed for user "guarded"; set the right one: in the address, '),
        ("guarded@/NAME?host=SOCKETS", "no password supplied; set it: in the address, in PGPASSW"),
        ("nobody@/NAME?host=SOCKETS", 'role "nobody" does not exist; create this user, or name'),
        ("guest@/nowhere?host=SOCKETS", 'database "nowhere" does not exist; create it, or name '),
        ("guest@/NAME?host=%2Fno%2Fsuch", "No such file or directory; look whether the server r"),
        ("guest:wr0ng@127.0.0.1:1/NAME", "Connection refused; look whether the server runs there"),
        ("guest@no.such.host.invalid/NAME", "look whether the server runs there, and whether its"),
        ("guest@/NAME?host=SOCKETS&sslmod=x", 'invalid connection option "sslmod"; the part of '),
    ],
)  # fmt: skip
@needs_roles
def test_who_is_not_let_in_is_told_why_and_what_to_do(
    database_url: str, address: str, told: str
) -> None:
    url = make_url(database_url)
    address = address.replace("NAME", str(url.database))
    db = Database("postgresql://" + address.replace("SOCKETS", str(url.query["host"])))
    with pytest.raises(Unavailable) as refused, db.read():
        pass
    assert told in str(refused.value)
    assert str(refused.value).startswith("database postgresql://gu" if "gu" in address else "data")
    assert "\n" not in str(refused.value)
    assert "wr0ng" not in str(refused.value)


@needs_roles
def test_who_finds_every_place_taken_is_told_so(database_url: str) -> None:
    db = Database(database_url.replace("postgres@", "few@"))
    with db.read(), pytest.raises(Unavailable, match=r"too many connections.*max_connecti"):
        look(db)
    assert schema.current(db), "whoever is let in later is served"
    db.close()


def test_a_process_that_does_too_much_at_once_says_so(db: Database) -> None:
    db.engine.pool._timeout = 0.01  # type: ignore[attr-defined]
    db.engine.pool._max_overflow = 0  # type: ignore[attr-defined]
    held = [db.engine.connect() for _ in range(20)]
    with pytest.raises(Unavailable, match="give it fewer threads"):
        look(db)
    for connection in held:
        connection.close()
    assert look(db)


def test_a_database_that_cannot_hold_every_name_is_refused(
    postgres: Server, databases: PostgresDatabases
) -> None:
    url = postgres.url(postgres.create(options="ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"))
    db = Database(url)
    with pytest.raises(Unavailable, match=r"texts in LATIN1: the hub needs .*ENCODING 'UTF8'"):
        schema.migrate(db)
    db.close()
    databases.drop(url)


@needs_roles
def test_who_may_not_make_tables_is_told_what_to_allow(empty: Database) -> None:
    db = Database(empty.url.set(username="guest").render_as_string())
    with pytest.raises(Unavailable, match=r"permission denied for schema public; the hub's user"):
        schema.migrate(db)
    db.close()


# -- what breaks off


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_who_is_cancelled_or_thrown_out_comes_again(db: Database, how: str) -> None:
    with pytest.raises(Unavailable), db.write() as tx:
        tx.exec_driver_sql(f"SELECT {how}(pg_backend_pid()), pg_sleep(10)")
    add(db, "AAA")


def test_one_of_two_that_wait_for_each_other_is_told_so(db: Database) -> None:
    """And the other one goes on."""
    lock = text("SELECT * FROM sys_number WHERE prefix = :it FOR UPDATE")
    both = threading.Barrier(2)

    def take(first: str, second: str) -> str:
        try:
            with db.write() as tx:
                tx.execute(lock, {"it": first})
                both.wait(30)
                tx.execute(lock, {"it": second})
        except Unavailable as error:
            return str(error)
        return "done"

    with ThreadPoolExecutor(2) as threads:
        ends = list(threads.map(take, ("CS", "INC"), ("INC", "CS")))
    assert sorted(end == "done" for end in ends) == [False, True]
    assert any("deadlock detected; it is tried again by itself" in end for end in ends)


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_what_the_driver_says_beneath_sqlalchemy_is_heard_as_well(db: Database, how: str) -> None:
    """Pages are copied by the driver itself, whose errors are its own."""
    with pytest.raises(Unavailable), db.write() as tx:
        driver(tx).execute(f"SELECT {how}(pg_backend_pid()), pg_sleep(10)")
    add(db, "AAA")


def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(Unavailable, match="read-only"), db.read() as tx:
        tx.execute(insert(sys_number).values(series("AAA")))


# -- how it goes on


@pytest.fixture
def safe(db: Database, postgres: Server) -> Iterator[Database]:
    """A database whose commits are there after the server has crashed."""
    postgres.order(f"ALTER DATABASE {db.url.database} SET synchronous_commit = on")
    opened = Database(db.url.render_as_string())
    yield opened
    opened.close()


def test_idle_connections_of_a_server_that_came_back_cost_nobody_anything(
    safe: Database, postgres: Server
) -> None:
    with safe.read(), safe.read(), safe.write(), safe.read():
        pass
    assert safe.engine.pool.checkedin() == 4  # type: ignore[attr-defined]
    postgres.restart(mode="immediate")
    with safe.read(), safe.write():
        add(safe, "AAA")
        assert look(safe)


@pytest.mark.parametrize("way", ["read", "write"])
def test_a_restart_in_the_middle_breaks_off_one_transaction(
    safe: Database, postgres: Server, way: str
) -> None:
    def interrupted() -> None:
        with getattr(safe, way)() as tx:
            tx.execute(COUNT)
            postgres.restart(mode="immediate")
            tx.execute(COUNT)

    with pytest.raises(Unavailable):
        interrupted()
    add(safe, "AAA")
    assert look(safe)


@dataclass
class Load:
    """Threads that write and read until they are told to stop, whatever happens to the server."""

    db: Database
    kept: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)
    going: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stop: threading.Event = field(default_factory=threading.Event)

    def write(self) -> None:
        prefix = f"P{next(self.numbers)}"
        add(self.db, prefix)
        self.kept.add(prefix)
        self.going.release()

    def read(self) -> None:
        assert look(self.db)

    def again(self, do: Callable[[], None]) -> None:
        while not self.stop.is_set():
            try:
                do()
            except Unavailable as error:
                self.told.append(str(error))
                self.stop.wait(0.02)

    def until_it_goes_on(self) -> None:
        while self.going.acquire(blocking=False):
            pass
        for _ in range(20):
            assert self.going.acquire(timeout=30)


def test_a_server_that_is_restarted_under_load_loses_nothing(
    safe: Database, postgres: Server
) -> None:
    """What was committed is there; what failed said `Unavailable`; nobody is started anew."""
    load = Load(safe)
    with ThreadPoolExecutor(4) as threads:
        work = [threads.submit(load.again, do) for do in (load.write, load.read) * 2]
        try:
            load.until_it_goes_on()
            for _ in range(2):
                postgres.restart(mode="immediate")
                load.until_it_goes_on()
        finally:
            load.stop.set()
    assert [end.result() for end in work] == [None] * 4
    assert load.told
    with safe.read() as tx:
        assert load.kept <= set(tx.scalars(select(sys_number.c.prefix)))
