"""A page costs a fixed number of statements, whatever is in it and however many records it has.

Every test builds the worst page that there can be: everything that may happen to a record
happens to some record of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import hub
from hub.store import cursors, entities
from hub.sync.inbound.absorb import absorb
from hub.sync.records.amend import Patch
from tests.sync.elsewhere import gone, there
from tests.sync.world import World, connected

MOST = 12
BACK = 1
"""More where records are back whose mapping does not read what their deletion has set."""
PORTIONS = 10


def statements(world: World, page: list[hub.Change]) -> list[str]:
    """What one page of a poll sends, cursor and all."""
    stream = page[0].stream
    connection = world.connections["crm"]
    with world.counted() as sent, world.db.write() as tx:
        counts = absorb(tx, world.connections, connection, stream, page, now=world.now)
        cursors.move(
            tx, "crm", stream, "next", counts, now=world.clock(), newest=None, job=1, take=1
        )
    return sent


def worst_cases(world: World, portion: int) -> list[hub.Change]:
    """Cases with everything but comments, of which PORTIONS things happen to `portion` each."""
    ids = range(portion)
    world.absorb(*(there("accounts", f"a{i}") for i in ids))
    for i in ids:
        world.amend(
            Patch(entities.find("case"), f"match{i}", {"correlation_id": f"T{i}"}, fresh=True),
            Patch(entities.find("case"), f"{i:032}", {"short_description": "ours"}, fresh=True),
        )
    world.absorb(
        *(there("cases", f"upd{i}", 1, Subject="old", AccountId="late") for i in ids),
        *(there("cases", f"del{i}", 1) for i in ids),
        *(there("cases", f"back{i}", 1) for i in ids),
        *(there("cases", f"well{i}", 1, Status="Exploded") for i in ids),
        *(there("cases", f"sick{i}", 1, Status="Exploded") for i in ids),
        *(there("cases", f"wait{i}", 1, ParentId=f"new{i}") for i in ids),
    )
    world.absorb(*(gone("cases", f"back{i}", 2) for i in ids))
    known = {"AccountId": "a0", "Status": "Open", "ParentId": "new0", "Region": "north"}
    return [
        *(there("cases", f"upd{i}", 3, Subject="new", **known) for i in ids),
        *(gone("cases", f"del{i}", 3) for i in ids),
        *(there("cases", f"back{i}", 3, **known) for i in ids),
        *(there("cases", f"well{i}", 3, **known) for i in ids),
        *(there("cases", f"sick{i}", 3, Status="Melted") for i in ids),
        *(there("cases", f"new{i}", 3, AccountId=f"never{i}") for i in ids),
        *(there("cases", f"adopted{i}", 3, Ticket=f"T{i}", Subject="theirs") for i in ids),
        *(there("cases", f"stamped{i}", 3, Hub_Id=f"{i:032}", Subject="S") for i in ids),
        *(there("cases", f"bad{i}", 3, Status="Exploded") for i in ids),
        *(there("cases", f"out{i}", 3, Kind="private") for i in ids),
    ]


def worst_orders(world: World, portion: int) -> list[hub.Change]:
    """Orders whose lines are added, changed, gone and back."""
    ids = range(portion)
    lines = [{"Id": f"l{i}", "Sku": "s", "Quantity": 1, "Price": "1.50"} for i in range(4)]
    more = [{**lines[0], "Quantity": 2}, lines[1], {**lines[3], "Colour": "red"}]
    world.absorb(
        *(there("orders", f"upd{i}", 1, Lines=lines[:3], AccountId="late") for i in ids),
        *(there("orders", f"del{i}", 1, Lines=lines) for i in ids),
        *(there("orders", f"back{i}", 1, Lines=lines) for i in ids),
        *(there("orders", f"well{i}", 1, Total="lots") for i in ids),
    )
    world.absorb(*(gone("orders", f"back{i}", 2) for i in ids))
    world.absorb(*(there("refunds", f"r{i}", 1, OrderId=f"new{i}", Amount=0) for i in ids))
    world.absorb(there("accounts", "a0"))
    return [
        *(there("orders", f"upd{i}", 3, Lines=more, AccountId="a0") for i in ids),
        *(there("orders", f"upd{i}b", 3, Lines=more, AccountId="never") for i in ids),
        *(gone("orders", f"del{i}", 3) for i in ids),
        *(there("orders", f"back{i}", 3, Lines=more, State="new") for i in ids),
        *(there("orders", f"well{i}", 3, Lines=lines, Total="2.50") for i in ids),
        *(there("orders", f"new{i}", 3, Lines=lines, AccountId="never") for i in ids),
        *(there("orders", f"new{i}b", 3, Lines=[]) for i in ids),
        *(there("orders", f"new{i}c", 3) for i in ids),
        *(there("orders", f"bad{i}", 3, Lines=[{"Id": None}]) for i in ids),
        *(there("orders", f"bad{i}b", 3, Lines="none") for i in ids),
    ]


def worst_refunds(world: World, portion: int) -> list[hub.Change]:
    """Records that are a return and a case at once."""
    ids = range(portion)
    world.absorb(there("orders", "o1"))
    world.absorb(
        *(there("refunds", f"upd{i}", 1, Amount=i % 2, OrderId="late") for i in ids),
        *(there("refunds", f"del{i}", 1, Amount=5) for i in ids),
        *(there("refunds", f"back{i}", 1, Amount=5) for i in ids),
        *(there("refunds", f"well{i}", 1, Amount="lots") for i in ids),
    )
    world.absorb(*(gone("refunds", f"back{i}", 2) for i in ids))
    return [
        *(there("refunds", f"upd{i}", 3, Amount=6, OrderId="o1", Subject="S") for i in ids),
        *(there("refunds", f"upd{i}b", 3, Amount=6, OrderId="never") for i in ids),
        *(gone("refunds", f"del{i}", 3) for i in ids),
        *(there("refunds", f"back{i}", 3, Amount=5, OrderId="o1") for i in ids),
        *(there("refunds", f"well{i}", 3, Amount=5) for i in ids),
        *(there("refunds", f"new{i}", 3, Amount=5, OrderId="o1", Lines=[1]) for i in ids),
        *(there("refunds", f"new{i}b", 3, Amount=5, OrderId="never") for i in ids),
        *(there("refunds", f"new{i}c", 3, Amount=0) for i in ids),
        *(there("refunds", f"bad{i}", 3, Amount="lots") for i in ids),
        *(there("refunds", f"bad{i}b", 3, Amount=5, Date="soon") for i in ids),
    ]


Worst = Callable[[World, int], list[hub.Change]]
WORST = {"cases": worst_cases, "orders": worst_orders, "refunds": worst_refunds}


def told_to_others(world: World) -> None:
    """Another connection shows everything, so whatever changes is pushed to it."""
    world.connect(connected(), connected("erp"))


@pytest.mark.parametrize("stream", WORST)
def test_the_worst_page_costs_at_most_twelve_statements(world: World, stream: str) -> None:
    told_to_others(world)
    page = WORST[stream](world, 50)
    assert len(page) == 500
    sent = statements(world, page)
    most = MOST + BACK if stream == "refunds" else MOST
    assert len(sent) <= most, "\n".join(sql[:100] for sql in sent)


@pytest.mark.parametrize("worst", WORST.values(), ids=WORST)
def test_it_costs_the_same_for_fifty_records_and_five_hundred(
    world: World, worst: Worst, db: Any
) -> None:
    told_to_others(world)
    few = statements(world, worst(world, 5))
    again = statements(world, worst(world, 50))
    assert db is world.db
    assert [sql[:40] for sql in few] == [sql[:40] for sql in again]


@pytest.mark.parametrize("worst", WORST.values(), ids=WORST)
def test_the_worst_page_again_costs_two(world: World, worst: Worst) -> None:
    told_to_others(world)
    page = worst(world, 50)
    statements(world, page)
    assert len(statements(world, page)) == 2


def test_the_worst_page_of_cases_does_everything(world: World) -> None:
    """Else the others would count too little."""
    told_to_others(world)
    page = worst_cases(world, 3)
    world.forget_jobs()
    before = world.count("hub_pending_ref")
    counts = world.absorb(*page)
    assert (counts.created, counts.deleted, counts.failed) == (6, 3, 6)
    assert counts.updated == 12
    assert "crm/cases" in world.waiting("bind")
    assert world.waiting("push")
    assert world.count("hub_pending_ref") > before
    with world.db.read() as tx:
        resolved = tx.exec_driver_sql(
            "SELECT count(*) FROM hub_dead_record WHERE resolved_at IS NOT NULL"
        ).scalar_one()
    assert resolved == 3


def test_reading_costs_one_statement_where_nothing_is_new(world: World) -> None:
    page = [there("accounts", f"a{i}") for i in range(500)]
    world.absorb(*page)
    with world.counted() as sent:
        world.absorb(*page)
    assert len(sent) == 1
