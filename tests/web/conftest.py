"""A hub's web edge over a real SQLite file, with spokes that exist for these tests only."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import hub
from hub import web
from hub.running import Web, serving
from hub.store import access, entities, records, schema
from hub.store.database import Database
from hub.sync.connection import Connection, Connections
from hub.sync.inbound import Inbound

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
    """One hub: its database file, its web application, and a token for the admin API."""

    file: Path
    db: Database
    app: FastAPI
    connections: Connections
    clock: Clock
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What another connection to the file sees now."""
        with closing(sqlite3.connect(self.file)) as other:
            return other.execute(query, parameters).fetchall()

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


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of our schema, made once."""
    file = tmp_path_factory.mktemp("schema") / "hub.db"
    db = Database(f"sqlite:///{file}")
    schema.migrate(db)
    db.close()
    return file


@pytest.fixture
def connections() -> Connections:
    spokes: Mapping[str, hub.Spoke] = {
        "acme": Acme(**LOOPBACK, hook_secret=SECRET),
        "bearer": Bearer(**LOOPBACK),
        "broken": Broken(**LOOPBACK),
        "deaf": Deaf(**LOOPBACK),
    }
    return Connections(Connection(name, spoke, {}) for name, spoke in spokes.items())


@pytest.fixture
def build(
    migrated: Path, tmp_path: Path, connections: Connections
) -> Iterator[Callable[..., House]]:
    """Make a hub; `options` are added to the database's address."""
    opened: list[Database] = []

    def make(options: str = "", wait: float = 0.1, **settings: Any) -> House:
        file = tmp_path / "hub.db"
        if not file.exists():
            shutil.copy(migrated, file)
        address = f"sqlite:///file:{file}?uri=true{options}"
        db = Database(address, wait=wait)
        opened.append(db)
        clock = Clock()
        inbound = Inbound(db, connections, clock)
        app = web.create(db, connections, inbound, clock=clock, **settings)
        return House(file, db, app, connections, clock)

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
