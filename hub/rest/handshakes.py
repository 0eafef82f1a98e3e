"""How a system asks whether an address is ours before it sends webhooks there: a table of habits."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable

import orjson

from hub.errors import Permanent
from hub.spoke import Forged, Greeting, Secret, Webhook

Verify = Callable[[Webhook], None]
Answer = Callable[[Webhook, Secret | None, Verify], Greeting | None]


def _meta(hook: Webhook, token: Secret | None, verify: Verify) -> Greeting | None:
    """GET with hub.challenge, and the token that was agreed on."""
    del verify
    if hook.method != "GET" or hook.query.get("hub.mode") != "subscribe":
        return None
    given = hook.query.get("hub.verify_token", "")
    ours = token.get_secret_value() if token else ""
    if not ours or not hmac.compare_digest(given.encode(), ours.encode()):
        raise Forged("hub.verify_token is not ours")
    return Greeting(hook.query.get("hub.challenge", ""))


def _graph(hook: Webhook, token: Secret | None, verify: Verify) -> Greeting | None:
    """POST with ?validationToken, to be given back as plain text."""
    del token, verify
    given = hook.query.get("validationToken")
    return None if given is None or hook.method != "POST" else Greeting(given)


def _slack(hook: Webhook, token: Secret | None, verify: Verify) -> Greeting | None:
    """A signed event `url_verification`, whose challenge is given back."""
    del token
    if b"url_verification" not in hook.body:
        return None
    try:
        event = hook.json()
    except Permanent:
        return None
    if not isinstance(event, dict) or event.get("type") != "url_verification":
        return None
    verify(hook)
    return Greeting(str(event.get("challenge", "")))


def _okta(hook: Webhook, token: Secret | None, verify: Verify) -> Greeting | None:
    """GET with a challenge in a header, given back as JSON."""
    del token, verify
    given = hook.headers.get("x-okta-verification-challenge")
    if given is None or hook.method != "GET":
        return None
    answer = orjson.dumps({"verification": given}).decode()
    return Greeting(answer, "application/json")


def _woocommerce(hook: Webhook, token: Secret | None, verify: Verify) -> Greeting | None:
    """An unsigned ping, `webhook_id=12`, when a webhook is made; it only wants a 200."""
    del token, verify
    ping = re.fullmatch(rb"webhook_id=[0-9]{1,20}", hook.body)
    return Greeting("") if ping and hook.method == "POST" else None


HANDSHAKES: dict[str, Answer] = {
    "meta": _meta,
    "graph": _graph,
    "slack": _slack,
    "okta": _okta,
    "woocommerce": _woocommerce,
}
