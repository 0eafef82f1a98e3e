"""What webhooks tell: events lead to streams, handshakes are answered, deliveries have names."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from hub.errors import Permanent
from hub.spoke import Change, Forged, Greeting, Hint, Receives, Webhook
from tests.rest.files import ACME, load, spoke

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def told(text: str, body: Any, **headers: str) -> list[Change | Hint]:
    return list(spoke(text).parse(Webhook(headers, orjson.dumps(body))))


def events(text: str) -> str:
    """Acme with other events."""
    return ACME[: ACME.index("  event: type")] + text


# -- events


def test_an_event_leads_to_its_stream() -> None:
    body = {"type": "work_order.changed", "data": {"id": 7}}
    assert told(ACME, body) == [Hint("work_orders", "7")]


def test_a_deletion_needs_no_fetch_and_may_have_a_version() -> None:
    text = ACME.replace("gone: true", "gone: true, version: at")
    body = {"type": "work_order.deleted", "at": 12, "data": {"id": "wo_1"}}
    assert told(text, body) == [Change("work_orders", "wo_1", None, "00000000000000000012")]


def test_a_whole_record_is_read_as_a_pull_reads_it() -> None:
    text = events("  events:\n    '*': {stream: work_orders, record: data}\n")
    text = text.replace("version: changed", "version: changed\n    deleted: gone")
    record: dict[str, Any] = {"id": "wo_1", "changed": "2026-05-01T10:00:00Z", "gone": False}
    assert told(text, {"data": record}) == [
        Change("work_orders", "wo_1", record, record["changed"])
    ]
    (gone,) = told(text, {"data": {**record, "gone": True}})
    assert isinstance(gone, Change)
    assert gone.data is None


def test_an_unknown_event_tells_nothing() -> None:
    bodies: list[Any] = [{"type": "ping"}, {"type": None}, {}, [], {"type": ["work_order.changed"]}]
    for body in bodies:
        assert told(ACME, body) == []


def test_the_exact_name_comes_before_the_longest_beginning() -> None:
    text = events(
        "  event: type\n  events:\n"
        "    '*': {stream: work_orders, id: any}\n"
        "    work_order.*: {stream: work_orders, id: longer}\n"
        "    work_order.part.*: {stream: work_orders, id: longest}\n"
        "    work_order.part.gone: {stream: work_orders, id: exact, gone: true}\n"
    )
    body = {"any": "1", "longer": "2", "longest": "3", "exact": "4"}
    found = [
        told(text, {"type": name, **body})[0].id
        for name in ("site.new", "work_order.new", "work_order.part.new", "work_order.part.gone")
    ]
    assert found == ["1", "2", "3", "4"]


def test_a_webhook_may_hold_several_events() -> None:
    text = ACME.replace("  event: type", "  each: value\n  event: type")
    body = {"value": [{"type": "work_order.changed", "data": {"id": n}} for n in "ab"]}
    assert told(text, body) == [Hint("work_orders", "a"), Hint("work_orders", "b")]
    with pytest.raises(Permanent, match="no list of events at 'value'"):
        told(text, {"type": "work_order.changed"})


def test_a_name_in_a_header_is_not_signed_so_a_deletion_is_asked_for() -> None:
    text = ACME.replace("event: type", "event: {header: X-Topic}")
    body = {"data": {"id": "wo_1"}}
    assert told(text, body, **{"x-topic": "work_order.deleted"}) == [Hint("work_orders", "wo_1")]


@pytest.mark.parametrize("id", [None, "", True, 1.5, [], {}])
def test_a_known_event_that_names_no_record_is_for_a_person(id: Any) -> None:
    with pytest.raises(Permanent, match=r"webhook work_order\.changed: data\.id is .*, not an id"):
        told(ACME, {"type": "work_order.changed", "data": {"id": id}})


def test_what_is_no_json_is_for_a_person() -> None:
    with pytest.raises(Permanent, match="not JSON"):
        list(spoke(ACME).parse(Webhook({}, b"<xml/>")))


# -- deliveries


def test_a_delivery_is_named_as_the_scheme_says_or_the_file() -> None:
    body = orjson.dumps({"id": "evt_1", "event_id": "Ev1", "meta": {"n": 7}})
    named = {
        "github": ({"x-github-delivery": "a-b"}, "a-b"),
        "stripe": ({}, "evt_1"),
        "slack": ({}, "Ev1"),
        "standard": ({"webhook-id": "msg_1"}, "msg_1"),
        "github\n  delivery: meta.n": ({"x-github-delivery": "a-b"}, "7"),
        "github\n  delivery: {header: X-Id}": ({"x-id": "9"}, "9"),
    }
    for scheme, (headers, name) in named.items():
        receiver = spoke(ACME.replace("scheme: github", f"scheme: {scheme}"))
        assert receiver.delivery(Webhook(headers, body)) == name


def test_a_delivery_without_a_name_is_named_by_its_body() -> None:
    receiver = spoke(ACME)
    one, other = (receiver.delivery(Webhook({}, body)) for body in (b"{}", b"{} "))
    assert one == receiver.delivery(Webhook({}, b"{}")) != other
    stripe = spoke(ACME.replace("scheme: github", "scheme: stripe"))
    assert len(stripe.delivery(Webhook({}, b"no json"))) == 64


# -- handshakes


def greeting(handshake: str, hook: Webhook, **settings: str) -> Greeting | None:
    text = ACME.replace("  event: type", f"  handshake: {handshake}\n  event: type")
    if "token" in handshake:
        text = text.replace("hook_secret: secret", "hook_secret: secret, hello: secret")
    found: Greeting | None = spoke(text, **settings).using(clock=lambda: NOW).handshake(hook)
    return found


def get(**query: str) -> Webhook:
    return Webhook(
        {}, b"", "GET", {name.replace("_", ".", 1): each for name, each in query.items()}
    )


META = "{kind: meta, token: hello}"


def test_meta_is_answered_if_it_knows_the_token() -> None:
    asked = get(hub_mode="subscribe", hub_challenge="1158", hub_verify_token="open sesame")
    assert greeting(META, asked, hello="open sesame") == Greeting("1158")
    for token in ("open sesam", "", "open sesame\nopen sesame"):
        wrong = get(hub_mode="subscribe", hub_challenge="1158", hub_verify_token=token)
        with pytest.raises(Forged, match=r"hub\.verify_token is not ours"):
            greeting(META, wrong, hello="open sesame")
    assert greeting(META, get(), hello="open sesame") is None


def test_graph_is_given_its_token_back() -> None:
    asked = Webhook({}, b"", "POST", {"validationToken": "Validation: x"})
    assert greeting("graph", asked) == Greeting("Validation: x")
    assert greeting("graph", Webhook({}, b"{}")) is None


def test_okta_is_answered_with_json() -> None:
    asked = Webhook({"x-okta-verification-challenge": 'a"b'}, b"", "GET")
    assert greeting("okta", asked) == Greeting('{"verification":"a\\"b"}', "application/json")
    assert greeting("okta", Webhook({"x-okta-verification-challenge": "a"}, b"{}")) is None


def test_woocommerces_ping_is_answered_though_nobody_signed_it() -> None:
    assert greeting("woocommerce", Webhook({}, b"webhook_id=142")) == Greeting("")
    assert greeting("woocommerce", Webhook({}, b"webhook_id=142&x=1")) is None
    assert greeting("woocommerce", Webhook({}, b"{}")) is None


def test_slacks_challenge_is_answered_only_if_it_is_signed() -> None:
    body = b'{"type":"url_verification","challenge":"3eZb"}'
    at = str(int(NOW.timestamp()))
    signature = "v0=" + hmac.new(b"hook-1", f"v0:{at}:".encode() + body, "sha256").hexdigest()
    headers = {"x-slack-request-timestamp": at, "x-slack-signature": signature}
    text = ACME.replace("scheme: github", "scheme: slack\n  handshake: slack")
    receiver = spoke(text).using(clock=lambda: NOW)
    assert receiver.handshake(Webhook(headers, body)) == Greeting("3eZb")
    with pytest.raises(Forged):
        receiver.handshake(Webhook({**headers, "x-slack-signature": "v0=00"}, body))
    for other in (b'{"type":"event_callback"}', b"url_verification", b'["url_verification"]'):
        assert receiver.handshake(Webhook(headers, other)) is None


def test_who_declares_no_handshake_has_none() -> None:
    assert load(ACME).handshake is Receives.handshake  # type: ignore[attr-defined]
