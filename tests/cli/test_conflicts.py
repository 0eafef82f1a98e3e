"""`hub conflicts` with two Salesforce orgs that show the same cases."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.store import entities
from hub.sync.records import command
from spokes.salesforce.sandbox import SalesforceSandbox
from tests.cli.conftest import Ended, Run
from tests.proof.hubs import House

ME = getpass.getuser()[:40]
BOTH = ("north", "south")
WRITE = "/sobjects/Case/"
MINUTES = 600.0  # seconds; longer than any horizon or overlap
MAPPING = """
mapping: salesforce/Case
to: case
key: Id
version: SystemModstamp
deleted: IsDeleted
stamp: Hub_Id__c
owner: manual
fields:
  short_description: Subject | trim
  description: Description
  priority: Priority | map(priority)
maps:
  priority: {High: high, Medium: moderate, Low: low}
examples:
  - name: a case
    given: {Id: a, SystemModstamp: x, IsDeleted: false, Subject: S, Description: D, Priority: Low}
    want: {short_description: S, description: D, priority: low}
"""


@dataclass
class Scene:
    """Two orgs without a case, in which a person decides about every field, and commands."""

    house: House
    run: Run
    orgs: dict[str, SalesforceSandbox]

    def hub(self, *arguments: str) -> Ended:
        return self.run(*arguments, where=self.house.folder)

    def create(self, name: str, **data: Any) -> None:
        self.orgs[name].mutate({"do": "create", "stream": "Case", "data": data})

    def update(self, name: str, **data: Any) -> None:
        """Of every case there; a while after everything else, as their clock has whole seconds."""
        self.house.let_pass(MINUTES)
        for id in self.orgs[name].tables["Case"].rows:
            self.orgs[name].mutate({"do": "update", "stream": "Case", "id": id, "data": data})

    def edit(self, **values: Any) -> None:
        """As a person in the hub, each case; nothing is sent yet."""
        with self.house.opened() as inside:
            with inside.db.read() as tx:
                cases = tx.exec_driver_sql("SELECT number FROM sn_customerservice_case")
                numbers = [str(number) for number in cases.scalars()]
            for number in numbers:
                command.change(
                    inside.db, inside.connections, entities.CASE, number, values,
                    user="bea", now=self.house.now(),
                )  # fmt: skip

    def sync(self, *names: str) -> None:
        """Pull them until nothing can be new any more, and send what waits."""
        with self.house.opened() as inside:
            for _ in range(2):
                self.house.let_pass(MINUTES)
                self.house.sync(inside, *(f"{name}/Case" for name in names or BOTH))

    def said(self, field: str) -> list[Any]:
        """What each org has in a field of its cases, the north first."""
        return [
            row[field] for org in self.orgs.values() for row in org.tables["Case"].rows.values()
        ]

    def writes(self) -> int:
        """How often the hub has written to either org."""
        there = [entry for org in self.orgs.values() for entry in org.journal.of(WRITE)]
        return sum(entry.method in {"PATCH", "POST"} for entry in there)

    def contested(self, many: int = 1) -> None:
        """Cases whose subject the hub and the north have changed since they agreed."""
        for number in range(many):
            self.create("north", Subject=f"Till {number}", Priority="Low", Status="New")
        self.sync()
        self.edit(short_description="Ours")
        self.update("north", Subject="Theirs")
        self.sync()
        assert self.said("Subject") == ["Theirs"] * many + ["Ours"] * many

    def listed(self, *more: str) -> list[dict[str, Any]]:
        told = self.hub("conflicts", "list", "--json", *more)
        assert told.status == 0, told.err
        found: list[dict[str, Any]] = json.loads(told.out)
        return found


@pytest.fixture
def scene(database_url: str, tmp_path: Path, run: Run) -> Iterator[Scene]:
    with ExitStack() as stack:
        house = House(tmp_path / "house", database_url, stack)
        orgs = {
            name: house.connect(name, "salesforce", SalesforceSandbox(count=0), ("Case",))
            for name in BOTH
        }
        for name in BOTH:
            own = house.folder / "mappings" / name / "Case.yaml"
            own.parent.mkdir(parents=True)
            own.write_text(MAPPING)
        yield Scene(house, run, orgs)


@pytest.mark.parametrize(
    ("choice", "value", "how"),
    [
        (["theirs"], "Theirs", "theirs"),
        (["ours"], "Ours", "ours"),
        (["--value", "Third"], "Third", "value"),
    ],
)
def test_a_persons_choice_ends_in_every_org_and_comes_back_from_none(
    scene: Scene, choice: list[str], value: str, how: str
) -> None:
    scene.contested()
    [one] = scene.listed()
    assert (one["connection"], one["field"], one["ours"], one["theirs"], one["stayed"]) == (
        "north", "short_description", "Ours", "Theirs", "both",
    )  # fmt: skip
    assert one["place"].endswith("mappings/north/Case.yaml:10")
    taken = scene.hub("conflicts", "take", str(one["id"]), *choice)
    assert taken.status == 0, taken.err
    assert taken.out == (
        f"conflict {one['id']}: short_description is {value}; north, south will hear of it\n"
    )
    scene.sync()
    assert scene.said("Subject") == [value, value]
    assert scene.listed() == []
    [ended] = scene.listed("--resolved")
    assert (ended["resolved_by"], ended["resolved_how"]) == (ME, how)
    before = scene.writes()
    scene.sync()
    assert scene.writes() == before
    assert scene.listed() == []


def test_the_south_is_as_good_as_the_north(scene: Scene) -> None:
    """The record was created there by the hub."""
    scene.create("north", Subject="Till", Priority="Low", Status="New")
    scene.sync()
    scene.update("south", Priority="High")
    scene.edit(priority="moderate")
    scene.sync("south")
    [one] = scene.listed("south")
    assert (one["field"], one["ours"], one["theirs"]) == ("priority", "3", "2")
    assert scene.listed("north") == []
    assert scene.hub("conflicts", "take", str(one["id"]), "theirs").status == 0
    scene.sync()
    assert scene.said("Priority") == ["High", "High"]


def test_all_of_a_field_are_decided_at_once(scene: Scene) -> None:
    scene.contested(many=3)
    assert len(scene.listed()) == 3
    told = scene.hub("conflicts", "take", "theirs", "--all", "north/Case", "--field", "priority")
    assert (told.status, told.err) == (1, "hub: north/Case: priority: no conflict is open there\n")
    told = scene.hub(
        "conflicts", "take", "theirs", "--all", "north/Case", "--field", "short_description"
    )
    assert told.status == 0, told.err
    assert told.out.startswith("north/Case: 3 conflicts decided;")
    scene.sync()
    assert scene.said("Subject") == ["Theirs"] * 6
    assert scene.listed() == []


def test_they_are_shown_and_counted(scene: Scene) -> None:
    assert scene.hub("conflicts", "list").err == "both sides agree everywhere\n"
    scene.contested()
    head, row = scene.hub("conflicts", "list", "north").out.splitlines()
    assert head.split("\t")[:3] == ["number", "stream", "external id"]
    assert row.split("\t")[4:8] == ["short_description", "Ours", "Theirs", "both"]
    shown = dict(
        line.split("\t") for line in scene.hub("conflicts", "show", "1").out.splitlines()[1:]
    )
    assert (shown["both agreed on"], shown["now"]) == ("Till 0", "Ours")
    assert shown["stayed"] == "both (owner manual)"
    assert shown["over"] == "no: the two sides differ"
    assert json.loads(scene.hub("conflicts", "show", "1", "--json").out)["id"] == 1
    status = scene.hub("status")
    assert "0 dead; 1 conflict\n" in status.out
    assert "  north: the two sides differ: hub conflicts list north\n" in status.out
    counts = {
        one["connection"]: one["conflicts"] for one in json.loads(scene.hub("status", "--json").out)
    }
    assert counts == {"north": 1, "south": 0}


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["list", "nort"], 1, "no connection 'nort'; there are: north, south"),
        (["show", "7"], 1, "there is no conflict 7; hub conflicts list shows them"),
        (["show", "9" * 30], 1, "there is no conflict"),
        (["take", "7", "ours"], 1, "there is no conflict 7; hub conflicts list shows them"),
        (["take", "7", "--value", "x"], 1, "there is no conflict 7"),
        (["take", "x", "ours"], 2, "no conflict's number"),
        (["take", "7"], 2, "say which side"),
        (["take", "7", "mine"], 2, "'mine' is no side"),
        (["take", "7", "ours", "--value", "x"], 2, "not both"),
        (["take"], 2, "name a conflict's NUMBER, or --all"),
        (["take", "ours", "--all", "nort/Case"], 1, "no connection 'nort'"),
        (["take", "ours", "--all", "north/Cas"], 1, "north has no stream 'Cas'; it has: Case"),
        (["take", "7", "ours", "--all", "north/Case"], 2, "NUMBER, or --all"),
        (["take", "7", "ours", "--field", "x"], 2, "--field goes with --all"),
        (["take", "--all", "north/Case", "--value", "x"], 2, "add --field"),
    ],
)
def test_what_cannot_be_meant_is_said(
    scene: Scene, arguments: list[str], status: int, says: str
) -> None:
    told = scene.hub("conflicts", *arguments)
    assert told.status == status
    assert says in " ".join(told.err.replace("│", "").split())
    assert "Traceback" not in told.err


def test_a_value_that_does_not_fit_is_refused_with_what_would(scene: Scene) -> None:
    scene.create("north", Subject="Till", Priority="Low", Status="New")
    scene.sync()
    scene.edit(priority="moderate")
    scene.update("north", Priority="High")
    scene.sync("north")
    told = scene.hub("conflicts", "take", "1", "--value", "hihg")
    assert told.status == 1
    assert told.err.startswith("hub: priority: did you mean 'high'? one of these is expected:")
    assert scene.hub("conflicts", "take", "1", "--value", "critical").status == 0
