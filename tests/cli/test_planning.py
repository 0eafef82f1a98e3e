"""`hub plan` shows what a sync would do and does nothing; `hub remap` reads again what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub import registry
from hub.testing import Fault, Sandbox, serve
from spokes.salesforce.sandbox import SalesforceSandbox
from tests.cli.conftest import Home, Run, theirs

MAPPINGS = Path(__file__).parents[2] / "mappings"


@pytest.fixture
def plm() -> Iterator[Sandbox]:
    with serve(registry.sandbox("plm")()) as sandbox:
        yield sandbox


def planned(run: Run, *arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("plan", *arguments, "--json").out)
    return told


def remember(home: Home, name: str) -> None:
    file = home.folder / "connections" / f"{name}.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"remember": True}))


def test_a_plan_before_the_first_sync_shows_everything_and_exits_2(
    home: Home, run: Run, plm: Sandbox
) -> None:
    home.connect("quality", plm)
    told = run("plan", "quality/defects", "--limit", "2")
    assert told.status == 2
    assert told.out.splitlines()[-1] == f"{theirs(plm, 'defects')} create, 0 unchanged"
    assert "2 records shown; --limit shows more" in told.err
    assert "short_description" in told.out
    assert home.linked("quality", "defects") == 0
    assert {entry.method for entry in plm.journal if entry.path != "/oauth/token"} == {"GET"}


def test_a_plan_after_a_sync_is_empty_and_exits_0(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("quality", plm)
    assert run("sync", "quality").status == 0
    told = run("plan", "quality", "--full")
    assert told.status == 0
    assert "create" not in told.out


def test_a_plan_of_everything_says_what_that_comes_to(home: Home, run: Run, plm: Sandbox) -> None:
    plm.page_size = 20
    home.connect("quality", plm)
    count = theirs(plm, "defects")
    said = run("plan", "quality/defects", "--full").err
    assert f"quality/defects: they say {count} records; 20 with each call, so about 6 calls" in said
    [told] = planned(run, "quality/defects", "--full")["forecasts"]
    known = {"stream": "defects", "records": count, "source": "they", "calls": 6, "fault": ""}
    assert told.items() >= (known | {"allowed": 100_000, "window": 86_400.0}).items()
    assert "forecasts" not in planned(run, "quality/defects")


def test_a_count_that_they_refuse_is_said_and_stops_nothing(
    home: Home, run: Run, plm: Sandbox
) -> None:
    plm.page_size = 40
    home.connect("quality", plm)
    refused = {"error": {"code": "forbidden", "message": "no totals for you"}}
    plm.faults.add(Fault(path="defects", skip=3, status=403, body=refused))
    told = run("sync", "quality/defects", "--full")
    assert told.status == 0
    assert "(they could not be asked: " in told.err
    assert "no totals for you" in told.err
    assert home.linked("quality", "defects") == theirs(plm, "defects")


def test_what_changed_over_there_is_planned_field_by_field(
    home: Home, run: Run, plm: Sandbox
) -> None:
    home.connect("quality", plm)
    run("sync", "quality")
    with plm.lock:
        [first, *_] = plm.mutate({"do": "list", "stream": "defects"})
        change = {"do": "update", "stream": "defects", "id": first, "data": {"title": "Burns"}}
        plm.mutate(change | {"at": (plm.clock.now() - timedelta(minutes=9)).isoformat()})
    told = planned(run, "quality/defects", "--full")
    [step] = told["steps"]
    assert (step["action"], step["external_id"]) == ("update", first)
    [field] = [one for one in step["fields"] if one["field"] == "short_description"]
    assert field["new"] == "Burns"
    assert field["place"].startswith("mappings/plm/defects.yaml:")


def test_an_edited_mapping_is_tried_on_the_records_without_asking_anybody(
    home: Home, run: Run, plm: Sandbox, tmp_path: Path
) -> None:
    home.connect("quality", plm)
    remember(home, "quality")
    run("sync", "quality")
    plm.journal.clear()
    edited = tmp_path / "defects.yaml"
    text = (MAPPINGS / "plm" / "defects.yaml").read_text().partition("examples:")[0]
    edited.write_text(text.replace("title | trim", "title | trim | upper"))
    told = planned(run, "quality/defects", "--remap", "--mapping", str(edited))
    assert told["sums"]["update"] == theirs(plm, "defects")
    assert list(plm.journal) == []


def test_remap_does_what_its_plan_says(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("quality", plm)
    remember(home, "quality")
    run("sync", "quality")
    own = home.folder / "mappings" / "quality"
    own.mkdir(parents=True)
    text = (MAPPINGS / "plm" / "defects.yaml").read_text().partition("examples:")[0]
    (own / "defects.yaml").write_text(text.replace("title | trim", "title | trim | upper"))
    plan = run("remap", "quality/defects", "--plan", "--json")
    assert plan.status == 2
    step = json.loads(plan.out)["steps"][0]
    done = run("remap", "quality/defects")
    assert done.status == 0, done.err
    shown = run("show", "case", step["number"]).out
    [new] = [one["new"] for one in step["fields"] if one["field"] == "short_description"]
    assert new in shown
    assert new == new.upper()
    assert run("remap", "quality/defects", "--plan").status == 0


def test_remap_says_what_to_do_where_nothing_is_remembered(
    home: Home, run: Run, plm: Sandbox
) -> None:
    home.connect("quality", plm)
    run("sync", "quality/parts")
    told = run("remap", "quality/parts")
    assert told.status == 1
    assert "quality/parts: no record is remembered; set remember: true in quality.yaml" in told.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "no connection 'nobody'; there are: quality"),
        (["quality/holes"], "quality polls no stream 'holes'; it has: parts, defects"),
        (["quality", "--full", "--dead"], "each plan something else: give one"),
        (["quality/parts", "--mapping", "no-such.yaml"], "no-such.yaml: cannot be read: No such"),
    ],
)
def test_a_plan_that_cannot_be_made_says_why(
    home: Home, run: Run, plm: Sandbox, arguments: list[str], message: str
) -> None:
    home.connect("quality", plm)
    told = run("plan", *arguments)
    assert told.status == 1
    assert message in told.err


def test_a_mapping_of_another_stream_is_refused(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("quality", plm)
    told = run("plan", "quality/parts", "--mapping", str(MAPPINGS / "plm" / "defects.yaml"))
    assert told.status == 1
    assert "maps 'defects'; the plan is for parts" in told.err


def test_an_entry_is_planned_with_its_text_and_who_may_read_it(home: Home, run: Run) -> None:
    with serve(SalesforceSandbox(count=3)) as org:
        home.connect("crm", org)
        [case, *_] = org.tables["Case"].rows
        org.clock.advance(timedelta(hours=-1))  # a poll does not see the last seconds
        said = {"ParentId": case, "CommentBody": "It burns.", "IsPublished": True}
        org.mutate({"do": "create", "stream": "CaseComment", "data": said})
        org.clock.advance(timedelta(hours=1))
        told = run("plan", "crm/CaseComment")
        assert told.status == 2
        assert "create public journal" in told.out
        assert "It burns." in told.out
        assert f"waits for crm/Case {case}" in told.out
        [step] = planned(run, "crm/CaseComment")["steps"]
    assert (step["audience"], step["entity"], step["sends"]) == ("public", "journal", [])
    assert home.linked("crm", "CaseComment") == 0
