"""Change notifications: genuine or forged, item by item, and what they tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

import hub
from spokes.entra.spoke import Entra

STATE, OLD = "secretClientValue", "olderClientValue"
ADA, TEAM = "87d349ed-44d7-43e1-9a83-5f2406dee5bd", "02bd9fd6-8f93-4758-87c3-1fb73740a315"
LONE_SURROGATE = "\ud800"
JSON = {"content-type": "application/json; charset=utf-8"}


def spoke(**more: Any) -> Entra:
    given = {"tenant": "contoso.example", "client_id": "c", "client_secret": "s"}
    return Entra.model_validate({**given, "client_state": STATE, **more})


def item(resource: str = f"Users/{ADA}", **more: Any) -> dict[str, Any]:
    about = {"@odata.type": "#Microsoft.Graph.User", "id": resource.rpartition("/")[2]}
    return {
        "subscriptionId": "s1",
        "subscriptionExpirationDateTime": "2026-11-20T18:23:45.9356913Z",
        "changeType": "updated",
        "clientState": STATE,
        "resource": resource,
        "resourceData": about,
        **more,
    }


def hook(*items: Any, headers: dict[str, str] | None = None) -> hub.Webhook:
    return hub.Webhook(headers or JSON, orjson.dumps({"value": list(items)}))


def lapse(event: str, **more: Any) -> dict[str, Any]:
    return {"subscriptionId": "s1", "clientState": STATE, "lifecycleEvent": event, **more}


# -- genuine or forged


def test_items_of_several_subscriptions_pass_together() -> None:
    spoke().verify(hook(item(), item(f"Groups/{TEAM}", subscriptionId="s2")))


@pytest.mark.parametrize(
    "state", [None, "", OLD, STATE + " ", STATE.upper(), 7, [STATE], LONE_SURROGATE]
)
def test_one_item_without_our_state_makes_all_of_them_forged(state: Any) -> None:
    bad = {**item(), "clientState": "@"}
    raw = hook(item(), bad, item()).body.replace(b'"@"', json(state))
    with pytest.raises(hub.Forged, match="1 of 3 items"):
        spoke().verify(hub.Webhook(JSON, raw))


def json(value: Any) -> bytes:
    return b'"\\ud800"' if value == LONE_SURROGATE else orjson.dumps(value)


def test_an_item_that_names_no_state_is_forged() -> None:
    bare = item()
    del bare["clientState"]
    with pytest.raises(hub.Forged):
        spoke().verify(hook(bare))


def test_both_states_are_good_while_they_rotate() -> None:
    rotating = spoke(client_state_old=OLD)
    rotating.verify(hook(item(), {**item(), "clientState": OLD}))
    with pytest.raises(hub.Forged):
        rotating.verify(hook({**item(), "clientState": "another"}))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[]", b'{"value": []}', b'{"value": {}}', b'{"value": [1]}'),
        *(b"{not json}", b' {"value": []}', b'{"value": null}'),
    ],
)
def test_what_is_no_collection_of_items_proves_nothing(body: bytes) -> None:
    with pytest.raises(hub.Forged):
        spoke().verify(hub.Webhook(JSON, body))


@pytest.mark.parametrize("kind", ["", "text/plain", "application/json\napplication/json"])
def test_a_notification_is_json_and_says_so_once(kind: str) -> None:
    with pytest.raises(hub.Forged, match="content-type"):
        spoke().verify(hook(item(), headers={"content-type": kind}))


def test_no_state_is_in_what_is_said_of_a_forgery() -> None:
    with pytest.raises(hub.Forged) as caught:
        spoke().verify(hook({**item(), "clientState": "their guess"}))
    assert STATE not in str(caught.value)
    assert "their guess" not in str(caught.value)


# -- what they tell


@pytest.mark.parametrize(
    ("told", "hints"),
    [
        (item(), [hub.Hint("users", ADA)]),
        (item(changeType="deleted"), [hub.Hint("users", ADA)]),
        (item(f"groups/{TEAM.upper()}"), [hub.Hint("groups", TEAM)]),
        (item(f"devices/{ADA}"), []),
        (item("Users/not-a-guid"), []),
        (item(resourceData=None), []),
        ({**item(), "resource": None}, []),
    ],
)
def test_a_notification_is_a_hint(told: dict[str, Any], hints: list[hub.Hint]) -> None:
    assert list(spoke().parse(hook(told))) == hints


def test_an_object_that_is_told_of_often_is_read_once() -> None:
    assert list(spoke().parse(hook(item(), item(changeType="deleted"), item()))) == [
        hub.Hint("users", ADA)
    ]


@pytest.mark.parametrize("event", ["reauthorizationRequired", "subscriptionRemoved", "missed"])
def test_a_lifecycle_notice_says_that_we_may_not_be_told(event: str) -> None:
    assert list(spoke().parse(hook(lapse(event)))) == [hub.Lapsed("users"), hub.Lapsed("groups")]
    assert list(spoke().parse(hook(lapse(event, resource="Users")))) == [hub.Lapsed("users")]


def test_a_lifecycle_event_that_nobody_knows_tells_nothing() -> None:
    assert list(spoke().parse(hook(lapse("celebrated")))) == []


def test_notices_and_hints_may_come_together() -> None:
    told = list(spoke().parse(hook(lapse("missed", resource="groups"), item())))
    assert told == [hub.Lapsed("groups"), hub.Hint("users", ADA)]


# -- what names a delivery


def test_a_repetition_has_the_same_name_though_the_subscription_was_renewed() -> None:
    one, other = item(), item(f"Groups/{TEAM}")
    renewed = {**one, "subscriptionExpirationDateTime": "2026-12-09T00:00:00.0000000Z"}
    name = spoke().delivery(hook(one, other))
    assert spoke().delivery(hook(other, renewed)) == name


def test_another_change_has_another_name() -> None:
    def numbered(number: int) -> dict[str, Any]:
        return item(resourceData={"id": ADA, "sequenceNumber": number})

    names = {spoke().delivery(hook(one)) for one in (numbered(1), numbered(2), item())}
    assert len(names) == 3


# -- handshakes


def greetings() -> Iterator[tuple[hub.Webhook, hub.Greeting | None]]:
    asked = {"validationToken": "Validation: Testing client application reachability"}
    yield hub.Webhook({}, b"", query=asked), hub.Greeting(asked["validationToken"])
    yield (
        hub.Webhook({}, b"", query={"state": "1f", **asked}),
        hub.Greeting(asked["validationToken"]),
    )
    yield hub.Webhook({}, b"", "GET", asked), None
    yield hub.Webhook({}, b"", query={"validationToken": ""}), None
    yield hook(item()), None


@pytest.mark.parametrize(("asked", "answer"), list(greetings()))
def test_a_token_is_repeated_and_nothing_else(
    asked: hub.Webhook, answer: hub.Greeting | None
) -> None:
    assert spoke().handshake(asked) == answer
