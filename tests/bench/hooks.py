"""Webhooks: how many a second are answered once they are safe, and how long that takes."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import b64encode
from typing import Any

from sqlalchemy import func, select

from hub import web
from hub.running import Web, serving
from hub.store import schema
from hub.store.database import Database
from hub.store.deliveries import Delivery
from hub.store.work import deliveries
from hub.sync.connection import Connection, Connections
from spokes.shopify.spoke import Shopify
from tests.bench import fleet
from tests.bench.goals import BACKENDS, At, Backend, Bench, Faster, Goal, Side, Size, Worst
from tests.bench.scene import Scene

SHOP = "bench.myshopify.com"
SECRET = "a secret that both sides know"
CONNECTIONS = 32
BODIES = 200


def answered(scene: Scene) -> None:
    """Signed webhooks over 32 connections, for some seconds; each is stored when it is answered.

    With a rate, requests fall due at that rate; without, each connection asks again once it is
    answered.
    """
    db = Database(scene.url)
    schema.migrate(db)
    options = {"url": scene.url, "store": scene.options.get("store", True)}
    with fleet.ready("tests.bench.hooks:serve", options, 1) as servers:
        heads, bodies = signed(servers.words[0])
        asked = {
            "address": servers.words[0], "connections": CONNECTIONS, "heads": heads,
            "bodies": bodies, "seconds": scene.options["seconds"],
            "rate": scene.options.get("rate"),
        }  # fmt: skip
        with (
            fleet.ready("tests.bench.load:member", asked, 1) as clients,
            scene.timed("hooks", 0) as figures,
        ):
            (done,) = clients.work()
        assert set(done["statuses"]) == {"202"}, done
        figures |= {name: done[name] for name in ("p50_ms", "p99_ms", "most_ms")}
        figures["records"] = done["statuses"]["202"]
        figures["wall_s"] = done["seconds"]
    with db.read() as tx:
        kept = tx.scalar(select(func.count()).select_from(deliveries))
    wanted = figures["records"] if options["store"] else 0
    assert kept == wanted, f"{kept} kept, not {wanted}"
    db.close()


def serve(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    """A web server in a process of its own, as `hub serve` has it; without a database, it forgets."""
    db = Database(options["url"])
    spoke = Shopify(url=f"https://{SHOP}", access_token="unused", hook_secret=SECRET)
    connections = Connections([Connection("shop", spoke, {})])
    keep = None if options["store"] else forget
    app = web.create(db, connections, clock=time.time, keep=keep)
    with serving(Web(app)) as address:
        begin(address)
    return {}


async def forget(_: Delivery) -> bool:
    """What stands in for the store: nothing."""
    return True


def signed(address: str) -> tuple[list[str], list[str]]:
    """The heads (with `%d` for what makes a delivery unique) and bodies of some orders."""
    bodies = [json.dumps(order(number)) for number in range(BODIES)]
    return [_head(address, body) for body in bodies], bodies


def order(number: int) -> dict[str, Any]:
    """An order of about 1.5 KB as a webhook carries it."""
    line = {"id": number, "sku": "TILL-ROLL", "quantity": 2, "price": "4.50", "title": "Till roll"}
    return {
        "id": 450_789_469 + number,
        "admin_graphql_api_id": f"gid://shopify/Order/{450_789_469 + number}",
        "email": f"clerk{number}@example.com",
        "created_at": "2026-05-01T12:00:00Z",
        "updated_at": "2026-05-01T12:00:01Z",
        "note": "Leave at the back door, the bell does not work. " * 4,
        "line_items": [line] * 8,
        "shipping_address": {"city": "Leeds", "zip": "LS1 1AA", "country": "United Kingdom"},
    }


def _head(address: str, body: str) -> str:
    digest = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest()
    lines = (
        "POST /hooks/shop HTTP/1.1",
        f"Host: {address.removeprefix('http://')}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "User-Agent: Shopify-Captain-Hook",
        "X-Shopify-Topic: orders/updated",
        f"X-Shopify-Shop-Domain: {SHOP}",
        f"X-Shopify-Hmac-Sha256: {b64encode(digest).decode()}",
        "X-Shopify-Event-Id: %d",
        "X-Shopify-API-Version: 2026-10",
    )
    return "\r\n".join(lines) + "\r\n\r\n"


def benches(size: Size) -> list[Bench]:
    """The keys `hooks.*`."""
    return [_acknowledged(size), _steady(size)]


def _acknowledged(size: Size) -> Bench:
    run, options = "tests.bench.hooks:answered", {"seconds": size.of(8, 1, 1)}
    sides = {"nodb": Side(run, "sqlite", options | {"store": False})}
    sides |= {name: Side(run, name, options) for name in BACKENDS}

    def against_nodb(database: Backend) -> Faster:
        return Faster([(At(database, "hooks"), At("nodb", "hooks"))], by="wall")

    goals = [
        Goal("hooks.ack.pg.vs_nodb", against_nodb("postgresql"), at_least=0.7),
        Goal("hooks.ack.sqlite.vs_nodb", against_nodb("sqlite"), at_least=0.7),
    ]
    return Bench("hooks.ack", sides, goals, size.of(5, 2, 1))


def _steady(size: Size) -> Bench:
    options = {"seconds": size.of(60, 10, 1), "rate": size.of(500, 500, 20)}
    backends = BACKENDS if size is Size.FULL else ("postgresql",)
    sides: dict[str, Side] = {
        name: Side("tests.bench.hooks:answered", name, options) for name in backends
    }
    slowest = Worst("p99_ms", [At(name, "hooks") for name in sides])
    return Bench("hooks.p99", sides, [Goal("hooks.p99_ms", slowest, at_most=100)])
