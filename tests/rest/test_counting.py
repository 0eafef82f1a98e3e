"""How many records there are, as a `spoke.yaml` says where they tell; and in which time they count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

import hub
from hub.errors import AuthFailed, Permanent
from tests.http.loopback import Heard, Loopback, Reply
from tests.rest.conftest import Connect
from tests.rest.files import ACME

SINCE = datetime(2026, 5, 1, 10, tzinfo=UTC)


def counting(how: str) -> str:
    return ACME.replace(
        "    since: changed_since\n", f"    since: changed_since\n    count: {how}\n"
    )


def counted(spoke: Any, since: datetime | None = None) -> int | None:
    [stream] = spoke.streams
    assert isinstance(spoke, hub.Counts)
    return spoke.count(stream, since)


def asked(heard: Heard) -> tuple[str, dict[str, str]]:
    parts = urlsplit(heard.path)
    return parts.path, dict(parse_qsl(parts.query))


def test_the_number_stands_in_an_answer_of_the_list(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(body={"items": [], "meta": {"total": 48}}))
    spoke = connect(counting("meta.total"))
    assert (counted(spoke), counted(spoke, SINCE)) == (48, 48)
    assert [asked(heard) for heard in server.heard] == [
        ("/work_orders", {}),
        ("/work_orders", {"changed_since": "2026-05-01T10:00:00Z"}),
    ]


def test_the_number_stands_in_a_place_of_its_own(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(body="48"))
    spoke = connect(counting("{path: /work_orders/count, at: '', query: {state: all}}"))
    assert (counted(spoke), counted(spoke, SINCE)) == (48, 48)
    assert [asked(heard) for heard in server.heard] == [
        ("/work_orders/count", {"state": "all"}),
        ("/work_orders/count", {"state": "all", "changed_since": "2026-05-01T10:00:00Z"}),
    ]


def test_who_counts_the_whole_only_is_not_asked_since_a_moment(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(body={"total": 48}))
    spoke = connect(counting("{at: total, whole: true}"))
    assert (counted(spoke), counted(spoke, SINCE)) == (48, None)
    assert len(server.heard) == 1


@pytest.mark.parametrize("number", [None, True, -1, 1.5, "many", [1]])
def test_what_is_no_number_is_said(server: Loopback, connect: Connect, number: Any) -> None:
    server.respond(Reply(body={"items": [], "total": number}))
    with pytest.raises(Permanent, match=r"at 'total' is no number of records: compare `count`"):
        counted(connect(counting("total")))


def test_a_refusal_is_theirs(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(403, {}))
    with pytest.raises(AuthFailed):
        counted(connect(counting("total")))


def test_without_a_count_a_spoke_counts_nothing(connect: Connect) -> None:
    assert not isinstance(connect(ACME), hub.Counts)


def test_the_time_of_a_quota_goes_with_what_headers_say(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(headers={"X-RateLimit-Remaining": "900"}, body={"items": [], "total": 0}))
    spoke = connect("quota: {per: 24h, calls: 1000}\n" + counting("total"))
    assert spoke.quota == hub.Quota(timedelta(days=1), 1_000)
    assert (
        spoke.http.left.said
        == "they allow the day's 1,000; how many are spent, their answers do not say"
    )
    counted(spoke)
    assert spoke.http.left.said == "100 of the day's 1,000 are spent (x-ratelimit-remaining)"
