"""What a transaction keeps, and what is said when the database cannot be used.

What only PostgreSQL does is in test_server.py.
"""

from __future__ import annotations

import sqlite3
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import IntegrityError

from hub.errors import Transient
from hub.store import numbers
from hub.store.database import Database, Unavailable, ring
from hub.store.numbers import sys_number
from tests.databases import ON_SQLITE, Databases, locked

NORMAL, FULL = 1, 2  # sqlite.org/pragma.html#pragma_synchronous
COUNT = select(func.count()).select_from(sys_number)


def _series(prefix: str) -> dict[str, Any]:
    return {"prefix": prefix, "category": "x", "number": 1, "maximum_digits": 7}


def _prepared(url: str, pragma: str) -> Database:
    """A database whose connections all begin with `pragma`."""
    db = Database(url)
    event.listen(db.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA {pragma}").close())
    return db


def test_a_writer_that_raises_leaves_nothing_behind(db: Database) -> None:
    def write_half() -> None:
        with db.write() as tx:
            tx.execute(insert(sys_number).values(_series("AAA")))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        write_half()
    with db.read() as tx:
        assert tx.execute(COUNT.where(sys_number.c.prefix == "AAA")).scalar_one() == 0


def test_a_writer_that_raised_does_not_hold_the_next_one_up(db: Database) -> None:
    with pytest.raises(RuntimeError), db.write():
        raise RuntimeError
    with db.write() as tx:
        assert numbers.allocate(tx, {"CS": 1}) == {"CS": 1001}


def test_a_reader_sees_one_moment_while_others_write(db: Database) -> None:
    with db.read() as reader:
        before = reader.execute(COUNT).scalar_one()
        with db.write() as writer:
            writer.execute(insert(sys_number).values(_series("AAA")))
        assert reader.execute(COUNT).scalar_one() == before
    with db.read() as later:
        assert later.execute(COUNT).scalar_one() == before + 1


def test_a_reader_that_comes_to_write_does_not_fail_for_having_read(db: Database) -> None:
    """Begun as a reader, the second writer would fail with "database is locked" at once."""
    together = threading.Barrier(2)
    failed: list[BaseException] = []

    def read_then_write(prefix: str) -> None:
        other = Database(db.url.render_as_string(hide_password=False))  # as another program
        try:
            together.wait(30)
            for n in range(20):
                with other.write() as tx:
                    tx.execute(COUNT).scalar_one()
                    tx.execute(insert(sys_number).values(_series(f"{prefix}{n}")))
        except BaseException as error:  # noqa: BLE001 -- told by the thread that asserts
            failed.append(error)
        finally:
            other.close()

    threads = [threading.Thread(target=read_then_write, args=(p,)) for p in ("A", "B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


def test_the_bell_rings_once_the_transaction_has_committed(db: Database) -> None:
    heard: list[bool] = []
    listening = threading.Event()

    def listen() -> None:
        with db.bell:
            listening.set()
            heard.append(db.bell.wait(30))

    listener = threading.Thread(target=listen)
    listener.start()
    assert listening.wait(30)
    with pytest.raises(ZeroDivisionError):
        _ring_and(db, lambda: 1 / 0)
    with db.bell:
        assert heard == []
    _ring_and(db, lambda: None)
    listener.join(30)
    assert heard == [True]


def _ring_and(db: Database, then: Callable[[], object]) -> None:
    with db.write() as tx:
        ring(tx)
        then()


def test_a_locked_database_is_unavailable(db: Database) -> None:
    impatient = db.within(0.05)
    with locked(db):
        with pytest.raises(Unavailable, match=r"lock.*another"), impatient.write() as tx:
            tx.execute(insert(sys_number).values(_series("AAA")))
        with impatient.read() as tx:  # readers go on
            assert tx.execute(COUNT).scalar_one()
    with impatient.write() as tx:
        assert numbers.allocate(tx, {"CS": 1}) == {"CS": 1001}


def test_an_error_quotes_no_row(db: Database) -> None:
    """They are customers' data, and errors end up in logs."""
    with pytest.raises(IntegrityError, match="prefix") as told, db.write() as tx:
        tx.execute(insert(sys_number), [_series(f"{'x' * 20}@example.com")] * 2)
    assert "x" * 20 not in "".join(traceback.format_exception(told.value))


def test_a_new_file_that_somebody_is_writing_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself would refuse at once to switch such a file to write-ahead logging."""
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE theirs (here INTEGER)")
    leaves = threading.Timer(0.1, other.execute, ("COMMIT",))
    leaves.start()
    db = Database(f"sqlite:///{path}")
    with db.write() as tx:
        tx.exec_driver_sql("INSERT INTO theirs VALUES (1)")
    leaves.join()
    other.close()
    db.close()


def test_a_read_only_database_is_unavailable_to_writers_only(
    database_url: str, databases: Databases
) -> None:
    sealed = Database(databases.read_only(database_url))
    with sealed.read() as tx:
        assert tx.execute(COUNT).scalar_one()
    with (
        pytest.raises(Unavailable, match=r"read-?only.*(must be allowed|this is a standby)"),
        sealed.write() as tx,
    ):
        numbers.allocate(tx, {"CS": 1})
    with sealed.read() as tx:
        assert tx.execute(COUNT).scalar_one()
    sealed.close()


@ON_SQLITE
def test_a_full_disk_is_unavailable_and_keeps_what_was_there(db: Database) -> None:
    with db.read() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
    full = _prepared(str(db.url), f"max_page_count = {pages}")
    big = [_series(f"P{n:039}") for n in range(2000)]
    with pytest.raises(Unavailable, match="database or disk is full"), full.write() as tx:
        tx.execute(insert(sys_number), big)
    full.close()
    with db.write() as tx:
        assert tx.execute(COUNT.where(sys_number.c.prefix.like("P0%"))).scalar_one() == 0
        assert numbers.allocate(tx, {"CS": 1}) == {"CS": 1001}


def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    lost = Database(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'hub.db'}")
    with pytest.raises(Unavailable, match="unable to open database file"), lost.read():
        pass


def test_what_is_unavailable_is_tried_again() -> None:
    assert issubclass(Unavailable, Transient)


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_bytes(b"Dear diary, " * 100)
    diary = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    with pytest.raises(Exception, match="file is not a database"), diary.read():
        pass


@ON_SQLITE
def test_only_durable_commits_wait_for_the_disk(db: Database) -> None:
    modes = []
    for durable in (False, True, False):
        with db.write(durable=durable) as tx:
            modes.append(tx.exec_driver_sql("PRAGMA synchronous").scalar())
    assert modes == [NORMAL, FULL, NORMAL]
