"""A customer's case comes from a CRM, IT works on the incident that it opens, and the CRM hears."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from hub import web
from hub.store import access
from hub.store.database import Database
from hub.sync.connection import Connection
from hub.sync.jobs import Poll
from hub.sync.ours import OurStore
from hub.testing import serve
from spokes.salesforce.sandbox import SalesforceSandbox
from tests.journeys.two_vendors import MAPPINGS, SOMEBODY, QuickOrg, connection
from tests.sync.world import World, mapped


@dataclass
class Desk:
    """The org, the hub, and who works with its API."""

    org: SalesforceSandbox
    world: World
    api: TestClient

    def round(self) -> None:
        """Let time pass, poll, and do everything that follows."""
        for _ in range(2):
            self.org.clock.advance(timedelta(minutes=10))
            self.world.clock.now = self.org.clock.now().timestamp()
            self.world.put(Poll("crm", "Case"), Poll("hub", "case"))
            self.world.work()

    def change(self, number: str, **values: str) -> None:
        table = "incident" if number.startswith("INC") else "case"
        answer = self.api.patch(f"/admin/api/records/{table}/{number}", json=values)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def desk(db: Database) -> Iterator[Desk]:
    with serve(SalesforceSandbox(count=0)) as org:
        org.clock.freeze()
        spoke = QuickOrg.model_validate(org.settings()).using(clock=org.clock.now)
        world = World(db)
        flows = {"case": mapped(MAPPINGS / "hub" / "case_to_incident.yaml")}
        world.connect(
            connection("crm", spoke, "salesforce", {"Case"}), Connection("hub", OurStore(), flows)
        )
        world.clock.now = org.clock.now().timestamp()
        with db.write() as tx:
            token = access.create(tx, "it", world.clock())
        app = web.create(db, world.connections, clock=world.clock)
        with TestClient(app, headers={"Authorization": f"Bearer {token}"}) as api:
            yield Desk(org, world, api)
        spoke.close()


def test_a_case_of_the_org_is_resolved_by_its_incident(desk: Desk) -> None:
    data = {"Subject": "Till 4 does not start", "Status": "New", "Type": "IT", "Priority": "High"}
    theirs = desk.org.mutate(
        {"do": "create", "stream": "Case", "data": data | {"CreatedById": SOMEBODY}}
    )
    desk.round()
    [case], [incident] = desk.world.rows("case"), desk.world.rows("incident")
    assert case["incident"] == incident["sys_id"]
    assert (incident["short_description"], incident["priority"]) == ("Till 4 does not start", "2")

    desk.change(incident["number"], state="in_progress", priority="critical")
    desk.round()
    assert desk.org.tables["Case"].rows[theirs]["Priority"] == "Critical"

    desk.change(
        incident["number"], state="resolved", close_code="Solution provided",
        close_notes="A new power supply",
    )  # fmt: skip
    desk.round()
    assert desk.org.tables["Case"].rows[theirs]["Status"] == "Solved"
    [case] = desk.world.rows("case")
    assert (case["state"], case["close_notes"]) == ("6", "A new power supply")
    assert [note["value"] for note in desk.world.notes(case["sys_id"])] == [
        "IT works on the incident.",
        "The incident is resolved.",
    ]
    assert desk.world.letters() == []
    assert desk.world.waiting() == []


def test_a_priority_that_the_org_sets_reaches_it(desk: Desk) -> None:
    data = {"Subject": "Till 4", "Status": "New", "Type": "IT", "Priority": "Low"}
    theirs = desk.org.mutate(
        {"do": "create", "stream": "Case", "data": data | {"CreatedById": SOMEBODY}}
    )
    desk.round()
    desk.org.mutate(
        {"do": "update", "stream": "Case", "id": theirs, "data": {"Priority": "Critical"}}
    )
    desk.round()
    [incident] = desk.world.rows("incident")
    assert incident["priority"] == "1"
    before = len(desk.org.journal)
    desk.round()
    assert all(one.method == "GET" for one in list(desk.org.journal)[before:])
