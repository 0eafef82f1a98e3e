"""`hub mapping preview` shows theirs and ours side by side, as a sync would have it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub import registry
from hub.testing import Sandbox, serve
from tests.cli.conftest import Home, Run

MAPPINGS = Path(__file__).parents[2] / "mappings"


@pytest.fixture
def plm() -> Iterator[Sandbox]:
    with serve(registry.sandbox("plm")()) as sandbox:
        yield sandbox


def previewed(run: Run, *arguments: str) -> list[dict[str, Any]]:
    told = run("mapping", "preview", *arguments, "--json")
    assert told.status == 0, told.err
    found: list[dict[str, Any]] = json.loads(told.out)
    return found


def lines(one: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {line["field"]: line for line in one["lines"]}


def change(plm: Sandbox, **data: Any) -> str:
    """A defect that somebody edits over there; its id."""
    with plm.lock:
        [first, *_] = plm.mutate({"do": "list", "stream": "defects"})
        edit = {"do": "update", "stream": "defects", "id": first, "data": data}
        plm.mutate(edit | {"at": (plm.clock.now() - timedelta(minutes=9)).isoformat()})
    return str(first)


def test_a_new_record_is_shown_line_by_line_and_nothing_is_written(
    home: Home, run: Run, plm: Sandbox
) -> None:
    home.connect("quality", plm)
    [one, _] = previewed(run, "quality/defects", "--limit", "2")
    assert (one["action"], one["entity"], one["mapping"]) == ("create", "case", "plm/defects")
    state = lines(one)["state"]
    assert state["theirs"][0]["path"] == "state"
    assert state["place"].startswith("mappings/plm/defects.yaml:")
    assert (state["change"], state["then"]) == ("new", state["ours"])
    assert state["shown"] != state["ours"]  # the name of a choice, and its code
    assert home.linked("quality", "defects") == 0
    assert {entry.method for entry in plm.journal if entry.path != "/oauth/token"} == {"GET"}


def test_what_it_shows_is_what_the_sync_then_does(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("quality", plm)
    run("sync", "quality")
    id = change(plm, title="Burns", state="fixed")
    [one] = previewed(run, "quality/defects", "--id", id)
    assert one["action"] == "update"
    changed = {line["field"]: line["then"] for line in one["lines"] if line["change"] == "changed"}
    assert changed["short_description"] == "Burns"
    assert set(changed) == {"short_description", "state"}
    run("sync", "quality/defects", "--full")
    shown = run("show", "case", one["number"]).out
    assert "Burns" in shown
    [again] = previewed(run, "quality/defects", "--id", id)
    assert again["action"] == "unchanged"
    assert {line["now"] for line in again["lines"] if line["field"] in changed} == {
        *changed.values()
    }


def test_of_a_deleted_record_it_shows_what_the_mapping_sets(
    home: Home, run: Run, plm: Sandbox
) -> None:
    home.connect("quality", plm)
    run("sync", "quality")
    with plm.lock:
        [id, *_] = plm.mutate({"do": "list", "stream": "defects"})
        plm.mutate({"do": "delete", "stream": "defects", "id": id})
    [one] = previewed(run, "quality/defects", "--id", id)
    assert one["action"] == "delete"
    set_ = lines(one)
    assert (set_["state"]["shown"], set_["state"]["then"]) == ("cancelled", "7")
    assert set_["close_notes"]["then"] == "Deleted in the PLM system"
    assert re.search(r"defects\.yaml:10$", set_["close_notes"]["place"])
    shown = run("mapping", "show", "plm/defects", where=None).out
    assert 'when theirs is deleted: state = "cancelled" (mappings/plm/defects.yaml:10)' in shown


def test_a_fault_is_shown_at_its_line(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("quality", plm)
    mapping = home.folder / "mine.yaml"
    text = (MAPPINGS / "plm" / "defects.yaml").read_text().partition("examples:")[0]
    mapping.write_text(text.replace("fixed: resolved, ", "").replace("reported: new, ", ""))
    id = change(plm, state="fixed")
    [one] = previewed(run, "quality/defects", "--id", id, "--mapping", str(mapping))
    assert one["action"] == "dead"
    line = lines(one)["state"]
    assert (line["change"], line["reason"]) == ("fault", "no value for 'fixed'")
    told = run("mapping", "preview", "quality/defects", "--id", id, "--mapping", str(mapping))
    assert "FAULT: no value for 'fixed'" in told.out


def test_a_reference_shows_what_it_leads_to(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("quality", plm)
    waits = previewed(run, "quality/defects", "--limit", "20")
    with_part = [one for one in waits if lines(one)["u_part"]["ours"]]
    assert "not there yet" in lines(with_part[0])["incident"]["shown"]
    run("sync", "quality")
    found = previewed(run, "quality/defects", "--id", with_part[0]["external_id"])
    told = lines(found[0])["incident"]
    assert told["shown"].startswith("parts/")


def test_people_see_a_table_per_record(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("quality", plm)
    told = run("mapping", "preview", "quality/defects", "--limit", "1")
    assert told.status == 0
    first, second, *_ = told.out.splitlines()
    assert first.startswith("defects/D-")
    assert "→ create case" in first
    assert second.split("\t")[:4] == ["line", "theirs", "value", "ours"]


def test_lines_inside_a_record_are_shown_and_amounts_do_not_differ_by_noughts(
    home: Home, run: Run, shop: Sandbox
) -> None:
    home.connect("shop", shop)
    [one] = previewed(run, "shop/orders", "--limit", "1")
    assert one["action"] == "create"
    assert {"key", "sku", "quantity"} <= one["children"]["lines"][0].keys()
    run("sync", "shop")
    [one] = previewed(run, "shop/orders", "--limit", "1")
    assert one["action"] == "unchanged"
    assert {line["change"] for line in one["lines"]} == {"same"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["quality/holes"], "quality has no stream 'holes'; there are: parts, defects"),
        (["quality"], "quality has several streams: name one"),
        (["nobody/x"], "no connection 'nobody'"),
        (["quality/parts", "--mapping", "no-such.yaml"], "no-such.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_previewed_says_why(
    home: Home, run: Run, plm: Sandbox, arguments: list[str], message: str
) -> None:
    home.connect("quality", plm)
    told = run("mapping", "preview", *arguments)
    assert told.status == 1
    assert message in told.err


def test_a_draft_is_written_once_and_passes_as_it_is(
    home: Home, run: Run, plm: Sandbox, tmp_path: Path
) -> None:
    home.connect("quality", plm)
    file = tmp_path / "defects.yaml"
    told = run("mapping", "draft", "quality/defects", "--entity", "case", "--to", str(file))
    assert told.status == 0, told.err
    assert re.search(r"\d+ fields of \d+ records proposed", told.out)
    assert "not mapped: reporter.name" in told.err
    for command in ("check", "test"):
        tried = run("mapping", command, str(file))
        assert tried.status == 0, tried.err
    [one, *_] = previewed(run, "quality/defects", "--mapping", str(file))
    assert one["action"] == "create"
    again = run("mapping", "draft", "quality/defects", "--to", str(file))
    assert (again.status, "nothing is overwritten" in again.err) == (1, True)
    assert home.linked("quality", "defects") == 0


def test_a_draft_for_no_entity_of_ours_is_refused(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("quality", plm)
    told = run("mapping", "draft", "quality/defects", "--entity", "cse")
    assert told.status == 1
    assert "no entity is called 'cse'; did you mean 'case'?" in told.err
