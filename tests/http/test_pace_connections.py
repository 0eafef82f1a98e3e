"""The connections of a hub keep their rate limits together with all of its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

import hub
from hub import queue
from hub.app import sharing_rates
from hub.store.database import Database
from hub.store.work import rates
from hub.sync.connection import Connection, Connections
from tests.databases import ON_POSTGRESQL, ON_SQLITE, Databases
from tests.http.loopback import Loopback


class Quick(hub.Spoke):
    """Allows many calls."""

    rate = hub.Rate(calls=900)


@pytest.fixture
def call(db: Database, server: Loopback) -> Iterator[Callable[[], object]]:
    """Make the connection `quick` call its system once."""
    spoke = Quick(url=server.url, sandbox=True)
    ours = sharing_rates(db, Connections([Connection("quick", spoke, {})]))["quick"].spoke
    yield lambda: ours.http.get("/")
    ours.close()


def accounts(db: Database) -> list[str]:
    with db.read() as tx:
        return list(tx.scalars(select(rates.c.account)))


def live(db: Database, *workers: str) -> None:
    with db.write() as tx:
        for name in workers:
            queue.beat(tx, name)


@ON_POSTGRESQL
def test_on_postgresql_the_limit_is_shared_from_the_first_call_on(
    db: Database, call: Callable[[], object]
) -> None:
    call()
    assert accounts(db) == ["quick"]


@ON_SQLITE
def test_on_sqlite_a_worker_that_is_alone_writes_nothing(
    db: Database, call: Callable[[], object]
) -> None:
    live(db, "only")
    call()
    assert accounts(db) == []


@ON_SQLITE
def test_on_sqlite_several_workers_share_the_limit(
    db: Database, call: Callable[[], object]
) -> None:
    live(db, "one", "another")
    call()
    assert accounts(db) == ["quick"]


def test_calls_go_on_while_the_database_is_away(
    db: Database, databases: Databases, call: Callable[[], object], server: Loopback
) -> None:
    live(db, "one", "another")
    call()
    db.close()
    databases.lose(str(db.url.render_as_string(hide_password=False)))
    for _ in range(3):
        call()
    assert len(server.heard) == 4
