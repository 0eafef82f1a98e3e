"""A hub with one connection, `crm`, to Elsewhere."""

from __future__ import annotations

import pytest

from hub.store.database import Database
from tests.sync.world import World


@pytest.fixture
def world(db: Database) -> World:
    return World(db)
