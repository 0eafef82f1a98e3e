"""Request Tracker: what its oddities become, and what its sandbox refuses as the real one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest

import hub
from hub.testing import serve
from spokes.request_tracker.sandbox import RequestTrackerSandbox
from spokes.request_tracker.spoke import TICKETS, USERS, RequestTracker

Start = Callable[..., tuple[RequestTrackerSandbox, RequestTracker]]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as open_:

        def begin(**options: Any) -> tuple[RequestTrackerSandbox, RequestTracker]:
            sandbox = open_.enter_context(serve(RequestTrackerSandbox(**options)))
            spoke = RequestTracker(**sandbox.settings()).using(clock=sandbox.clock.now)
            open_.callback(spoke.close)
            return sandbox, spoke

        yield begin


def new(sandbox: RequestTrackerSandbox, **data: Any) -> str:
    return str(sandbox.mutate({"do": "create", "stream": "tickets", "data": data}))


def told(spoke: RequestTracker, cursor: str | None = None) -> list[hub.Change]:
    return [change for page in spoke.pull(TICKETS, cursor) for change in page.changes]


def ask(sandbox: RequestTrackerSandbox, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"token {sandbox.settings()['token']}"} | more.pop("headers", {})
    return httpx.request(method, f"{sandbox.url}/REST/2.0{path}", headers=headers, **more)


@pytest.mark.parametrize(
    ("zone", "said"), [("Europe/Berlin", "is Europe/Berlin"), ("", "is not set")]
)
def test_an_account_in_another_time_zone_is_refused(start: Start, zone: str, said: str) -> None:
    _, spoke = start(zone=zone)
    with pytest.raises(hub.Permanent, match=f"time zone of hub in Request Tracker {said}: set it"):
        told(spoke)


def test_no_ticket_is_made_where_our_key_would_be_dropped(start: Start) -> None:
    sandbox, spoke = start(stamped=False)
    with pytest.raises(
        hub.Permanent, match="'General' of Request Tracker has no custom field 'HubID'"
    ):
        spoke.upsert(TICKETS, hub.Write(None, {"Subject": "Till"}, "key-1"))
    assert sandbox.mutate({"do": "list", "stream": "tickets"}) == []


def test_a_ticket_that_was_merged_away_is_not_written_to(start: Start) -> None:
    sandbox, spoke = start()
    lost, kept = new(sandbox, Subject="lost"), new(sandbox, Subject="kept")
    sandbox.mutate({"do": "merge", "stream": "tickets", "id": lost, "into": kept})
    with pytest.raises(hub.NotFound, match="ticket 1 was merged into 2"):
        spoke.upsert(TICKETS, hub.Write(lost, {"Subject": "ours"}, "k"))
    [found] = spoke.fetch(TICKETS, [kept])
    assert found.data
    assert found.data["Subject"] == "kept"


def test_a_ticket_is_deleted_once(start: Start) -> None:
    sandbox, spoke = start()
    id = new(sandbox, Subject="goes")
    spoke.delete(TICKETS, id)
    with pytest.raises(hub.NotFound, match="ticket 1 is deleted"):
        spoke.delete(TICKETS, id)
    with pytest.raises(hub.NotFound, match=r"no ticket has the number '\.\./queue/1'"):
        spoke.delete(TICKETS, "../queue/1")


def test_a_first_pull_tells_of_no_deletion_and_a_later_one_does(start: Start) -> None:
    sandbox, spoke = start()
    gone, stays = new(sandbox, Subject="gone"), new(sandbox, Subject="stays")
    sandbox.mutate({"do": "delete", "stream": "tickets", "id": gone})
    sandbox.clock.advance(timedelta(minutes=10))
    *_, last = spoke.pull(TICKETS, None)
    assert [change.id for change in told(spoke)] == [stays]
    sandbox.mutate({"do": "delete", "stream": "tickets", "id": stays})
    sandbox.clock.advance(timedelta(minutes=10))
    assert [(change.id, change.data) for change in told(spoke, last.cursor)] == [(stays, None)]


def test_a_refused_field_is_an_error_with_their_reason(start: Start) -> None:
    sandbox, spoke = start()
    id = new(sandbox, Subject="x")
    with pytest.raises(
        hub.Permanent, match=r"ticket 1: Status is still 'new'; Request Tracker said: .*valid"
    ):
        spoke.upsert(TICKETS, hub.Write(id, {"Status": "exploded"}, "k"))


def test_what_a_ticket_says_already_is_not_sent(start: Start) -> None:
    sandbox, spoke = start()
    id = new(sandbox, Subject="x", Due="2026-05-01 10:00:00")
    same = {"Subject": "x", "Due": "2026-05-01T12:00:00+02:00", "Content": "for new ones only"}
    spoke.upsert(TICKETS, hub.Write(id, same, "k"))
    assert [entry.method for entry in sandbox.journal] == ["GET"]


@pytest.mark.parametrize(("subject", "kept"), [("two\r\nlines", "two lines"), (None, None)])
def test_a_subject_is_one_line(start: Start, subject: str | None, kept: str | None) -> None:
    sandbox, spoke = start()
    id = new(sandbox, Subject="as it was")
    spoke.upsert(TICKETS, hub.Write(id, {"Subject": subject}, "k"))
    [found] = spoke.fetch(TICKETS, [id])
    assert found.data
    assert found.data["Subject"] == kept


def test_users_are_only_read(start: Start) -> None:
    _, spoke = start()
    with pytest.raises(hub.Permanent, match="users of Request Tracker are only read"):
        spoke.upsert(USERS, hub.Write("33", {"RealName": "x"}, "k"))


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/tickets?query=Bogus = 'x'", {}, 400),
        ("GET", "/tickets?query=id = 1 (", {}, 400),
        ("GET", "/tickets?bogus=1", {}, 400),
        ("GET", "/tickets?query=LastUpdated > '2026-05-01T10:00:00Z'", {}, 400),
        ("GET", "/ticket/99", {}, 404),
        ("GET", "/tickets", {"headers": {"Authorization": "Bearer x"}}, 401),
        ("POST", "/ticket", {"json": {"Subject": "x"}}, 400),
        ("POST", "/ticket", {"json": {"Subject": "x", "Queue": "Nope"}}, 403),
        ("POST", "/ticket", {"json": {"Queue": "General", "Status": "exploded"}}, 400),
        ("PUT", "/ticket/1", {"json": {"Bogus": "x"}}, 400),
        ("PUT", "/ticket/1", {"content": "{}"}, 415),
        (
            "PUT",
            "/ticket/1",
            {"content": "{", "headers": {"Content-Type": "application/json"}},
            400,
        ),
        ("PUT", "/ticket/1", {"json": []}, 400),
        ("PUT", "/ticket/1", {"json": {"Subject": "y"}, "headers": {"If-Match": '"99"'}}, 412),
        ("PUT", "/ticket/99", {"json": {"Subject": "y"}}, 404),
        ("PUT", "/ticket/2", {"json": {"Subject": "y"}}, 500),
        ("DELETE", "/ticket/2", {}, 500),
    ],
)
def test_the_sandbox_refuses_as_they_do(
    start: Start, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    sandbox, _ = start()
    new(sandbox, Subject="one")
    sandbox.mutate({"do": "delete", "stream": "tickets", "id": new(sandbox, Subject="two")})
    assert ask(sandbox, method, path, **more).status_code == status
