"""Where tests get databases of their own from: SQLite files, and databases of a PostgreSQL server.

A test that asks for a database runs on both. `ON_SQLITE` and `ON_POSTGRESQL` mark what only makes
sense on one of them: file modes and WAL there, lost connections here.
"""

from __future__ import annotations

import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from hub.store import schema, sets
from hub.store.database import Database, Transaction
from tests.postgres import Server

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


class Databases(ABC):
    """Databases of one kind; migrating takes longer than copying a migrated one."""

    @abstractmethod
    def empty(self, folder: Path) -> str:
        """The address of a new database without a schema."""

    @abstractmethod
    def migrated(self, folder: Path) -> str:
        """The address of a new database with the hub's schema."""

    @abstractmethod
    def read_only(self, url: str) -> str:
        """The address of the same database for somebody who cannot write to it."""

    @abstractmethod
    def lose(self, url: str) -> None:
        """Take a database away from whoever uses it."""

    @abstractmethod
    def drop(self, url: str) -> None:
        """Remove one that was given out, if it is still there."""


class SqliteFiles(Databases):
    """Files called hub.db in the folders of the tests."""

    def __init__(self, folder: Path) -> None:
        self.template = folder / "hub.db"
        _migrate(f"sqlite:///{self.template}")
        with closing(sqlite3.connect(self.template)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def empty(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'hub.db'}"

    def migrated(self, folder: Path) -> str:
        shutil.copy(self.template, folder / "hub.db")
        return self.empty(folder)

    def read_only(self, url: str) -> str:
        return f"sqlite:///file:{make_url(url).database}?mode=ro&uri=true"

    def lose(self, url: str) -> None:
        self.drop(url)
        Path(str(make_url(url).database)).mkdir()  # a missing file would only be made anew

    def drop(self, url: str) -> None:
        for file in Path(str(make_url(url).database)).parent.glob("hub.db*"):
            if file.is_file():
                file.unlink()


class PostgresDatabases(Databases):
    """Databases of one server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.template = server.create()
        _migrate(server.url(self.template))

    def empty(self, folder: Path) -> str:  # noqa: ARG002 -- the server has a folder for them
        return self.server.url(self.server.create())

    def migrated(self, folder: Path) -> str:  # noqa: ARG002
        return self.server.url(self.server.create(template=self.template))

    def read_only(self, url: str) -> str:
        return f"{url}&options=-c%20default_transaction_read_only%3Don"

    def lose(self, url: str) -> None:
        self.drop(url)

    def drop(self, url: str) -> None:
        self.server.drop(str(make_url(url).database))


def _migrate(url: str) -> None:
    db = Database(url)
    schema.migrate(db)
    db.close()


@contextmanager
def locked(db: Database) -> Iterator[Callable[[], None]]:
    """Another program writes to everything: who reads goes on, who writes waits.

    Until the block ends, or what it yields is called, from any thread.
    """
    other = Database(db.url.render_as_string(hide_password=False))
    raw: Any = other.engine.raw_connection()
    try:
        if other.sqlite:
            raw.execute("BEGIN IMMEDIATE")
        else:
            tables = ", ".join(f'"{name}"' for name in schema.metadata.tables)
            raw.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE")
        yield raw.rollback
    finally:
        raw.rollback()
        raw.close()
        other.close()


def plan(tx: Transaction, statement: str, **parameters: Any) -> str:
    """How the database would run a statement built with `sets.values`: one step a line.

    As with tables so large that PostgreSQL would rather look up each key than read them.
    """
    if tx.dialect.name == "sqlite":
        steps = sets.select(tx, f"EXPLAIN QUERY PLAN {statement}", **parameters)
        return "\n".join(step.detail for step in steps)
    for way in ("seqscan", "hashjoin", "mergejoin", "bitmapscan"):
        tx.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    return "\n".join(step[0] for step in sets.select(tx, f"EXPLAIN {statement}", **parameters))
