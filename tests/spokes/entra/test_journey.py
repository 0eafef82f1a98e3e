"""A hub and a tenant: people and groups come in, by poll and by notification, and stay right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hub import web
from hub.app import Hub
from hub.running import Web, serving
from hub.spoke import Subscription
from hub.store import subscriptions
from hub.store.database import Database
from hub.sync.connection import Connection
from hub.sync.inbound.intake import Intake
from hub.sync.jobs import Poll
from hub.web.hooks import committed
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.spoke import Entra
from tests.spokes.entra.doing import delivered, do, group, update, user
from tests.sync.world import World, mapped

FILES = Path(__file__).parents[3] / "mappings" / "entra"
NAME = "entra"


@pytest.fixture
def spoke(connect: Callable[..., Entra]) -> Entra:
    return connect()


@pytest.fixture
def world(db: Database, spoke: Entra) -> World:
    world = World(db)
    mappings = {name: mapped(FILES / f"{name}.yaml") for name in ("users", "groups")}
    world.connect(Connection(NAME, spoke, mappings))
    return world


@dataclass
class Told:
    """A hub at work that can be reached: its timetable, its worker, and its web server's address."""

    world: World
    hub: Hub

    def an_hour_later(self) -> None:
        self.world.clock.pass_(3600)
        self.work()

    def work(self) -> None:
        self.hub.tick()
        self.hub.worker(threads=1).run_until_idle()

    def held(self) -> list[Subscription]:
        """What the hub says it has subscribed to."""
        with self.world.db.read() as tx:
            return subscriptions.held(tx, NAME)


@pytest.fixture
def told(world: World) -> Iterator[Told]:
    """A hub that has subscribed."""
    keep = committed(Intake(world.db, world.clock).store)
    app = web.create(world.db, world.connections, clock=world.clock, keep=keep)
    with serving(Web(app)) as address:
        hub = Told(world, replace(world.hub, public_url=address))
        hub.work()
        yield hub


def poll(world: World) -> None:
    world.put(Poll(NAME, "users"), Poll(NAME, "groups"))
    world.work()


def person(world: World, id: str) -> dict[str, Any]:
    return world.row("user", id, NAME)


def test_users_and_groups_come_in(tenant: EntraSandbox, world: World) -> None:
    ada = user(tenant, "Ada", mail="Ada@Contoso.example", employeeId="E1", userType="Member")
    team = group(tenant, "Case Agents", [ada], description="They answer")
    poll(world)
    row = person(world, ada)
    assert (row["user_name"], row["email"], row["employee_number"]) == (
        "ada@contoso.example",
        "ada@contoso.example",
        "E1",
    )
    assert (row["active"], row["source"], row["hub_user_type"]) == (True, NAME, "internal")
    assert world.row("group", team, NAME)["description"] == "They answer"
    assert world.dead() == []


def test_whoever_is_known_by_employee_number_is_adopted(tenant: EntraSandbox, world: World) -> None:
    first = user(tenant, "Ada", employeeId="E1")
    poll(world)
    known = world.sys_id("user", first, NAME)
    do(tenant, "delete", stream="users", id=first)
    do(tenant, "purge", id=first)
    poll(world)
    assert person(world, first)["active"] is False
    second = user(tenant, "Ada", employeeId="E1")
    poll(world)
    assert world.sys_id("user", second, NAME) == known
    assert len(world.rows("user")) == 1
    assert person(world, second)["active"] is True


def test_an_account_that_is_blocked_is_inactive(tenant: EntraSandbox, world: World) -> None:
    ada = user(tenant, "Ada")
    poll(world)
    update(tenant, "users", ada, accountEnabled=False)
    poll(world)
    assert person(world, ada)["active"] is False
    update(tenant, "users", ada, accountEnabled=True)
    poll(world)
    assert person(world, ada)["active"] is True


def test_the_deleted_are_inactive_and_the_restored_are_back(
    tenant: EntraSandbox, world: World
) -> None:
    ada, team = user(tenant, "Ada", jobTitle="Cashier"), group(tenant, "Team")
    poll(world)
    do(tenant, "delete", stream="users", id=ada)
    do(tenant, "delete", stream="groups", id=team)
    poll(world)
    assert (person(world, ada)["active"], person(world, ada)["title"]) == (False, "Cashier")
    assert world.row("group", team, NAME)["active"] is False
    do(tenant, "undelete", stream="users", id=ada)
    do(tenant, "undelete", stream="groups", id=team)
    poll(world)
    assert person(world, ada)["active"] is True
    assert world.row("group", team, NAME)["active"] is True


def test_a_property_that_was_emptied_is_empty_and_the_others_are_not(
    tenant: EntraSandbox, world: World
) -> None:
    people = [user(tenant, f"U{n}", jobTitle="Cashier", city="Graz") for n in range(6)]
    poll(world)
    for id in people:
        update(tenant, "users", id, jobTitle=None)
    poll(world)
    assert {(row["title"], row["city"]) for row in world.rows("user")} == {(None, "Graz")}


