"""`hub mapping`: files checked and tried, alone or as a connection uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Home, Run

GOOD = """\
mapping: acme/tickets
to: case
key: id
fields:
  short_description: subject | trim
  description: body
examples:
  - name: one
    given: {id: 1, subject: " a "}
    want: {short_description: a}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A mapping file that belongs to no hub."""
    found = tmp_path / "alone" / "tickets.yaml"
    found.parent.mkdir()
    found.write_text(GOOD)
    return found


@pytest.fixture
def crm(home: Home) -> Path:
    """A connection whose settings cannot even be resolved, with a place for mappings of its own."""
    connection = home.folder / "connections" / "crm.yaml"
    connection.write_text("spoke: salesforce\nsettings: {url: '${NOT_THERE}'}\n")
    own = home.folder / "mappings" / "crm"
    own.mkdir(parents=True)
    return own


def test_a_file_is_checked_without_a_hub(run: Run, file: Path) -> None:
    told = run("mapping", "check", str(file), where=None)
    assert (told.status, told.out) == (0, "1 file, 1 mapping: all well\n")
    told = run("mapping", "check", str(file.parent), where=None)
    assert (told.status, told.out) == (0, "1 file, 1 mapping: all well\n")


def test_every_fault_is_told_with_place_and_suggestion(run: Run, file: Path) -> None:
    file.write_text(GOOD.replace("trim", "trm").replace("to: case", "to: cse"))
    told = run("mapping", "check", str(file), where=None)
    assert (told.status, told.out) == (1, "")
    assert (
        told.err
        == f"{file}:2:1: to: no entity is called 'cse'; did you mean 'case'?\nhub: 1 fault to mend\n"
    )
    file.write_text(GOOD.replace("trim", "trm").replace("body", "body.") + "---\nmapping: a\n")
    told = run("mapping", "check", str(file), where=None)
    assert (
        f"{file}:5:32: short_description: there is no pipe 'trm'; did you mean 'trim'?" in told.err
    )
    assert told.err.endswith("hub: 4 faults to mend\n")
    faults = json.loads(run("mapping", "check", "--json", str(file), where=None).out)
    assert (faults["files"], len(faults["faults"])) == (1, 4)


def test_the_mappings_of_a_connection_are_checked_by_its_name(run: Run, crm: Path) -> None:
    assert run("mapping", "check").out == run("mapping", "check", "crm").out
    assert run("mapping", "check", "crm/Case").out == "1 file, 1 mapping: all well\n"
    (crm / "Case.yaml").write_text(
        "extends: salesforce/Case\nfields: {u_region: Region__c | trm}\n"
    )
    told = run("mapping", "check", "crm")
    assert told.status == 1
    assert told.err.startswith(f"{crm / 'Case.yaml'}:2:32: u_region: there is no pipe 'trm'; did")


def test_a_file_for_another_stream_is_told(run: Run, crm: Path) -> None:
    (crm / "Case.yaml").write_text("extends: salesforce/Contact\nowner: theirs\n")
    told = run("mapping", "check", "crm/Case")
    assert "Case.yaml: maps salesforce/Contact; this file is for salesforce/Case" in told.err


def test_shipped_mappings_are_checked_by_their_spoke(run: Run) -> None:
    assert run("mapping", "check", "salesforce/Case", "plm", where=None).status == 0
    everything = run("mapping", "check", where=None)
    assert everything.status == 0
    assert int(everything.out.split()[0]) > 20


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("salesfroce", "no connection or spoke is called 'salesfroce'; did you mean 'salesforce'?"),
        ("salesforce/Caes", "salesforce maps no stream 'Caes'; did you mean 'Case'?"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(run: Run, target: str, told: str) -> None:
    answer = run("mapping", "check", target)
    assert (answer.status, answer.err) == (1, f"hub: {told}\n")


def test_a_file_that_is_not_there_is_a_fault(run: Run) -> None:
    answer = run("mapping", "check", "none.yaml", where=None)
    assert answer.status == 1
    assert (
        answer.err == "none.yaml: cannot be read: No such file or directory\nhub: 1 fault to mend\n"
    )


def test_examples_are_tried_and_untouched_fields_named(run: Run, file: Path) -> None:
    told = run("mapping", "test", str(file), where=None)
    assert told.status == 0
    assert told.out == f"ok\t{file}:8\tone\n1 example: all hold\n"
    assert told.err == f"{file}: no example touches description\n"
    file.write_text(GOOD.replace("want: {short_description: a}", "want: {short_description: b}"))
    told = run("mapping", "test", str(file), where=None)
    assert told.status == 1
    assert f"FAILED\t{file}:8\tone\n" in told.out
    assert f"{file}:8: short_description: want 'b', got 'a'\n" in told.err
    assert told.err.endswith("hub: 1 of 1 example failed\n")
    (tried,) = json.loads(run("mapping", "test", "--json", str(file), where=None).out)
    assert tried["examples"][0]["faults"] == ["short_description: want 'b', got 'a'"]
    assert tried["untouched"] == ["description"]


def test_the_examples_of_a_mapping_and_of_what_is_laid_over_it_are_tried(
    run: Run, crm: Path
) -> None:
    own = crm / "Case.yaml"
    own.write_text(
        "extends: salesforce/Case\nfields: {u_region: Region__c}\nexamples:\n"
        "  - {name: a region, given: {Id: 1, Region__c: EU}, want: {u_region: EU}}\n"
    )
    told = run("mapping", "test", "crm/Case")
    assert told.status == 0
    assert f"ok\t{own}:4\ta region\n" in told.out
    assert "ok\tmappings/salesforce/Case.yaml:" in told.out


def test_a_mapping_is_shown_field_by_field(run: Run, crm: Path) -> None:
    own = crm / "Case.yaml"
    own.write_text(
        "extends: salesforce/Case\nfields: {u_region: Region__c, number: {out: {No: number}}}\n"
    )
    head, *rows = [line.split("\t") for line in run("mapping", "show", "crm/Case").out.splitlines()]
    assert head == ["field", "way", "kind", "reads", "is written", "owner", "stands in"]
    shown = {row[0]: row[1:] for row in rows}
    assert shown["u_region"] == [
        "⇄",
        "string",
        "Region__c",
        "Region__c = u_region",
        "newest",
        f"{own}:2",
    ]
    assert shown["number"][:4] == ["←", "string", "", "No = number"]
    assert shown["correlation_id"][:4] == ["→", "string", "Id", "not: `out:` says so"]
    assert shown["account"][1] == "reference to customer_account"
    assert shown["state"][5].startswith("mappings/salesforce/Case.yaml:")
    (told,) = json.loads(run("mapping", "show", "--json", "crm/Case").out)
    assert (told["mapping"], told["to"]) == ("salesforce/Case", "case")
    assert told["fields"][0]["why"] == "`out:` says so"


def test_children_are_shown_as_well(run: Run) -> None:
    shown = run("mapping", "show", "shopify/orders", where=None).out
    assert (
        "\nlines.sku\t→\tstring\tsku\tnot: direction: in\t\tmappings/shopify/orders.yaml:" in shown
    )


def test_the_schema_offers_our_fields_by_entity(run: Run) -> None:
    schema = json.loads(run("mapping", "schema", where=None).out)
    assert "case" in schema["properties"]["to"]["examples"]
    found = {
        (one["if"]["properties"]["to"]["const"], word): one["then"]["properties"][word]["$ref"]
        for word in ("fields", "on_delete")
        for one in schema["$defs"][f"offered-{word}"]["allOf"]
    }
    offers = {
        of: schema["$defs"][ref.rpartition("/")[2]]["properties"] for of, ref in found.items()
    }
    assert offers["case", "fields"]["state"]["description"].startswith("choice: new, ")
    assert "sys_id" not in offers["case", "fields"]
    assert "sku" in offers["order_line", "fields"]
    assert offers["case", "on_delete"] == offers["case", "fields"]


def test_hub_check_reads_what_is_laid_over_as_well(run: Run, crm: Path) -> None:
    (crm / "Case.yaml").write_text("extends: salesforce/Cse\n")
    assert (
        "Case.yaml:1:1: extends: no mapping 'salesforce/Cse' ships with the hub" in run("check").err
    )
