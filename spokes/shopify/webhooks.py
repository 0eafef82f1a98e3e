"""What Shopify's webhooks tell: mostly that something changed, and what to fetch.

Payloads are in the legacy REST shape and arrive in any order, so they are never mapped: they only
name the record. Topics that we ignore on purpose: `customers/data_request` and `shop/redact` (a
person answers those), `app/uninstalled` (the next call is refused, which pauses the connection).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import hub

HINTS = {
    "orders": ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled"),
    "customers": ("create", "update", "enable", "disable"),
    "refunds": ("create",),
    "returns": ("request", "approve", "decline", "cancel", "close", "reopen", "update", "process"),
    "fulfillments": ("create", "update"),
}
TYPES = {"orders": "Order", "customers": "Customer", "refunds": "Refund", "returns": "Return"}


def parse(hook: hub.Webhook) -> Iterator[hub.Change | hub.Hint]:
    """Name the records that a genuine webhook is about; nothing for a topic we do not use.

    Raises `Permanent` when a known topic does not name its record.
    """
    area, _, event = hook.headers.get("x-shopify-topic", "").partition("/")
    if (area, event) == ("customers", "redact"):
        yield from _redacted(hook.json())
    elif event == "delete" and area in {"orders", "customers"}:
        body = hook.json()
        record = _gid(area, body)
        # The topic is not signed, the body is: whoever replays an order's body as a deletion
        # achieves nothing, because the body of a real deletion has no `updated_at`.
        genuine = "updated_at" not in body
        yield hub.Change(area, record, None) if genuine else hub.Hint(area, record)
    elif event in HINTS.get(area, ()):
        body = hook.json()
        if area in {"refunds", "fulfillments"}:
            yield hub.Hint("orders", _gid("orders", {"id": _field(body, "order_id")}))
        if area in TYPES:
            yield hub.Hint(area, _gid(area, body))


def delivery(hook: hub.Webhook) -> str | None:
    """What names a delivery: the merchant's action, the topic, and the record. None without ids.

    One action may raise several topics, and touch several records, under one Event-Id. The same
    event through two subscriptions has two Webhook-Ids and one Event-Id.
    """
    headers = hook.headers
    event = headers.get("x-shopify-event-id") or headers.get("x-shopify-webhook-id")
    if not event:
        return None
    return f"{event}/{headers.get('x-shopify-topic', '')}/{_record(hook)}"


def _record(hook: hub.Webhook) -> str:
    """The id of the record that the payload is about; the payload's digest where it has none."""
    try:
        return str(_field(hook.json(), "id"))
    except hub.Permanent:
        return hashlib.sha256(hook.body).hexdigest()


def _redacted(body: hub.JsonObject) -> Iterator[hub.Hint]:
    """Their copies no longer hold personal data: fetching them clears ours."""
    if customer := body.get("customer"):
        yield hub.Hint("customers", _gid("customers", {"id": _field(customer, "id")}))
    for order in body.get("orders_to_redact") or ():
        yield hub.Hint("orders", _gid("orders", {"id": order}))


def _gid(stream: str, body: hub.JsonObject) -> str:
    """The id that GraphQL uses, in one form everywhere: `gid://shopify/Order/450789469`."""
    return f"gid://shopify/{TYPES[stream]}/{_field(body, 'id')}"


def _field(body: object, name: str) -> int:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        raise hub.Permanent(f"webhook does not name its record: {name} is {value!r}, not a number")
    return value
