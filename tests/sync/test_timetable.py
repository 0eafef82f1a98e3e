"""Polls are put when they are due, once."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import hub
from hub.store import deliveries
from hub.sync.connection import Connection
from tests.sync.world import Clock, World, connected

EVERY = 300.0  # seconds: how often a stream is polled unless somebody says otherwise


def polls(world: World) -> list[str]:
    return sorted(world.waiting("poll"))


def two_streams(**more: timedelta) -> Connection:
    return replace(connected(streams=("accounts", "cases")), every=more)


def test_every_stream_is_due_at_the_beginning(world: World) -> None:
    world.connect(two_streams(), connected("erp", streams=("orders",)))
    assert world.hub.tick() == 4  # and the sweep
    assert polls(world) == ["crm/accounts", "crm/cases", "erp/orders"]
    assert world.waiting("sweep") == ["sweep"]


def test_a_stream_is_due_again_after_its_interval(world: World) -> None:
    world.connect(two_streams(cases=timedelta(minutes=1)))
    world.hub.tick()
    world.forget_jobs()
    assert world.hub.tick() == 0
    world.clock.pass_(60)
    assert (world.hub.tick(), polls(world)) == (1, ["crm/cases"])
    world.forget_jobs()
    world.clock.pass_(EVERY - 60)
    assert (world.hub.tick(), polls(world)) == (2, ["crm/accounts", "crm/cases"])


def test_missed_ticks_run_once(world: World) -> None:
    world.connect(two_streams())
    world.hub.tick()
    world.forget_jobs()
    world.clock.pass_(EVERY * 50)
    assert world.hub.tick() == 3
    assert polls(world) == ["crm/accounts", "crm/cases"]
    world.forget_jobs()
    world.clock.pass_(EVERY - 1)
    assert world.hub.tick() == 0


def test_a_tick_with_nothing_due_only_reads(world: World) -> None:
    world.hub.tick()
    with world.counted() as sent:
        world.hub.tick()
    assert len(sent) == 1
    assert sent[0].startswith("SELECT")


def test_two_timetables_put_each_poll_once(world: World) -> None:
    world.connect(two_streams())
    at_once = threading.Barrier(8)
    put: list[int] = []

    def keep_time() -> None:
        at_once.wait(30)
        put.append(world.hub.tick())

    for _ in range(5):
        threads = [threading.Thread(target=keep_time) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(put) == 3
        put.clear()
        world.clock.pass_(3600)


class Deaf(hub.Spoke):
    """A spoke that can do nothing."""

    streams = (hub.Stream("orders"),)

    url: str = "http://localhost:1"
    sandbox: bool = True


def test_a_spoke_that_cannot_pull_is_not_polled(world: World) -> None:
    world.connect(connected("deaf", spoke=Deaf(), streams=("orders",)))
    world.hub.tick()
    assert polls(world) == []


def test_a_stream_that_nobody_mapped_is_not_polled(world: World) -> None:
    world.connect(connected(streams=("orders",)))
    world.hub.tick()
    assert polls(world) == ["crm/orders"]


def test_the_sweep_forgets_old_deliveries_that_are_done(world: World) -> None:
    day = 86_400.0
    ages = {"old": 8 * day, "young": 6 * day, "unread": 30 * day}
    with world.db.write() as tx:
        for name, age in ages.items():
            id = deliveries.store(tx, "crm", name, {}, b"", now=world.clock() - age)
            assert id is not None
            if name != "unread":
                deliveries.settle(tx, id, "done")
    world.hub.tick()
    world.work()
    with world.db.read() as tx:
        left = tx.exec_driver_sql("SELECT delivery_id FROM hub_delivery ORDER BY id").scalars()
        assert list(left) == ["young", "unread"]


def test_the_sweep_comes_back_every_hour(world: World) -> None:
    world.connect()
    assert [world.hub.tick(), world.hub.tick()] == [1, 0]
    world.clock.pass_(3600)
    assert world.hub.tick() == 1


def test_a_worker_does_what_the_timetable_puts(world: World) -> None:
    assert isinstance(world.clock, Clock)
    world.connect(two_streams())
    world.system().set("cases", "c1")
    world.hub.tick()
    world.work()
    assert (len(world.rows("case")), world.waiting()) == (1, [])
