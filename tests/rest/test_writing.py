"""Creations, updates and deletions: once, under our key, and only over what we have seen."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hub.errors import Conflict, NotFound, Permanent, Transient
from hub.spoke import Receipt, Write
from tests.http.loopback import Loopback, Reply
from tests.rest.conftest import Connect
from tests.rest.files import ACME

FOUND = ACME.replace(
    "    idempotency_key: Idempotency-Key\n",
    "    find: ref\n    external_key: meta.ref\n    etag: 'W/\"{version}\"'\n",
)
NEW = Write(None, {"title": "Door", "meta": {"by": "hub"}}, "key-1")


def upsert(spoke: Any, write: Write) -> Receipt:
    receipt: Receipt = spoke.upsert(spoke.streams[0], write)
    return receipt


def test_a_creation_carries_the_key_that_makes_it_safe_to_repeat(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(201, {"id": 17, "changed": "2026-05-01T10:00:00Z"}))
    assert upsert(connect(ACME), NEW) == Receipt("17", "2026-05-01T10:00:00Z")
    (heard,) = server.heard
    assert (heard.method, heard.path, heard.headers["idempotency-key"]) == (
        "POST",
        "/work_orders",
        "key-1",
    )
    assert orjson.loads(heard.body) == NEW.data


def test_a_record_is_looked_for_before_it_is_created(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(body={"items": []}), Reply(201, {"id": "wo_1"}))
    assert upsert(connect(FOUND), NEW) == Receipt("wo_1")
    assert [(heard.method, heard.path) for heard in server.heard] == [
        ("GET", "/work_orders?ref=key-1"), ("POST", "/work_orders"),
    ]  # fmt: skip
    assert orjson.loads(server.heard[1].body) == {
        "title": "Door",
        "meta": {"by": "hub", "ref": "key-1"},
    }


def test_one_whose_answer_was_lost_is_found_again_and_updated(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(body={"items": [{"id": "wo_1", "meta": {"ref": "key-1"}}]}), Reply(204))
    assert upsert(connect(FOUND), NEW) == Receipt("wo_1")
    assert [(heard.method, heard.path) for heard in server.heard] == [
        ("GET", "/work_orders?ref=key-1"), ("PATCH", "/work_orders/wo_1"),
    ]  # fmt: skip
    assert "if-match" not in server.heard[1].headers


def test_one_that_cannot_be_updated_is_left_as_it_was_found(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(body={"items": [{"id": "wo_1", "meta": {"ref": "key-1"}}]}))
    text = FOUND.replace("    update: PATCH /work_orders/{id}\n", "").replace(
        "    etag: 'W/\"{version}\"'\n", ""
    )
    assert upsert(connect(text), NEW) == Receipt("wo_1")
    assert len(server.heard) == 1


def test_two_records_with_our_key_are_for_a_person(server: Loopback, connect: Connect) -> None:
    twins = [{"id": id, "meta": {"ref": "key-1"}} for id in ("wo_1", "wo_2")]
    server.respond(Reply(body={"items": twins}))
    with pytest.raises(Permanent, match="2 records have our key key-1: merge them there"):
        upsert(connect(FOUND), NEW)


def test_a_filter_that_they_ignore_makes_no_foreign_record_ours(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(body={"items": [{"id": "wo_9", "meta": {"ref": "other"}}]}))
    with pytest.raises(Permanent, match="answers records without our key: is ref a filter there"):
        upsert(connect(FOUND), NEW)
    assert [heard.method for heard in server.heard] == ["GET"]


@pytest.mark.parametrize(
    ("version", "tag"),
    [("2026-05-01T10:00:00Z", 'W/"2026-05-01T10:00:00Z"'), (f"{7:020}", 'W/"7"'), ("", None)],
)
def test_an_update_says_what_it_has_seen(
    server: Loopback, connect: Connect, version: str, tag: str | None
) -> None:
    server.respond(Reply(204, b"", {"ETag": 'W/"8"'}))
    receipt = upsert(connect(FOUND), Write("wo_1", {"title": "Gate"}, "key-2", version))
    assert receipt == Receipt("wo_1", "8")
    assert server.heard[0].headers.get("if-match") == tag


@pytest.mark.parametrize("version", ["a\r\nX-Evil: 1", "\u00e9", "\x00"])
def test_a_version_that_no_header_may_hold_is_not_sent(
    server: Loopback, connect: Connect, version: str
) -> None:
    with pytest.raises(Permanent, match="cannot stand in a header"):
        upsert(connect(FOUND), Write("wo_1", {}, "key-2", version))
    assert server.heard == []


def test_what_changed_there_meanwhile_is_a_conflict(server: Loopback, connect: Connect) -> None:
    for answer in (Reply(body={"id": "wo_1", "title": "Theirs"}), Reply(404), Reply(412, {})):
        server.respond(Reply(412, {}), answer)
        with pytest.raises(Conflict):
            upsert(connect(FOUND), Write("wo_1", {"title": "Gate"}, "key-2", "1"))


def test_an_update_whose_answer_was_lost_is_no_conflict(server: Loopback, connect: Connect) -> None:
    now = {"id": "wo_1", "title": "Gate", "of": {"site": 7, "n": 1}, "changed": "2"}
    server.respond(Reply(412, {}), Reply(body=now))
    write = Write("wo_1", {"title": "Gate", "of": {"site": 7}}, "key-2", "1")
    assert upsert(connect(FOUND), write) == Receipt("wo_1", "2")
    assert [heard.method for heard in server.heard] == ["PATCH", "GET"]


def test_what_is_sent_and_answered_may_be_wrapped(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(201, {"data": {"order": {"id": 3}}}))
    text = ACME.replace("    id: id\n", "    id: id\n    wrap: order\n    record: data.order\n", 1)
    assert upsert(connect(text), NEW).id == "3"
    assert orjson.loads(server.heard[0].body) == {"order": NEW.data}


def test_a_new_records_name_may_stand_in_its_location(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(201, b"", {"Location": "/api/work_orders/a%2Fb/?x=1"}))
    assert upsert(connect(ACME), NEW) == Receipt("a/b")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"id": null}'])
def test_a_creation_that_names_nothing_is_tried_again(
    server: Loopback, connect: Connect, body: bytes
) -> None:
    server.respond(Reply(200, body))
    with pytest.raises(Transient):
        upsert(connect(ACME), NEW)


def test_what_the_file_does_not_declare_is_not_sent(server: Loopback, connect: Connect) -> None:
    text = ACME.replace("    delete: DELETE /work_orders/{id}\n", "").replace(
        "    update: PATCH /work_orders/{id}\n", ""
    )
    spoke = connect(text)
    with pytest.raises(
        Permanent, match=r"work_orders: its spoke\.yaml has no `update`: nothing was sent"
    ):
        upsert(spoke, Write("wo_1", {}, "key-2"))
    with pytest.raises(Permanent, match="has no `delete`"):
        spoke.delete(spoke.streams[0], "wo_1")
    assert server.heard == []


def test_a_deletion_of_what_is_gone_says_so(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(204, b""), Reply(404))
    spoke = connect(ACME)
    spoke.delete(spoke.streams[0], "wo_1")
    assert (server.heard[0].method, server.heard[0].path, server.heard[0].body) == ("DELETE", "/work_orders/wo_1", b"")  # fmt: skip
    with pytest.raises(NotFound):
        spoke.delete(spoke.streams[0], "wo_1")
