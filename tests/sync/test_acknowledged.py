"""What we acknowledge to others is on the disk first; what a worker does need not be.

On PostgreSQL every commit is, unless its administrator wants it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, event

from hub.store import entities
from hub.sync.records import command
from tests.databases import ON_SQLITE
from tests.sync.test_ingest import accept, carried, hook
from tests.sync.world import World

pytestmark = ON_SQLITE
NORMAL, FULL = 1, 2  # sqlite.org/pragma.html#pragma_synchronous


@pytest.fixture
def commits(world: World) -> Iterator[list[int]]:
    """How each transaction was synchronised, in order."""
    seen: list[int] = []

    def note(connection: Connection) -> None:
        if connection.get_execution_options().get("hub_writes"):
            seen.append(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

    event.listen(world.db.engine, "commit", note)
    yield seen
    event.remove(world.db.engine, "commit", note)


def test_a_webhook_is_on_the_disk_before_it_is_acknowledged(
    world: World, commits: list[int]
) -> None:
    accept(world, hook(carried("c1", 1, Subject="Till")))
    assert commits == [FULL]
    commits.clear()
    world.work()
    assert set(commits) == {NORMAL}


def test_a_change_through_the_api_is_on_the_disk_before_it_is_acknowledged(
    world: World, commits: list[int]
) -> None:
    accept(world, hook(carried("c1", 1, Subject="Till")))
    world.work()
    commits.clear()
    command.change(
        world.db,
        world.connections,
        entities.CASE,
        world.row("case", "c1")["number"],
        {"short_description": "Till 3"},
        user="ops",
        now=datetime(2026, 3, 1, tzinfo=UTC),
    )
    assert commits == [FULL]
