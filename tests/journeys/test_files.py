"""Files between two vendors, through the hub: each once, byte for byte, and no larger than allowed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from fastapi.testclient import TestClient

from hub import web
from hub.errors import Permanent
from hub.store import access
from hub.store import attachments as stored
from hub.store.attachments import Files, Refused, Rules
from hub.store.database import Database
from hub.sync.outbound import attachments
from hub.testing.faults import Fault
from tests.journeys.two_vendors import SOMEBODY, TwoVendors, restarted, two_vendors

MEGABYTE = 1024 * 1024
STREAMS = ("CaseComment", "ContentVersion", "annotations")


@pytest.fixture
def both(db: Database, tmp_path: Path) -> Iterator[TwoVendors]:
    with two_vendors(db, streams=STREAMS, files=Files(tmp_path / "files")) as vendors:
        yield vendors


def noise(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


def attach(both: TwoVendors, name: str, content: bytes) -> str:
    """An agent attaches a file to the case in the hub."""
    both.world.clock.now = both.org.clock.now().timestamp()
    return attachments.add(
        both.db, both.world.connections, both.world.files,
        ("sn_customerservice_case", both.case), name, [content], by="ann", now=both.world.now,
    )  # fmt: skip


def attach_in_org(both: TwoVendors, name: str, content: bytes) -> str:
    told = {
        "FirstPublishLocationId": both.theirs, "PathOnClient": name, "CreatedById": SOMEBODY,
        "VersionData": b64encode(content).decode(),
    }  # fmt: skip
    return str(both.org.mutate({"do": "create", "stream": "ContentVersion", "data": told}))


def attach_in_field(both: TwoVendors, name: str, content: bytes) -> str:
    about = {"objectid_incident@odata.bind": f"/incidents({both.incident})"}
    id = both.field.mutate({"do": "create", "stream": "annotations", "data": about})
    told = {"id": id, "name": name, "content": b64encode(content).decode()}
    return str(both.field.mutate({"do": "file", "type": "text/plain", **told}))


def in_org(both: TwoVendors) -> list[tuple[str, bytes]]:
    rows = both.org.tables["ContentVersion"].rows.values()
    return [
        (row["PathOnClient"], both.org._rest.contents[row["Id"]])
        for row in rows
        if row["FirstPublishLocationId"] == both.theirs
    ]


def in_field(both: TwoVendors) -> list[tuple[str, bytes]]:
    kept = both.field._api.contents.kept
    rows = both.field.rows.of_name("annotation").rows
    return [(str(rows[id]["filename"]), content) for id, content in kept.items()]


def here(both: TwoVendors) -> list[tuple[str, int]]:
    with both.db.read() as tx:
        rows = stored.of_record(tx, both.case)
    return [(row["file_name"], row["size_bytes"]) for row in rows]


def test_a_file_goes_from_each_side_to_all_others_once(both: TwoVendors) -> None:
    ours, theirs, third = noise(5 * MEGABYTE), noise(300_000, 2), noise(9 * MEGABYTE, 3)
    attach(both, "report.pdf", ours)
    attach_in_org(both, "till.jpg", theirs)
    attach_in_field(both, "log.txt", third)
    both.settle()
    wanted = [("log.txt", third), ("report.pdf", ours), ("till.jpg", theirs)]
    assert both.world.letters() == both.world.dead() == []
    assert sorted(in_org(both)) == sorted(in_field(both)) == wanted
    assert sorted(here(both)) == [(name, len(content)) for name, content in wanted]
    before = both.writes()
    both.round(times=50)
    assert both.writes() == before
    assert len(in_org(both)) == len(in_field(both)) == 3


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_lost_answer_makes_no_second_file(both: TwoVendors, drop: str) -> None:
    both.org.faults.add(Fault("POST", "ContentVersion", drop=drop))  # type: ignore[arg-type]
    for path in ("annotations", "Initialize", "UploadBlock", "Commit"):
        both.field.faults.add(Fault("*", path, drop=drop, skip=0 if path == "annotations" else 1))  # type: ignore[arg-type]
    attach(both, "report.pdf", noise(5 * MEGABYTE))
    both.work()
    for _ in range(4):
        both.a_moment_later()
    both.settle()
    assert both.world.letters() == []
    assert in_org(both) == in_field(both) == [("report.pdf", noise(5 * MEGABYTE))]
    assert len(here(both)) == 1


def test_a_poll_that_comes_before_our_link_adds_nothing(both: TwoVendors) -> None:
    both.org.faults.add(Fault("POST", "ContentVersion", drop="after"))
    both.field.faults.add(Fault("POST", "Commit", drop="after"))
    attach(both, "report.pdf", noise(1000))
    both.work()
    assert len(in_org(both)) == len(in_field(both)) == 1
    both.world.forget_jobs()
    both.round()
    again = restarted(both)
    again.settle()
    assert len(in_org(again)) == len(in_field(again)) == len(here(again)) == 1


def test_the_same_bytes_on_both_sides_are_not_exchanged(both: TwoVendors) -> None:
    attach_in_org(both, "photo.jpg", noise(1000))
    attach_in_field(both, "IMG_0001.jpg", noise(1000))
    both.hear()
    both.settle()
    assert len(in_org(both)) == len(in_field(both)) == 1
    before = both.writes()
    both.round(times=5)
    assert both.writes() == before


def test_what_is_cut_off_is_fetched_again(both: TwoVendors) -> None:
    content = noise(2 * MEGABYTE)
    both.org.faults.add(Fault("GET", "VersionData", truncate=100_000, times=2))
    attach_in_org(both, "till.jpg", content)
    both.settle()
    assert in_field(both) == [("till.jpg", content)]


def test_too_large_a_file_becomes_a_letter_with_clear_words(db: Database, tmp_path: Path) -> None:
    files = Files(tmp_path / "files", Rules(most=MEGABYTE, blocked=("text/x-sh",)))
    with two_vendors(db, streams=STREAMS, files=files) as both:
        attach_in_org(both, "film.mp4", noise(MEGABYTE + 1))
        attach_in_org(both, "small.txt", b"hello")
        both.settle()
        assert in_field(both) == [("small.txt", b"hello")]
        [letter] = both.world.letters()
        assert letter.reason == "refused"
        assert "film.mp4" in letter.error
        assert "attachments.max_size allows 1,048,576" in letter.error
        with pytest.raises(Refused, match="max_size"):
            attach(both, "film.mp4", noise(MEGABYTE + 1))
        assert list((tmp_path / "files" / "incoming").iterdir()) == []


def test_a_name_of_theirs_is_no_path_of_ours(both: TwoVendors, tmp_path: Path) -> None:
    attach_in_org(both, "../../etc/passwd\u202egpj.exe", b"x")
    both.settle()
    assert in_field(both) == [("passwdgpj.exe", b"x")]
    inside = {path.name for path in (tmp_path / "files").rglob("*") if path.is_file()}
    assert len(inside) == 1
    assert all(len(name) == 64 for name in inside)


def test_content_is_by_reference_until_somebody_asks(db: Database, tmp_path: Path) -> None:
    """With one connection nobody else has to get it."""
    with two_vendors(db, streams=STREAMS, files=Files(tmp_path / "files")) as both:
        both.world.connect(both.world.connections["crm"])
        attach_in_org(both, "till.jpg", b"content")
        both.round()
        assert not (tmp_path / "files").exists()
        [row] = both.world.rows("attachment")
        assert (row["state"], row["size_bytes"]) == ("pending", 7)
        wanted = (db, both.world.connections, both.world.files, row["sys_id"])
        row, content = attachments.content(*wanted)
        assert b"".join(content) == b"content"
        assert row["state"] == "available"
        both.world.connect()
        assert (
            b"".join(attachments.content(db, both.world.connections, *wanted[2:])[1]) == b"content"
        )


def test_content_that_nobody_has_is_said_so(both: TwoVendors) -> None:
    id = attach_in_org(both, "till.jpg", b"content")
    both.world.connect(both.world.connections["crm"])
    both.round()
    both.org.mutate({"do": "delete", "stream": "ContentVersion", "id": id})
    both.round()
    [row] = both.world.rows("attachment")
    with pytest.raises(Permanent, match="cannot be asked for it"):
        attachments.content(both.db, both.world.connections, both.world.files, row["sys_id"])


# -- how people get them


@pytest.mark.parametrize("name", ["page.html", 'x"\r\nSet-Cookie: a=b.html', "Übersicht.svg"])
def test_a_file_is_served_as_bytes_to_be_saved(both: TwoVendors, name: str) -> None:
    sys_id = attach(both, name, b"<script>alert(1)</script>")
    app = web.create(
        both.db, both.world.connections, clock=both.world.clock, attachments=both.world.files
    )
    with both.db.write() as tx:
        secret = access.create(tx, "ann", both.world.clock())
    with TestClient(app, headers={"Authorization": f"Bearer {secret}"}) as browser:
        answer = browser.get(f"/admin/api/attachments/{sys_id}/content")
        missing = browser.get("/admin/api/attachments/nobody/content")
        del browser.headers["authorization"]
        assert browser.get(f"/admin/api/attachments/{sys_id}/content").status_code == 401
    assert (answer.status_code, missing.status_code) == (200, 404)
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
