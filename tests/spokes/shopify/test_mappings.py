"""The mapping files of Shopify, on their own examples and on what the sandbox really serves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hub.mapping import Mapping, check_examples, load
from hub.store import entities
from hub.testing import serve
from spokes.shopify.sandbox import ShopifySandbox
from spokes.shopify.spoke import Shopify
from tests.spokes.shopify.doing import changes, customer

FILES = sorted((Path(__file__).parents[3] / "mappings" / "shopify").glob("*.yaml"))
MAPPINGS = [
    mapping
    for file in FILES
    for mapping in load(file, shape_of=lambda name: entities.find(name).shape)
]


def of(stream: str, to: str) -> Mapping:
    return next(m for m in MAPPINGS if (m.stream, m.to) == (stream, to))


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda m: f"{m.stream}-{m.to}")
def test_the_examples_hold(mapping: Mapping) -> None:
    assert check_examples(mapping) == []


def test_every_stream_has_a_mapping() -> None:
    assert {m.stream for m in MAPPINGS} == {stream.name for stream in Shopify.streams}


def test_everything_that_the_shop_serves_can_be_mapped() -> None:
    made: Counter[str] = Counter()
    with serve(ShopifySandbox()) as shop:
        spoke = Shopify.model_validate(shop.settings())
        for stream in spoke.streams:
            for change in changes(spoke, stream.name):
                assert change.data is not None
                for mapping in (m for m in MAPPINGS if m.stream == stream.name):
                    assert mapping.key(change.data) == change.id
                    assert mapping.version(change.data) == change.version
                    if mapping.applies(change.data):
                        made[mapping.to] += bool(mapping.inward(change.data))
                        made["lines"] += len(mapping.children(change.data).get("lines", ()))
        spoke.http.close()
        held = shop.shop
    assert made["consumer"] == 500
    assert made["order"] == 900
    assert made["lines"] == sum(len(o["line_items"]) for o in held.orders.values())
    assert made["return"] == len(list(held.of("refunds"))) + len(list(held.of("returns")))
    assert made["case"] == made["return"]


def test_an_unverified_address_is_never_what_consumers_are_matched_by(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    for verified in (True, False):
        customer(shop, email="greta@example.com", verified_email=verified)
    shop.clock.advance(spoke.keys.horizon * 2)
    mapping = of("customers", "consumer")
    assert [rule.fields for rule in mapping.match] == [("email",)]
    mapped: list[dict[str, Any]] = [
        mapping.inward(change.data) for change in changes(spoke, "customers") if change.data
    ]
    assert [(m["email"], m["u_unverified_email"]) for m in mapped] == [
        ("greta@example.com", None),
        (None, "greta@example.com"),
    ]
