"""The commands of any connection, on the hub itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.store.entities import CASE
from hub.sync.connection import Connections
from hub.sync.records.amend import amend
from hub.sync.records.patch import Origin, Patch
from tests.cli.conftest import Home, Run

CASE_ID = "0" * 31 + "1"


@pytest.fixture
def flowing(home: Home) -> Home:
    """One case that needs IT, which was there before the flow."""
    (home.folder / "connections" / "hub.yaml").write_text("spoke: hub\n")
    needs_it = {"short_description": "Till 4", "category": "1", "subcategory": "IT"}
    before = datetime.now(UTC) - timedelta(minutes=1)
    with home.opened() as db, db.write() as tx:
        amend(
            tx, Connections([]), [Patch(CASE, CASE_ID, needs_it, fresh=True)], Origin("ann"),
            now=before,
        )  # fmt: skip
    return home


@pytest.mark.usefixtures("flowing")
def test_a_flow_is_planned_made_and_explained(run: Run) -> None:
    planned = run("plan", "hub/case")
    assert planned.status == 2, planned.err
    assert f"case/{CASE_ID}\tcreate incident" in planned.out
    assert "update case CS0001001\tincident" in planned.out
    previewed = run("mapping", "preview", "hub/case", "--id", CASE_ID)
    assert "create incident" in previewed.out
    made = run("sync", "hub/case")
    assert "1 created, 0 updated" in made.out, made.out + made.err
    assert run("plan", "hub/case").status == 0
    why = run("explain", "case", "CS0001001", "incident").out
    assert "given by\thub" in why
    assert "mappings/hub/case_to_incident.yaml:7" in why
    goes = run("explain", "case", "CS0001001", "priority").out
    assert "incident.priority (⇄ mappings/hub/case_to_incident.yaml:" in goes
    assert "in step" in run("explain", "incident", "INC0010001", "priority").out
    assert run("reconcile", "hub/case").status == 0


@pytest.mark.usefixtures("flowing")
def test_a_doctor_finds_nothing_between_the_hub_and_itself(run: Run) -> None:
    told = run("doctor", "hub")
    assert told.status == 0
    assert [line.split("\t")[:2] for line in told.out.splitlines()[1:]] == [["stream case", "ok"]]
    refused = run("record", "hub/case")
    assert refused.status == 1
    assert "hub is this hub itself: nobody answers it" in refused.err
