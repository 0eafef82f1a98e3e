"""Subscriptions: one for each stream, validated, renewed at half life, and made anew when lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

import hub
from hub.testing import Fault
from hub.testing.receiver import receiver
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.spoke import Entra
from tests.spokes.entra.doing import delivered, do

BOTH = Entra.streams
LIFE = timedelta(minutes=41_755)  # the longest, less what clocks may differ


@pytest.fixture
def url(tenant: EntraSandbox, spoke: Entra) -> Iterator[str]:
    """Where a hub listens that answers handshakes, until all that was sent to it is there."""
    with receiver(spoke.handshake) as address:
        yield address
        delivered(tenant)


def there(tenant: EntraSandbox) -> list[dict[str, Any]]:
    return list(do(tenant, "subscriptions"))


def writes(tenant: EntraSandbox) -> list[tuple[str, str]]:
    """What was done to subscriptions: (method, the last part of the path)."""
    entries = tenant.journal.of("/subscriptions")
    return [(e.method, e.path.rpartition("/")[2]) for e in entries if e.method != "GET"]


def test_each_stream_gets_one_with_both_addresses_validated(
    tenant: EntraSandbox, spoke: Entra, url: str
) -> None:
    held = spoke.subscribe(url, BOTH, ())
    assert [one.stream for one in held] == ["users", "groups"]
    assert all(one.expires == tenant.clock.now() + LIFE for one in held)
    for shown in there(tenant):
        assert shown["changeType"] == "updated,deleted"
        assert shown["notificationUrl"] == shown["lifecycleNotificationUrl"]
        assert shown["notificationUrl"].startswith(f"{url}?")


def test_asked_again_it_keeps_them_and_authorises_them_again(
    tenant: EntraSandbox, spoke: Entra, url: str
) -> None:
    held = spoke.subscribe(url, BOTH, ())
    tenant.clock.advance(LIFE * 0.49)
    tenant.journal.clear()
    assert spoke.subscribe(url, BOTH, held) == held
    assert writes(tenant) == [("POST", "reauthorize")] * 2


def test_at_half_of_its_life_it_is_renewed(tenant: EntraSandbox, spoke: Entra, url: str) -> None:
    held = spoke.subscribe(url, BOTH, ())
    tenant.clock.advance(LIFE * 0.51)
    renewed = spoke.subscribe(url, BOTH, held)
    assert [one.id for one in renewed] == [one.id for one in held]
    assert all(one.expires == tenant.clock.now() + LIFE for one in renewed)
    assert len(there(tenant)) == 2


def test_a_shorter_life_is_a_setting(tenant: EntraSandbox, connect: Callable[..., Entra]) -> None:
    spoke = connect(subscription_life="P3D")
    with receiver(spoke.handshake) as url:
        [one, _] = spoke.subscribe(url, BOTH, ())
    assert one.expires == tenant.clock.now() + timedelta(days=3, minutes=-5)


@pytest.mark.parametrize("life", ["PT2H", "P30D"])
def test_a_life_that_they_would_not_give_is_refused(
    connect: Callable[..., Entra], life: str
) -> None:
    with pytest.raises(ValueError, match="subscription_life"):
        connect(subscription_life=life)


def test_what_was_lost_is_made_anew(tenant: EntraSandbox, spoke: Entra, url: str) -> None:
    held = spoke.subscribe(url, BOTH, ())
    do(tenant, "forget_subscriptions")
    again = spoke.subscribe(url, BOTH, held)
    assert not {one.id for one in again} & {one.id for one in held}
    assert len(there(tenant)) == 2


def test_one_that_goes_while_we_look_is_made_anew(
    tenant: EntraSandbox, spoke: Entra, url: str
) -> None:
    [users, _] = held = spoke.subscribe(url, BOTH, ())
    gone = {"error": {"code": "ResourceNotFound", "message": "not found"}}
    tenant.faults.add(Fault(method="POST", path=f"{users.id}/reauthorize", status=404, body=gone))
    again = spoke.subscribe(url, BOTH, held)
    assert again[0].id != users.id
    assert again[1] == held[1]


def test_what_a_crash_left_behind_is_found_and_not_made_twice(spoke: Entra, url: str) -> None:
    before = spoke.subscribe(url, BOTH, ())
    assert spoke.subscribe(url, BOTH, ()) == before, "nobody remembers them, but they are there"


def test_a_challenge_is_answered_by_subscribing(
    tenant: EntraSandbox, spoke: Entra, url: str
) -> None:
    held = spoke.subscribe(url, BOTH, ())
    do(tenant, "lifecycle", event="reauthorizationRequired")
    tenant.clock.advance(timedelta(hours=2))
    hears = tenant.subscriptions.hearing
    assert list(hears("users", "updated", tenant.clock.now())) == []
    spoke.subscribe(url, BOTH, held)
    assert len(list(hears("users", "updated", tenant.clock.now()))) == 1


def test_strays_of_ours_are_deleted_and_those_of_others_are_not(
    tenant: EntraSandbox, spoke: Entra, url: str
) -> None:
    held = spoke.subscribe(url, BOTH, ())
    body = {
        "changeType": "updated",
        "resource": "users",
        "expirationDateTime": (tenant.clock.now() + timedelta(days=1)).isoformat(),
    }
    with receiver(spoke.handshake) as elsewhere:
        for address in (url, f"{url}?state=0", f"{url}-2", elsewhere):
            spoke.http.post("/v1.0/subscriptions", json={**body, "notificationUrl": address})
        assert spoke.subscribe(url, BOTH, held) == held
    kept = {shown["notificationUrl"] for shown in there(tenant)}
    assert {f"{url}-2", elsewhere} <= kept
    assert len(there(tenant)) == 4


def test_a_new_address_of_the_hub_takes_the_place_of_the_old(
    tenant: EntraSandbox, spoke: Entra, url: str
) -> None:
    held = spoke.subscribe(url, BOTH, ())
    with receiver(spoke.handshake) as moved:
        spoke.subscribe(moved, BOTH, held)
    assert {shown["notificationUrl"].partition("?")[0] for shown in there(tenant)} == {moved}


def test_a_stream_that_is_no_longer_mapped_is_no_longer_told(
    tenant: EntraSandbox, spoke: Entra, url: str
) -> None:
    held = spoke.subscribe(url, BOTH, ())
    spoke.subscribe(url, BOTH[:1], held)
    assert [shown["resource"] for shown in there(tenant)] == ["users"]


def test_a_new_client_state_replaces_them_within_one_call(
    tenant: EntraSandbox, connect: Callable[..., Entra], spoke: Entra, url: str
) -> None:
    held = spoke.subscribe(url, BOTH, ())
    old = tenant.settings()["client_state"]
    rotated = connect(client_state="the-newer-state", client_state_old=old)
    again = rotated.subscribe(url, BOTH, held)
    assert not {one.id for one in again} & {one.id for one in held}
    assert {one.state for one in tenant.subscriptions.held.values()} == {"the-newer-state"}


def test_no_address_shows_the_client_state(tenant: EntraSandbox, spoke: Entra, url: str) -> None:
    spoke.subscribe(url, BOTH, ())
    state = tenant.settings()["client_state"]
    assert all(state not in str(shown) for shown in there(tenant))


def test_many_subscriptions_come_in_pages(tenant: EntraSandbox, spoke: Entra, url: str) -> None:
    held = spoke.subscribe(url, BOTH, ())
    tenant.page_size = 1
    assert spoke.subscribe(url, BOTH, held) == held


def test_one_that_is_still_listed_though_it_has_ended_does_not_count(
    tenant: EntraSandbox, spoke: Entra, url: str
) -> None:
    [users, _] = spoke.subscribe(url, BOTH, ())
    [shown, _] = there(tenant)
    ended = shown | {"expirationDateTime": "2026-11-02T11:59:59.0000000Z"}
    tenant.faults.add(
        Fault(method="GET", path="/subscriptions", status=200, body={"value": [ended]})
    )
    again = spoke.subscribe(url, BOTH, ())
    assert users.id not in {one.id for one in again}


# -- validation


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: None,  # 202, nothing said
        lambda hook: hub.Greeting(hook.query["validationToken"].upper()),
        lambda hook: hub.Greeting(hook.query["validationToken"], "application/json"),
    ],
    ids=["silent", "another", "json"],
)
def test_an_address_that_does_not_repeat_the_token_is_tried_again_later(
    tenant: EntraSandbox, spoke: Entra, answer: Callable[[hub.Webhook], hub.Greeting | None]
) -> None:
    with receiver(answer) as url, pytest.raises(hub.Transient, match="public_url"):
        spoke.subscribe(url, BOTH, ())
    assert there(tenant) == []


def test_the_token_arrives_as_it_was_sent(spoke: Entra, tenant: EntraSandbox) -> None:
    heard: list[str] = []

    def answer(hook: hub.Webhook) -> hub.Greeting | None:
        heard.append(hook.query["validationToken"])
        return spoke.handshake(hook)

    with receiver(answer) as url:
        spoke.subscribe(url, BOTH[:1], ())
    assert len(there(tenant)) == 1
    assert heard[0].startswith("Validation: Testing")


def test_both_addresses_are_asked(spoke: Entra, tenant: EntraSandbox) -> None:
    """They are one for us; for whoever has two, each is asked once."""
    heard: list[str] = []

    def answer(hook: hub.Webhook) -> hub.Greeting | None:
        heard.append(hook.query.get("which", ""))
        return spoke.handshake(hook)

    with receiver(answer) as url:
        body = {
            "changeType": "updated",
            "resource": "users",
            "expirationDateTime": (tenant.clock.now() + timedelta(days=1)).isoformat(),
            "notificationUrl": f"{url}?which=changes",
            "lifecycleNotificationUrl": f"{url}?which=lifecycle",
        }
        made = spoke.http.post("/v1.0/subscriptions", json=body).json()
    assert heard == ["changes", "lifecycle"]
    assert datetime.fromisoformat(made["expirationDateTime"]).tzinfo is not None