def test_after_a_lost_delta_link_everything_is_listed_and_who_is_not_there_is_gone(
    tenant: EntraSandbox, world: World
) -> None:
    ada, ben = user(tenant, "Ada"), user(tenant, "Ben")
    poll(world)
    do(tenant, "delete", stream="users", id=ada)
    do(tenant, "purge", id=ada)
    update(tenant, "users", ben, jobTitle="Dispatcher")
    do(tenant, "expire_cursors")
    world.clock.pass_(300)
    poll(world)
    world.clock.pass_(300)
    world.work()  # the listing is a poll of its own
    assert person(world, ben)["title"] == "Dispatcher"
    assert person(world, ada)["active"] is False
    assert world.letters() == []


# -- told by notification


def test_a_change_is_told_by_webhook_and_arrives(tenant: EntraSandbox, told: Told) -> None:
    assert sorted(one.stream for one in told.held()) == ["groups", "users"]
    ada = user(tenant, "Ada")
    assert delivered(tenant) == [202]
    told.world.work()
    assert person(told.world, ada)["name"] == "Ada"
    update(tenant, "users", ada, displayName="Ada Amsel")
    do(tenant, "delete", stream="users", id=user(tenant, "Ben"))
    assert delivered(tenant) == [202] * 4
    told.world.work()
    assert person(told.world, ada)["name"] == "Ada Amsel"
    assert [row["name"] for row in told.world.rows("user")] == ["Ada Amsel"]
    assert told.world.dead() == []


def test_several_changes_in_one_post_arrive_together(tenant: EntraSandbox, told: Told) -> None:
    commands = [
        {"do": "create", "stream": "users", "data": {"displayName": n, "userPrincipalName": n}}
        for n in ("Ada", "Ben")
    ] + [{"do": "create", "stream": "groups", "data": {"displayName": "Team"}}]
    do(tenant, "several", commands=commands)
    assert delivered(tenant) == [202]
    told.world.work()
    assert len(told.world.rows("user")) == 2
    assert [row["name"] for row in told.world.rows("group")] == ["Team"]


@pytest.mark.parametrize("forge", ["secret", "body"])
def test_a_forged_notification_is_refused_and_leaves_no_trace(
    tenant: EntraSandbox, told: Told, forge: str
) -> None:
    ada = user(tenant, "Ada")
    delivered(tenant)
    before = told.world.count("hub_delivery")
    [there, _] = do(tenant, "subscriptions")
    command = {"stream": "users", "id": ada, "to": there["notificationUrl"], "forge": forge}
    assert tenant.emit(command) == [401]
    assert told.world.count("hub_delivery") == before


def test_a_notification_that_comes_twice_is_stored_once(tenant: EntraSandbox, told: Told) -> None:
    ada = user(tenant, "Ada")
    delivered(tenant)
    [there, _] = do(tenant, "subscriptions")
    command = {"stream": "users", "id": ada, "to": there["notificationUrl"], "twice": True}
    assert tenant.emit(command) == [202, 200]
    told.world.work()
    assert len(told.world.rows("user")) == 1


# -- staying subscribed


def test_at_half_of_its_life_a_subscription_is_renewed(
    tenant: EntraSandbox, told: Told, spoke: Entra
) -> None:
    before = {one.id: one.expires for one in told.held()}
    tenant.clock.advance(spoke.subscription_life * 0.4)
    told.an_hour_later()
    assert {one.id: one.expires for one in told.held()} == before
    tenant.clock.advance(spoke.subscription_life * 0.2)
    told.an_hour_later()
    after = {one.id: one.expires for one in told.held()}
    assert after.keys() == before.keys()
    assert all(str(after[id]) > str(before[id]) for id in before)
    user(tenant, "Ada")
    assert delivered(tenant) == [202]


def test_a_subscription_that_was_lost_is_made_anew_and_the_poll_has_the_rest(
    tenant: EntraSandbox, told: Told
) -> None:
    before = {one.id for one in told.held()}
    do(tenant, "forget_subscriptions")
    user(tenant, "Ada")
    assert delivered(tenant) == [], "nobody is told"
    told.an_hour_later()
    assert len({one.id for one in told.held()} - before) == 2
    user(tenant, "Ben")
    assert delivered(tenant) == [202]
    told.world.work()
    assert {row["name"] for row in told.world.rows("user")} == {"Ada", "Ben"}


def test_a_challenge_is_answered_before_they_fall_silent(tenant: EntraSandbox, told: Told) -> None:
    assert do(tenant, "lifecycle", event="reauthorizationRequired") == 2
    assert delivered(tenant) == [202]
    told.hub.worker(threads=1).run_until_idle()
    assert [one.challenged for one in tenant.subscriptions.held.values()] == [None, None]


@pytest.mark.parametrize("event", ["subscriptionRemoved", "missed"])
def test_what_they_say_we_missed_is_polled(tenant: EntraSandbox, told: Told, event: str) -> None:
    do(tenant, "lifecycle", event=event)
    held = do(tenant, "subscriptions")
    assert len(held) == (2 if event == "missed" else 0)
    ada = str(tenant.directory.new_id())
    data = {"displayName": "Ada", "userPrincipalName": "ada@contoso.example"}
    tenant.subscriptions.held, kept = {}, tenant.subscriptions.held
    do(tenant, "create", stream="users", id=ada, data=data)
    tenant.subscriptions.held = kept
    assert delivered(tenant) == [202]
    told.hub.worker(threads=1).run_until_idle()
    assert person(told.world, ada)["name"] == "Ada"
    assert len(do(tenant, "subscriptions")) == 2
