"""Who is in which group, out of SCIM servers: complete listings, members by id or by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hub
from hub.store.database import Database
from hub.sync.connection import Connection
from hub.sync.jobs import Poll
from hub.testing import serve
from spokes.scim.memberships import MOST
from spokes.scim.sandbox import ScimSandbox
from spokes.scim.spoke import Scim
from tests.sync.world import World, mapped

FILES = Path(__file__).parents[3] / "mappings" / "scim"
PAIRS = Scim.streams[2]


@pytest.fixture(params=["a good server", "a poor one"])
def server(request: pytest.FixtureRequest) -> Iterator[ScimSandbox]:
    with serve(ScimSandbox()) as served:
        if request.param == "a poor one":
            served.mutate({"do": "impoverish"})
        yield served


@pytest.fixture
def spoke(server: ScimSandbox) -> Iterator[Scim]:
    made = Scim.model_validate(server.settings()).using(clock=server.clock.now)
    yield made
    made.close()


@pytest.fixture
def world(db: Database, spoke: Scim) -> World:
    world = World(db)
    names = ("Users", "Groups", PAIRS.name)
    world.connect(Connection("scim", spoke, {n: mapped(FILES / f"{n}.yaml") for n in names}))
    return world


def user(server: ScimSandbox, name: str) -> str:
    return str(server.mutate({"do": "create", "stream": "Users", "data": {"userName": name}}))


def group(server: ScimSandbox, name: str, *members: str, kind: str | None = "User") -> str:
    listed = [{"value": one} | ({"type": kind} if kind else {}) for one in members]
    data = {"displayName": name, "members": listed}
    return str(server.mutate({"do": "create", "stream": "Groups", "data": data}))


def let(server: ScimSandbox, group: str, *members: str) -> None:
    listed = [{"value": one, "type": "User"} for one in members]
    command = {"do": "update", "stream": "Groups", "id": group, "data": {"members": listed}}
    server.mutate(command)


def told(spoke: Scim, cursor: str | None = None) -> dict[str, Any]:
    changes = [change for page in spoke.pull(PAIRS, cursor) for change in page.changes]
    found = {change.id: change.data for change in changes}
    assert len(found) == len(changes)
    return found


def test_every_user_in_a_group_is_a_pair_by_the_users_id(server: ScimSandbox, spoke: Scim) -> None:
    ada, bob = user(server, "ada"), user(server, "bob")
    stores, empty = group(server, "Stores", ada, bob, kind=None), group(server, "Empty")
    assert told(spoke) == {
        f"{stores}|{one}": {"id": f"{stores}|{one}", "group": stores, "user": one}
        for one in (ada, bob)
    }
    assert not [id for id in told(spoke) if id.startswith(empty)]


def test_a_group_in_a_group_makes_no_pair(server: ScimSandbox, spoke: Scim) -> None:
    ada = user(server, "ada")
    inner = group(server, "Inner", ada)
    group(server, "Outer", inner, kind="Group")
    assert told(spoke).keys() == {f"{inner}|{ada}"}


def test_every_pull_is_a_complete_listing_that_can_be_resumed_but_not_gone_on_with(
    server: ScimSandbox, spoke: Scim
) -> None:
    ada = user(server, "ada")
    made = [group(server, f"G{n}", ada) for n in range(5)]
    server.page_size = 2
    pages = list(spoke.pull(PAIRS, None))
    assert pages[-1].cursor == hub.LISTED
    for done, page in enumerate(pages[:-1], start=1):
        later = {change.id for one in pages[done:] for change in one.changes}
        assert later <= told(spoke, page.cursor).keys()
    assert told(spoke).keys() == {f"{one}|{ada}" for one in made}


def test_a_large_group_comes_in_several_pages_that_are_resumed_where_it_begins(
    server: ScimSandbox, spoke: Scim
) -> None:
    people = [f"{n:05}" for n in range(2 * MOST + 1)]
    group(server, "Stores", *people)
    pages = list(spoke.pull(PAIRS, None))
    assert [len(page.changes) for page in pages] == [MOST, MOST, 1, 0]
    assert len(told(spoke, pages[1].cursor)) == len(people)


def test_pairs_are_looked_up_in_their_groups(server: ScimSandbox, spoke: Scim) -> None:
    ada, bob = user(server, "ada"), user(server, "bob")
    stores = group(server, "Stores", ada)
    ids = [f"{stores}|{ada}", f"{stores}|{bob}", f"nobody|{ada}", "nonsense"]
    server.journal.clear()
    found = {change.id: change.data is not None for change in spoke.fetch(PAIRS, ids)}
    assert found == {ids[0]: True} | dict.fromkeys(ids[1:], False)
    assert len(server.journal.of(f"Groups/{stores}")) == 1


def test_nothing_is_written_as_a_membership(spoke: Scim) -> None:
    with pytest.raises(hub.Permanent, match="write the group's members"):
        spoke.upsert(PAIRS, hub.Write(None, {}, "key"))
    with pytest.raises(hub.Permanent, match="memberships"):
        spoke.delete(PAIRS, "g|u")


# -- what becomes of it in a hub


def poll(server: ScimSandbox, world: World) -> None:
    """As the timetable does it, some time later; a listing is a poll of its own."""
    server.clock.advance(PAIRS.every * 12)
    for stream in ("Users", "Groups", PAIRS.name):
        world.clock.pass_(600)
        world.put(Poll("scim", stream))
        world.work()
        world.clock.pass_(600)
        world.work()


def pairs(world: World) -> set[tuple[str, str]]:
    """(user, group) by name; a row that lacked either would fail."""
    users = {one["sys_id"]: one["user_name"] for one in world.rows("user")}
    groups = {one["sys_id"]: one["name"] for one in world.rows("group")}
    return {(users[one["user"]], groups[one["group"]]) for one in world.rows("group_member")}


def test_memberships_begin_and_end(server: ScimSandbox, world: World) -> None:
    ada, bob = user(server, "ada"), user(server, "bob")
    stores = group(server, "Stores", ada, bob)
    poll(server, world)
    assert pairs(world) == {("ada", "Stores"), ("bob", "Stores")}
    let(server, stores, bob)
    poll(server, world)
    assert pairs(world) == {("bob", "Stores")}
    let(server, stores, bob, ada)
    poll(server, world)
    assert pairs(world) == {("ada", "Stores"), ("bob", "Stores")}
    server.mutate({"do": "delete", "stream": "Groups", "id": stores})
    poll(server, world)
    assert pairs(world) == set()
    assert world.letters() == world.dead() == []
