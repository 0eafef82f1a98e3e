"""The sandbox's webhooks: signed, told once per action, retried on Shopify's schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

import orjson
import pytest

import hub
from hub.testing import BadCommand
from hub.testing.sandbox import JsonObject
from spokes.shopify.sandbox import ShopifySandbox
from spokes.shopify.sandbox.outbox import RETRIES
from spokes.shopify.spoke import Shopify
from tests.spokes.shopify.doing import STREAMS, customer, order
from tests.spokes.shopify.receiver import Receiver, receiving

Connect = Callable[..., Shopify]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def subscribe(shop: ShopifySandbox, receiver: Receiver, topic: str = "*") -> None:
    shop.mutate({"do": "subscribe", "topic": topic, "to": receiver.url})


def settle(shop: ShopifySandbox) -> None:
    """Wait until the sender is at rest."""
    shop.outbox.send()


def test_a_refund_is_told_with_its_order_under_one_event(
    shop: ShopifySandbox, spoke: Shopify, receiver: Receiver
) -> None:
    bought = order(shop, 2)
    subscribe(shop, receiver)
    refund = shop.mutate({"do": "refund", "order": bought, "note": "broken"})
    hooks = receiver.wait(2)
    told = [hint for hook in hooks for hint in spoke.parse(hook)]
    assert told == [
        hub.Hint("orders", bought),
        hub.Hint("refunds", refund),
        hub.Hint("orders", bought),
    ]
    assert len({hook.headers["x-shopify-event-id"] for hook in hooks}) == 1
    assert len({spoke.delivery(hook) for hook in hooks}) == 2
    for hook in hooks:
        spoke.verify(hook)
    [change] = spoke.fetch(STREAMS["refunds"], [refund])
    assert change.data is not None
    assert change.data["note"] == "broken"


def test_payloads_are_in_the_rest_shape(shop: ShopifySandbox, receiver: Receiver) -> None:
    buyer = customer(shop, last_name="Abend")
    subscribe(shop, receiver, "orders/create")
    made = order(shop, 1, customer={"id": buyer})
    [hook] = receiver.wait(1)
    body = orjson.loads(hook.body)
    assert body["admin_graphql_api_id"] == made == f"gid://shopify/Order/{body['id']}"
    assert body["customer"]["last_name"] == "Abend"
    assert body["line_items"][0]["sku"] == "SKU-0"
    assert body["updated_at"] == "2026-11-02T12:00:00Z"
    assert hook.headers["x-shopify-topic"] == "orders/create"
    assert hook.headers["x-shopify-shop-domain"] == "hub-demo.myshopify.com"
    assert hook.headers["x-shopify-api-version"] == "2026-10"
    assert hook.headers["x-shopify-triggered-at"] == "2026-11-02T12:00:00Z"


def test_only_the_topics_subscribed_to_are_told(shop: ShopifySandbox, receiver: Receiver) -> None:
    made = order(shop)
    subscribe(shop, receiver, "orders/cancelled")
    shop.mutate({"do": "update", "stream": "orders", "id": made, "data": {"note": "x"}})
    shop.mutate({"do": "cancel", "order": made})
    settle(shop)
    [hook] = receiver.wait(1)
    assert hook.headers["x-shopify-topic"] == "orders/cancelled"


def test_deletions_are_told(shop: ShopifySandbox, spoke: Shopify, receiver: Receiver) -> None:
    bought, buyer = order(shop), customer(shop)
    subscribe(shop, receiver)
    shop.mutate({"do": "delete", "stream": "orders", "id": bought})
    shop.mutate({"do": "delete", "stream": "customers", "id": buyer})
    told = [change for hook in receiver.wait(2) for change in spoke.parse(hook)]
    assert told == [hub.Change("orders", bought, None), hub.Change("customers", buyer, None)]


def test_a_failed_webhook_is_repeated_as_it_was_on_the_schedule(
    shop: ShopifySandbox, spoke: Shopify, receiver: Receiver
) -> None:
    receiver.answers = [503, 302, 202]
    subscribe(shop, receiver)
    order(shop)
    settle(shop)
    shop.clock.advance(RETRIES[0] - timedelta(seconds=1))
    assert shop.emit({"do": "retry"}) == []
    shop.clock.advance(timedelta(seconds=1))
    assert shop.emit({"do": "retry"}) == [302]
    shop.clock.advance(RETRIES[1])
    assert shop.emit({"do": "retry"}) == [202]
    shop.clock.advance(timedelta(days=1))
    assert shop.emit({"do": "retry"}) == []
    hooks = receiver.wait(3)
    assert len({(hook.body, hook.headers["x-shopify-webhook-id"]) for hook in hooks}) == 1
    assert len({spoke.delivery(hook) for hook in hooks}) == 1


def test_eight_retries_take_four_hours_each_gap_twice_the_last() -> None:
    assert sum(RETRIES, timedelta()) == pytest.approx(timedelta(hours=4), abs=timedelta(seconds=1))
    assert len(RETRIES) == 8
    for shorter, longer in pairwise(RETRIES):
        assert longer / shorter == pytest.approx(2)


def test_a_subscription_is_removed_after_the_last_retry_failed(
    shop: ShopifySandbox, receiver: Receiver
) -> None:
    receiver.answers = [500]
    subscribe(shop, receiver)
    order(shop)
    settle(shop)
    for gap in RETRIES:
        assert shop.outbox.subscriptions
        shop.clock.advance(gap)
        assert shop.emit({"do": "retry"}) == [500]
    assert not shop.outbox.subscriptions
    assert len(receiver.hooks) == 1 + len(RETRIES)
    order(shop)
    settle(shop)
    assert len(receiver.hooks) == 1 + len(RETRIES)
    [logged] = shop.emit({"do": "log"})
    assert logged["statuses"] == [500] * 9
    assert logged["due"] is None


def test_nobody_at_the_address_is_a_failure_too(shop: ShopifySandbox) -> None:
    with receiving() as gone:
        pass
    subscribe(shop, gone)
    order(shop)
    settle(shop)
    [logged] = shop.emit({"do": "log"})
    assert logged["statuses"] == [0]


def test_one_event_through_two_subscriptions_is_one_delivery(
    shop: ShopifySandbox, spoke: Shopify, receiver: Receiver
) -> None:
    subscribe(shop, receiver, "orders/create")
    subscribe(shop, receiver)
    order(shop)
    hooks = receiver.wait(2)
    assert len({hook.headers["x-shopify-webhook-id"] for hook in hooks}) == 2
    assert len({spoke.delivery(hook) for hook in hooks}) == 1


@pytest.mark.parametrize("how", ["body", "signature", "doubled", "secret"])
def test_a_forged_webhook_is_recognised(
    shop: ShopifySandbox, spoke: Shopify, receiver: Receiver, how: str
) -> None:
    command = {"stream": "orders", "id": order(shop), "to": receiver.url, "forge": how}
    assert shop.emit(command) == [202]
    with pytest.raises(hub.Forged):
        spoke.verify(receiver.wait(1)[0])


def test_doubled_and_reordered_webhooks_are_recognised(
    shop: ShopifySandbox, spoke: Shopify, receiver: Receiver
) -> None:
    refund = shop.mutate({"do": "refund", "order": order(shop)})
    command: JsonObject = {"stream": "refunds", "id": refund, "to": receiver.url}
    shop.emit({**command, "twice": True, "reverse": True})
    hooks = receiver.wait(4)
    assert [hook.headers["x-shopify-topic"] for hook in hooks] == ["orders/updated"] * 2 + [
        "refunds/create"
    ] * 2
    assert len({spoke.delivery(hook) for hook in hooks}) == 2


def test_a_late_webhook_carries_its_old_payload_and_leads_to_the_new_record(
    shop: ShopifySandbox, spoke: Shopify, receiver: Receiver
) -> None:
    receiver.answers = [503, 202]
    subscribe(shop, receiver, "orders/create")
    made = order(shop, note="old")
    settle(shop)
    shop.mutate({"do": "update", "stream": "orders", "id": made, "data": {"note": "new"}})
    shop.emit({"do": "retry", "at_once": True})
    late = receiver.wait(2)[1]
    assert orjson.loads(late.body)["note"] == "old"
    [hint] = spoke.parse(late)
    [change] = spoke.fetch(STREAMS["orders"], [hint.id])
    assert change.data is not None
    assert change.data["note"] == "new"


def test_both_secrets_are_good_while_they_rotate(
    shop: ShopifySandbox, connect: Connect, receiver: Receiver
) -> None:
    before = connect()
    old = before.hook_secret.get_secret_value()
    shop.mutate({"do": "rotate_secret"})
    command = {"stream": "orders", "id": order(shop), "to": receiver.url}
    shop.emit(command)
    shop.emit({**command, "secret": old})
    rotating = connect()
    for hook in receiver.wait(2):
        rotating.verify(hook)
    with pytest.raises(hub.Forged):
        before.verify(receiver.hooks[0])


def test_webhooks_can_be_asked_for_without_sending(shop: ShopifySandbox) -> None:
    made = order(shop)
    command = {"stream": "orders", "id": made, "topic": "orders/paid", "event": "e7"}
    [hook] = shop.webhooks(command)
    assert dict(hook.headers)["X-Shopify-Topic"] == "orders/paid"
    assert dict(hook.headers)["X-Shopify-Event-Id"] == "e7"
    [gone] = shop.webhooks({"stream": "orders", "id": made, "deleted": True})
    assert orjson.loads(gone.body) == {"id": int(made.rpartition("/")[2])}


def test_odd_commands_are_refused(shop: ShopifySandbox) -> None:
    for command in (
        {"stream": "products", "id": 1},
        {"stream": "orders", "id": 1},
        {"stream": "orders", "id": "x"},
    ):
        with pytest.raises(BadCommand):
            shop.webhooks(command)
    with pytest.raises(BadCommand, match="nobody subscribed"):
        shop.emit({"stream": "orders", "id": order(shop)})
    with pytest.raises(BadCommand, match="loopback"):
        shop.mutate({"do": "subscribe", "topic": "*", "to": "https://example.com"})
