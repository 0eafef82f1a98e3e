"""A migrated database, with a table for the effects of jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.store.database import Database
from tests.queue.world import Clock, with_effects


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = with_effects(database_url)
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()
