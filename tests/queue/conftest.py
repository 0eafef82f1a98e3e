"""A real SQLite file with the queue's tables, and a table for the effects of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.store.database import Database
from tests.queue.world import Clock, open_queue


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_queue(tmp_path / "hub.db")
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()
