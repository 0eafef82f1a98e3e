"""Databases in files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.store import schema
from hub.store.database import Database


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    """A database that nobody has migrated."""
    db = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    yield db
    db.close()


@pytest.fixture
def db(empty: Database) -> Database:
    """A database with the hub's schema."""
    schema.migrate(empty)
    return empty
