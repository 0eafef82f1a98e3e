"""Webhook signatures: every scheme takes what is genuine, and nothing that only looks so."""

from __future__ import annotations

import hmac
import json
import os
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub.spoke import Forged, Webhook
from tests.rest.files import ACME, load

REAL = Path(os.environ.get("HUB_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
AT = str(int(NOW.timestamp()))
BODY = b'{"type":"work_order.changed","id":"evt_1","data":{"id":"wo_1"}}'
KEY = "the-secret-of-the-hooks"
RAW = b"0123456789abcdef0123456789abcdef"
WHSEC = "whsec_" + b64encode(RAW).decode()


def spoke(scheme: str, now: datetime = NOW, **secrets: str) -> Any:
    text = ACME.replace(
        "hook_secret: secret", "hook_secret: secret, older: {secret: true, required: false}"
    )
    text = text.replace("[hook_secret]", "[hook_secret, older]").replace("scheme: github", scheme)
    settings = {"url": "https://a.example", "api_key": "k", "hook_secret": KEY, **secrets}
    return load(text).model_validate(settings).using(clock=lambda: now)


def hexed(text: bytes, key: bytes = KEY.encode()) -> str:
    return hmac.new(key, text, "sha256").hexdigest()


def based(text: bytes, key: bytes = KEY.encode()) -> str:
    return b64encode(hmac.digest(key, text, "sha256")).decode()


def standard(
    key: bytes, prefix: str = "webhook", at: str = AT, body: bytes = BODY
) -> dict[str, str]:
    return {
        f"{prefix}-id": "msg_1",
        f"{prefix}-timestamp": at,
        f"{prefix}-signature": "v1," + based(f"msg_1.{at}.".encode() + body, key),
    }


Sign = Callable[[bytes, str], dict[str, str]]
SCHEMES: dict[str, tuple[str, Sign]] = {
    "standard": ("scheme: standard", lambda key, at: standard(key, at=at)),
    "svix": ("scheme: svix", lambda key, at: standard(key, "svix", at=at)),
    "github": ("scheme: github", lambda key, _: {"x-hub-signature-256": f"sha256={hexed(BODY, key)}"}),
    "github elsewhere": (
        "scheme: github\n  header: X-Acme-Signature\n  prefix: ''",
        lambda key, _: {"x-acme-signature": hexed(BODY, key)},
    ),
    "stripe": (
        "scheme: stripe",
        lambda key, at: {"stripe-signature": f"t={at},v1={hexed(f'{at}.'.encode() + BODY, key)}"},
    ),
    "shopify": ("scheme: shopify", lambda key, _: {"x-shopify-hmac-sha256": based(BODY, key)}),
    "slack": (
        "scheme: slack",
        lambda key, at: {
            "x-slack-request-timestamp": at,
            "x-slack-signature": f"v0={hexed(f'v0:{at}:'.encode() + BODY, key)}",
        },
    ),
    "woocommerce": ("scheme: woocommerce", lambda key, _: {"x-wc-webhook-signature": based(BODY, key)}),
    "static": ("scheme: static\n  header: X-Token", lambda key, _: {"x-token": key.decode()}),
    "static bearer": (
        "scheme: static\n  header: Authorization\n  prefix: 'Bearer '",
        lambda key, _: {"authorization": f"Bearer {key.decode()}"},
    ),
}  # fmt: skip
TIMED = ("standard", "svix", "stripe", "slack")
names = pytest.mark.parametrize("name", SCHEMES)
timed = pytest.mark.parametrize("name", TIMED)
signed = pytest.mark.parametrize(
    "name", [name for name in SCHEMES if not name.startswith("static")]
)


def hook(name: str, key: bytes = KEY.encode(), at: str = AT, body: bytes = BODY) -> Webhook:
    return Webhook(SCHEMES[name][1](key, at), body)


def refused(name: str, given: Webhook) -> str:
    with pytest.raises(Forged) as caught:
        spoke(SCHEMES[name][0]).verify(given)
    return str(caught.value)


@names
def test_what_is_genuine_passes(name: str) -> None:
    spoke(SCHEMES[name][0]).verify(hook(name))


@names
def test_both_secrets_pass_while_they_rotate(name: str) -> None:
    rotating = spoke(SCHEMES[name][0], hook_secret="the-newer-one", older=KEY)
    rotating.verify(hook(name))
    rotating.verify(hook(name, b"the-newer-one"))


@names
def test_a_foreign_secret_is_refused_and_shown_nowhere(name: str) -> None:
    said = refused(name, hook(name, b"somebody else's"))
    assert KEY not in said
    assert "somebody" not in said


@signed
def test_a_changed_body_is_refused(name: str) -> None:
    refused(name, hook(name, body=BODY + b" "))


@names
def test_every_header_is_needed_once(name: str) -> None:
    genuine = hook(name)
    for header, value in genuine.headers.items():
        others = {key: each for key, each in genuine.headers.items() if key != header}
        refused(name, Webhook(others, BODY))
        refused(name, Webhook({**others, header: ""}, BODY))
        refused(name, Webhook({**others, header: f"{value}\n{value}"}, BODY))
        refused(name, Webhook({**others, header: value[:-1]}, BODY))
        refused(name, Webhook({**others, header: value + "\u00e9"}, BODY))


@timed
def test_a_signature_is_good_for_five_minutes_either_way(name: str) -> None:
    declared, _ = SCHEMES[name]
    for minutes, good in ((4.9, True), (-4.9, True), (5.1, False), (-5.1, False)):
        there = spoke(declared, now=NOW + timedelta(minutes=minutes))
        if good:
            there.verify(hook(name))
        else:
            with pytest.raises(Forged, match="too old, or our clocks differ"):
                there.verify(hook(name))


@timed
def test_a_file_may_say_how_old_a_signature_may_be(name: str) -> None:
    declared = SCHEMES[name][0] + "\n  tolerance: 10s"
    with pytest.raises(Forged, match="too old"):
        spoke(declared, now=NOW + timedelta(seconds=11)).verify(hook(name))


@timed
@pytest.mark.parametrize("at", ["", "now", "-5", "1e9", "9" * 400, "\u0661"])
def test_a_time_that_is_none_is_refused(name: str, at: str) -> None:
    refused(name, hook(name, at=at))


def test_a_key_of_standard_webhooks_is_base64_after_whsec() -> None:
    spoke("scheme: standard", hook_secret=WHSEC).verify(Webhook(standard(RAW), BODY))
    with pytest.raises(Forged):
        spoke("scheme: standard", hook_secret=WHSEC).verify(Webhook(standard(WHSEC.encode()), BODY))


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64!", "whsec_abc"])
def test_a_broken_key_is_told_when_the_connection_is_made_and_not_shown(secret: str) -> None:
    with pytest.raises(ValidationError, match="hook_secret is not base64 after whsec_") as caught:
        spoke("scheme: standard", hook_secret=secret)
    assert "not base64!" not in str(caught.value).replace("is not base64 after", "")


@pytest.mark.parametrize("name", SCHEMES)
def test_an_empty_secret_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="hook_secret is empty: anybody could sign with it"):
        spoke(SCHEMES[name][0], hook_secret="")


def test_any_of_several_signatures_may_be_ours() -> None:
    ours = standard(KEY.encode())["webhook-signature"]
    for listed in (f"v1,AAAA {ours}", f"{ours} v1a,ed25519", f"v2,x {ours}"):
        spoke("scheme: standard").verify(
            Webhook({**standard(KEY.encode()), "webhook-signature": listed}, BODY)
        )
    stripe = hexed(f"{AT}.".encode() + BODY)
    spoke("scheme: stripe").verify(
        Webhook({"stripe-signature": f"t={AT},v1=00ff,v1={stripe},v0=1"}, BODY)
    )


def test_an_older_kind_of_signature_does_not_count() -> None:
    stripe = hexed(f"{AT}.".encode() + BODY)
    refused("stripe", Webhook({"stripe-signature": f"t={AT},v0={stripe}"}, BODY))
    refused("stripe", Webhook({"stripe-signature": f"t={AT},t={AT},v1={stripe}"}, BODY))
    ours = standard(KEY.encode())
    for prefix in ("v2", "v1a", ""):
        signature = ours["webhook-signature"].replace("v1", prefix)
        refused("standard", Webhook({**ours, "webhook-signature": signature}, BODY))


def test_a_static_secret_may_be_a_parameter() -> None:
    declared = "scheme: static\n  query: code"
    spoke(declared).verify(Webhook({}, BODY, query={"code": KEY}))
    for query in ({}, {"code": ""}, {"code": "other"}, {"code": f"{KEY}\n{KEY}"}, {"kode": KEY}):
        with pytest.raises(Forged, match="the parameter code does not hold our secret"):
            spoke(declared).verify(Webhook({"code": KEY}, BODY, query=query))


VECTORS = {
    "standard-webhooks": "standard", "github-sha256": "github", "shopify": "shopify",
    "stripe": "stripe", "woocommerce": "woocommerce",
}  # fmt: skip


def test_the_published_vectors_hold() -> None:
    file = REAL / "webhook-signature-vectors" / "vectors.json"
    if not file.exists():
        pytest.skip(f"no signature vectors in {REAL}; HUB_REAL_DATA names another folder")
    vectors = json.loads(file.read_text(encoding="utf-8"))
    assert {vector["scheme"] for vector in vectors} == set(VECTORS)
    for vector in vectors:
        headers = {name.lower(): value for name, value in vector["headers"].items()}
        stripe = headers.get("stripe-signature", "t=0,").partition(",")[0].removeprefix("t=")
        at = int(headers.get("webhook-timestamp") or stripe)
        there = spoke(
            f"scheme: {VECTORS[vector['scheme']]}",
            now=datetime.fromtimestamp(at, UTC),
            hook_secret=vector["secret"],
        )
        given = Webhook(headers, vector["body"].encode())
        if vector["valid"]:
            there.verify(given)
        else:
            with pytest.raises(Forged):
                there.verify(given)
