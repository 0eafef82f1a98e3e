"""A tenant on loopback whose clock stands still, and spokes that are connected to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from hub.testing import serve
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.sandbox.directory import Directory
from spokes.entra.spoke import Entra

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def tenant() -> Iterator[EntraSandbox]:
    """An empty tenant at noon."""
    sandbox = EntraSandbox()
    sandbox.clock.freeze()
    sandbox.clock.set(NOON)
    sandbox.directory = Directory(sandbox.clock.now, sandbox.directory.told)
    with serve(sandbox):
        yield sandbox


@pytest.fixture
def connect(tenant: EntraSandbox) -> Iterator[Callable[..., Entra]]:
    """Spokes connected to the tenant, with further settings."""
    made: list[Entra] = []

    def connected(**settings: object) -> Entra:
        spoke = Entra.model_validate({**tenant.settings(), **settings})
        made.append(spoke.using(clock=tenant.clock.now))
        return made[-1]

    yield connected
    for spoke in made:
        spoke.close()


@pytest.fixture
def spoke(connect: Callable[..., Entra]) -> Entra:
    return connect()
