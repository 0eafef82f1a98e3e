"""Who is in which group: there while both are here and somebody says so, and never half there."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

import hub
from hub.store import cursors, entities
from hub.store.database import Database
from hub.sync.connection import Connection
from hub.sync.inbound import reconcile
from hub.sync.inbound.absorb import UNDERWAY, absorb
from hub.sync.insight.plan import Planner
from hub.sync.jobs import Poll
from hub.sync.records.amend import Origin, Patch
from hub.sync.records.ended import ENDED
from tests.sync.elsewhere import Elsewhere, gone, there
from tests.sync.world import World, connected

STREAMS = ("users", "groups", "memberships")


class Directory(Elsewhere):
    """A system with users, groups, and who is in them."""

    streams = tuple(hub.Stream(name) for name in STREAMS)


def directory(name: str = "crm") -> Connection:
    return connected(name, spoke=Directory(), streams=STREAMS)


@pytest.fixture
def world(db: Database) -> World:
    """Two directories, `crm` and `idp`, that tell of the same people and groups."""
    world = World(db)
    world.connect(directory(), directory("idp"))
    return world


def member(user: str, group: str, moment: int = 1, **more: Any) -> hub.Change:
    return there("memberships", f"{group}|{user}", moment, UserId=user, GroupId=group, **more)


def left(user: str, group: str, moment: int = 2) -> hub.Change:
    return gone("memberships", f"{group}|{user}", moment)


def both(world: World, *, of: str = "crm") -> None:
    """A user and a group who are here."""
    world.absorb(there("users", "u1", Name="ada", Active=True), connection=of)
    world.absorb(there("groups", "g1", Name="Stores"), connection=of)


def pairs(world: World) -> list[tuple[str, str]]:
    """(user, group) of every row, by name; a row that lacks either would fail."""
    users = {row["sys_id"]: row["user_name"] for row in world.rows("user")}
    groups = {row["sys_id"]: row["name"] for row in world.rows("group")}
    return sorted((users[row["user"]], groups[row["group"]]) for row in world.rows("group_member"))


ADA_IN_STORES = [("ada", "Stores")]
MOST = 12


def test_who_joins_is_in_and_who_leaves_is_not(world: World) -> None:
    both(world)
    counts = world.absorb(member("u1", "g1", 1))
    assert (pairs(world), counts.created) == (ADA_IN_STORES, 1)
    row = world.row("group_member", "g1|u1")
    counts = world.absorb(left("u1", "g1", 2))
    assert (pairs(world), counts.deleted) == ([], 1)
    [began, ended] = world.audits("group_member", row["sys_id"])
    assert (began["fieldname"], began["oldvalue"]) == ("*", None)
    assert {name: ended[name] for name in ("fieldname", "newvalue", "user", "hub_source")} == {
        "fieldname": "*", "newvalue": None, "user": "crm", "hub_source": "crm",
    }  # fmt: skip
    assert ended["oldvalue"] == f"{row['group']} {row['user']}"
    assert (ended["hub_external_id"], ended["reason"]) == ("g1|u1", ENDED)
    assert ended["sys_created_on"] == world.now
    assert world.link("group_member", "g1|u1").deleted_at is not None


def test_who_comes_back_is_in_again(world: World) -> None:
    both(world)
    world.absorb(member("u1", "g1", 1))
    world.absorb(left("u1", "g1", 2))
    assert world.absorb(member("u1", "g1", 1)).created == 0, "an older change brings nobody back"
    assert world.absorb(member("u1", "g1", 3)).created == 1
    assert pairs(world) == ADA_IN_STORES
    assert world.link("group_member", "g1|u1").deleted_at is None


def test_told_twice_it_is_there_once_and_ended_twice_it_is_audited_once(world: World) -> None:
    both(world)
    world.absorb(member("u1", "g1", 1))
    row = world.row("group_member", "g1|u1")
    world.absorb(member("u1", "g1", 2))
    world.absorb(left("u1", "g1", 3))
    world.absorb(left("u1", "g1", 4))
    assert len(world.audits("group_member", row["sys_id"])) == 2


def test_one_that_ended_before_it_was_told_does_not_begin(world: World) -> None:
    both(world)
    world.absorb(left("u1", "g1", 2))
    world.absorb(member("u1", "g1", 1))
    assert pairs(world) == []


# -- not both are here yet

ARRIVALS = [
    there("users", "u1", Name="ada"),
    there("groups", "g1", Name="Stores"),
    member("u1", "g1", Role="lead"),
]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_whatever_order_they_come_nothing_half_is_ever_seen(
    world: World, order: tuple[int, ...]
) -> None:
    for number in order:
        assert pairs(world) == []
        world.absorb(ARRIVALS[number])
        world.work()
    assert pairs(world) == ADA_IN_STORES
    [row] = world.rows("group_member")
    assert row["hub_custom"] == {"u_role": "lead"}, "also what else was said of it"
    assert row["sys_id"] == world.sys_id("group_member", "g1|u1")
    assert world.count("hub_pending_ref") == 0
    assert world.link("group_member", "g1|u1").base is None
    world.clock.pass_(UNDERWAY)
    world.work()
    assert world.waiting() == []
    assert world.letters() == []


def test_who_waits_is_counted_as_created_when_it_is(world: World) -> None:
    assert world.absorb(member("u1", "g1")).created == 0
    both(world)
    world.work()
    assert pairs(world) == ADA_IN_STORES
    with world.db.read() as tx:
        [created] = tx.exec_driver_sql(
            "SELECT created FROM hub_cursor WHERE stream = 'memberships'"
        ).scalars()
    assert created == 1


def test_one_that_ends_while_it_waits_never_begins(world: World) -> None:
    world.absorb(member("u1", "g1", 1))
    world.absorb(left("u1", "g1", 2))
    both(world)
    world.work()
    assert pairs(world) == []
    assert world.rows("group_member") == []
    assert world.count("hub_pending_ref") == 0
    assert world.link("group_member", "g1|u1").base is None


def test_one_that_is_told_again_while_it_waits_says_what_was_said_last(world: World) -> None:
    world.absorb(member("u1", "g1", 1, Role="lead"))
    world.absorb(member("u1", "g1", 2, Role="deputy"))
    both(world)
    world.work()
    assert [row["hub_custom"] for row in world.rows("group_member")] == [{"u_role": "deputy"}]
    assert world.count("hub_pending_ref") == 0
    assert world.link("group_member", "g1|u1").base is None


def test_one_of_nobody_is_none_and_waits_for_nothing(world: World) -> None:
    both(world)
    world.absorb(there("memberships", "g1|", 1, UserId=None, GroupId="g1"))
    assert world.rows("group_member") == []
    assert world.count("hub_pending_ref") == 0
    world.absorb(there("memberships", "g1|", 2, UserId="u1", GroupId="g1"))
    assert pairs(world) == ADA_IN_STORES


def test_what_is_not_said_leaves_it_as_it_is(world: World) -> None:
    both(world)
    world.absorb(member("u1", "g1", 1))
    world.absorb(there("memberships", "g1|u1", 2, Role="lead"))
    assert pairs(world) == ADA_IN_STORES
    world.absorb(there("memberships", "g1|u2", 1, GroupId="g1"))
    world.absorb(there("memberships", "g1|u2", 2, GroupId="g1", Role="lead"))
    assert pairs(world) == ADA_IN_STORES, "who was never named is not in"


def test_a_page_of_some_that_can_be_and_some_that_cannot(world: World) -> None:
    both(world)
    users = [there("users", f"n{i}", Name=f"n{i}") for i in range(3)]
    world.absorb(*users)
    counts = world.absorb(*(member(f"n{i}", "g1") for i in range(3)), member("late", "g1"))
    assert (counts.created, len(pairs(world))) == (3, 3)
    world.absorb(there("users", "late", Name="zoe"))
    world.work()
    assert pairs(world)[-1] == ("zoe", "Stores")


def test_many_wait_for_one(world: World) -> None:
    users = [there("users", f"n{i:04}", Name=f"n{i:04}") for i in range(1100)]
    world.absorb(*users)
    world.absorb(*(member(f"n{i:04}", "g1") for i in range(1100)))
    assert world.rows("group_member") == []
    world.absorb(there("groups", "g1", Name="Stores"))
    world.work()
    assert len(pairs(world)) == 1100


# -- an end is gone


@pytest.mark.parametrize(("stream", "id"), [("groups", "g1"), ("users", "u1")])
def test_when_one_end_is_gone_so_is_the_membership(world: World, stream: str, id: str) -> None:
    both(world)
    world.absorb(member("u1", "g1", 1))
    row = world.row("group_member", "g1|u1")
    world.absorb(gone(stream, id, 2))
    assert world.rows("group_member") == []
    last = world.audits("group_member", row["sys_id"])[-1]
    assert last["reason"] == f"{ENDED}: the record at one end is gone"
    assert (last["hub_external_id"], last["hub_source"]) == ("g1|u1", "crm")
    assert world.link("group_member", "g1|u1").deleted_at is not None
    world.absorb(there(stream, id, 3, Name="ada" if stream == "users" else "Stores"))
    world.absorb(member("u1", "g1", 1))
    assert pairs(world) == ADA_IN_STORES, "both are back, and they say that she is in"


def test_who_is_deactivated_is_inactive_and_still_in_the_group(world: World) -> None:
    """R46: who may not act any more is known by `active`; the directory says who is in what."""
    both(world)
    world.absorb(member("u1", "g1"))
    world.absorb(there("users", "u1", 2, Name="ada", Active=False))
    assert not world.row("user", "u1")["active"]
    assert pairs(world) == ADA_IN_STORES


def test_who_cannot_be_in_a_group_that_is_gone_is_when_it_is_back(world: World) -> None:
    both(world)
    world.absorb(gone("groups", "g1", 2))
    world.absorb(member("u1", "g1", 1))
    assert pairs(world) == []
    world.absorb(there("groups", "g1", 3, Name="Stores"))
    world.work()
    assert pairs(world) == ADA_IN_STORES


# -- two say so


def test_what_two_say_is_there_once_and_until_neither_says_it(world: World) -> None:
    both(world)
    both(world, of="idp")
    world.absorb(member("u1", "g1", 1))
    world.absorb(member("u1", "g1", 1), connection="idp")
    assert pairs(world) == ADA_IN_STORES
    world.absorb(left("u1", "g1", 2))
    assert pairs(world) == ADA_IN_STORES, "the other one still says so"
    world.absorb(member("u1", "g1", 3))
    assert pairs(world) == ADA_IN_STORES
    world.absorb(left("u1", "g1", 4), connection="idp")
    assert pairs(world) == ADA_IN_STORES
    world.absorb(left("u1", "g1", 4))
    assert pairs(world) == []


def test_what_two_say_is_there_once_also_after_it_waited(world: World) -> None:
    world.absorb(member("u1", "g1"))
    world.absorb(member("u1", "g1"), connection="idp")
    both(world, of="idp")
    both(world)
    world.work()
    assert pairs(world) == ADA_IN_STORES


def test_what_ended_here_and_began_there_is_there_once_when_it_is_back_here(world: World) -> None:
    both(world)
    both(world, of="idp")
    world.absorb(member("u1", "g1", 1))
    world.absorb(left("u1", "g1", 2))
    world.absorb(member("u1", "g1", 1), connection="idp")
    world.absorb(member("u1", "g1", 3))
    assert pairs(world) == ADA_IN_STORES
    world.absorb(left("u1", "g1", 2), connection="idp")
    assert pairs(world) == ADA_IN_STORES


def test_a_group_that_is_gone_for_one_takes_only_what_that_one_said(world: World) -> None:
    both(world)
    both(world, of="idp")
    world.absorb(there("users", "u2", Name="bob"), connection="idp")
    world.absorb(member("u1", "g1"))
    world.absorb(member("u2", "g1"), connection="idp")
    world.absorb(gone("groups", "g1", 2))
    assert pairs(world) == [("bob", "Stores")]


def test_what_somebody_here_has_entered_stays_when_a_group_is_gone(world: World) -> None:
    both(world)
    ends = {"user": world.sys_id("user", "u1"), "group": world.sys_id("group", "g1")}
    world.amend(Patch(entities.find("group_member"), "1" * 32, ends, fresh=True))
    world.absorb(gone("groups", "g1", 2))
    assert pairs(world) == ADA_IN_STORES
    world.amend(
        Patch(entities.find("group_member"), "1" * 32, {}, ends=True, reason="moved"),
        origin=Origin("ann"),
    )
    assert pairs(world) == []
    assert world.audits("group_member", "1" * 32)[-1]["reason"] == "moved"


# -- listings, plans, statements


def test_what_a_complete_listing_does_not_have_has_ended(world: World) -> None:
    system = world.system()
    system.set("users", "u1", Name="ada")
    system.set("users", "u2", Name="bob")
    system.set("groups", "g1", Name="Stores")
    for user in ("u1", "u2", "u3"):  # nobody has told of u3
        system.set("memberships", f"g1|{user}", UserId=user, GroupId="g1")
    for stream in STREAMS:
        world.put(Poll("crm", stream))
        world.work()
    assert pairs(world) == [("ada", "Stores"), ("bob", "Stores")]
    system.forget("memberships", "g1|u1", "g1|u3")
    world.clock.pass_(60)
    with world.db.write() as tx:
        reconcile.begin(tx, world.connections["crm"], "memberships", now=world.clock())
    world.put(Poll("crm", "memberships"))
    world.work()
    assert pairs(world) == [("bob", "Stores")]
    world.absorb(there("users", "u3", 99, Name="cid"))
    world.work()
    assert pairs(world) == [("bob", "Stores")], "nor does it begin when its user comes"


def test_a_plan_shows_what_would_end(world: World) -> None:
    both(world)
    world.absorb(member("u1", "g1", 1))
    planner = Planner(world.db, world.connections, world.connections["crm"], world.clock)
    world.system().remove("memberships", "g1|u1")
    [step] = [step for page in planner.pull("memberships", None) for step in page.steps]
    assert (step.action, step.entity, step.external_id) == ("delete", "group_member", "g1|u1")
    assert pairs(world) == ADA_IN_STORES


def statements(world: World, *page: hub.Change) -> list[str]:
    connection, stream = world.connections["crm"], page[0].stream
    with world.counted() as sent, world.db.write() as tx:
        counts = absorb(tx, world.connections, connection, stream, page, now=world.now)
        cursors.move(tx, "crm", stream, "x", counts, now=0.0, newest=None, job=1, take=1)
    return sent


def worst(world: World, portion: int) -> list[hub.Change]:
    """Memberships that are new, over, back, waiting, and waiting no longer."""
    ids = range(portion)
    world.absorb(there("groups", "g1", Name="Stores"))
    world.absorb(*(there("users", f"u{i}", Name=f"u{i}") for i in range(portion * 5)))
    world.absorb(*(member(f"u{i}", "g1") for i in range(portion * 3)))
    world.absorb(*(left(f"u{i}", "g1") for i in ids))
    world.absorb(*(member(f"late{i}", "g1") for i in ids))
    world.absorb(*(there("users", f"late{i}", Name=f"late{i}") for i in ids))
    return [
        *(member(f"u{i}", "g1", 3) for i in ids),
        *(left(f"u{i + portion}", "g1", 3) for i in ids),
        *(member(f"u{i + 2 * portion}", "g1", 3, Role="x") for i in ids),
        *(member(f"u{i + 3 * portion}", "g1", 3) for i in ids),
        *(member(f"late{i}", "g1", 3) for i in ids),
        *(member(f"never{i}", "g1", 3) for i in ids),
    ]


def test_a_page_costs_the_same_however_many_begin_end_and_wait(world: World) -> None:
    few = statements(world, *worst(world, 3))
    assert len(few) <= MOST, "\n".join(sql[:90] for sql in few)


def test_the_same_of_many(world: World) -> None:
    many = statements(world, *worst(world, 60))
    assert len(many) <= MOST, "\n".join(sql[:90] for sql in many)
    assert len(pairs(world)) == 4 * 60


def test_only_who_is_gone_costs_a_statement_more(world: World) -> None:
    both(world)
    world.connect(connected("crm", spoke=Directory(), streams=("users", "groups")))
    without = statements(world, there("users", "u1", 2, Name="ben"), gone("users", "u2", 2))
    world.connect(directory())
    same = statements(world, there("users", "u1", 3, Name="cid"), gone("users", "u2", 3))
    assert len(same) == len(without)
    ended = statements(world, gone("users", "u1", 4))
    assert len([sql for sql in ended if "sys_user_grmember" in sql]) == 1
