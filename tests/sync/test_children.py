"""Lists inside a record: order lines become rows that stay."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.sync.elsewhere import gone, there
from tests.sync.world import World


def line(id: str, **values: Any) -> dict[str, Any]:
    return {"Id": id, "Sku": f"SKU-{id}", "Quantity": 1, **values}


def test_lines_become_rows_with_numbers(world: World) -> None:
    world.absorb(
        there("orders", "o1", Lines=[line("l1", Price="14.90"), line("l2")]),
        there("orders", "o2", Lines=[line("l1")]),
    )
    rows = world.lines("o1")
    assert rows["l1"]["unit_price"] == Decimal("14.9")
    numbers = [row["number"] for row in world.rows("order_line")]
    assert sorted(numbers) == ["ORDL0001001", "ORDL0001002", "ORDL0001003"]
    assert rows["l1"]["order"] == world.sys_id("order", "o1")


def test_the_same_lines_again_change_nothing(world: World) -> None:
    world.absorb(there("orders", "o1", 1, Lines=[line("l1"), line("l2", Colour="red")]))
    before, order = world.lines("o1"), world.row("order", "o1")
    world.clock.pass_(60)
    counts = world.absorb(there("orders", "o1", 2, Lines=[line("l2", Colour="red"), line("l1")]))
    assert counts.unchanged == 1
    assert world.lines("o1") == before
    assert world.row("order", "o1") == order


def test_lines_that_are_added_changed_and_gone(world: World) -> None:
    world.absorb(there("orders", "o1", 1, Lines=[line("l1"), line("l2"), line("l3")]))
    before = world.lines("o1")
    counts = world.absorb(
        there("orders", "o1", 2, Lines=[line("l1"), line("l2", Quantity=5), line("l4")])
    )
    assert counts.updated == 1
    rows = world.lines("o1")
    assert rows["l1"] == before["l1"]
    assert (rows["l2"]["quantity"], rows["l2"]["sys_mod_count"]) == (5, 1)
    assert (rows["l3"]["state"], rows["l3"]["number"]) == ("cancelled", before["l3"]["number"])
    assert rows["l4"]["sys_mod_count"] == 0
    assert world.row("order", "o1")["sys_mod_count"] == 1
    assert world.audits("order", world.sys_id("order", "o1"))[-1]["fieldname"] == "lines"


def test_a_line_that_comes_back_is_no_longer_cancelled(world: World) -> None:
    world.absorb(there("orders", "o1", 1, Lines=[line("l1"), line("l2")]))
    world.absorb(there("orders", "o1", 2, Lines=[line("l1")]))
    world.absorb(there("orders", "o1", 3, Lines=[line("l1"), line("l2")]))
    assert world.lines("o1")["l2"]["state"] == "new"


def test_a_list_that_the_page_does_not_carry_is_left_alone(world: World) -> None:
    world.absorb(there("orders", "o1", 1, Lines=[line("l1")]))
    before = world.lines("o1")
    world.absorb(there("orders", "o1", 2, Name="#1001"))
    assert world.lines("o1") == before


def test_an_empty_list_has_no_lines_any_more(world: World) -> None:
    world.absorb(there("orders", "o1", 1, Lines=[line("l1")]))
    world.absorb(there("orders", "o1", 2, Lines=[]))
    assert world.lines("o1")["l1"]["state"] == "cancelled"


def test_a_line_that_is_listed_twice_is_one_row(world: World) -> None:
    counts = world.absorb(there("orders", "o1", Lines=[line("l1"), line("l1", Quantity=2)]))
    assert counts.created == 1
    assert world.lines("o1")["l1"]["quantity"] == 2


def test_custom_fields_of_a_line_are_kept(world: World) -> None:
    world.absorb(there("orders", "o1", 1, Lines=[line("l1", Colour="red")]))
    assert world.lines("o1")["l1"]["hub_custom"] == {"u_colour": "red"}
    world.absorb(there("orders", "o1", 2, Lines=[line("l1", Colour="blue")]))
    assert world.lines("o1")["l1"]["hub_custom"] == {"u_colour": "blue"}


def test_one_bad_line_is_the_whole_order_in_one_letter(world: World) -> None:
    counts = world.absorb(
        there("orders", "o1", Lines=[line("l1", Price="lots"), line("l2", Quantity="many")]),
        there("orders", "o2", Lines=[line("l1")]),
    )
    assert (counts.failed, counts.created) == (1, 1)
    [letter] = world.dead()
    assert [fault["field"] for fault in letter.faults] == [
        "lines[0].unit_price",
        "lines[1].quantity",
    ]
    assert len(world.rows("order_line")) == 1


def test_the_lines_of_a_deleted_order_stay(world: World) -> None:
    world.absorb(there("orders", "o1", 1, Lines=[line("l1")]))
    world.absorb(gone("orders", "o1", 2))
    assert world.row("order", "o1")["state"] == "cancelled"
    assert len(world.lines("o1")) == 1
