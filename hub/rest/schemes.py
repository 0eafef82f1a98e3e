"""How webhooks prove that they are genuine: one table, one verifier.

A scheme says which headers there are, what is signed, and how the signature is written. Facts:
standardwebhooks.com, and the vendors' pages on validating deliveries; docs/rest.md has the table.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from hub.rest.language import Webhooks
from hub.spoke import Forged, Secret, Webhook

WHSEC = "whsec_"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One vendor's way to sign.

    `content` is what is signed, in which {id}, {timestamp} and {body} stand for themselves.
    `several` says how the header holds more than one signature: apart by spaces (`v1,…`), or in
    pairs with the time (`t=…,v1=…`). `base64_key` is for keys that are base64 after `whsec_`.
    `id` and `timestamp` name headers, or the header's own `t`. `delivery` is what names a delivery.
    """

    header: str
    content: str = "{body}"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    several: Literal["", "spaces", "pairs"] = ""
    id: str = ""
    timestamp: str = ""
    base64_key: bool = False
    delivery: str = ""
    delivery_in: Literal["header", "body"] = "header"


_STANDARD = Scheme(
    "webhook-signature",
    "{id}.{timestamp}.{body}",
    "base64",
    "v1,",
    "spaces",
    id="webhook-id",
    timestamp="webhook-timestamp",
    base64_key=True,
    delivery="webhook-id",
)
SCHEMES: dict[str, Scheme] = {
    "standard": _STANDARD,
    "svix": replace(
        _STANDARD,
        header="svix-signature",
        id="svix-id",
        timestamp="svix-timestamp",
        delivery="svix-id",
    ),
    "github": Scheme("x-hub-signature-256", prefix="sha256=", delivery="x-github-delivery"),
    "stripe": Scheme(
        "stripe-signature",
        "{timestamp}.{body}",
        prefix="v1=",
        several="pairs",
        timestamp="t",
        delivery="id",
        delivery_in="body",
    ),
    "shopify": Scheme("x-shopify-hmac-sha256", encoding="base64", delivery="x-shopify-event-id"),
    "slack": Scheme(
        "x-slack-signature",
        "v0:{timestamp}:{body}",
        prefix="v0=",
        timestamp="x-slack-request-timestamp",
        delivery="event_id",
        delivery_in="body",
    ),
    "woocommerce": Scheme(
        "x-wc-webhook-signature", encoding="base64", delivery="x-wc-webhook-delivery-id"
    ),
}
"""All but `static`, whose secret is the header's own value."""


def scheme_of(webhooks: Webhooks) -> Scheme:
    """The scheme with what a file says otherwise."""
    header = (webhooks.header or "").lower()
    if webhooks.scheme == "static":
        return Scheme(header, "", prefix=webhooks.prefix or "")
    scheme = SCHEMES[webhooks.scheme]
    return replace(
        scheme,
        header=header or scheme.header,
        prefix=scheme.prefix if webhooks.prefix is None else webhooks.prefix,
        encoding=webhooks.encoding or scheme.encoding,
    )


def verify(webhooks: Webhooks, hook: Webhook, secrets: Iterable[Secret], now: datetime) -> None:
    """Raise `Forged` unless one of the secrets made this request, and lately if they say when.

    All secrets and all signatures are compared, in constant time each.
    """
    scheme = scheme_of(webhooks)
    if webhooks.scheme == "static":
        _verify_static(webhooks, scheme, hook, secrets)
        return
    given = _only(hook, scheme.header)
    signatures, at = _signatures(scheme, given)
    if scheme.timestamp:
        at = at if scheme.several == "pairs" else _only(hook, scheme.timestamp)
        _check_age(at, now, webhooks.tolerance.total_seconds())
    id = _only(hook, scheme.id) if scheme.id else ""
    text = _signed(scheme.content, id, at, hook.body)
    genuine = False
    for secret in secrets:
        for key in _keys(scheme, secret):
            digest = hmac.digest(key, text, "sha256")
            written = digest.hex() if scheme.encoding == "hex" else b64encode(digest).decode()
            ours = written.encode()
            for signature in signatures:
                genuine |= hmac.compare_digest(ours, signature.encode())
    if not genuine:
        raise Forged(f"{scheme.header} is not signed with our secret")


def check_secret(webhooks: Webhooks, secret: Secret) -> None:
    """Raise `ValueError` for a secret that cannot be a key of this scheme."""
    text = secret.get_secret_value()
    if not text:
        raise ValueError("is empty: anybody could sign with it")
    scheme = SCHEMES.get(webhooks.scheme)
    if scheme and scheme.base64_key and text.startswith(WHSEC) and not _keys(scheme, secret):
        raise ValueError("is not base64 after whsec_: copy it again")


def _verify_static(
    webhooks: Webhooks, scheme: Scheme, hook: Webhook, secrets: Iterable[Secret]
) -> None:
    if webhooks.query is not None:
        where, given = f"the parameter {webhooks.query}", hook.query.get(webhooks.query, "")
    else:
        where, given = scheme.header, hook.headers.get(scheme.header, "")
    genuine = False
    for secret in secrets:
        ours = (scheme.prefix + secret.get_secret_value()).encode()
        genuine |= hmac.compare_digest(ours, given.encode())
    if not genuine or not given:
        raise Forged(f"{where} does not hold our secret")


def _only(hook: Webhook, header: str) -> str:
    """The header's one value."""
    value = hook.headers.get(header, "")
    if not value or "\n" in value:
        raise Forged(f"{header} is {'there twice' if value else 'missing'}")
    return value


def _signatures(scheme: Scheme, given: str) -> tuple[list[str], str]:
    """The signatures in a header, without their prefix, and the time if it stands there."""
    match scheme.several:
        case "spaces":
            parts = given.split(" ")
        case "pairs":
            parts = [part.strip() for part in given.split(",")]
        case _:
            parts = [given]
    signatures = [p.removeprefix(scheme.prefix) for p in parts if p.startswith(scheme.prefix)]
    times = [part[2:] for part in parts if part.startswith("t=")]
    if scheme.several == "pairs" and len(times) != 1:
        raise Forged(f"{scheme.header} does not say once when it was signed")
    return signatures[:10], times[0] if times else ""


def _check_age(at: str, now: datetime, tolerance: float) -> None:
    if not re.fullmatch(r"[0-9]{1,12}", at):
        raise Forged("the time of the signature is no number of seconds")
    if abs(now.timestamp() - int(at)) > tolerance:
        raise Forged("the signature is too old, or our clocks differ")


def _signed(content: str, id: str, at: str, body: bytes) -> bytes:
    before, _, after = content.partition("{body}")
    head = before.replace("{id}", id).replace("{timestamp}", at)
    return head.encode() + body + after.encode()


def _keys(scheme: Scheme, secret: Secret) -> Sequence[bytes]:
    """The secret as a key; base64 after `whsec_`, otherwise its text. None if it is neither."""
    text = secret.get_secret_value()
    if scheme.base64_key and text.startswith(WHSEC):
        try:
            key = b64decode(text.removeprefix(WHSEC), validate=True)
        except (BadBase64, ValueError):
            return []
        return [key] if key else []
    return [text.encode()]
