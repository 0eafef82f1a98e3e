"""`hub drift` against real sandboxes: what has changed over there is listed, and accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub import registry
from hub.testing import Sandbox, serve
from tests.cli.conftest import Home, Run

MAPPINGS = Path(__file__).parents[2] / "mappings"


@pytest.fixture
def plm() -> Iterator[Sandbox]:
    with serve(registry.sandbox("plm")()) as sandbox:
        yield sandbox


@pytest.fixture
def own(home: Home) -> Path:
    """A place for the connection's own mapping of defects."""
    folder = home.folder / "mappings" / "quality"
    folder.mkdir(parents=True)
    return folder / "defects.yaml"


def drifted(run: Run, *target: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(run("drift", "list", *target, "--json").out)
    return told


def streams(run: Run) -> dict[str, dict[str, Any]]:
    told = json.loads(run("status", "--json").out)
    return {one["stream"]: one for part in told for one in part["streams"]}


def hold(own: Path, *, read: str = "", instead: str = "") -> None:
    """The shipped mapping, which holds the stream for drift."""
    text = (MAPPINGS / "plm" / "defects.yaml").read_text().partition("examples:")[0]
    own.write_text(
        text.replace("owner: newest", "owner: newest\ndrift: hold").replace(read, instead)
    )


def sync(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("quality", plm)
    told = run("sync", "quality")
    assert told.status == 0, told.err


def test_all_is_as_it_was_after_a_first_sync(home: Home, run: Run, plm: Sandbox) -> None:
    sync(home, run, plm)
    told = run("drift", "list")
    assert told.status == 0
    assert "all records look as they did" in told.err
    assert drifted(run) == []
    assert {one["state"] for one in streams(run).values()} == {"ok"}


@pytest.mark.parametrize("spoke", ["salesforce", "shopify"])
def test_a_sync_of_everything_twice_is_no_drift(home: Home, run: Run, spoke: str) -> None:
    with serve(registry.sandbox(spoke)()) as sandbox:
        home.connect("their", sandbox)
        for arguments in ([], ["--full"]):
            run("sync", "their", *arguments)
        assert [one["path"] for one in drifted(run)] == []


def test_a_mapped_field_of_another_type_is_told_with_its_line(
    home: Home, run: Run, plm: Sandbox, own: Path
) -> None:
    sync(home, run, plm)
    told = shifted(home)
    [one] = drifted(run, "quality/defects")
    assert (one["path"], one["state"], one["was"]) == ("title", "changed", told)
    [line] = one["touches"]
    assert re.fullmatch(r"mappings/plm/defects.yaml:\d+ short_description", line)
    shown = run("drift", "list")
    assert "title\tchanged" in shown.out
    status = run("status").out
    assert "quality/defects: their records have changed: title was" in status
    assert "next: hub drift list quality/defects; hub drift accept quality/defects" in status
    done = run("drift", "accept", "quality/defects", "title")
    assert done.status == 0
    assert done.out.startswith("quality/defects: accepted: title was number, now also string")
    assert drifted(run) == []
    assert not own.exists()


def shifted(home: Home) -> list[str]:
    """As if titles had been numbers until now."""
    with home.opened() as db, db.write() as tx:
        tx.exec_driver_sql(
            "UPDATE hub_drift SET was = 'number', state = 'changed' WHERE path = 'title'"
        )
    return ["number"]


def test_a_stream_that_is_held_goes_on_once_it_is_accepted(
    home: Home, run: Run, plm: Sandbox, own: Path
) -> None:
    hold(own, read="  u_batch:             batch\n")
    sync(home, run, plm)
    with home.opened() as db, db.write() as tx:  # as if it had not been there
        known = "stream = 'defects' AND path = 'batch' AND NOT mapped"
        deleted = tx.exec_driver_sql(f"DELETE FROM hub_drift WHERE {known}")
        assert deleted.rowcount == 1
    told = run("sync", "quality/defects", "--full")
    assert told.status == 1
    assert "quality/defects: their records have changed: batch is new: string" in told.err
    one = streams(run)["defects"]
    assert one["state"] == "held"
    assert "hub drift accept quality/defects" in one["next_step"]
    assert run("sync", "quality/defects").status == 1  # it still is
    assert run("drift", "accept", "quality/defects").status == 0
    assert run("sync", "quality/defects").status == 0
    assert streams(run)["defects"]["state"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "nobody"], "no connection 'nobody'; there are: quality"),
        (["list", "quality/holes"], "quality maps no stream 'holes'; it maps: "),
        (["accept", "quality"], "which stream of quality? it has: "),
        (["accept", "quality/defects"], "their records are as before; to accept there is: nothing"),
        (["accept", "quality/defects", "x"], "x is as before; to accept there is: nothing"),
    ],
)
def test_what_cannot_be_done_says_why(
    home: Home, run: Run, plm: Sandbox, arguments: list[str], message: str
) -> None:
    home.connect("quality", plm)
    told = run("drift", *arguments)
    assert told.status == 1
    assert message in told.err


def test_the_word_must_be_one_that_there_is(home: Home, run: Run, plm: Sandbox, own: Path) -> None:
    home.connect("quality", plm)
    hold(own, read="drift: hold", instead="drift: holt")
    told = run("status")
    assert told.status == 1
    assert "drift: 'holt' does not belong here; did you mean 'hold'?" in told.err
    assert yaml.safe_load(own.read_text())["drift"] == "holt"
