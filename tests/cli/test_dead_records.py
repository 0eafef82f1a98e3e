"""`hub dead`: records grouped by cause, chosen by it, edited, and read again once they can be."""

from __future__ import annotations

import getpass
import json
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.mapping import SHIPPED
from hub.store import dead
from hub.store.dead import DeadRecord
from hub.testing import Sandbox
from tests.cli.conftest import Home, Run

FAULT = {"place": "Case.yaml:18", "field": "state", "expression": "Status | map(state)"}


@pytest.fixture
def letter(run: Run, home: Home, crm: Sandbox) -> str:
    """The one case of the sandbox that cannot be read; its id."""
    home.connect("crm", crm, horizon=0)
    assert run("sync", "crm").status == 0
    [one] = json.loads(run("dead", "list", "--json").out)
    assert one["raw"]["Status"] == "Exploded"
    return str(one["id"])


def bury(home: Home, *values: str, field: str = "state", connection: str = "crm") -> None:
    """Records that nobody has ever heard of, which cannot be read for good."""
    buried = []
    for value in values:
        fault = FAULT | {"field": field, "value": repr(value), "reason": f"no value for {value!r}"}
        raw = json.dumps({"Id": value, "Status": value}).encode()
        told = f"Case.yaml:18: {field}: no value for {value!r}"
        buried.append(
            DeadRecord(connection, "Case", f"{field}-{value}", "1", "x@1", raw, [fault], told)
        )
    with home.opened() as db, db.write() as tx:
        dead.save(tx, buried, now=1.0)


def mend(home: Home) -> None:
    """A mapping of one's own that knows the status."""
    own = home.folder / "mappings" / "crm" / "Case.yaml"
    own.parent.mkdir(parents=True)
    shipped = (SHIPPED / "salesforce" / "Case.yaml").read_text(encoding="utf-8")
    written = shipped.partition("\nexamples:")[0].replace(
        "Cancelled: cancelled}", "Cancelled: cancelled, Exploded: open}"
    )
    assert "Exploded" in written
    own.write_text(written, encoding="utf-8")


def lines(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def groups(run: Run, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("dead", "groups", *arguments, "--json").out)
    return found


def test_groups_tell_what_many_have_in_common(run: Run, home: Home) -> None:
    bury(home, "Melted", "Burst", "Exploded", "Gone")
    bury(home, "Odd", field="priority")
    heads, largest, other = lines(run("dead", "groups").out)
    assert heads[:3] == ["group", "of", "records"]
    assert largest[1:3] == ["crm/Case", "4"]
    assert largest[5:] == [
        "Case.yaml:18", "state", "no value for …", "'Gone', 'Exploded', 'Burst'", "r4 r3 r2",
    ]  # fmt: skip
    assert other[1:3] == ["crm/Case", "1"]
    assert [len(one["samples"]) for one in groups(run)] == [3, 1]
    assert [one["field"] for one in groups(run, largest[0])] == ["state"]


def test_all_four_choose_by_the_same_words(run: Run, home: Home) -> None:
    bury(home, "Melted", "Burst")
    bury(home, "Melted", field="priority")
    bury(home, "Melted", connection="erp")
    [[group, *_]] = lines(run("dead", "groups", "crm", "--field", "state").out)[1:]
    for words, many in (
        (["--group", group], 2), ([group], 2), (["--field", "priority"], 1),
        (["--value", "melted"], 3), (["--reason", "'Burst'"], 1), (["--mapping", "Case.yaml"], 4),
        (["--mapping", "Case.yaml:18", "--value", "Melted", "--field", "state"], 2), (["r1"], 1),
        (["--id", "r1"], 1), (["--mapping", "Case.yaml:1"], 0), (["--kind", "push"], 0),
    ):  # fmt: skip
        assert len(json.loads(run("dead", "list", *words, "--json").out)) == many
        if "--id" not in words and "--kind" not in words:
            assert sum(one["count"] for one in groups(run, *words)) == many
    retried = run("dead", "retry", "--value", "melted")
    assert retried.out == "3 letters tried again, 3 dead\n"
    assert run("dead", "drop", "--value", "melted").status == 1
    dropped = run("dead", "drop", "--value", "melted", "--yes")
    assert (dropped.status, dropped.out) == (0, "3 letters dropped\n")
    assert run("dead", "drop", "r2").out == "r2: dropped\n"
    assert run("dead", "list").err == "nothing is dead\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("list --group g1", "'g1' is no group; hub dead groups shows them"),
        ("list --id 12", "'12' is no dead letter's id: r12 is a record, j7 a job"),
        ("groups crn", "no connection 'crn'; there are: none"),
        ("drop --field state", "nothing is dead there"),
        ("drop r7", "no dead letter 'r7'; hub dead list shows them"),
        ("drop", "say which: an ID, a connection, or --group"),
        ("edit r7", "no dead letter 'r7'; hub dead list shows them"),
        ("edit j7", "j7 is a job; records can be edited: r12"),
        ("edit x", "'x' is no dead letter's id"),
        ("edits 7", "there is no edit 7; hub dead edits shows them"),
    ],
)
def test_what_is_not_there_is_told(run: Run, arguments: str, told: str) -> None:
    answer = run("dead", *arguments.split())
    assert answer.status in {1, 2}
    assert told in " ".join(answer.err.replace("│", " ").split())


