"""Change notifications: who may send them, and what they tell.

Graph signs nothing. What proves a notification genuine is the `clientState` that the hub chose
when it subscribed, in each item. One POST may bring items of several subscriptions, all of them
ours: an item with another state was not sent by Graph, so nothing that came with it is believed.
https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

import hub
from spokes.entra.graph import GUID, KINDS

STATE = "clientState"
TOKEN = "validationToken"  # noqa: S105 -- a name
_LAPSES = frozenset({"reauthorizationRequired", "subscriptionRemoved", "missed"})
_MOVING = "subscriptionExpirationDateTime"  # another one after a renewal, in the same notification


def verify(hook: hub.Webhook, secrets: Sequence[hub.Secret]) -> None:
    """Raise `Forged` unless every item has one of the states; all are compared, in equal time."""
    kind = hook.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise hub.Forged("content-type is not application/json, told once")
    if not (hook.body.startswith(b"{") and hook.body.endswith(b"}")):
        raise hub.Forged("the body is no JSON object, or something stands around it")
    try:
        items = _items(hook)
    except hub.Permanent as error:
        raise hub.Forged(str(error)) from None
    genuine = [_is_ours(item.get(STATE), secrets) for item in items]
    if not items or not all(genuine):
        raise hub.Forged(f"{genuine.count(False)} of {len(items)} items without our clientState")


def parse(hook: hub.Webhook) -> Iterator[hub.Hint | hub.Lapsed]:
    """Which objects to read again, and which subscriptions to see to; each once.

    Raises `Permanent` for a body that is no collection of notifications.
    """
    seen: set[hub.Hint | hub.Lapsed] = set()
    for item in _items(hook):
        for one in _read(item):
            if one not in seen:
                seen.add(one)
                yield one


def delivery(hook: hub.Webhook) -> str:
    """The digest of the items, whatever their order, and however long their subscriptions last."""
    items = sorted(
        orjson.dumps({k: v for k, v in item.items() if k != _MOVING}, option=orjson.OPT_SORT_KEYS)
        for item in _items(hook)
    )
    return hashlib.sha256(b"\n".join(items)).hexdigest()


def _read(item: hub.JsonObject) -> Iterator[hub.Hint | hub.Lapsed]:
    name = str(item.get("resource") or "").strip("/").partition("/")[0].lower()
    if "lifecycleEvent" in item:
        # Of which stream, it says only by the subscription's id, unless they name the resource.
        lapsed = [name] if name in KINDS else list(KINDS)
        if item["lifecycleEvent"] in _LAPSES:
            yield from map(hub.Lapsed, lapsed)
        return
    about = item.get("resourceData")
    id = str(about.get("id") or "") if isinstance(about, dict) else ""
    if name in KINDS and GUID.fullmatch(id):
        yield hub.Hint(name, id.lower())


def _items(hook: hub.Webhook) -> list[hub.JsonObject]:
    body = hook.json()
    items: Any = body.get("value") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise hub.Permanent("the webhook's body is no collection of change notifications")
    return items


def _is_ours(state: object, secrets: Sequence[hub.Secret]) -> bool:
    given = state.encode("utf-8", "surrogatepass") if isinstance(state, str) else b""
    ours = False
    for secret in secrets:
        ours |= hmac.compare_digest(secret.get_secret_value().encode(), given)
    return ours
