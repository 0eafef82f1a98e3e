"""How long a writer waits for other writers."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from hub.store.database import Database, Unavailable
from tests.databases import ON_SQLITE, locked
from tests.web.conftest import House


def patience(db: Database) -> int:
    """Milliseconds that the database waits for a lock."""
    with db.write() as tx:
        if db.sqlite:
            return int(tx.execute(text("PRAGMA busy_timeout")).scalar_one())
        lock_timeout = text("SELECT setting FROM pg_settings WHERE name = 'lock_timeout'")
        return int(tx.execute(lock_timeout).scalar_one())


def test_a_hasty_writer_gives_up_while_another_process_writes(house: House) -> None:
    hasty = house.db.within(0.05)
    with locked(house.db), pytest.raises(Unavailable, match="lock"), hasty.write() as tx:
        tx.execute(text("DELETE FROM hub_job"))
    with hasty.write() as tx:
        tx.execute(text("DELETE FROM hub_job"))


@ON_SQLITE
def test_a_hasty_writer_gives_up_while_another_thread_writes(house: House) -> None:
    begun, end = threading.Event(), threading.Event()

    def write() -> None:
        with house.db.write():
            begun.set()
            end.wait(20)

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(20)
    with pytest.raises(Unavailable, match="busy; another writer"), house.db.within(0.05).write():
        pass
    end.set()
    thread.join()
    with house.db.within(0.05).write():
        pass


def test_haste_is_not_left_behind_on_the_shared_connection(house: House) -> None:
    db = house.db
    waits = [db.within(5), db.within(0.5), db.within(5), db.within(30)]
    assert [patience(one) for one in waits] == [5000, 500, 5000, 30000]


def test_those_who_wait_at_the_bell_hear_hasty_writers_too(house: House) -> None:
    assert house.db.within(1).bell is house.db.bell
