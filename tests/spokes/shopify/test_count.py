"""Counting: customers and orders, exactly, and only those that our scopes show."""

from __future__ import annotations

from datetime import timedelta

import pytest

import hub
from hub import registry
from hub.testing import Fault, serve
from spokes.shopify.sandbox import ShopifySandbox
from spokes.shopify.spoke import Shopify

STREAMS = {stream.name: stream for stream in Shopify.streams}


def test_customers_and_orders_are_counted_beyond_their_usual_limit() -> None:
    with serve(ShopifySandbox()) as shop:
        spoke = Shopify.model_validate(shop.settings()).using(clock=shop.clock.now)
        known = next(iter(shop.shop.customers.values()))
        shop.shop.customers |= {id: {**known, "id": id} for id in range(1, 10_001)}
        held = {name: len(shop.mutate({"do": "list", "stream": name})) for name in STREAMS}
        told = {name: spoke.count(stream, None) for name, stream in STREAMS.items()}
        assert told == {**held, "refunds": None, "returns": None}
        assert held["customers"] > 10_000
        later = shop.clock.now() + timedelta(seconds=1)
        assert spoke.count(STREAMS["orders"], later) == 0
        spoke.close()


def test_orders_that_we_may_not_see_do_not_count() -> None:
    with serve(ShopifySandbox()) as shop:
        spoke = Shopify.model_validate(shop.settings()).using(clock=shop.clock.now)
        shop.clock.advance(timedelta(days=45))
        everything = spoke.count(STREAMS["orders"], None)
        shop.api.scopes.discard("read_all_orders")
        recent = spoke.count(STREAMS["orders"], None)
        assert everything is not None
        assert recent is not None
        assert 0 < recent < everything
        shop.api.scopes.discard("read_orders")
        with pytest.raises(hub.SyncError, match="Access denied"):
            spoke.count(STREAMS["orders"], None)
        spoke.close()


def test_at_least_so_many_is_no_count() -> None:
    with serve(registry.sandbox("shopify")()) as shop:
        spoke = Shopify.model_validate(shop.settings())
        found = {"ordersCount": {"count": 10_000, "precision": "AT_LEAST"}}
        shop.faults.add(Fault(path="graphql", status=200, body={"data": found}))
        assert spoke.count(STREAMS["orders"], None) is None
        spoke.close()
