"""A shop on loopback whose clock stands still, and the spoke that is connected to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from hub.testing import serve
from spokes.shopify.sandbox import ShopifySandbox
from spokes.shopify.spoke import Shopify

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def shop() -> Iterator[ShopifySandbox]:
    """An empty shop at noon."""
    sandbox = ShopifySandbox()
    sandbox.shop.customers.clear()
    sandbox.shop.orders.clear()
    sandbox.clock.freeze()
    sandbox.clock.set(NOON)
    sandbox.plan(sandbox.api.bucket.plan)
    with serve(sandbox):
        yield sandbox


@pytest.fixture
def connect(shop: ShopifySandbox) -> Iterator[Callable[..., Shopify]]:
    """Spokes connected to the shop, with further settings or of a class of their own."""
    made: list[Shopify] = []

    def connected(kind: type[Shopify] = Shopify, **settings: object) -> Shopify:
        spoke = kind.model_validate({**shop.settings(), **settings}).using(clock=shop.clock.now)
        made.append(spoke)
        return spoke

    yield connected
    for spoke in made:
        spoke.http.close()


@pytest.fixture
def spoke(connect: Callable[..., Shopify]) -> Shopify:
    return connect()
