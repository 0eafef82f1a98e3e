"""Servers on loopback and clients that do not really wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from hub.http import Client, ClientCredentials, Rate
from tests.http.issuer import Issuer
from tests.http.loopback import Loopback, serve

Connect = Callable[..., Client]
Signed = Callable[..., Client]
SECRET = SecretStr("cl1ent-s3cret")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serve() as loopback:
        yield loopback


@pytest.fixture
def elsewhere() -> Iterator[Loopback]:
    with serve() as loopback:
        yield loopback


@pytest.fixture
def slept() -> list[float]:
    """How long the clients of this test would have waited, in seconds."""
    return []


@pytest.fixture
def connect(server: Loopback, slept: list[float]) -> Iterator[Connect]:
    """Open clients for `server`; they are closed after the test."""
    opened: list[Client] = []

    def open_one(url: str = "", **options: Any) -> Client:
        options.setdefault("rate", Rate(1_000_000))
        opened.append(Client(url or server.url, sleep=slept.append, **options))
        return opened[-1]

    yield open_one
    for client in opened:
        client.close()


@pytest.fixture
def issuer(server: Loopback) -> Issuer:
    return Issuer(server)


@pytest.fixture
def signed(issuer: Issuer, connect: Connect) -> Signed:
    """A client that signs in by client credentials."""

    def open_one(**options: Any) -> Client:
        auth = ClientCredentials(
            issuer.url, "hub", SECRET, loopback=True, clock=issuer.clock, **options
        )
        return connect(auth=auth)

    return open_one
