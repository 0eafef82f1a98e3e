"""Webhooks: who may send them, what they tell, and what names a delivery."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

import hub
from spokes.shopify.spoke import Shopify

SECRET, OLD, SHOP = "shpss_new", "shpss_old", "acme.myshopify.com"
REAL = Path(os.environ.get("HUB_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
VECTORS = REAL / "webhook-signature-vectors" / "vectors.json"


Headers = dict[str, str | None]


def spoke(**more: Any) -> Shopify:
    return Shopify(
        url=f"https://{SHOP}", access_token=hub.Secret("t"), hook_secret=hub.Secret(SECRET), **more
    )


def hook(
    subject: str | None, body: Any, *, secret: str = SECRET, headers: Headers | None = None
) -> hub.Webhook:
    """A webhook as Shopify sends it; `{"shop_domain": None}` leaves a header out."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    digest = hmac.digest(secret.encode(), raw, hashlib.sha256)
    given: Headers = {
        "topic": subject,
        "shop_domain": SHOP,
        "event_id": "e1",
        "webhook_id": "w1",
        "hmac_sha256": base64.b64encode(digest).decode(),
        **(headers or {}),
    }
    sent = {f"x-shopify-{k.replace('_', '-')}": v for k, v in given.items() if v is not None}
    return hub.Webhook(sent, raw)


def order_hook(**headers: str | None) -> hub.Webhook:
    return hook("orders/updated", {"id": 7, "updated_at": "2026-11-01T09:00:00Z"}, headers=headers)


# -- genuine or forged -----------------------------------------------------------------------------


@pytest.mark.skipif(not VECTORS.exists(), reason="no webhook-signature-vectors in the real data")
def test_the_recorded_signature_of_shopify_verifies() -> None:
    recorded = orjson.loads(VECTORS.read_bytes())
    vectors = [vector for vector in recorded if vector["scheme"] == "shopify"]
    assert vectors
    for vector in vectors:
        headers = {name.lower(): value for name, value in vector["headers"].items()}
        receiver = Shopify(
            url=f"https://{headers['x-shopify-shop-domain']}",
            access_token=hub.Secret("t"),
            hook_secret=hub.Secret(vector["secret"]),
        )
        receiver.verify(hub.Webhook(headers, vector["body"].encode()))
        with pytest.raises(hub.Forged):
            receiver.verify(hub.Webhook(headers, vector["body"].encode() + b" "))


def test_a_genuine_webhook_passes() -> None:
    spoke().verify(order_hook())


def test_both_secrets_verify_while_they_rotate() -> None:
    rotating = spoke(previous_hook_secret=hub.Secret(OLD))
    rotating.verify(order_hook())
    rotating.verify(hook("orders/updated", {"id": 7}, secret=OLD))
    with pytest.raises(hub.Forged):
        spoke().verify(hook("orders/updated", {"id": 7}, secret=OLD))
    with pytest.raises(hub.Forged):
        rotating.verify(hook("orders/updated", {"id": 7}, secret="other"))


def test_a_signature_that_is_missing_doubled_or_wrong_is_forged() -> None:
    genuine = order_hook().headers["x-shopify-hmac-sha256"]
    for signature in (None, "", f"{genuine}\n{genuine}", genuine.lower(), genuine[:-1], "ü"):
        with pytest.raises(hub.Forged):
            spoke().verify(order_hook(hmac_sha256=signature))


def test_a_body_that_was_touched_is_forged() -> None:
    genuine = order_hook()
    with pytest.raises(hub.Forged):
        spoke().verify(hub.Webhook(genuine.headers, genuine.body + b"\n"))


@pytest.mark.parametrize("domain", [None, "other.myshopify.com", f"{SHOP}\n{SHOP}", ""])
def test_a_webhook_of_another_shop_is_forged(domain: str | None) -> None:
    with pytest.raises(hub.Forged, match="shop-domain"):
        spoke().verify(order_hook(shop_domain=domain))


def test_the_domain_is_compared_without_case() -> None:
    spoke().verify(order_hook(shop_domain=SHOP.upper()))


@pytest.mark.parametrize("topic", [None, "", "orders/updated\norders/delete"])
def test_a_webhook_without_one_topic_is_forged(topic: str | None) -> None:
    with pytest.raises(hub.Forged, match="topic"):
        spoke().verify(order_hook(topic=topic))


