"""An external record is a record that we have already: by stamp, or by match rule."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from hub.store import entities
from hub.sync.records.amend import Patch
from tests.sync.elsewhere import gone, there
from tests.sync.world import MAPPINGS, World, altered, connected


def made(world: World, entity: str, sys_id: str, **values: object) -> str:
    """A record that the hub has from elsewhere."""
    world.amend(Patch(entities.find(entity), sys_id, values, fresh=True))
    return sys_id


def test_an_account_is_known_by_its_registration_code(world: World) -> None:
    made(world, "account", "ours", name="Brookfield", registration_code="D-1")
    counts = world.absorb(there("accounts", "a1", Duns="D-1", Name="Brookfield Inc."))
    assert counts.updated == 1
    assert world.sys_id("account", "a1") == "ours"
    assert world.row("account", "a1")["name"] == "Brookfield Inc."
    assert len(world.rows("account")) == 1


def test_the_first_rule_that_hits_decides(world: World) -> None:
    made(world, "account", "by-code", name="X", registration_code="D-1")
    made(world, "account", "by-name", name="Brookfield", zip="97321")
    world.absorb(
        there("accounts", "a1", Duns="D-1", Name="Brookfield", Zip="97321"),
        there("accounts", "a2", Duns="D-2", Name="Brookfield", Zip="97321"),
    )
    assert world.sys_id("account", "a1") == "by-code"
    assert world.sys_id("account", "a2") == "by-name"


def test_what_another_record_of_the_stream_has_as_well_is_no_proof(world: World) -> None:
    made(world, "account", "ours", name="Brookfield", zip="97321")
    made(world, "account", "theirs", name="Brookfield", registration_code="D-1")
    world.absorb(there("accounts", "a1", Duns="D-1", Name="Brookfield", Zip="97321"))
    world.absorb(there("accounts", "a2", Name="Brookfield", Zip="97321"))
    assert world.sys_id("account", "a1") == "theirs"
    assert world.sys_id("account", "a2") not in {"ours", "theirs"}


def test_a_rule_with_an_empty_part_matches_nothing(world: World) -> None:
    made(world, "account", "ours", name="Brookfield")
    world.absorb(there("accounts", "a1", Name="Brookfield", Zip=None))
    world.absorb(there("accounts", "a2", Name="Brookfield", Zip=""))
    assert len(world.rows("account")) == 3


def test_two_that_match_are_none(world: World) -> None:
    made(world, "account", "one", registration_code="D-1")
    made(world, "account", "two", registration_code="D-1")
    counts = world.absorb(there("accounts", "a1", Duns="D-1"))
    assert counts.created == 1
    assert world.sys_id("account", "a1") not in {"one", "two"}


def test_a_record_that_is_linked_in_the_stream_is_not_adopted_again(world: World) -> None:
    world.absorb(there("accounts", "a1", Duns="D-1"))
    world.absorb(there("accounts", "a2", Duns="D-1"))
    assert world.sys_id("account", "a1") != world.sys_id("account", "a2")


def test_two_of_a_page_do_not_become_one_record(world: World) -> None:
    made(world, "account", "ours", registration_code="D-1")
    world.absorb(there("accounts", "a1", Duns="D-1"), there("accounts", "a2", Duns="D-1"))
    assert sorted(world.sys_id("account", id) == "ours" for id in ("a1", "a2")) == [False, True]


def test_a_record_of_another_connection_is_adopted(world: World) -> None:
    world.connect(connected(), connected("erp", streams=("accounts",)))
    world.absorb(there("accounts", "a1", Duns="D-1"))
    world.absorb(there("accounts", "e1", Duns="D-1"), connection="erp")
    assert world.sys_id("account", "a1") == world.sys_id("account", "e1", "erp")


def test_a_record_whose_link_is_gone_may_be_adopted(world: World) -> None:
    world.absorb(there("accounts", "a1", 1, Duns="D-1"))
    world.absorb(gone("accounts", "a1", 2))
    world.absorb(there("accounts", "a2", 1, Duns="D-1"))
    assert world.sys_id("account", "a2") == world.sys_id("account", "a1")


def test_a_contact_is_known_by_mail_and_account(world: World) -> None:
    world.absorb(there("accounts", "a1"), there("accounts", "a2"))
    one = made(world, "contact", "zoe", email="z@b.example", account=world.sys_id("account", "a1"))
    world.absorb(there("contacts", "p1", Email="z@b.example", AccountId="a1"))
    world.absorb(there("contacts", "p2", Email="z@b.example", AccountId="a2"))
    world.absorb(there("contacts", "p3", Email="z@b.example", AccountId="later"))
    assert world.sys_id("contact", "p1") == one
    assert len(world.rows("contact")) == 3


def test_a_stamp_is_our_own_record(world: World) -> None:
    made(world, "case", "0123456789abcdef0123456789abcdef", short_description="Till")
    world.absorb(there("cases", "c1", Hub_Id="0123456789abcdef0123456789abcdef", Status="Open"))
    assert world.sys_id("case", "c1") == "0123456789abcdef0123456789abcdef"


def test_a_stamp_that_nobody_has_makes_a_record_with_a_new_id(world: World) -> None:
    world.absorb(there("cases", "c1", Hub_Id="0123456789abcdef0123456789abcdef"))
    assert world.sys_id("case", "c1") != "0123456789abcdef0123456789abcdef"


def test_a_copy_of_a_stamped_record_is_a_record_of_its_own(world: World) -> None:
    world.absorb(there("cases", "c1"))
    stamp = world.sys_id("case", "c1")
    world.absorb(there("cases", "c2", Hub_Id=stamp))
    assert world.sys_id("case", "c2") != stamp


def test_a_stamp_of_any_kind_costs_nobody_the_page(world: World) -> None:
    odd = ["\ud800", "a\x00b", 7, ["x"], {"y": 1}, "", "x" * 40_000, "😀"]
    world.absorb(*(there("cases", f"c{i}", Hub_Id=stamp) for i, stamp in enumerate(odd)))
    assert len(world.rows("case")) + len(world.dead()) == len(odd)


def test_references_follow_a_record_that_turns_out_to_be_ours(world: World) -> None:
    made(world, "account", "chain", registration_code="D-1")
    world.absorb(there("accounts", "a1", Duns="D-1"), there("accounts", "a2", ParentId="a1"))
    assert world.row("account", "a2")["account_parent"] == "chain"


def test_references_of_another_document_follow_it_as_well(world: World, tmp_path: Path) -> None:
    """The return of a refund names its case, which we have already."""
    written = (MAPPINGS / "refunds.yaml").read_text()
    start, end = written.index("  reason:"), written.index("owner: if_empty")
    between = written[start:end]
    altogether = between.replace(
        "  reason:        Reason", "  case: {in: Id | ref(refunds), out: {}}"
    )
    refunds = altered(tmp_path, "refunds", between, f"{altogether}match: [correlation_id]\n")
    world.connect(connected(refunds=refunds))
    made(world, "case", "ours", correlation_id="r1")
    world.absorb(there("refunds", "r1", Amount=5))
    assert world.sys_id("case", "r1") == "ours"
    assert world.row("return", "r1")["case"] == "ours"


def test_custom_fields_moments_and_amounts_can_be_matched(world: World, tmp_path: Path) -> None:
    accounts = altered(tmp_path, "accounts", "  - registration_code\n", "  - [u_site, name]\n")
    orders = altered(
        tmp_path, "orders", "deleted: IsDeleted\n",
        "deleted: IsDeleted\nmatch: [[total_amount, order_date]]\n",
    )  # fmt: skip
    world.connect(connected(accounts=accounts, orders=orders))
    made(world, "account", "ours", name="Brookfield", u_site="Elm")
    made(world, "order", "mine", total_amount=Decimal("12.5"), order_date=world.now)
    world.absorb(there("accounts", "a1", Name="Brookfield", Site="Elm"))
    world.absorb(there("orders", "o1", Total="12.50", Date=world.now.isoformat()))
    assert world.sys_id("account", "a1") == "ours"
    assert world.sys_id("order", "o1") == "mine"
