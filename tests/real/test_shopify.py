"""Shopify's own fixtures arrive whole: an order that was refunded, and whose case is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from hub.store.database import Database
from spokes.shopify.sandbox import ShopifySandbox
from tests.real.world import Synced, synced


@pytest.fixture
def world(db: Database, real: Callable[[str], Path], tmp_path: Path) -> Iterator[Synced]:
    shop = ShopifySandbox(seed=real("shopify-fixtures"))
    with synced(db, shop, "shopify", tmp_path / "config") as found:
        yield found


def test_every_record_arrives_once_and_none_dies(world: Synced) -> None:
    told = {stream: (c.seen, c.created, c.failed) for stream, c in world.counts.items()}
    assert told == {"customers": (2, 2, 0), "orders": (1, 1, 0), "refunds": (1, 1, 0)}
    found = {e: len(world.rows(e)) for e in ("consumer", "order", "order_line", "return", "case")}
    assert found == {"consumer": 2, "order": 1, "order_line": 3, "return": 1, "case": 1}
    assert set(world.linked("consumer").values()) == {
        "gid://shopify/Customer/207119551",
        "gid://shopify/Customer/112223902",
    }
    assert list(world.linked("order").values()) == ["gid://shopify/Order/450789469"]
    # One refund is two records of ours: the return, and the case that asks why.
    assert list(world.linked("return").values()) == ["gid://shopify/Refund/509562969"]
    assert list(world.linked("case").values()) == ["gid://shopify/Refund/509562969"]
    assert (world.dead(), world.jobs()) == ([], [])


def test_the_order_has_its_amount_date_and_addresses(world: Synced) -> None:
    [order] = world.rows("order")
    wanted = {
        "quote_id": "#1001",
        "total_amount": Decimal("598.94"),
        "order_currency": "USD",
        "order_date": datetime(2008, 1, 10, 16, tzinfo=UTC),  # 11:00:00-05:00
        "state": "new",
        "hub_financial_status": "partially_refunded",
        "channel": "web",
        "external_system": "shopify",
        "billing_street": "Chestnut Street 92",
        "billing_city": "Louisville",
        "billing_state": "KY",
        "billing_zip": "40202",
        "billing_country": "US",
        "shipping_street": "Chestnut Street 92",
        "shipping_zip": "40202",
    }
    assert {name: order[name] for name in wanted} == wanted


def test_its_lines_have_their_names_and_prices(world: Synced) -> None:
    [order] = world.rows("order")
    lines = sorted(world.rows("order_line"), key=lambda line: line["external_id"])
    assert {line["order"] for line in lines} == {order["sys_id"]}
    one = (1.0, Decimal("199.00"), Decimal("199.00"))
    fields = ("sku", "short_description", "quantity", "unit_price", "total_price")
    assert [tuple(line[name] for name in fields) for line in lines] == [
        ("IPOD2008GREEN", "IPod Nano - 8gb – green", *one),  # noqa: RUF001 -- our en dash
        ("IPOD2008RED", "IPod Nano - 8gb – red", *one),  # noqa: RUF001
        ("IPOD2008BLACK", "IPod Nano - 8gb – black", *one),  # noqa: RUF001
    ]


def test_the_order_belongs_to_the_newest_copy_of_its_customer(world: Synced) -> None:
    """Bob Norman is in several files; only the newest knows his phone number."""
    bob = world.one("consumer", email="bob.norman@hostmail.com")
    wanted = {
        "name": "Bob Norman",
        "mobile_phone": "+16136120707",
        "home_phone": "555-625-1199",
        "street": "Chestnut Street 92",
        "city": "Louisville",
        "country": "US",
        "active": True,
    }
    assert {name: bob[name] for name in wanted} == wanted
    assert world.rows("order")[0]["consumer"] == bob["sys_id"]
    john = world.one("consumer", email="john.smith@gmail.com")
    assert (john["city"], john["state"], john["zip"]) == ("Ottawa", "ON", "K2H 0A0")
    assert john["notes"] == "This is sample note"


def test_the_refund_is_a_return_of_the_money_that_moved(world: Synced) -> None:
    """209 went back, as its transaction says, and not the 398 that its two lines are worth."""
    [refund] = world.rows("return")
    assert refund["refund_amount"] == Decimal("209.00")
    assert (refund["currency"], refund["state"]) == ("USD", "refunded")
    assert refund["reason"] == "it broke during shipping"
    assert refund["refunded_at"] == datetime(2016, 6, 20, 17, 35, 6, tzinfo=UTC)  # 13:35:06-04:00
    assert refund["order"] == world.rows("order")[0]["sys_id"]
    assert [(line["lineItem"]["sku"], line["quantity"]) for line in refund["lines"]] == [
        ("IPOD2008BLACK", 1),
        ("IPOD2008GREEN", 1),
    ]


def test_somebody_is_asked_why_it_was_refunded(world: Synced) -> None:
    [case], [refund] = world.rows("case"), world.rows("return")
    assert case["short_description"] == "Refund for order #1001"
    assert case["description"] == "209.0 USD refunded: it broke during shipping"
    assert (case["state"], case["category"], case["number"]) == ("1", "1", "CS0001001")
    assert (case["order"], case["consumer"]) == (refund["order"], refund["consumer"])
    assert case["opened_at"] == refund["refunded_at"]