def test_very_many_records_are_left_to_the_workers(run: Run, home: Home) -> None:
    bury(home, *map(str, range(1001)))
    asked = run("dead", "retry", "--field", "state")
    assert asked.err == (
        "hub: this revives 1001 records, 50 a second, about 20 s; add --yes to begin\n"
    )
    begun = run("dead", "retry", "--field", "state", "--rate", "100", "--yes")
    assert begun.out == "revival 1 begun: 1001 records, 100 a second, about 10 s\n"
    _, shown = lines(run("dead", "revivals").out)
    assert shown[:-1] == [
        "1", "records state", "0 of 1001", "100/s", "going on", getpass.getuser(),
    ]  # fmt: skip
    assert run("dead", "cancel", "1").status == 0


def test_a_mended_mapping_revives_them_when_the_hub_is_used_again(
    run: Run, home: Home, letter: str
) -> None:
    mend(home)
    synced = run("sync", "crm/Account")
    assert synced.status == 0, synced.err
    assert run("dead", "list").err == "nothing is dead\n"
    _, shown = lines(run("dead", "revivals").out)
    assert shown[2:6] == ["1 of 1", "500/s", "ended", "the hub: a mapping has changed"]
    assert letter == "r1"


def test_a_group_is_retried_once_its_mapping_is_mended(run: Run, home: Home, letter: str) -> None:
    mend(home)
    [group] = groups(run)
    assert letter in [id for id, *_ in group["samples"]]
    retried = run("dead", "retry", "--group", group["group"])
    assert (retried.status, retried.out) == (0, "1 letter tried again, 0 dead\n")


def test_an_edit_is_tried_made_and_told(run: Run, letter: str) -> None:
    tried = run("dead", "edit", letter, "--set", "Status=New", "--try")
    assert tried.status == 0, tried.err
    assert lines(tried.out)[1] == ["Status", '"Exploded"', '"New"']
    assert "would be created" in tried.out
    assert tried.err == "nothing was written; leave out --try to do it\n"
    assert len(json.loads(run("dead", "list", "--json").out)) == 1

    made = run("dead", "edit", letter, "--set", "Status=New", "--set", "Subject=Till 3")
    assert made.status == 0, made.err
    told, _, edit = made.out.rstrip("\n").rpartition(" ")
    assert told.endswith(f"\n{letter}: read well as edited; it is edit")
    number = next(line for line in made.out.splitlines() if ": created" in line).split()[1]
    assert run("dead", "list").err == "nothing is dead\n"

    shown = run("show", "case", number.rstrip(":")).out
    assert f"\t{getpass.getuser()}\t(created)\t" in shown
    assert f"(edit {edit})" in shown
    _, row, _, *changed = lines(run("dead", "edits", edit).out)
    assert (row[:2], row[4]) == ([edit, letter], getpass.getuser())
    assert sorted(path for path, *_ in changed) == ["Status", "Subject"]
    [one] = json.loads(run("dead", "edits", "--json").out)
    assert {"path": "Status", "came": '"Exploded"', "now": '"New"'} in one["changed"]
    assert run("sync", "crm", "--full").status == 0
    assert run("dead", "list").err == "nothing is dead\n", "what came is known"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "Status=Melted"], "so it cannot be read either:\nhub: "),
        (["--set", "Id=5005g00000XXXXXAAY"], "that would be another record, '5005g00000XXXXX"),
        (["--set", "Nothing"], "'Nothing' is no assignment: PATH=VALUE"),
        (["--set", "Status=Exploded"], "nothing was changed"),
    ],
)
def test_an_edit_that_cannot_be_changes_nothing(
    run: Run, letter: str, options: Sequence[str], told: str
) -> None:
    answer = run("dead", "edit", letter, *options)
    assert told in answer.err
    assert len(json.loads(run("dead", "list", "--json").out)) == 1
    assert run("dead", "edits").err == "nobody has edited a dead record\n"


def editor(path: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor that does what `code` says to `text`."""
    path.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\nfile = pathlib.Path(sys.argv[1])\n"
        f"text = file.read_text()\n{code}\nfile.write_text(text)\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("EDITOR", str(path))
    monkeypatch.delenv("VISUAL", raising=False)


def test_it_is_edited_in_an_editor(
    run: Run, letter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path / "ed", "text = text.replace('Exploded', 'New')", monkeypatch)
    edited = run("dead", "edit", letter)
    assert edited.status == 0, edited.err
    assert "state: no value for 'Exploded'" in edited.err, "why it is dead is told first"
    assert run("dead", "list").err == "nothing is dead\n"


def test_what_was_written_in_vain_is_kept(
    run: Run, letter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    editor(tmp_path / "ed", "text = text.replace('Exploded', 'New').rstrip()[:-1]", monkeypatch)
    edited = run("dead", "edit", letter)
    assert edited.status == 1
    assert "hub: not JSON: line " in edited.err
    [kept] = tmp_path.glob(f"{letter}-*.json")
    assert f"then hub dead edit {letter} --file {kept}" in edited.err
    assert kept.stat().st_mode & 0o077 == 0, "nobody else reads a customer's data"
    kept.write_text(kept.read_text() + "}")
    assert run("dead", "edit", letter, "--file", str(kept)).status == 0
    assert run("dead", "list").err == "nothing is dead\n"


@pytest.mark.parametrize(
    ("code", "told", "status"),
    [("pass", "nothing was changed", 0), ("sys.exit(3)", "set $EDITOR, or use --set or --file", 1)],
)
def test_an_editor_that_changes_nothing_or_fails_is_told(
    run: Run, letter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, told: str,
    status: int,
) -> None:  # fmt: skip
    editor(tmp_path / "ed", code, monkeypatch)
    edited = run("dead", "edit", letter)
    assert (edited.status, told in edited.err) == (status, True)
