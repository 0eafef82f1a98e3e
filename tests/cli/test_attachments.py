"""`hub attachment` and `hub show`: entries and files of a record, as people see them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.testing import Sandbox, serve
from spokes.salesforce.sandbox import SalesforceSandbox
from tests.cli.conftest import Home, Run

HOUR = timedelta(hours=1)


@pytest.fixture
def crm(home: Home, run: Run) -> Iterator[Sandbox]:
    """An org with a case, a file and a comment of it, all read."""
    with serve(SalesforceSandbox(count=0)) as org:
        home.connect("crm", org, horizon=0)
        org.clock.advance(-HOUR)
        case = org.mutate({"do": "create", "stream": "Case", "data": {"Subject": "Till 4"}})
        said = {"ParentId": case, "CommentBody": "It burns.", "IsPublished": True}
        org.mutate({"do": "create", "stream": "CaseComment", "data": said})
        file = {"FirstPublishLocationId": case, "PathOnClient": "../till.jpg"}
        file["VersionData"] = b64encode(b"a photo").decode()
        org.mutate({"do": "create", "stream": "ContentVersion", "data": file})
        org.clock.advance(HOUR)
        for stream in ("Case", "CaseComment", "ContentVersion"):
            assert run("sync", f"crm/{stream}").status == 0
        yield org


@pytest.mark.usefixtures("crm")
def test_a_record_is_shown_with_its_entries_and_files(run: Run) -> None:
    shown = run("show", "case", "CS0001001").out
    assert "It burns." in shown
    assert "comments" in shown
    assert "till.jpg" in shown
    assert "pending" in shown


@pytest.mark.usefixtures("crm")
def test_a_file_is_fetched_when_asked_for(run: Run, tmp_path: Path) -> None:
    [told] = json.loads(run("attachment", "list", "case", "CS0001001", "--json").out)
    target = tmp_path / "photo.jpg"
    ended = run("attachment", "get", told["sys_id"], "--to", str(target))
    assert (ended.status, target.read_bytes()) == (0, b"a photo")
    assert "available" in run("attachment", "list", "case", "CS0001001").out
    again = run("attachment", "get", told["sys_id"], "--to", str(target))
    assert (again.status, target.read_bytes()) == (1, b"a photo")
    assert "is there already" in again.err


@pytest.mark.usefixtures("crm")
def test_a_file_is_added_and_sent(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(b"%PDF")
    added = run("attachment", "add", "case", "CS0001001", str(file))
    assert added.status == 0
    assert "report.pdf is attached to CS0001001" in added.out
    assert "report.pdf" in run("attachment", "list", "case", "CS0001001").out


@pytest.mark.usefixtures("crm")
def test_what_is_not_there_is_said_so(run: Run) -> None:
    assert "no such file" in run("attachment", "add", "case", "CS0001001", "nothing.pdf").err
    assert "there is no attachment 'x'" in run("attachment", "get", "x").err
    assert run("attachment", "list", "case", "CS9999999").status == 1
