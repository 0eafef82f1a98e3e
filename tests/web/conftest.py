"""A hub's web edge over a real SQLite file, with spokes that exist for these tests only."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import hub
from hub import web
from hub.running import Web, serving
from hub.store import access, entities, records, sets
from hub.store.database import Database
from hub.sync.connection import Connection, Connections

SECRET = "a-shared-secret"
START = datetime(2026, 5, 1, 12, tzinfo=UTC)
LOOPBACK = {"url": "http://127.0.0.1:9", "sandbox": True}


class Acme(hub.Spoke, hub.Receives):
    """Signs its webhooks, and names each delivery."""

    hook_secret: hub.Secret

    streams = (hub.Stream("work_orders"),)

    def verify(self, hook: hub.Webhook) -> None:
        hook.check_signature([self.hook_secret], "x-acme-signature")

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Change | hub.Hint]:
        yield hub.Hint("work_orders", hook.json()["id"])


class Polite(Acme):
    """Asks first, in both ways that are common, whether the address is ours."""

    def handshake(self, hook: hub.Webhook) -> hub.Greeting | None:
        if token := hook.query.get("validationToken"):
            return hub.Greeting(token)
        if hook.method == "GET" and (challenge := hook.headers.get("x-challenge")):
            return hub.Greeting(f'{{"verification": "{challenge}"}}', "application/json")
        return None


class Bearer(hub.Spoke, hub.Receives):
    """Proves itself by the Authorization header."""

    def verify(self, hook: hub.Webhook) -> None:
        if hook.headers.get("authorization") != f"Bearer {SECRET}":
            raise hub.Forged("bad or missing authorization")

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Change | hub.Hint]:
        del hook
        return ()


class Broken(hub.Spoke, hub.Receives):
    """Has a bug in `verify`."""

    def verify(self, hook: hub.Webhook) -> None:
        raise RuntimeError(f"cannot use {SECRET} on {hook.body!r}")

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Change | hub.Hint]:
        del hook
        return ()


class Deaf(hub.Spoke):
    """Receives nothing."""


@dataclass
class Clock:
    """Seconds since 1970, moved by hand."""

    now: float = START.timestamp()

    def __call__(self) -> float:
        return self.now


@dataclass
class House:
    """One hub: its database, its web application, and a token for the admin API."""

    db: Database
    app: FastAPI
    connections: Connections
    clock: Clock
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What another connection to the database sees now."""
        with self.db.read() as tx:
            found = tx.exec_driver_sql(sets.placeholders(tx, query), parameters)
            return [tuple(row) for row in found]

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def keep(self, entity: str, **values: Any) -> dict[str, Any]:
        """Put a record into the store, past all rules."""
        known = entities.find(entity)
        stamps = {"sys_created_on": START, "sys_updated_on": START}
        row = known.blank | stamps | values
        with self.db.write() as tx:
            records.write(tx, known, [row])
        return row


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-acme-signature": digest, "content-type": "application/json"}


@pytest.fixture
def connections() -> Connections:
    spokes: Mapping[str, hub.Spoke] = {
        "acme": Acme(**LOOPBACK, hook_secret=SECRET),
        "polite": Polite(**LOOPBACK, hook_secret=SECRET),
        "bearer": Bearer(**LOOPBACK),
        "broken": Broken(**LOOPBACK),
        "deaf": Deaf(**LOOPBACK),
    }
    return Connections(Connection(name, spoke, {}) for name, spoke in spokes.items())


@pytest.fixture
def build(database_url: str, connections: Connections) -> Iterator[Callable[..., House]]:
    """Make a hub of this test's database, also several of the same."""
    opened: list[Database] = []

    def make(url: str = database_url, wait: float = 0.1, **settings: Any) -> House:
        db = Database(url, wait=wait)
        opened.append(db)
        clock = Clock()
        app = web.create(db, connections, clock=clock, **settings)
        return House(db, app, connections, clock)

    yield make
    for db in opened:
        db.close()


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    made = build()
    with made.db.write() as tx:
        made.token = access.create(tx, "ada", made.clock())
    made.headers = {"Authorization": f"Bearer {made.token}"}
    return made


@pytest.fixture
def client(house: House) -> httpx.Client:
    """Speaks to the hub with its token; in this process, where no server makes a difference."""
    return inside(house.app, house.headers)


def inside(app: FastAPI, headers: dict[str, str] | None = None) -> httpx.Client:
    """A client for an application that nobody serves."""
    return TestClient(app, raise_server_exceptions=False, headers=headers)


@contextmanager
def served(app: FastAPI, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Client]:
    """Serve an application by real loopback HTTP; yields a client for it."""
    with (
        serving(Web(app)) as address,
        httpx.Client(base_url=address, headers=headers, timeout=30) as there,
    ):
        yield there
