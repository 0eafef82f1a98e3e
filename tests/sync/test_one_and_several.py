"""One external record that is several of ours, several that are one, and records in a circle."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.mapping import Mapping, load
from hub.store import entities
from hub.sync.jobs import Poll
from tests.sync.elsewhere import there
from tests.sync.world import World, connected

BILLING = """\
mapping: elsewhere/contacts
to: account
key: Id
version: Version
stamp: Hub_Id
owner: theirs
match: [registration_code]
fields:
  registration_code: Duns
  u_credit_limit:    Limit
  u_dunning_level:   Dunning
"""
"""What another program keeps of the same companies; the stream's name is not to the point."""


@pytest.fixture
def billed(world: World, tmp_path: Path) -> World:
    """A hub where companies come from two streams."""
    file = tmp_path / "contacts.yaml"
    file.write_text(BILLING)
    billing = _loaded(file)
    world.connect(connected(contacts=billing))
    return world


def _loaded(file: Path) -> tuple[Mapping, ...]:
    return tuple(load(file, shape_of=lambda name: entities.find(name).shape))


def test_two_streams_that_match_make_one_record(billed: World) -> None:
    billed.absorb(there("accounts", "a1", Name="Ahorn", Duns="D1", Phone="1"))
    billed.absorb(there("contacts", "b7", Duns="D1", Limit="500"))
    (account,) = billed.rows("account")
    assert (account["name"], account["phone"], account["hub_custom"]["u_credit_limit"]) == (
        "Ahorn",
        "1",
        "500",
    )


def test_whichever_comes_first(billed: World) -> None:
    billed.absorb(there("contacts", "b7", Duns="D1", Limit="500"))
    billed.absorb(there("accounts", "a1", Name="Ahorn", Duns="D1", Phone="1"))
    (account,) = billed.rows("account")
    assert (account["name"], account["hub_custom"]["u_credit_limit"]) == ("Ahorn", "500")


def test_a_stamp_makes_them_one_as_well(billed: World) -> None:
    billed.absorb(there("accounts", "a1", Name="Ahorn"))
    ours = billed.sys_id("account", "a1")
    billed.absorb(there("contacts", "b7", Hub_Id=ours, Limit="500"))
    (account,) = billed.rows("account")
    assert (account["sys_id"], account["hub_custom"]["u_credit_limit"]) == (ours, "500")


def test_each_stream_goes_on_to_say_what_is_its_own(billed: World) -> None:
    billed.absorb(there("accounts", "a1", Name="Ahorn", Duns="D1", Phone="1"))
    billed.absorb(there("contacts", "b7", 1, Duns="D1", Limit="500", Dunning="0"))
    billed.absorb(there("contacts", "b7", 2, Duns="D1", Limit="900", Dunning=None))
    billed.absorb(there("accounts", "a1", 2, Name="Ahorn & Co", Duns="D1", Phone="2"))
    (account,) = billed.rows("account")
    assert (account["name"], account["phone"]) == ("Ahorn & Co", "2")
    assert (
        account["hub_custom"]["u_credit_limit"],
        account["hub_custom"].get("u_dunning_level"),
    ) == ("900", None)


def test_an_edit_of_ours_goes_to_the_stream_that_has_the_field(billed: World) -> None:
    system = billed.system()
    system.set("accounts", "a1", Duns="D1", Phone="1")
    system.set("contacts", "b7", Duns="D1", Limit="5")
    for stream in ("accounts", "contacts"):
        billed.run(Poll("crm", stream))
    ours = billed.sys_id("account", "a1")
    billed.edit("account", ours, u_credit_limit="9")
    billed.work()
    assert system.get("contacts", "b7")["Limit"] == "9"
    billed.edit("account", ours, phone="2")
    billed.work()
    assert system.get("accounts", "a1")["Phone"] == "2"
    assert "Limit" not in system.get("accounts", "a1")


def test_a_record_that_makes_two_is_told_apart_from_two_that_make_one(world: World) -> None:
    world.absorb(there("refunds", "r1", Amount=5, Subject="Refund"))
    assert len(world.rows("return")) == len(world.rows("case")) == 1
    assert world.sys_id("return", "r1") != world.sys_id("case", "r1")


# -- circles


def test_a_case_may_be_its_own_parent(world: World) -> None:
    world.absorb(there("cases", "c1", Subject="a", ParentId="c1"))
    world.work()
    case = world.row("case", "c1")
    assert case["parent"] in {case["sys_id"], None}
    assert world.dead() == []
    assert world.absorb(there("cases", "c1", Subject="a", ParentId="c1"), again=True).updated == 0


@pytest.mark.parametrize("together", [True, False])
def test_two_cases_may_be_each_others_parent(world: World, together: bool) -> None:  # noqa: FBT001
    one = there("cases", "c1", Subject="a", ParentId="c2")
    two = there("cases", "c2", Subject="b", ParentId="c1")
    for page in [[one, two]] if together else [[one], [two]]:
        world.absorb(*page)
    world.work()
    assert world.row("case", "c1")["parent"] == world.sys_id("case", "c2")
    assert world.row("case", "c2")["parent"] == world.sys_id("case", "c1")
    assert world.dead() == []


def test_a_long_circle_comes_to_rest(world: World) -> None:
    ring = [there("cases", f"c{n}", Subject="x", ParentId=f"c{(n + 1) % 50}") for n in range(50)]
    for change in ring:
        world.absorb(change)
    world.work()
    parents = {row["sys_id"]: row["parent"] for row in world.rows("case")}
    assert len(parents) == 50
    assert set(parents) == set(parents.values())
    assert world.dead() == []
