"""Who must be asked to send webhooks is asked, and asked again before they stop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import PrivateAttr

import hub
from hub import queue
from hub.app import Hub
from hub.errors import Transient
from hub.spoke import Webhook
from hub.store import subscriptions
from hub.store.deliveries import Delivery
from hub.sync.inbound.intake import Intake
from hub.sync.jobs import Subscribe
from tests.sync.elsewhere import Elsewhere
from tests.sync.world import World, connected

ADDRESS = "https://hub.example.com"
SOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


class Asked(Elsewhere, hub.Subscribes):
    """Must be asked to tell, and says when it will stop."""

    _asked: list[tuple[str, list[str], list[hub.Subscription]]] = PrivateAttr(default_factory=list)
    _away: bool = PrivateAttr(default=False)

    def subscribe(
        self, url: str, streams: Sequence[hub.Stream], held: Sequence[hub.Subscription]
    ) -> Sequence[hub.Subscription]:
        self._asked.append((url, [stream.name for stream in streams], list(held)))
        if self._away:
            raise Transient("they are away")
        moment = SOON + timedelta(hours=len(self._asked))
        return [hub.Subscription(f"s-{one.name}", one.name, moment) for one in streams[:1]]

    def parse(self, hook: Webhook) -> Iterable[hub.Change | hub.Hint | hub.Lapsed]:
        del hook
        yield hub.Lapsed("cases")
        yield hub.Lapsed("a stream that nobody maps")


@pytest.fixture
def spoke(world: World) -> Asked:
    spoke = Asked()
    world.connect(connected(spoke=spoke, streams=("cases", "contacts")))
    return spoke


@pytest.fixture
def house(world: World, spoke: Asked) -> Hub:
    """One hub for the whole test: a timetable is kept."""
    assert world.connections["crm"].spoke is spoke
    return replace(world.hub, public_url=ADDRESS)


def held(world: World) -> list[hub.Subscription]:
    with world.db.read() as tx:
        return subscriptions.held(tx, "crm")


def an_hour(world: World, house: Hub) -> None:
    house.tick()
    house.worker(threads=1).run_until_idle()
    world.clock.pass_(3600)


def test_it_is_asked_at_the_start_and_then_every_hour(
    world: World, house: Hub, spoke: Asked
) -> None:
    for _ in range(3):
        an_hour(world, house)
    first, second, third = spoke._asked
    assert first == (f"{ADDRESS}/hooks/crm", ["cases", "contacts"], [])
    assert second[2] == [hub.Subscription("s-cases", "cases", SOON + timedelta(hours=1))]
    assert third[2] == [hub.Subscription("s-cases", "cases", SOON + timedelta(hours=2))]
    assert held(world) == [hub.Subscription("s-cases", "cases", SOON + timedelta(hours=3))]


def test_a_hub_without_a_public_address_asks_nobody(world: World, spoke: Asked) -> None:
    house = world.hub
    an_hour(world, house)
    assert (spoke._asked, held(world), world.waiting("subscribe")) == ([], [], [])


def test_what_was_held_is_kept_while_they_are_away(world: World, house: Hub, spoke: Asked) -> None:
    an_hour(world, house)
    before = held(world)
    spoke._away = True
    an_hour(world, house)
    assert held(world) == before
    assert world.waiting("subscribe") == ["crm"], "it is tried again"


def test_a_subscription_that_they_ended_is_asked_for_again_and_its_stream_polled(
    world: World, house: Hub, spoke: Asked
) -> None:
    an_hour(world, house)
    asked, polls = len(spoke._asked), spoke._system.pulled.copy()
    [stored] = Intake(world.db, world.clock).store([Delivery("crm", "d1", "{}", b"{}")])
    assert stored is True
    house.worker(threads=1).run_until_idle()
    assert len(spoke._asked) == asked + 1
    assert len(spoke._system.pulled) == len(polls) + 1
    assert queue_is_empty(world)


def queue_is_empty(world: World) -> bool:
    with world.db.read() as tx:
        return not queue.dead(tx) and not world.waiting()


def test_a_connection_that_does_not_subscribe_is_left_alone(world: World) -> None:
    house = replace(world.hub, public_url=ADDRESS)
    world.put(Subscribe("crm"))
    house.worker(threads=1).run_until_idle()
    assert (held(world), world.waiting("subscribe")) == ([], [])
