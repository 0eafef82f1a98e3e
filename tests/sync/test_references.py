"""References find their record: in the page, in the store, or when it arrives."""

from __future__ import annotations

from pathlib import Path

from hub.sync.inbound.absorb import UNDERWAY, absorb
from hub.sync.jobs import Bind
from tests.databases import ON_POSTGRESQL
from tests.sync.elsewhere import gone, there
from tests.sync.world import World, altered, connected

BIND_ACCOUNTS = "crm/accounts"


def test_a_reference_to_a_known_record(world: World) -> None:
    world.absorb(there("accounts", "a1", Name="Brookfield"))
    world.absorb(there("cases", "c1", AccountId="a1"))
    assert world.row("case", "c1")["account"] == world.sys_id("account", "a1")
    assert world.count("hub_pending_ref") == 0


def test_a_reference_within_the_page_whatever_the_order(world: World) -> None:
    world.absorb(
        there("cases", "c2", ParentId="c1"),
        there("cases", "c1", ParentId=None),
        there("cases", "c3", ParentId="c3"),
    )
    parent = world.sys_id("case", "c1")
    assert world.row("case", "c2")["parent"] == parent
    assert world.row("case", "c3")["parent"] == world.sys_id("case", "c3")


def test_a_reference_is_bound_when_its_record_arrives(world: World) -> None:
    world.absorb(there("cases", "c1", Subject="Till", AccountId="a1"))
    assert world.row("case", "c1")["account"] is None
    world.absorb(there("accounts", "a0"))
    assert BIND_ACCOUNTS not in world.waiting("bind")
    world.absorb(there("accounts", "a1"))
    assert BIND_ACCOUNTS in world.waiting("bind")
    world.work()
    assert world.row("case", "c1")["account"] == world.sys_id("account", "a1")
    assert world.count("hub_pending_ref") == 0
    last = world.audits("case", world.sys_id("case", "c1"))[-1]
    assert (last["fieldname"], last["hub_mapping"]) == ("account", "cases.yaml:18")


@ON_POSTGRESQL
def test_two_who_come_at_the_same_moment_find_each_other(world: World) -> None:
    case, account = there("cases", "c1", AccountId="a1"), there("accounts", "a1")
    crm = world.connections["crm"]
    with world.db.write() as one, world.db.write() as other:  # neither sees the other
        absorb(one, world.connections, crm, "cases", [case], now=world.now)
        absorb(other, world.connections, crm, "accounts", [account], now=world.now)
    world.work()
    assert world.row("case", "c1")["account"] is None
    world.clock.pass_(UNDERWAY)
    world.work()
    assert world.row("case", "c1")["account"] == world.sys_id("account", "a1")
    assert world.waiting() == []


def test_a_reference_that_changed_its_mind_is_bound_to_the_new_record(world: World) -> None:
    world.absorb(there("cases", "c1", 1, AccountId="a1"))
    world.absorb(there("cases", "c1", 2, AccountId="a2"))
    world.absorb(there("accounts", "a1"), there("accounts", "a2"))
    world.work()
    assert world.row("case", "c1")["account"] == world.sys_id("account", "a2")


def test_a_reference_that_was_cleared_before_its_record_came_stays_empty(world: World) -> None:
    world.absorb(there("cases", "c1", 1, AccountId="a1"))
    world.absorb(there("cases", "c1", 2, AccountId=None))
    world.absorb(there("accounts", "a1"))
    world.work()
    assert world.row("case", "c1")["account"] is None


def test_a_reference_that_was_cleared_while_its_record_came_stays_empty(world: World) -> None:
    world.absorb(there("cases", "c1", 1, AccountId="a1"))
    world.absorb(there("accounts", "a1"))
    world.absorb(there("cases", "c1", 2, AccountId=None))
    world.work()
    assert world.row("case", "c1")["account"] is None


def test_a_reference_that_waits_no_longer_is_not_noted_again(world: World) -> None:
    world.absorb(there("cases", "c1", 1, AccountId="a1"))
    world.absorb(there("cases", "c1", 2, AccountId=None))
    with world.counted() as sent:
        world.absorb(there("cases", "c1", 3, AccountId=None))
    assert not [sql for sql in sent if "INSERT INTO hub_pending_ref" in sql]


def test_a_reference_that_a_page_does_not_carry_goes_on_waiting(world: World) -> None:
    world.absorb(there("cases", "c1", 1, AccountId="a1"))
    world.absorb(there("cases", "c1", 2, Subject="Till"))
    world.absorb(there("accounts", "a1"))
    world.work()
    assert world.row("case", "c1")["account"] == world.sys_id("account", "a1")


def test_what_a_person_chose_meanwhile_is_not_overruled(world: World) -> None:
    world.absorb(there("accounts", "a0"))
    world.absorb(there("cases", "c1", AccountId="a1"))
    chosen = world.sys_id("account", "a0")
    world.edit("case", world.sys_id("case", "c1"), account=chosen)
    world.absorb(there("accounts", "a1"))
    world.work()
    assert world.row("case", "c1")["account"] == chosen


