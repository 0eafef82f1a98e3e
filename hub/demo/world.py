"""What the demo plays in: a CRM's and a shop's sandbox, and a hub between them on SQLite."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from pydantic import SecretStr

from hub import config, registry, web
from hub.app import Hub, spare_the_collector
from hub.http import Bearer, Client, Rate
from hub.running import Web, at_work
from hub.store import access, schema
from hub.store.cursors import Counts
from hub.store.database import Database
from hub.testing import Sandbox, serve

CRM, SHOP = "crm", "shop"
SPOKES = {CRM: "salesforce", SHOP: "shopify"}
HASTE: dict[str, dict[str, Any]] = {
    CRM: {"horizon": 1, "overlap": 60},
    SHOP: {},
}
"""Seconds. Real systems show rows late, so that a hub waits longer; the sandboxes do not."""
EVERY = {CRM: "2s", SHOP: "10m"}  # so what arrives from the shop later on came by webhook
PATIENCE = 30.0  # seconds that a step may take before it counts as failed


class StepFailed(Exception):
    """A step of the demo did not come out as it must."""


@dataclass(frozen=True, slots=True)
class World:
    """Both sides of everything. `api` is the hub's admin API, as an operator uses it."""

    crm: Sandbox
    shop: Sandbox
    hub: Hub
    address: str
    token: str
    api: Client

    def records(self, table: str, **filters: str) -> list[dict[str, Any]]:
        """Records of the hub, newest first."""
        answer = self.api.get(f"/admin/api/records/{table}", params={**filters, "limit": 50})
        return list(answer.json()["records"])

    def status(self) -> list[dict[str, Any]]:
        """Every connection as ops see it."""
        return list(self.api.get("/admin/api/status").json()["connections"])


def until(what: str, condition: Callable[[], Any]) -> Any:
    """Wait for a condition and return what it found; raises `StepFailed` after a while."""
    never = threading.Event()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        never.wait(0.1)
    raise StepFailed(f"{what}: not seen within {PATIENCE:.0f} s")


@contextmanager
def world(port: int, watch: Callable[[str, str, Counts], None]) -> Iterator[World]:
    """Start everything; all of it ends, and is deleted, with the block."""
    spare_the_collector()
    with ExitStack() as stack:
        sandboxes = {
            name: stack.enter_context(serve(registry.sandbox(spoke)()))
            for name, spoke in SPOKES.items()
        }
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hub-demo-")))
        _write(folder, sandboxes)
        settings = config.load(folder, environment={})
        db = Database(settings.database)
        stack.callback(db.close)
        schema.migrate(db)
        with db.write() as tx:
            token = access.create(tx, "demo", time.time())
        for connection in settings.connections.values():
            stack.callback(connection.spoke.close)
        hub = Hub(db, settings.connections, watch=watch)
        app = web.create(db, hub.connections, clock=hub.clock)
        served = Web(app, port=port)
        address = stack.enter_context(at_work(hub, web=served, threads=4, timetable=True))
        api = Client(address, auth=Bearer(SecretStr(token)), rate=Rate(calls=1000))
        stack.callback(api.close)
        yield World(sandboxes[CRM], sandboxes[SHOP], hub, address, token, api)


def _write(folder: Path, sandboxes: dict[str, Sandbox]) -> None:
    """The configuration that somebody would write for these two systems."""
    (folder / "connections").mkdir()
    (folder / "hub.yaml").write_text("database: sqlite:///hub.db\n", encoding="utf-8")
    for name, spoke in SPOKES.items():
        settings = sandboxes[name].settings() | HASTE[name]
        streams = {stream.name: {"every": EVERY[name]} for stream in registry.find(spoke).streams}
        file = folder / "connections" / f"{name}.yaml"
        content = {"spoke": spoke, "settings": settings, "streams": streams}
        file.write_text(yaml.safe_dump(content), encoding="utf-8")


def unique(text: str) -> str:
    """A text that occurs nowhere else."""
    return f"{text} {secrets.token_hex(3)}"
