"""A real server that answers as a test says, and spokes that reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.http import Rate
from tests.http.loopback import Loopback, serve
from tests.rest.files import load

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
Connect = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serve() as loopback:
        yield loopback


@pytest.fixture
def connect(server: Loopback) -> Iterator[Connect]:
    """Build a spoke from a YAML text, for the server, at noon on 1 May 2026."""
    built: list[Any] = []

    def build(text: str, *, base: str = "", **settings: str) -> Any:
        kind = load(text)
        kind.rate = Rate(1_000_000)
        given = {"api_key": "key-1", "hook_secret": "hook-1", **settings}
        known = {name: value for name, value in given.items() if name in kind.model_fields}
        made = kind.model_validate({"url": server.url + base, "sandbox": True, **known})
        built.append(made.using(clock=lambda: NOW))
        return built[-1]

    yield build
    for spoke in built:
        spoke.close()
