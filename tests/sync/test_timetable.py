"""Polls are put when they are due, once."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

import hub
from hub import queue
from hub.store import cursors, deliveries
from hub.store.cursors import Counts
from hub.sync.connection import Connection
from hub.sync.schedule import Cron, Interval, Schedule
from hub.sync.timetable import Timetable
from tests.sync.world import World, connected

EVERY = 300.0  # seconds: how often a stream is polled unless somebody says otherwise
HOUR = 3600.0
NIGHTLY = Cron.of("30 2 * * *", ZoneInfo("UTC"))  # the tests happen from noon, in UTC
NIGHT = 14.5 * HOUR  # from noon to half past two


def tick(world: World) -> int:
    """A timetable that has just started looks once."""
    return Timetable(world.connections).tick(world.db, clock=world.clock)


def polls(world: World) -> list[str]:
    return sorted(world.waiting("poll"))


def put_and_forgotten(world: World, timetable: Timetable | None = None) -> list[str]:
    """The polls that a tick puts; they are taken off the queue."""
    if not (timetable or Timetable(world.connections)).tick(world.db, clock=world.clock):
        return []
    put = polls(world)
    world.forget_jobs()
    return put


def two_streams(**instead: Schedule) -> Connection:
    return replace(connected(streams=("accounts", "cases")), schedules=instead)


def minutes(number: int) -> Interval:
    return Interval(timedelta(minutes=number))


def test_every_stream_is_due_at_the_beginning(world: World) -> None:
    world.connect(two_streams(), connected("erp", streams=("orders",)))
    assert tick(world) == 4  # and the sweep
    assert polls(world) == ["crm/accounts", "crm/cases", "erp/orders"]
    assert world.waiting("sweep") == ["sweep"]


def test_a_stream_is_due_again_after_its_interval(world: World) -> None:
    world.connect(two_streams(cases=minutes(1)))
    tick(world)
    world.forget_jobs()
    assert tick(world) == 0
    world.clock.pass_(60)
    assert (tick(world), polls(world)) == (1, ["crm/cases"])
    world.forget_jobs()
    world.clock.pass_(EVERY - 60)
    assert (tick(world), polls(world)) == (2, ["crm/accounts", "crm/cases"])


def test_missed_ticks_run_once_and_the_next_is_the_next_regular_one(world: World) -> None:
    world.connect(two_streams())
    tick(world)
    world.forget_jobs()
    world.clock.pass_(EVERY * 50 + 200)
    assert put_and_forgotten(world) == ["crm/accounts", "crm/cases"]
    world.clock.pass_(EVERY - 201)
    assert tick(world) == 0
    world.clock.pass_(1)
    assert tick(world) == 2


def test_what_a_pause_held_up_is_run_once(world: World) -> None:
    world.connect(connected(streams=("cases",)))
    with world.db.write() as tx:
        queue.hold(tx, "crm", world.clock() + 50 * EVERY, "RateLimited", now=world.clock())
    for _ in range(50):
        tick(world)
        world.clock.pass_(EVERY)
    pulled = world.system().pulled
    world.work()
    assert (len(pulled), polls(world)) == (1, [])
    assert put_and_forgotten(world) == ["crm/cases"]


def test_a_nightly_stream_waits_for_its_night(world: World) -> None:
    world.connect(two_streams(cases=NIGHTLY))
    assert put_and_forgotten(world) == ["crm/accounts"]
    world.clock.pass_(NIGHT - 1)
    assert "crm/cases" not in put_and_forgotten(world)
    world.clock.pass_(1)
    assert "crm/cases" in put_and_forgotten(world)
    world.clock.pass_(24 * HOUR - 1)
    assert "crm/cases" not in put_and_forgotten(world)
    world.clock.pass_(1)
    assert "crm/cases" in put_and_forgotten(world)


def test_nights_that_were_missed_are_made_up_for_once(world: World) -> None:
    world.connect(two_streams(cases=NIGHTLY))
    tick(world)
    world.clock.pass_(NIGHT + 5 * 24 * HOUR + 7 * HOUR)
    assert "crm/cases" in put_and_forgotten(world)
    assert put_and_forgotten(world) == []
    world.clock.pass_(17 * HOUR - 1)
    assert "crm/cases" not in put_and_forgotten(world)
    world.clock.pass_(1)
    assert "crm/cases" in put_and_forgotten(world)


def test_what_webhooks_brought_does_not_make_a_nightly_stream_due(world: World) -> None:
    with world.db.write() as tx:
        cursors.move(tx, "crm", "cases", None, Counts(seen=1), now=world.clock(), newest=None)
    world.connect(two_streams(cases=NIGHTLY))
    assert put_and_forgotten(world) == ["crm/accounts"]


def test_a_timetable_that_goes_on_looking_misses_nothing(world: World) -> None:
    world.connect(two_streams(cases=NIGHTLY))
    timetable, put = Timetable(world.connections), []
    for _ in range(24 * 60):
        put += put_and_forgotten(world, timetable)
        world.clock.pass_(60)
    assert put.count("crm/cases") == 1
    assert put.count("crm/accounts") == 24 * HOUR / EVERY


MONTHLY = Interval(timedelta(days=31))


def test_a_shorter_interval_holds_from_the_restart(world: World) -> None:
    world.connect(two_streams(cases=MONTHLY))
    put_and_forgotten(world)
    world.connect(two_streams(cases=minutes(1)))
    assert put_and_forgotten(world) == []
    world.clock.pass_(60)
    assert put_and_forgotten(world) == ["crm/cases"]


def test_what_others_plan_otherwise_is_seen_within_ten_minutes(world: World) -> None:
    world.connect(two_streams(accounts=MONTHLY, cases=minutes(1)))
    timetable = Timetable(world.connections)
    put_and_forgotten(world, timetable)
    with world.db.write() as tx:  # as a process does that still has the old configuration
        cursors.plan(tx, [("crm", "cases", world.clock() + 31 * 24 * HOUR)], now=world.clock())
    looks = [(60, []), (540, []), (1, []), (59, []), (1, ["crm/cases"])]
    for seconds, put in looks:
        world.clock.pass_(seconds)
        assert put_and_forgotten(world, timetable) == put


def test_who_turns_from_an_interval_to_cron_waits_for_its_time(world: World) -> None:
    world.connect(two_streams(cases=minutes(1)))
    put_and_forgotten(world)
    world.clock.pass_(HOUR)  # of downtime: ticks of the interval were missed
    world.connect(two_streams(cases=NIGHTLY))
    assert put_and_forgotten(world) == ["crm/accounts"]
    world.clock.pass_(NIGHT - HOUR)
    assert "crm/cases" in put_and_forgotten(world)


def test_who_turns_from_cron_to_an_interval_does_not_wait_for_the_night(world: World) -> None:
    world.connect(two_streams(cases=NIGHTLY))
    put_and_forgotten(world)
    world.connect(two_streams(cases=minutes(1)))
    put_and_forgotten(world)
    world.clock.pass_(60)
    assert put_and_forgotten(world) == ["crm/cases"]


def test_what_is_not_due_is_not_even_read(world: World) -> None:
    world.connect(two_streams(cases=minutes(1)))
    tick(world)
    now = world.clock()
    with world.db.read() as tx:
        assert len(cursors.due(tx, now=now)[1]) == 3
        assert cursors.due(tx, now=now, settled=(now, now)) == (now, {})
        due = {("crm", "cases"): now + 60}
        assert cursors.due(tx, now=now + 60, settled=(now, now + 60)) == (now + 60, due)


def test_nobody_plans_for_a_time_that_has_passed(world: World) -> None:
    """They read the clock, and waited for a lock: who had it may have taken that very tick."""
    cases, now = ("crm", "cases"), world.clock()
    for planned, moment in ((now + 60, now), (now + 30, now + 30)):
        with world.db.write() as tx:
            cursors.plan(tx, [(*cases, planned)], now=moment)
    with world.db.read() as tx:
        assert cursors.due(tx, now=now)[1] == {cases: now + 60}


def test_who_waited_for_the_database_plans_from_then_on(world: World) -> None:
    world.connect(two_streams(cases=Interval(timedelta(seconds=10))))
    timetable = Timetable(world.connections)
    timetable.tick(world.db, clock=world.clock)
    world.clock.pass_(10)
    looked, waited = threading.Event(), threading.Event()

    def clock() -> float:
        if looked.is_set():
            waited.wait(60)
        now = world.clock()
        looked.set()
        return now

    late = threading.Thread(target=lambda: timetable.tick(world.db, clock=clock))
    with world.db.write():
        late.start()
        looked.wait(60)
        world.clock.pass_(25)
        waited.set()
    late.join(60)
    with world.db.read() as tx:
        assert cursors.all_of(tx)["crm", "cases"].due_at == world.clock() + 5


@pytest.mark.parametrize("streams", [1, 40])
def test_a_tick_with_nothing_due_is_one_statement(world: World, streams: int) -> None:
    world.connect(*(replace(two_streams(), name=f"c{number}") for number in range(streams)))
    timetable = Timetable(world.connections)
    timetable.tick(world.db, clock=world.clock)
    with world.counted() as sent:
        assert timetable.tick(world.db, clock=world.clock) == 0
    assert len(sent) == 1


def test_what_it_puts_costs_the_same_however_much_is_due(world: World) -> None:
    with world.counted() as few:
        tick(world)
    world.connect(*(replace(two_streams(), name=f"c{number}") for number in range(50)))
    with world.counted() as many:
        assert tick(world) == 100
    assert len(few) == len(many)


class Deaf(hub.Spoke):
    """A spoke that can do nothing."""

    streams = (hub.Stream("orders"),)

    url: str = "http://localhost:1"
    sandbox: bool = True


def test_a_spoke_that_cannot_pull_is_not_polled(world: World) -> None:
    world.connect(connected("deaf", spoke=Deaf(), streams=("orders",)))
    tick(world)
    assert polls(world) == []


def test_a_stream_that_nobody_mapped_is_not_polled(world: World) -> None:
    world.connect(connected(streams=("orders",)))
    tick(world)
    assert polls(world) == ["crm/orders"]


def test_a_stream_that_was_taken_out_of_the_configuration_is_not_polled(world: World) -> None:
    world.connect(two_streams())
    put_and_forgotten(world)
    world.connect(connected(streams=("accounts",)))
    timetable = Timetable(world.connections)
    world.clock.pass_(EVERY)
    assert put_and_forgotten(world, timetable) == ["crm/accounts"]
    world.clock.pass_(EVERY)
    assert put_and_forgotten(world, timetable) == ["crm/accounts"]


def test_the_sweep_forgets_old_deliveries_that_are_done(world: World) -> None:
    day = 86_400.0
    ages = {"old": 8 * day, "young": 6 * day, "unread": 30 * day}
    with world.db.write() as tx:
        for name, age in ages.items():
            one = deliveries.Delivery("crm", name, "{}", b"")
            [id] = deliveries.store(tx, [one], now=world.clock() - age)
            assert id is not None
            if name != "unread":
                deliveries.settle(tx, id, "done")
    tick(world)
    world.work()
    with world.db.read() as tx:
        left = tx.exec_driver_sql("SELECT delivery_id FROM hub_delivery ORDER BY id").scalars()
        assert list(left) == ["young", "unread"]


def test_the_sweep_comes_back_every_hour(world: World) -> None:
    world.connect()
    assert [tick(world), tick(world)] == [1, 0]
    world.clock.pass_(3600)
    assert tick(world) == 1


def test_a_worker_does_what_the_timetable_puts(world: World) -> None:
    world.connect(two_streams())
    world.system().set("cases", "c1")
    tick(world)
    world.work()
    assert (len(world.rows("case")), world.waiting()) == (1, [])
