"""What tests do to a shop, in few words."""

from __future__ import annotations

import itertools
from typing import Any

import hub
from hub.testing.sandbox import JsonObject
from spokes.shopify.sandbox import ShopifySandbox
from spokes.shopify.spoke import Shopify

STREAMS = {stream.name: stream for stream in Shopify.streams}


def customer(shop: ShopifySandbox, **data: Any) -> str:
    return str(shop.mutate({"do": "create", "stream": "customers", "data": data}))


def order(shop: ShopifySandbox, lines: int = 1, *, at: str = "", **data: Any) -> str:
    items = [
        {"sku": f"SKU-{n}", "title": f"Thing {n}", "price": "2.50", "quantity": 2}
        for n in range(lines)
    ]
    command: JsonObject = {"do": "create", "stream": "orders"}
    command["data"] = {"line_items": items, **data}
    if at:
        command["at"] = at
    return str(shop.mutate(command))


def pages(spoke: Shopify, stream: str, cursor: str | None = None) -> list[hub.Page]:
    return list(itertools.islice(spoke.pull(STREAMS[stream], cursor), 200))


def changes(spoke: Shopify, stream: str, cursor: str | None = None) -> list[hub.Change]:
    return [change for page in pages(spoke, stream, cursor) for change in page.changes]


def ids(spoke: Shopify, stream: str, cursor: str | None = None) -> list[str]:
    return [change.id for change in changes(spoke, stream, cursor)]


def asked(shop: ShopifySandbox) -> int:
    """How many requests the shop has received."""
    return len(shop.journal)
