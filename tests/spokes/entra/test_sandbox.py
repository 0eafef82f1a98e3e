"""The sandbox is as strict as Graph, and as trying."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hub.testing import BadCommand
from hub.testing.receiver import receiver
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.sandbox.aad import CLIENT_ID, CLIENT_SECRET, TENANT
from spokes.entra.sandbox.outbox import Outbox
from spokes.entra.spoke import Entra
from tests.spokes.entra.doing import delivered, do, group, update, user

ADA = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"


@pytest.fixture
def graph(tenant: EntraSandbox) -> Iterator[httpx.Client]:
    """An app that has signed in."""
    with httpx.Client(base_url=tenant.url) as client:
        told = client.post(f"/{TENANT}/oauth2/v2.0/token", data=form(tenant)).json()
        client.headers["Authorization"] = f"Bearer {told['access_token']}"
        yield client


def form(tenant: EntraSandbox, **instead: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": f"{tenant.url}/.default",
        **instead,
    }


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


# -- the door


@pytest.mark.parametrize(
    ("instead", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 400, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "https://graph.microsoft.com/User.Read"}, 400, "invalid_scope"),
    ],
)
def test_whoever_signs_in_badly_is_told_how(
    tenant: EntraSandbox, instead: dict[str, str], status: int, error: str
) -> None:
    answer = httpx.post(f"{tenant.url}/{TENANT}/oauth2/v2.0/token", data=form(tenant, **instead))
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_token_ends_after_an_hour(tenant: EntraSandbox, graph: httpx.Client) -> None:
    assert graph.get("/v1.0/users").status_code == 200
    tenant.clock.advance(timedelta(hours=1))
    answer = graph.get("/v1.0/users")
    assert (answer.status_code, code(answer)) == (401, "InvalidAuthenticationToken")
    assert answer.json()["error"]["innerError"]["request-id"] == answer.headers["request-id"]


# -- what is refused


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/beta/users", 400, "BadRequest"),
        ("/v1.0/devices", 400, "BadRequest"),
        ("/v1.0/users/x/y", 400, "BadRequest"),
        (f"/v1.0/users/{ADA}", 404, "Request_ResourceNotFound"),
        (f"/v1.0/groups/{ADA}/members?$select=id", 404, "Request_ResourceNotFound"),
        ("/v1.0/users?$select=nickname", 400, "BadRequest"),
        ("/v1.0/users?select=id", 400, "BadRequest"),
        ("/v1.0/users?$top=5&$top=6", 400, "BadRequest"),
        ("/v1.0/users?$top=1000", 400, "Request_BadRequest"),
        ("/v1.0/users?$orderby=displayName", 400, "Request_UnsupportedQuery"),
        ("/v1.0/users?$filter=startswith(displayName,'a')", 400, "Request_UnsupportedQuery"),
        ("/v1.0/users?$filter=id in ('a' 'b')", 400, "BadRequest"),
        ("/v1.0/users/delta?$top=5", 400, "Request_UnsupportedQuery"),
        ("/v1.0/users/delta?$orderby=displayName", 400, "Request_UnsupportedQuery"),
        ("/v1.0/groups/delta?$expand=members", 400, "Request_UnsupportedQuery"),
        ("/v1.0/users/delta?$filter=displayName eq 'a'", 400, "Request_UnsupportedQuery"),
        ("/v1.0/users/delta?$deltatoken=made-up", 400, "BadRequest"),
        ("/v1.0/users/delta?$skiptoken=e30", 400, "BadRequest"),
        ("/v1.0/users/delta?$skiptoken=e30&$select=id", 400, "BadRequest"),
    ],
)
def test_what_graph_does_not_know_it_refuses(
    graph: httpx.Client, path: str, status: int, error: str
) -> None:
    answer = graph.get(path)
    assert (answer.status_code, code(answer)) == (status, error)


def test_more_than_fifteen_ids_are_too_many(graph: httpx.Client) -> None:
    ids = ",".join(f"'{ADA}'" for _ in range(16))
    answer = graph.get("/v1.0/users", params={"$filter": f"id in ({ids})"})
    assert (answer.status_code, code(answer)) == (400, "BadRequest")
    assert "Too many child clauses" in answer.text


def test_an_app_that_may_read_cannot_write(graph: httpx.Client) -> None:
    answer = graph.patch(f"/v1.0/users/{ADA}", json={"accountEnabled": False})
    assert (answer.status_code, code(answer)) == (403, "Authorization_RequestDenied")


# -- tracking


def rows(graph: httpx.Client, link: str) -> tuple[list[dict[str, Any]], str, int]:
    """(all rows of a round, its delta link, how many pages)."""
    found: list[dict[str, Any]] = []
    for number in range(1, 100):
        page = graph.get(link).json()
        found += page["value"]
        if "@odata.deltaLink" in page:
            return found, page["@odata.deltaLink"], number
        link = page["@odata.nextLink"]
    raise AssertionError("the round never ends")


def test_tracking_may_begin_now(tenant: EntraSandbox, graph: httpx.Client) -> None:
    user(tenant, "Ada")
    found, link, pages = rows(graph, "/v1.0/users/delta?$deltaToken=latest&$select=displayName")
    assert (found, pages) == ([], 1)
    ben = user(tenant, "Ben")
    assert rows(graph, link)[0] == [{"displayName": "Ben", "id": ben}]


def test_a_change_that_is_not_selected_is_not_told(
    tenant: EntraSandbox, graph: httpx.Client
) -> None:
    ada = user(tenant, "Ada")
    _, link, _ = rows(graph, "/v1.0/users/delta?$select=displayName")
    update(tenant, "users", ada, jobTitle="Cashier")
    assert rows(graph, link)[0] == []


def test_pages_are_empty_rows_repeat_and_some_are_partial(
    tenant: EntraSandbox, graph: httpx.Client
) -> None:
    ids = [user(tenant, f"U{n}", city="Graz") for n in range(16)]
    _, link, _ = rows(graph, "/v1.0/users/delta?$select=displayName,city,jobTitle")
    for id in ids:
        update(tenant, "users", id, jobTitle="Cashier")
    tenant.page_size = 4
    found, _, pages = rows(graph, link)
    assert pages > 4
    assert len(found) > len(ids), "nothing was repeated"
    assert {row["id"] for row in found} == set(ids)
    assert {"city" in row for row in found if "jobTitle" in row} == {True, False}


def test_tracking_may_be_scoped_to_objects(tenant: EntraSandbox, graph: httpx.Client) -> None:
    ada, _, cleo = (user(tenant, name) for name in ("Ada", "Ben", "Cleo"))
    scope = f"id eq '{ada}' or id eq '{cleo}'"
    found, _, _ = rows(graph, f"/v1.0/users/delta?$select=displayName&$filter={scope}")
    assert [row["id"] for row in found] == [ada, cleo]


def test_an_expired_token_names_where_to_start_again(
    tenant: EntraSandbox, graph: httpx.Client
) -> None:
    _, link, _ = rows(graph, "/v1.0/users/delta")
    do(tenant, "expire_cursors")
    answer = graph.get(link)
    assert (answer.status_code, code(answer)) == (410, "syncStateNotFound")
    assert answer.headers["location"] == f"{tenant.url}/v1.0/users/delta?$deltatoken="


# -- subscriptions


def wanted(tenant: EntraSandbox, url: str, **instead: Any) -> dict[str, Any]:
    return {
        "changeType": "updated,deleted",
        "resource": "users",
        "notificationUrl": url,
        "lifecycleNotificationUrl": url,
        "clientState": "a-state",
        "expirationDateTime": (tenant.clock.now() + timedelta(days=1)).isoformat(),
        **instead,
    }


@pytest.mark.parametrize(
    "instead",
    [
        {"changeType": "created"},
        {"resource": "me/messages"},
        {"clientState": "x" * 129},
        {"expirationDateTime": "2026-12-31T00:00:00Z"},
        {"expirationDateTime": "2026-11-02T11:00:00Z"},
        {"expirationDateTime": "2026-11-03T11:00:00"},
        {"notificationUrl": "http://hub.example/hooks/entra"},
        {"notificationUrl": "ftp://127.0.0.1/"},
        {"notificationUrl": None, "lifecycleNotificationUrl": None},
        {"colour": "blue"},
    ],
)
def test_a_subscription_that_graph_would_not_take(
    tenant: EntraSandbox, spoke: Entra, graph: httpx.Client, instead: dict[str, Any]
) -> None:
    with receiver(spoke.handshake) as url:
        answer = graph.post("/v1.0/subscriptions", json=wanted(tenant, url, **instead))
    assert answer.status_code == 400
    assert graph.get("/v1.0/subscriptions").json()["value"] == []


def test_nothing_but_the_end_of_a_subscription_can_be_changed(
    tenant: EntraSandbox, spoke: Entra, graph: httpx.Client
) -> None:
    with receiver(spoke.handshake) as url:
        made = graph.post("/v1.0/subscriptions", json=wanted(tenant, url)).json()
    where = f"/v1.0/subscriptions/{made['id']}"
    assert graph.patch(where, json={"clientState": "another-state"}).status_code == 400
    later = (tenant.clock.now() + timedelta(days=9)).isoformat()
    assert graph.patch(where, json={"expirationDateTime": later}).status_code == 200
    assert graph.get(where).json()["clientState"] is None
    assert graph.delete(where).status_code == 204
    assert graph.delete(where).status_code == 404


def test_a_subscription_ends_by_itself(
    tenant: EntraSandbox, spoke: Entra, graph: httpx.Client
) -> None:
    with receiver(spoke.handshake) as url:
        graph.post("/v1.0/subscriptions", json=wanted(tenant, url))
    tenant.clock.advance(timedelta(minutes=50))
    assert len(graph.get("/v1.0/subscriptions").json()["value"]) == 1
    do(tenant, "expire_tokens")
    tenant.clock.advance(timedelta(days=1))
    assert do(tenant, "subscriptions") == [], "those that ended are no longer there"


# -- notifications


def test_what_happens_at_once_comes_in_one_post(tenant: EntraSandbox, spoke: Entra) -> None:
    with receiver(spoke.handshake) as url:
        spoke.subscribe(url, Entra.streams, ())
        ada = user(tenant, "Ada")
        team = group(tenant, "Team")
        commands = [
            {"do": "update", "stream": "users", "id": ada, "data": {"jobTitle": "Cashier"}},
            {"do": "join", "group": team, "member": ada},
            {"do": "delete", "stream": "users", "id": ada},
        ]
        do(tenant, "several", commands=commands)
        delivered(tenant)
        sent = tenant.emit({"do": "log"})[-1]
    told = [(item["changeType"], item["resource"]) for item in sent["value"]]
    assert told == [
        ("updated", f"Users/{ada}"),
        ("updated", f"Groups/{team}"),
        ("updated", f"Groups/{team}"),  # it loses its member
        ("deleted", f"Users/{ada}"),
    ]
    assert len({item["subscriptionId"] for item in sent["value"]}) == 2
    assert "clientState" not in str(sent)


def test_what_nobody_took_is_sent_again_for_four_hours(tenant: EntraSandbox) -> None:
    outbox = Outbox(tenant.clock.now)
    outbox.put([("http://127.0.0.1:9/hooks/entra", {"id": 1})])
    assert outbox.send() == [0]
    assert outbox.send() == [], "not before ten seconds have passed"
    tries = 1
    for _ in range(30):
        tenant.clock.advance(timedelta(hours=1) if tries > 8 else timedelta(minutes=45))
        tries += len(outbox.send())
    assert 3 <= tries <= 12
    assert outbox.deliveries[0].due is None


@pytest.mark.parametrize(
    "command",
    [
        {"do": "dance"},
        {"do": "create", "stream": "devices", "data": {}},
        {"do": "create", "stream": "users", "data": {"displayName": "Ada"}},
        {"do": "create", "stream": "users", "data": {"displayName": 7, "userPrincipalName": "a"}},
        {"do": "update", "stream": "users", "id": ADA, "data": {}},
        {"do": "undelete", "stream": "users", "id": ADA},
        {"do": "join", "group": ADA, "member": ADA},
        {"do": "habits", "kind": True},
        {"do": "lifecycle", "event": "celebrated"},
        {"do": "lifecycle", "event": "missed", "subscription": ADA},
        {"do": "revoke", "role": "Mail.Read"},
    ],
)
def test_a_command_that_makes_no_sense_is_refused(
    tenant: EntraSandbox, command: dict[str, Any]
) -> None:
    with pytest.raises(BadCommand):
        tenant.mutate(command)


def test_two_users_cannot_sign_in_by_one_name(tenant: EntraSandbox) -> None:
    ada = user(tenant, "Ada")
    with pytest.raises(BadCommand, match="userPrincipalName"):
        user(tenant, "ADA")
    do(tenant, "delete", stream="users", id=ada)
    user(tenant, "Ada")
