"""A hub with Field Service connected: orders go out, and what technicians do comes back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import hub
from hub.store import entities
from hub.store.database import Database
from hub.store.records import Row
from hub.sync.connection import Connection
from hub.sync.inbound.intake import Intake, verified
from hub.sync.jobs import Poll
from hub.sync.records.amend import Patch
from hub.testing import Fault
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.spoke import Dynamics365
from tests.spokes.dynamics365.conftest import (
    ACCOUNTS,
    BOOKINGS,
    INCIDENTS,
    ORDERS,
    STREAMS,
    first,
    rows,
)
from tests.sync.world import World, mapped

MAPPINGS = Path(__file__).parents[3] / "mappings" / "dynamics365"
ORDER_ID = "0123456789abcdef0123456789abcdef"
NEW = {"short_description": "Till 9 does not start", "description": "Ring twice."}


@pytest.fixture
def world(db: Database, spoke: Dynamics365) -> World:
    """A hub that has read everything once."""
    world = World(db)
    mappings = {name: mapped(MAPPINGS / f"{name}.yaml") for name in STREAMS}
    world.connect(Connection("field", spoke, mappings))
    poll(world)
    return world


def poll(world: World, *streams: hub.Stream) -> None:
    """Ask for news, and do all that follows, retries included."""
    world.put(*(Poll("field", stream.name) for stream in streams or STREAMS.values()))
    work(world)


def work(world: World) -> None:
    for _ in range(4):
        world.work()
        world.clock.pass_(120)


def order(world: World, field: Dynamics365Sandbox, **values: Any) -> str:
    """A work order made in the hub for a store; their id of it."""
    store = world.rows("account")[1]["sys_id"]
    given = NEW | {"account": store} | values
    world.amend(Patch(entities.find("work_order"), ORDER_ID, given, fresh=True))
    work(world)
    [made] = [id for id, row in rows(field, ORDERS).items() if row["csm_hubid"]]
    return made


def mine(world: World) -> Row:
    return world.of("work_order", ORDER_ID)


def test_everything_that_is_there_arrives_with_its_references(world: World) -> None:
    assert len(world.rows("account")) == 41
    assert len(world.rows("case")) == 60
    assert len(world.rows("work_order")) == 90
    assert len(world.rows("work_order_task")) == 72
    assert len(world.rows("user")) == 8  # the thermal camera is nobody
    assert world.dead() == world.letters() == []
    tasks, orders = world.rows("work_order_task"), {r["sys_id"] for r in world.rows("work_order")}
    assert {task["parent"] for task in tasks} <= orders
    assert all(task["assigned_to"] for task in tasks)
    assert all(order["account"] for order in world.rows("work_order"))
    cases = {row["sys_id"] for row in world.rows("case")}
    assert sum(row["initiated_from"] in cases for row in world.rows("work_order")) == 60


def test_reading_everything_again_writes_nothing_anywhere(
    world: World, field: Dynamics365Sandbox
) -> None:
    field.journal.clear()
    before = world.count("sys_audit")
    poll(world)
    assert world.count("sys_audit") == before
    assert [entry for entry in field.journal if entry.method != "GET"] == []


def test_a_work_order_made_in_the_hub_appears_there_once(
    world: World, field: Dynamics365Sandbox
) -> None:
    id = order(world, field)
    there = rows(field, ORDERS)[id]
    assert there["msdyn_workordersummary"] == "Till 9 does not start"
    assert there["msdyn_serviceaccount"] in rows(field, ACCOUNTS)
    assert there["msdyn_pricelist"] == field.settings()["price_list"]
    assert there["csm_hubid"] == ORDER_ID
    poll(world)
    assert len(rows(field, ORDERS)) == 91
    assert len(world.rows("work_order")) == 91
    assert mine(world)["correlation_display"] == there["msdyn_name"]
    states = entities.find("work_order").shape.fields["state"].choices
    assert mine(world)["state"] == states["draft"], "they know no drafts: it is unscheduled there"


def test_a_creation_whose_answer_is_lost_makes_one_record(
    world: World, field: Dynamics365Sandbox
) -> None:
    field.faults.add(Fault(method="PATCH", path="msdyn_workorders", drop="after"))
    order(world, field)
    assert len(rows(field, ORDERS)) == 91
    assert world.letters() == []
    assert mine(world)["short_description"] == "Till 9 does not start"


def test_status_booking_and_times_come_back(world: World, field: Dynamics365Sandbox) -> None:
    id = order(world, field)
    technician = field.mutate({"do": "resources"})[0]
    start = field.clock.now().replace(microsecond=0) + timedelta(hours=1)
    booking = field.mutate(
        {"do": "book", "order": id, "resource": technician, "start": start.isoformat()}
    )
    poll(world, ORDERS, BOOKINGS)
    assert mine(world)["state"] == "16"  # assigned
    task = world.row("work_order_task", booking, "field")
    assert (task["parent"], task["state"], task["window_start"]) == (ORDER_ID, "16", start)
    field.clock.advance(timedelta(minutes=75))
    field.mutate({"do": "progress", "booking": booking, "status": "In Progress"})
    poll(world, ORDERS, BOOKINGS)
    assert mine(world)["state"] == "18"
    arrived = world.row("work_order_task", booking, "field")["actual_work_start"]
    assert arrived == mine(world)["work_start"] >= start + timedelta(minutes=15)
    field.clock.advance(timedelta(minutes=45))
    field.mutate({"do": "progress", "booking": booking, "status": "Completed"})
    poll(world, ORDERS, BOOKINGS)
    task = world.row("work_order_task", booking, "field")
    assert (task["state"], task["active"]) == ("3", False)
    assert task["actual_work_end"] == mine(world)["work_end"] > arrived
    assert (mine(world)["state"], mine(world)["active"]) == ("18", True)  # not posted yet
    assert mine(world)["hub_custom"] == {"u_system_status": "Completed"}
    field.mutate({"do": "post", "order": id})
    poll(world, ORDERS)
    assert (mine(world)["state"], mine(world)["active"]) == ("3", False)
    assert mine(world)["closed_at"] is not None


def test_a_412_is_read_again_merged_and_retried(world: World, field: Dynamics365Sandbox) -> None:
    id = order(world, field)
    poll(world, ORDERS)
    change = {"msdyn_instructions": "Use the back door."}
    field.mutate({"do": "update", "stream": ORDERS.name, "id": id, "data": change})
    field.journal.clear()
    world.edit("work_order", ORDER_ID, short_description="Till 9 burns")
    work(world)
    statuses = [entry.status for entry in field.journal if entry.method == "PATCH"]
    assert statuses == [412, 200]
    there = rows(field, ORDERS)[id]
    assert there["msdyn_workordersummary"] == mine(world)["short_description"] == "Till 9 burns"
    assert there["msdyn_instructions"] == mine(world)["description"] == "Use the back door."
    assert world.letters() == []


def test_an_order_cancelled_in_the_hub_is_cancelled_there(
    world: World, field: Dynamics365Sandbox
) -> None:
    id = order(world, field)
    poll(world, ORDERS)
    world.edit("work_order", ORDER_ID, state="7")
    work(world)
    poll(world, ORDERS)
    assert rows(field, ORDERS)[id]["msdyn_systemstatus"] == 690970005
    assert (mine(world)["state"], mine(world)["active"]) == ("7", False)


def test_a_case_closed_in_the_hub_is_closed_there_by_its_action(
    world: World, field: Dynamics365Sandbox
) -> None:
    id = next(id for id, row in rows(field, INCIDENTS).items() if row["statecode"] == 0)
    world.edit("case", world.sys_id("case", id, "field"), state="3", close_notes="Cable was loose.")
    work(world)
    assert (rows(field, INCIDENTS)[id]["statecode"], len(field.journal.of("CloseIncident"))) == (
        1,
        1,
    )
    poll(world, INCIDENTS)
    assert world.row("case", id, "field")["state"] == "3"
    assert len(field.journal.of("CloseIncident")) == 1


def test_a_deletion_arrives_and_closes_what_it_was(world: World, field: Dynamics365Sandbox) -> None:
    gone = first(field, BOOKINGS)
    field.mutate({"do": "delete", "stream": BOOKINGS.name, "id": gone})
    poll(world, BOOKINGS)
    task = world.row("work_order_task", gone, "field")
    assert (task["state"], task["active"]) == ("7", False)
    assert len(rows(field, BOOKINGS)) == 71


def test_a_webhook_makes_the_hub_read_the_row_again(
    world: World, field: Dynamics365Sandbox
) -> None:
    id = first(field, ORDERS)
    change = {"msdyn_workordersummary": "Cooler 3 is warm"}
    field.mutate({"do": "update", "stream": ORDERS.name, "id": id, "data": change})
    [sent] = field.webhooks({"stream": ORDERS.name, "id": id})
    headers = {name.lower(): value for name, value in sent.headers}
    delivery = verified(world.connections["field"], hub.Webhook(headers, sent.body))
    assert Intake(world.db, world.clock).store([delivery]) == [True]
    work(world)
    assert world.row("work_order", id, "field")["short_description"] == "Cooler 3 is warm"


def test_an_expired_delta_link_starts_over(world: World, field: Dynamics365Sandbox) -> None:
    id = first(field, ORDERS)
    field.clock.advance(timedelta(days=8))
    change = {"msdyn_workordersummary": "Cooler 3 is warm"}
    field.mutate({"do": "update", "stream": ORDERS.name, "id": id, "data": change})
    field.journal.clear()
    poll(world, ORDERS)
    asked = field.journal.of("msdyn_workorders", "GET")
    assert [entry.status for entry in asked] == [401, 400, 200]  # the token has ended, too
    assert world.row("work_order", id, "field")["short_description"] == "Cooler 3 is warm"
    assert len(world.rows("work_order")) == 90
    field.journal.clear()
    poll(world, ORDERS)
    assert [entry.status for entry in field.journal.of("msdyn_workorders")] == [200]
    assert world.letters() == []


def test_what_was_deleted_before_a_listing_is_gone_after_it(
    world: World, field: Dynamics365Sandbox
) -> None:
    gone = first(field, BOOKINGS)
    field.clock.advance(timedelta(days=8))
    field.mutate({"do": "delete", "stream": BOOKINGS.name, "id": gone})
    poll(world, BOOKINGS)
    task = world.row("work_order_task", gone, "field")
    assert (task["state"], task["active"]) == ("7", False)
    assert len([t for t in world.rows("work_order_task") if t["state"] == "7"]) == 1
    assert world.letters() == []