# -- what they tell --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "body", "told"),
    [
        ("orders/create", {"id": 7}, [hub.Hint("orders", "gid://shopify/Order/7")]),
        ("orders/cancelled", {"id": 7}, [hub.Hint("orders", "gid://shopify/Order/7")]),
        ("customers/update", {"id": 3}, [hub.Hint("customers", "gid://shopify/Customer/3")]),
        (
            "refunds/create",
            {"id": 9, "order_id": 7},
            [
                hub.Hint("orders", "gid://shopify/Order/7"),
                hub.Hint("refunds", "gid://shopify/Refund/9"),
            ],
        ),
        ("returns/approve", {"id": 5}, [hub.Hint("returns", "gid://shopify/Return/5")]),
        (
            "fulfillments/create",
            {"id": 4, "order_id": 7},
            [hub.Hint("orders", "gid://shopify/Order/7")],
        ),
        ("orders/delete", {"id": 7}, [hub.Change("orders", "gid://shopify/Order/7", None)]),
        (
            "customers/delete",
            {"id": 3, "phone": None},
            [hub.Change("customers", "gid://shopify/Customer/3", None)],
        ),
        (
            "customers/redact",
            {"shop_id": 1, "customer": {"id": 3}, "orders_to_redact": [7, 8]},
            [
                hub.Hint("customers", "gid://shopify/Customer/3"),
                hub.Hint("orders", "gid://shopify/Order/7"),
                hub.Hint("orders", "gid://shopify/Order/8"),
            ],
        ),
        ("customers/redact", {"customer": None, "orders_to_redact": None}, []),
        ("customers/data_request", {"customer": {"id": 3}}, []),
        ("shop/redact", {"shop_id": 1}, []),
        ("app/uninstalled", {"id": 1}, []),
        ("products/update", {"id": 1}, []),
        ("orders/teleported", {"id": 1}, []),
    ],
)
def test_a_topic_tells_which_records_changed(topic: str, body: Any, told: list[object]) -> None:
    assert list(spoke().parse(hook(topic, body))) == told


def test_an_order_replayed_as_a_deletion_deletes_nothing() -> None:
    replayed = order_hook(topic="orders/delete")  # topics are not signed, bodies are
    spoke().verify(replayed)
    assert list(spoke().parse(replayed)) == [hub.Hint("orders", "gid://shopify/Order/7")]


@pytest.mark.parametrize(
    "body", [{}, {"id": None}, {"id": "7"}, {"id": True}, [], "x", {"order": {}}]
)
def test_a_known_topic_that_names_no_record_needs_a_person(body: Any) -> None:
    with pytest.raises(hub.Permanent, match="does not name its record"):
        list(spoke().parse(hook("orders/create", body)))


def test_a_body_that_is_no_json_needs_a_person() -> None:
    with pytest.raises(hub.Permanent, match="not JSON"):
        list(spoke().parse(hook("orders/create", b"{")))


# -- what names a delivery -------------------------------------------------------------------------


def test_a_repeated_delivery_has_the_same_name() -> None:
    name = spoke().delivery(order_hook())
    assert name == spoke().delivery(order_hook())
    assert name == spoke().delivery(order_hook(webhook_id="w2")), "the same event, subscribed twice"
    assert name != spoke().delivery(order_hook(event_id="e2"))


def test_one_action_may_raise_several_topics_and_touch_several_records() -> None:
    name = spoke().delivery(order_hook())
    assert name != spoke().delivery(order_hook(topic="orders/cancelled"))
    assert name != spoke().delivery(hook("orders/updated", {"id": 8}))


def test_without_an_event_the_webhook_names_the_delivery() -> None:
    name = spoke().delivery(order_hook(event_id=None))
    assert name == spoke().delivery(order_hook(event_id=None))
    assert name != spoke().delivery(order_hook(event_id=None, webhook_id="w2"))


def test_without_any_id_the_body_names_the_delivery() -> None:
    name = spoke().delivery(order_hook(event_id=None, webhook_id=None))
    assert name == hashlib.sha256(order_hook().body).hexdigest()


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"{}"])
def test_an_odd_body_still_has_a_name(body: bytes) -> None:
    assert spoke().delivery(hook("orders/create", body)).startswith("e1/orders/create/")


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("url", "https://acme.example.com"),
        ("url", "http://acme.myshopify.com"),
        ("url", "https://127.0.0.1"),
        ("api_version", "latest"),
        ("page_size", 251),
        ("shop", "other.myshopify.com"),
        ("no_such_setting", 1),
    ],
)
def test_wrong_settings_are_refused(setting: str, value: object) -> None:
    given = {"url": f"https://{SHOP}", "access_token": "t0ken", "hook_secret": "s3cret"}
    with pytest.raises(ValueError, match=setting if setting != "url" else "acme|127") as caught:
        Shopify.model_validate({**given, setting: value})
    assert "t0ken" not in str(caught.value)