def test_a_bound_reference_is_what_both_sides_agree_on(world: World) -> None:
    """Nothing is sent back, and their next change of it is no conflict."""
    world.absorb(there("cases", "c1", 1, AccountId="a1"))
    world.absorb(there("accounts", "a1"), there("accounts", "a2"))
    world.work()
    world.edit("case", world.sys_id("case", "c1"), short_description="Till")
    world.system().set("cases", "c1")
    world.work()
    assert [write.data for write in world.system().writes] == [{"Subject": "Till"}]
    world.absorb(there("cases", "c1", 99, AccountId="a2"))
    assert world.row("case", "c1")["account"] == world.sys_id("account", "a2")
    reasons = [e["reason"] for e in world.audits("case", world.sys_id("case", "c1"))]
    assert not any(reasons)


def test_a_record_in_another_table_is_not_meant(world: World, tmp_path: Path) -> None:
    """A refund is a return and a case here: a case's `parent` means the case."""
    cases = altered(tmp_path, "cases", "ParentId | ref(cases)", "RefundId | ref(refunds)")
    returns = altered(tmp_path, "orders", "AccountId | ref(accounts)", "RefundId | ref(refunds)")
    world.connect(connected(cases=cases, orders=returns))
    world.absorb(there("refunds", "r1", Amount=5))
    world.absorb(there("orders", "o1", RefundId="r1", State="new"))
    assert world.row("order", "o1")["account"] is None, "neither of the two is an account"


def test_a_late_record_in_another_table_is_not_meant_either(world: World, tmp_path: Path) -> None:
    orders = altered(tmp_path, "orders", "AccountId | ref(accounts)", "RefundId | ref(refunds)")
    world.connect(connected(orders=orders))
    world.absorb(there("orders", "o1", RefundId="r1"))
    world.absorb(there("refunds", "r1", Amount=5))
    world.work()
    assert world.row("order", "o1")["account"] is None
    assert world.letters() == []


def test_a_parent_that_is_late_is_the_case_and_not_the_return(world: World, tmp_path: Path) -> None:
    refunds = altered(
        tmp_path, "refunds", "  reason:        Reason\n", "  case: CaseOf | ref(refunds)\n"
    )
    world.connect(connected(refunds=refunds))
    for number in range(8):  # the tables of a record come in any order
        world.absorb(there("refunds", f"r{number}", Amount=0, CaseOf=f"s{number}"))
        world.absorb(there("refunds", f"s{number}", Amount=5))
    world.work()
    for number in range(8):
        case = world.sys_id("case", f"s{number}")
        assert world.row("return", f"r{number}")["case"] == case


def test_a_thousand_fields_wait_for_one_record(world: World) -> None:
    world.absorb(*(there("cases", f"c{i}", AccountId="a1") for i in range(1100)))
    world.absorb(there("accounts", "a1"))
    world.work()
    account = world.sys_id("account", "a1")
    assert all(row["account"] == account for row in world.rows("case"))
    assert world.count("hub_pending_ref") == 0


def test_a_reference_whose_record_came_as_something_else_stops_nobody(
    world: World, tmp_path: Path
) -> None:
    orders = altered(tmp_path, "orders", "AccountId | ref(accounts)", "RefundId | ref(refunds)")
    world.connect(connected(orders=orders))
    world.absorb(*(there("orders", f"o{i}", RefundId="r1") for i in range(600)))
    world.absorb(there("refunds", "r1", Amount=5))
    world.clock.pass_(UNDERWAY)
    world.work()
    assert world.waiting() == []
    assert all(row["account"] is None for row in world.rows("order"))


def test_a_reference_to_a_deleted_record_waits_for_its_return(world: World) -> None:
    world.absorb(there("accounts", "a1", 1))
    world.absorb(gone("accounts", "a1", 2))
    world.absorb(there("cases", "c1", AccountId="a1"))
    assert world.row("case", "c1")["account"] is None
    world.absorb(there("accounts", "a1", 3))
    world.work()
    assert world.row("case", "c1")["account"] == world.sys_id("account", "a1")


def test_a_reference_to_a_record_that_failed_waits_for_it(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Status="Exploded"), there("cases", "c2", ParentId="c1"))
    assert world.row("case", "c2")["parent"] is None
    world.absorb(there("cases", "c1", 2, Status="New"))
    world.work()
    assert world.row("case", "c2")["parent"] == world.sys_id("case", "c1")


def test_a_reference_that_may_be_null_does_not_wait(world: World, tmp_path: Path) -> None:
    mapping = altered(
        tmp_path, "cases", "AccountId | ref(accounts)", 'AccountId | ref(accounts, "null")'
    )
    world.connect(connected(cases=mapping))
    world.absorb(there("cases", "c1", AccountId="a1"))
    assert world.count("hub_pending_ref") == 0


def test_a_bind_with_nothing_to_do_ends(world: World) -> None:
    world.run(Bind("crm", "accounts"))
    assert world.waiting() == []


def test_others_are_told_of_a_bound_reference(world: World) -> None:
    world.connect(connected(), connected("erp", streams=("accounts", "cases")))
    world.absorb(there("cases", "c1", AccountId="a1"))
    world.absorb(there("cases", "c1", AccountId=None), connection="erp")
    world.forget_jobs()
    world.absorb(there("accounts", "a1"))
    world.run(Bind("crm", "accounts"))
    sys_id = world.sys_id("case", "c1")
    assert world.waiting("push").count(f"erp/cases/sn_customerservice_case/{sys_id}") == 1
    assert not [key for key in world.waiting("push") if key.startswith("crm/cases/")]
