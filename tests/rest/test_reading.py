"""Lists and single records: what is asked for, in which order, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from hub.errors import AuthFailed, Conflict, CursorLost, NotFound, Permanent, RateLimited, Transient
from hub.spoke import Change, Page
from tests.http.loopback import Heard, Loopback, Reply, serve
from tests.rest.conftest import Connect
from tests.rest.files import ACME

TOP = "spoke: acme\nabout: Things.\nstreams:\n  things:\n    id: id\n"


def things(text: str) -> str:
    """A spoke of one stream, from its further keys."""
    return TOP + "".join(f"    {line}\n" for line in text.splitlines())


def pulled(spoke: Any, cursor: str | None = None) -> list[Page]:
    return list(spoke.pull(spoke.streams[0], cursor))


def asked(heard: Heard) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(heard.path).query))


def row(id: str, second: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": id, "changed": f"2026-05-01T10:00:{second:02}Z", **more}


# -- windows and cursors


def test_a_page_is_handed_on_as_it_came(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(body=b'{"items": [ {"id": 1} ], "next": null}'))
    (page,) = pulled(connect(ACME))
    assert (page.body, page.at, page.changes) == (
        b'{"items": [ {"id": 1} ], "next": null}',
        "items",
        (),
    )


def test_the_next_pull_begins_before_the_end_of_the_last(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(body={"items": [], "next": None}))
    spoke = connect(ACME.replace("since: changed_since", "since: {parameter: since, until: until, overlap: 10m, horizon: 1m}"))  # fmt: skip
    (page,) = pulled(spoke)
    pulled(spoke, page.cursor)
    assert [asked(heard) for heard in server.heard] == [
        {"until": "2026-05-01T11:59:00Z"},
        {"since": "2026-05-01T11:49:00Z", "until": "2026-05-01T11:59:00Z"},
    ]


@pytest.mark.parametrize(
    ("format", "since"),
    [("iso", "2026-05-01T11:54:30Z"), ("epoch", "1777636470"), ("epoch_ms", "1777636470000"),
     ("date", "2026-05-01")],
)  # fmt: skip
@pytest.mark.parametrize("exclusive", [False, True])
def test_a_moment_is_written_as_they_read_it(
    server: Loopback,
    connect: Connect,
    format: str,
    since: str,
    exclusive: bool,  # noqa: FBT001
) -> None:
    server.respond(Reply(body={"items": []}))
    told = f"since: {{parameter: since, format: {format}, exclusive: {str(exclusive).lower()}}}"
    spoke = connect(ACME.replace("since: changed_since", told))
    pulled(spoke, pulled(spoke)[-1].cursor)
    earlier = {
        "2026-05-01T11:54:30Z": "2026-05-01T11:54:29Z", "1777636470": "1777636469",
        "1777636470000": "1777636469000", "2026-05-01": "2026-04-30",
    }  # fmt: skip
    assert asked(server.heard[-1]) == {"since": earlier[since] if exclusive else since}


@pytest.mark.parametrize(
    "cursor", ["x", "{}", "[]", "7", '{"since":"x","before":null,"part":0,"next":null}',
               '{"since":null,"before":null,"part":"x","next":null}'],
)  # fmt: skip
def test_a_cursor_that_nobody_made_is_lost(connect: Connect, cursor: str) -> None:
    with pytest.raises(CursorLost):
        pulled(connect(ACME), cursor)


def test_a_token_that_they_forgot_begins_its_window_anew(
    server: Loopback, connect: Connect
) -> None:
    first = Reply(body={"items": [{"id": 1}], "next": "c1"})
    server.respond(first, Reply(410), first, Reply(body={"items": [{"id": 2}], "next": None}))
    spoke = connect(ACME)
    page = next(iter(spoke.pull(spoke.streams[0], None)))
    pages = pulled(spoke, page.cursor)
    assert [orjson.loads(page.body or b"")["items"][0]["id"] for page in pages] == [1, 2]
    assert ["after" in asked(heard) for heard in server.heard] == [False, True, False, True]


def test_a_window_that_they_forgot_is_a_lost_cursor(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(body={"items": []}), Reply(410))
    spoke = connect(ACME)
    with pytest.raises(
        CursorLost, match="410: they no longer know where we stopped in work_orders"
    ):
        pulled(spoke, pulled(spoke)[-1].cursor)


def test_a_row_of_errors_may_say_that_a_cursor_is_lost(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(400, {"code": "sync_expired"}))
    text = ACME.replace("streams:", "errors: [{status: 400, at: code, equals: sync_expired, means: cursor_lost}]\nstreams:", 1)  # fmt: skip
    with pytest.raises(CursorLost, match=r"400: .*sync_expired"):
        pulled(connect(text))


def test_a_page_that_leads_to_itself_ends_the_pull(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(body={"items": [{"id": 1}], "next": "same"}))
    with pytest.raises(Permanent, match="the page after this one is itself"):
        pulled(connect(ACME))
    assert len(server.heard) == 2


@pytest.mark.parametrize("cursor", [True, 1.5, {}, ["a"]])
def test_a_cursor_is_text_or_a_number(server: Loopback, connect: Connect, cursor: Any) -> None:
    server.respond(Reply(body={"items": [{"id": 1}], "next": cursor}))
    with pytest.raises(Permanent, match=r"next is .*, not a cursor"):
        pulled(connect(ACME))


@pytest.mark.parametrize("cursor", [None, "", False])
def test_no_cursor_is_the_last_page(server: Loopback, connect: Connect, cursor: Any) -> None:
    server.respond(Reply(body={"items": [{"id": 1}], "next": cursor}))
    assert len(pulled(connect(ACME))) == 1


# -- links


LINKS = "path: /things\nrecords: items\n"


@pytest.mark.parametrize("by", ["link", "next_url"])
def test_a_link_leads_from_the_page_that_it_stands_on(
    server: Loopback, connect: Connect, by: str
) -> None:
    told = "{by: link}" if by == "link" else "{by: next_url, next: next}"
    for link in ("/api/things?page=2", "?page=2", "{}/api/things?page=2"):
        link = link.format(server.url)  # noqa: PLW2901 -- the address is known by now
        first = Reply(body={"items": [], "next": link}, headers={"Link": f'<{link}>; rel="next"'})
        server.respond(first, Reply(body={"items": []}))
        pulled(connect(things(f"{LINKS}pages: {told}"), base="/api"))
        assert server.heard[-1].path == "/api/things?page=2"


@pytest.mark.parametrize("by", ["link", "next_url"])
def test_a_link_to_another_host_is_refused_before_anything_is_kept(
    server: Loopback, connect: Connect, by: str
) -> None:
    told = "{by: link}" if by == "link" else "{by: next_url, next: next}"
    spoke = connect(things(f"{LINKS}pages: {told}"))
    with serve() as elsewhere:
        port = elsewhere.url.rpartition(":")[2]
        for link in (
            f"{elsewhere.url}/things", f"//127.0.0.1:{port}/things", "https://127.0.0.1/things",
            f"http://user@{server.url[7:]}/things", "http://[", "ftp://x/",
        ):  # fmt: skip
            server.respond(Reply(body={"items": [], "next": link}, headers={"Link": f'<{link}>; rel="next"'}))  # fmt: skip
            with pytest.raises(Permanent, match="link"):
                next(iter(spoke.pull(spoke.streams[0], None)))
        assert elsewhere.heard == []


# -- records


def test_records_inside_records_are_told_with_their_parents_id(
    server: Loopback, connect: Connect
) -> None:
    items = [{"id": 7, "lines": [{"id": "a"}, {"id": "b"}]}, {"id": 8, "lines": None}, {"id": 9}]
    server.respond(Reply(body={"items": items}))
    (page,) = pulled(connect(things(f"{LINKS}nested: {{at: lines, parent: order}}")))
    assert page.changes == [
        Change("things", "a", {"id": "a", "order": "7"}),
        Change("things", "b", {"id": "b", "order": "7"}),
    ]


def test_tombstones_come_after_the_records_of_their_page(
    server: Loopback, connect: Connect
) -> None:
    text = things(f"{LINKS}version: changed\ntombstones: {{at: gone, id: key, version: at}}")
    server.respond(Reply(body={"items": [row("1")], "gone": [{"key": 2, "at": 5}]}))
    (page,) = pulled(connect(text))
    assert [(change.id, change.data is None, change.version) for change in page.changes] == [
        ("1", False, "2026-05-01T10:00:00Z"), ("2", True, f"{5:020}"),
    ]  # fmt: skip


def test_tombstones_may_be_bare_ids_in_a_list_of_their_own(
    server: Loopback, connect: Connect
) -> None:
    text = things(
        f"{LINKS}tombstones: {{path: /gone}}\npages: {{by: cursor, parameter: c, next: next}}"
    )
    server.answer = lambda heard: Reply(
        body=["1", 2] if heard.path.startswith("/gone") else {"items": [{"id": 3}]}
    )
    with pytest.raises(Permanent, match="no list of records"):  # a cursor must stand beside a list
        pulled(connect(text))
    text = things(f"{LINKS}tombstones: {{path: /gone}}")
    records, gone = pulled(connect(text))
    assert records.body is not None
    assert gone.changes == [Change("things", "1", None), Change("things", "2", None)]
    resumed = pulled(connect(text), records.cursor)
    assert [page.changes for page in resumed] == [gone.changes]


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"<html>", Transient), (b"", Transient), (b'{"items": 7}', Permanent), (b"[]", Permanent),
     (b'{"data": []}', Permanent), (b"7", Permanent), (b"[" * 100_000, Permanent), (b'{"items": [{]}', Transient)],
)  # fmt: skip
def test_what_is_no_list_of_records_is_no_page(
    server: Loopback, connect: Connect, body: bytes, error: type[Exception]
) -> None:
    server.respond(Reply(body=body))
    with pytest.raises(error):
        pulled(connect(ACME))


def test_numbers_that_json_does_not_have_do_not_end_a_pull(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(body=b'{"items": [{"id": "1", "changed": "2026-05-01T10:00:00Z", "x": NaN}]}'),
                   Reply(body={"items": []}))  # fmt: skip
    text = things(f"{LINKS}version: changed\nsince: since\npages: {{by: offset, parameter: skip}}")
    assert [change.id for page in pulled(connect(text)) for change in page.changes] == ["1"]


# -- numbers that shift


def offsets(
    rows: list[dict[str, Any]], meanwhile: Callable[[int], None]
) -> Callable[[Heard], Reply]:
    """A list in order of (changed, id), two records a page; something happens after each page."""
    count = 0

    def answer(heard: Heard) -> Reply:
        nonlocal count
        said = asked(heard)
        found = sorted((r for r in rows if r["changed"] >= said.get("since", "")), key=lambda r: (r["changed"], r["id"]))  # fmt: skip
        start = int(said["skip"])
        reply = Reply(body={"items": [dict(row) for row in found[start : start + 2]]})
        count += 1
        meanwhile(count)
        return reply

    return answer


OFFSETS = f"{LINKS}version: changed\nsince: since\npages: {{by: offset, parameter: skip}}"


@pytest.mark.parametrize("after", range(1, 8))
def test_no_record_is_missed_when_one_that_was_read_moves_to_the_end(
    server: Loopback, connect: Connect, after: int
) -> None:
    for spread in (0, 1):  # all in one moment, and each in its own
        rows = [row(f"{n}", n * spread) for n in range(7)]

        def meanwhile(count: int, rows: list[dict[str, Any]] = rows) -> None:
            if count == after:
                rows[0]["changed"] = "2026-05-01T11:00:00Z"

        server.answer = offsets(rows, meanwhile)
        told = [change for page in pulled(connect(things(OFFSETS))) for change in page.changes]
        newest = {change.id: change.version for change in told}
        assert newest == {row["id"]: row["changed"] for row in rows}


# -- single records


@pytest.mark.parametrize(
    "id", ["a/b", "a b", "ü", "?x=1", "#", "%2F", "a\\b", "..%2f", "a;b", "'\""]
)
def test_an_id_is_one_segment_of_an_address(server: Loopback, connect: Connect, id: str) -> None:
    server.respond(Reply(body={"id": id, "changed": None}))
    spoke = connect(ACME)
    (change,) = spoke.fetch(spoke.streams[0], [id])
    assert change.data is not None
    assert server.heard[0].path.count("/") == 2
    assert "?" not in server.heard[0].path


@pytest.mark.parametrize("id", [".", "..", ""])
def test_an_id_that_would_lead_elsewhere_is_nobodys(
    server: Loopback, connect: Connect, id: str
) -> None:
    spoke = connect(ACME)
    assert list(spoke.fetch(spoke.streams[0], [id])) == [Change("work_orders", id, None)]
    with pytest.raises(NotFound):
        spoke.delete(spoke.streams[0], id)
    assert server.heard == []


def test_a_record_that_was_merged_into_another_is_gone(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(body={"id": "wo_2"}))
    spoke = connect(ACME)
    assert list(spoke.fetch(spoke.streams[0], ["wo_1"])) == [Change("work_orders", "wo_1", None)]


def test_what_fills_an_address_is_escaped_and_a_parameter_too(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(body=[]))
    text = "settings: {team: text}\n" + things("path: /teams/{team}/things\nquery: {of: '{team}', all: true, n: 7}")  # fmt: skip
    pulled(connect(text, team="a/b&c=d"))
    assert urlsplit(server.heard[0].path).path == "/teams/a%2Fb%26c%3Dd/things"
    assert asked(server.heard[0]) == {"of": "a/b&c=d", "all": "true", "n": "7"}


# -- their errors


@pytest.mark.parametrize(
    ("row_of_errors", "reply", "error"),
    [
        ("{status: 200, at: ok, equals: false, means: permanent}", Reply(200, {"ok": False}), Permanent),
        ("{at: error, means: transient}", Reply(200, {"error": {}}), Transient),
        ("{status: [403, 420], means: rate_limited}", Reply(420, {}, {"Retry-After": "7"}), RateLimited),
        ("{status: 400, at: e.code, equals: [busy, locked], means: conflict}", Reply(400, {"e": {"code": "locked"}}), Conflict),
        ("{status: 422, means: not_found}", Reply(422, b"<html>"), NotFound),
        ("{status: 404, at: code, equals: key, means: auth_failed}", Reply(404, {"code": "key"}), AuthFailed),
        ("{status: 404, at: code, equals: key, means: auth_failed}", Reply(404, {"code": 7}), NotFound),
        ("{status: 409, at: code, equals: 1, means: transient}", Reply(409, {"code": True}), Conflict),
        ("{status: 409, at: code, equals: 1, means: transient}", Reply(409, b"no json"), Conflict),
    ],
)  # fmt: skip
def test_an_error_means_what_the_file_says_and_else_its_status(
    server: Loopback, connect: Connect, row_of_errors: str, reply: Reply, error: type[Exception]
) -> None:
    server.respond(reply)
    with pytest.raises(error) as caught:
        pulled(connect(f"errors: [{row_of_errors}]\n" + things(LINKS)))
    assert type(caught.value) is error
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after.total_seconds() == 7


def test_an_error_that_repeats_our_credentials_does_not_show_them(
    server: Loopback, connect: Connect
) -> None:
    server.answer = lambda heard: Reply(420, {"you sent": heard.headers["authorization"]})
    text = ACME.replace("streams:", "errors: [{status: 420, means: permanent}]\nstreams:", 1)
    with pytest.raises(Permanent) as caught:
        pulled(connect(text, api_key="a-very-secret-key"))
    assert "a-very-secret-key" not in str(caught.value)
