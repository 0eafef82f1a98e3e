"""Who is in which group: pairs that come in by change tracking, and become rows or end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hub
from hub.store.database import Database
from hub.sync.connection import Connection
from hub.sync.jobs import Poll
from hub.testing import Fault
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.sandbox.tracking import MEMBERS_PER_ROW
from spokes.entra.spoke import Entra
from tests.spokes.entra.doing import asked, do, group, news, pages, start, told, update, user
from tests.sync.world import World, mapped

FILES = Path(__file__).parents[3] / "mappings" / "entra"
NAME, PAIRS = "entra", "memberships"


def there(group: str, member: str) -> dict[str, Any]:
    return {"id": f"{group}|{member}", "group": group, "user": member}


# -- what a pull tells


def test_every_member_is_a_pair(tenant: EntraSandbox, spoke: Entra) -> None:
    ada, ben = user(tenant, "Ada"), user(tenant, "Ben")
    team, other = group(tenant, "Team", [ada, ben]), group(tenant, "Other", [ada])
    group(tenant, "Empty")
    pairs = [(team, ada), (team, ben), (other, ada)]
    assert news(spoke, PAIRS, None) == {f"{g}|{u}": there(g, u) for g, u in pairs}
    assert asked(tenant, "groups/delta")[0] == "$select=members"
    assert asked(tenant, "/members") == [], "no group is read for what its rows tell"


def test_who_joins_and_who_leaves_is_told_by_its_own_delta_link(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    ada, ben = user(tenant, "Ada"), user(tenant, "Ben")
    team = group(tenant, "Team", [ada])
    cursor = start(spoke, PAIRS)
    assert news(spoke, PAIRS, cursor) == {}
    do(tenant, "join", group=team, member=ben)
    do(tenant, "leave", group=team, member=ada)
    update(tenant, "groups", team, displayName="The team")
    assert news(spoke, PAIRS, cursor) == {f"{team}|{ben}": there(team, ben), f"{team}|{ada}": None}


def test_a_large_group_comes_over_many_rows_and_pages(tenant: EntraSandbox, spoke: Entra) -> None:
    people = [user(tenant, f"U{n}") for n in range(3 * MEMBERS_PER_ROW + 1)]
    team = group(tenant, "Team", people)
    tenant.page_size = 1
    assert len(pages(spoke, PAIRS)) > 4
    assert set(news(spoke, PAIRS, None)) == {f"{team}|{one}" for one in people}


def test_members_that_are_no_users_make_no_pair(tenant: EntraSandbox, spoke: Entra) -> None:
    """Who is in a nested group is in that one, and not in the one around it."""
    ada = user(tenant, "Ada")
    inner = group(tenant, "Inner", [ada])
    outer = group(tenant, "Outer", [inner])
    cursor = start(spoke, PAIRS)
    assert news(spoke, PAIRS, None) == {f"{inner}|{ada}": there(inner, ada)}
    do(tenant, "leave", group=outer, member=inner)
    assert news(spoke, PAIRS, cursor) == {}
    assert [c.data for c in spoke.fetch(hub.Stream(PAIRS), [f"{outer}|{inner}"])] == [None]


def graph_says(tenant: EntraSandbox, *rows: dict[str, Any]) -> None:
    """Let the next page of a delta be this."""
    link = f"{tenant.url}/v1.0/groups/delta?$deltatoken=x"
    body = {"@odata.deltaLink": link, "value": list(rows)}
    tenant.faults.add(Fault(path="groups/delta", status=200, body=body))


def row(group: str, **members: bool) -> dict[str, Any]:
    """A row that says of members whether they joined."""
    entries = [
        {"@odata.type": "#microsoft.graph.user", "id": id.replace("_", "-")}
        | ({} if joined else {"@removed": {"reason": "deleted"}})
        for id, joined in members.items()
    ]
    return {"id": group.upper(), "members@delta": entries}


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_of_a_pair_that_is_told_both_ways_the_groups_list_decides(
    tenant: EntraSandbox, spoke: Entra, order: tuple[bool, bool]
) -> None:
    ada, ben = user(tenant, "Ada"), user(tenant, "Ben")
    team = group(tenant, "Team", [ada])
    for one, is_in in ((ada, True), (ben, False)):
        graph_says(tenant, *(row(team, **{one.replace("-", "_"): way}) for way in order))
        wanted = there(team, one) if is_in else None
        assert news(spoke, PAIRS, None) == {f"{team}|{one}": wanted}
    assert len(asked(tenant, f"{team}/members")) == 2


def test_what_is_repeated_is_told_once_and_what_is_taken_back_is_looked_at(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    people = [user(tenant, f"U{n}") for n in range(40)]
    team = group(tenant, "Team")
    cursor = start(spoke, PAIRS)
    do(tenant, "habits", shuffle=True)
    tenant.page_size = 2
    for one in people:
        do(tenant, "join", group=team, member=one)
    reading = spoke.pull(hub.Stream(PAIRS), cursor)
    seen = [next(reading)]
    do(tenant, "leave", group=team, member=people[0])
    seen += reading
    assert len(told(seen)) == len({change.id for change in told(seen)})
    assert news(spoke, PAIRS, seen[-1].cursor) == {f"{team}|{people[0]}": None}


def test_a_group_that_is_deleted_says_nothing_of_its_members(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    """The stream of groups tells of it, and the hub ends what it knows of."""
    team = group(tenant, "Team", [user(tenant, "Ada")])
    cursor = start(spoke, PAIRS)
    do(tenant, "delete", stream="groups", id=team)
    assert news(spoke, PAIRS, cursor) == {}


def test_a_link_that_has_expired_means_that_all_is_listed_again(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    cursor = start(spoke, PAIRS)
    do(tenant, "expire_cursors")
    with pytest.raises(hub.CursorLost, match="delta link"):
        pages(spoke, PAIRS, cursor)
    with pytest.raises(hub.CursorLost, match="does not tell of members"):
        pages(spoke, PAIRS, start(spoke, "groups", "displayName"))


def test_pairs_are_looked_up_with_one_listing_per_group(tenant: EntraSandbox, spoke: Entra) -> None:
    ada, ben = user(tenant, "Ada"), user(tenant, "Ben")
    team = group(tenant, "Team", [ada])
    nobody = "00000000-0000-4000-8000-00000000dead"
    ids = [f"{team}|{ada}", f"{team}|{ben}", f"{nobody}|{ada}", "nonsense", f"{team}|", ""]
    found = {c.id: c.data for c in spoke.fetch(hub.Stream(PAIRS), ids)}
    assert found == {f"{team}|{ada}": there(team, ada)} | dict.fromkeys(ids[1:])
    assert len(asked(tenant, f"{team}/members")) == 1


# -- what becomes of it in a hub


@pytest.fixture
def world(db: Database, spoke: Entra) -> World:
    world = World(db)
    mappings = {name: mapped(FILES / f"{name}.yaml") for name in ("users", "groups", PAIRS)}
    world.connect(Connection(NAME, spoke, mappings))
    return world


def poll(world: World, *streams: str) -> None:
    for stream in streams or ("users", "groups", PAIRS):
        world.put(Poll(NAME, stream))
        world.work()


def pairs(world: World) -> set[tuple[str, str]]:
    """(user, group) by name; a row that lacked either would fail."""
    users = {one["sys_id"]: one["name"] for one in world.rows("user")}
    groups = {one["sys_id"]: one["name"] for one in world.rows("group")}
    rows = world.rows("group_member")
    found = {(users[one["user"]], groups[one["group"]]) for one in rows}
    assert len(found) == len(rows)
    return found


def test_memberships_begin_and_end(tenant: EntraSandbox, world: World) -> None:
    ada, ben = user(tenant, "Ada"), user(tenant, "Ben")
    team = group(tenant, "Team", [ada, ben])
    poll(world)
    assert pairs(world) == {("Ada", "Team"), ("Ben", "Team")}
    do(tenant, "leave", group=team, member=ada)
    poll(world)
    assert pairs(world) == {("Ben", "Team")}
    do(tenant, "join", group=team, member=ada)
    poll(world)
    assert pairs(world) == {("Ada", "Team"), ("Ben", "Team")}
    assert world.dead() == []


def test_memberships_that_come_first_wait_for_both(tenant: EntraSandbox, world: World) -> None:
    group(tenant, "Team", [user(tenant, "Ada")])
    for stream in (PAIRS, "groups", "users"):
        assert pairs(world) == set()
        poll(world, stream)
    assert pairs(world) == {("Ada", "Team")}


def test_a_guest_whom_nobody_knows_is_in_no_group(tenant: EntraSandbox, world: World) -> None:
    vera = user(tenant, "Vera", userType="Guest")
    group(tenant, "Team", [vera, user(tenant, "Ada")])
    poll(world)
    assert pairs(world) == {("Ada", "Team")}


def test_blocked_is_in_deleted_is_out_and_restored_is_in_again(
    tenant: EntraSandbox, world: World
) -> None:
    ada = user(tenant, "Ada")
    group(tenant, "Team", [ada])
    poll(world)
    update(tenant, "users", ada, accountEnabled=False)
    poll(world)
    [person] = world.rows("user")
    assert (person["active"], pairs(world)) == (False, {("Ada", "Team")})
    do(tenant, "delete", stream="users", id=ada)
    poll(world, "users")
    assert pairs(world) == set()
    poll(world)
    do(tenant, "undelete", stream="users", id=ada)
    poll(world)
    assert pairs(world) == {("Ada", "Team")}


def test_with_a_group_go_its_memberships_and_they_come_back_with_it(
    tenant: EntraSandbox, world: World
) -> None:
    team = group(tenant, "Team", [user(tenant, "Ada"), user(tenant, "Ben")])
    poll(world)
    do(tenant, "delete", stream="groups", id=team)
    poll(world)
    assert (pairs(world), world.row("group", team, NAME)["active"]) == (set(), False)
    do(tenant, "undelete", stream="groups", id=team)
    poll(world)
    assert pairs(world) == {("Ada", "Team"), ("Ben", "Team")}


def test_what_ended_while_the_link_was_lost_is_found_by_a_listing(
    tenant: EntraSandbox, world: World
) -> None:
    ada, ben = user(tenant, "Ada"), user(tenant, "Ben")
    team = group(tenant, "Team", [ada, ben])
    poll(world)
    do(tenant, "leave", group=team, member=ada)
    do(tenant, "expire_cursors")
    world.clock.pass_(300)
    poll(world)
    world.clock.pass_(300)
    world.work()  # the listing is a poll of its own
    assert pairs(world) == {("Ben", "Team")}
    assert world.letters() == []
