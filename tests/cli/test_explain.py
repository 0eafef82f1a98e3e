"""`hub explain` on a case that Salesforce gave and a person changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.cli.home import opened
from hub.store import entities
from hub.sync.records import command
from hub.testing import Sandbox
from tests.cli.conftest import Home, Run

THERE = "mappings/salesforce/Case.yaml:"


@pytest.fixture
def number(home: Home, run: Run, crm: Sandbox) -> str:
    """A case of the sandbox in a hub of its own."""
    home.connect("crm", crm, horizon=0)
    for stream in ("Account", "Contact", "Case"):
        assert run("sync", f"crm/{stream}").status == 0
    with home.opened() as db, db.read() as tx:
        found = tx.exec_driver_sql(
            "SELECT number FROM sn_customerservice_case WHERE account IS NOT NULL ORDER BY number"
        )
        return str(found.scalars().first())


def edit(home: Home, number: str, **values: str) -> None:
    with opened(home.folder) as (_, hub):
        now = datetime.fromtimestamp(hub.clock(), UTC)
        command.change(hub.db, hub.connections, entities.CASE, number, values, user="bea", now=now)


def cells(out: str) -> dict[str, list[str]]:
    """The lines of a table by their first cell."""
    lines = [line.split("\t") for line in out.splitlines()[1:]]
    return {line[0]: line[1:] for line in lines}


def test_every_value_names_its_giver_and_its_line(run: Run, number: str) -> None:
    told = run("explain", "case", number)
    assert told.status == 0, told.err
    assert told.out.splitlines()[0].split("\t") == [
        "field", "value", "given by", "mapping", "when", "before", "goes to",
    ]  # fmt: skip
    found = cells(told.out)
    assert found["short_description"][1].startswith("crm 500")
    assert found["short_description"][2].startswith(THERE)
    assert found["short_description"][5] == "crm"
    assert found["number"][1] == "the hub"
    assert "(" in found["account"][0], "a reference is shown with its name"
    assert found["correlation_id"][5] == "", "it goes one way"


def test_one_field_is_told_in_full(home: Home, run: Run, number: str) -> None:
    before = cells(run("explain", "case", number).out)["short_description"][0]
    edit(home, number, short_description="Ours")
    told = run("explain", "case", number, "short_description")
    found = cells(told.out)
    assert found["value"] == ["Ours"]
    assert found["given by"] == ["bea"]
    assert found["overruled"] == [before]
    [outlet] = found["goes to"]
    assert outlet.startswith("crm/Case 500")
    assert f": waits to be sent (⇄ {THERE}" in outlet
    assert outlet.endswith("owner newest)")


def test_programs_get_json(run: Run, number: str) -> None:
    [one] = json.loads(run("explain", "case", number, "state", "--json").out)
    assert (one["field"], one["giver"], one["connection"]) == ("state", "connection", "crm")
    assert one["mapping_changed"] is False
    assert one["job"].startswith("poll/")
    every = json.loads(run("explain", "case", number, "--json").out)
    assert {"short_description", "account", "number"} <= {each["field"] for each in every}


def test_a_mapping_of_your_own_makes_the_shipped_one_the_old_one(
    home: Home, run: Run, number: str
) -> None:
    shipped = Path(__file__).parents[2] / "mappings" / "salesforce" / "Case.yaml"
    own = home.folder / "mappings" / "crm" / "Case.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(shipped.read_text().replace("owner: newest", "owner: theirs", 1))
    [place] = cells(run("explain", "case", number, "short_description").out)["mapping"]
    assert place.endswith(" (the mapping has changed since)")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cases", "{number}"], "no entity is called 'cases'; did you mean 'case'?"),
        (["case", "{digits}"], "did you mean {number}?"),
        (["case", "{external}"], "did you mean {number} (which is crm/Case {external})?"),
        (["account", "{number}"], "did you mean hub explain case {number}?"),
        (["case", "nonsense"], "no case has the number or sys_id 'nonsense'; hub explain takes"),
        (["case", "{number}", "shortdescription"], "did you mean short_description"),
        (["case", "{number}", "zzz"], "case has no field 'zzz'; it has: "),
    ],
)
def test_what_does_not_exist_is_said_with_what_may_be_meant(
    run: Run, number: str, arguments: list[str], says: str
) -> None:
    [one] = json.loads(run("explain", "case", number, "short_description", "--json").out)
    known = {
        "number": number,
        "digits": number.removeprefix("CS").lstrip("0"),
        "external": one["external_id"],
    }
    told = run("explain", *(argument.format(**known) for argument in arguments))
    assert told.status == 1
    assert says.format(**known) in told.err
    assert "Traceback" not in told.err


def test_an_edited_entry_is_told_with_what_it_said_before(
    home: Home, run: Run, number: str, crm: Sandbox
) -> None:
    with home.opened() as db, db.read() as tx:
        found = tx.exec_driver_sql(
            "SELECT l.external_id FROM hub_external_ref l JOIN sn_customerservice_case c"
            " ON c.sys_id = l.sys_id WHERE c.number = '" + number + "'"
        )
        case = str(found.scalar_one())
    said = {"ParentId": case, "CommentBody": "It does not strat.", "IsPublished": True}
    crm.clock.advance(timedelta(hours=-2))  # no poll sees the last moment
    id = crm.mutate({"do": "create", "stream": "CaseComment", "data": said})
    crm.clock.advance(timedelta(hours=1))
    assert run("sync", "crm/CaseComment").status == 0
    data = {"CommentBody": "It does not start."}
    crm.mutate({"do": "update", "stream": "CaseComment", "id": id, "data": data})
    crm.clock.advance(timedelta(hours=1))
    assert run("sync", "crm/CaseComment", "--full").status == 0
    lines = [
        line.split("\t") for line in run("explain", "case", number, "comments").out.splitlines()
    ]
    told = {first: rest for first, *rest in lines}
    assert told["entry"][0].endswith(f"from crm {id}: It does not start.")
    assert told["edited"][0].endswith(f"at crm {id}, was: It does not strat.")
