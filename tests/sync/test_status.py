"""How every stream is doing, in words that ops can act on."""

from __future__ import annotations

from dataclasses import asdict, replace
from zoneinfo import ZoneInfo

import orjson

import hub
from hub import queue
from hub.store import cursors
from hub.store.cursors import Counts
from hub.sync.jobs import Poll
from hub.sync.schedule import Cron
from hub.sync.status import ConnectionStatus, StreamStatus, status
from tests.sync.elsewhere import there
from tests.sync.world import World, connected

CASES = Poll("crm", "cases")


def of_connection(world: World) -> ConnectionStatus:
    with world.db.read() as tx:
        return status(tx, world.connections, now=world.clock())[0]


def of_cases(world: World) -> StreamStatus:
    return next(one for one in of_connection(world).streams if one.stream == "cases")


def only_cases(world: World) -> None:
    world.connect(connected(streams=("cases",)))


def test_a_stream_waits_for_its_first_poll(world: World) -> None:
    one = of_cases(world)
    assert (one.state, one.reason) == ("waiting", "not polled yet")
    assert "hub sync crm/cases" in one.next_step
    assert (one.lag, one.cursor_age, one.last_run) == (None, None, None)
    assert set(one.counts.values()) == {0}


def test_a_stream_that_was_polled_is_well(world: World) -> None:
    only_cases(world)
    world.system().set("cases", "c1")
    world.run(CASES)
    world.clock.pass_(60)
    one = of_cases(world)
    assert (one.state, one.reason, one.next_step) == ("ok", "", "")
    assert (one.lag, one.schedule) == (60.0, "every 5m")
    assert one.counts == {
        "seen": 1, "created": 1, "updated": 0, "unchanged": 0, "deleted": 0, "failed": 0,
    }  # fmt: skip
    assert one.last_run is not None
    assert one.last_run["state"] == "done"
    assert of_connection(world).state == "ok"


def test_a_first_poll_that_finds_nothing_counts(world: World) -> None:
    world.run(CASES)
    assert of_cases(world).state == "ok"


def test_a_stream_that_missed_its_polls_is_late(world: World) -> None:
    only_cases(world)
    world.run(CASES)
    world.clock.pass_(900)
    assert of_cases(world).state == "ok"
    world.clock.pass_(1)
    one = of_cases(world)
    assert (one.state, one.reason) == ("late", "last in step 901 s ago, polled every 5m")
    assert "is a worker running?" in one.next_step
    assert of_connection(world).state == "late"


def test_a_nightly_stream_is_late_when_it_missed_three_nights(world: World) -> None:
    nightly = Cron.of("30 2 * * *", ZoneInfo("UTC"))
    world.connect(replace(connected(streams=("cases",)), schedules={"cases": nightly}))
    world.run(CASES)  # at noon
    world.clock.pass_(2 * 86_400 + 14.5 * 3600)
    assert of_cases(world).state == "ok"
    world.clock.pass_(1)
    one = of_cases(world)
    assert (one.state, one.schedule) == ("late", "at 30 2 * * * (UTC)")
    assert one.reason == "last in step 225001 s ago, polled at 30 2 * * * (UTC)"


def test_a_status_tells_when_the_next_poll_is_due(world: World) -> None:
    only_cases(world)
    assert of_cases(world).due_at is None
    world.run(CASES)
    assert of_cases(world).due_at is None, "a person's poll plans none"
    world.hub.timetable.tick(world.db, clock=world.clock)
    assert of_cases(world).due_at == world.clock() + 300


def failing(world: World) -> None:
    def refuse(_: int) -> None:
        raise hub.Transient("their server is on fire")

    world.system().on_page = refuse
    world.system().set("cases", "c9")
    world.put(CASES)
    world.work()


def test_a_stream_whose_last_run_failed_is_failing(world: World) -> None:
    only_cases(world)
    world.run(CASES)
    world.clock.pass_(60)
    failing(world)
    one = of_cases(world)
    assert (one.state, one.reason) == ("failing", "Transient: their server is on fire")
    assert "tried again" in one.next_step
    assert of_connection(world).state == "failing"


def test_a_webhook_does_not_hide_that_polls_fail(world: World) -> None:
    only_cases(world)
    failing(world)
    world.clock.pass_(60)
    with world.db.write() as tx:
        cursors.move(tx, "crm", "cases", None, Counts(seen=1), now=world.clock(), newest=None)
    one = of_cases(world)
    assert (one.state, one.counts["seen"]) == ("failing", 1)


def test_webhooks_alone_do_not_make_a_stream_polled(world: World) -> None:
    with world.db.write() as tx:
        cursors.move(tx, "crm", "cases", None, Counts(seen=1), now=world.clock(), newest=None)
    assert of_cases(world).state == "waiting"


def test_a_poll_that_succeeds_ends_the_trouble(world: World) -> None:
    only_cases(world)
    failing(world)
    world.system().on_page = lambda _: None
    world.clock.pass_(60)
    world.work()
    assert of_cases(world).state == "ok"


def test_a_paused_connection_says_why_and_what_to_do(world: World) -> None:
    with world.db.write() as tx:
        queue.hold(tx, "crm", None, "AuthFailed: token revoked", now=world.clock())
    whole, one = of_connection(world), of_cases(world)
    for part in (whole, one):
        assert (part.state, part.reason) == ("paused", "AuthFailed: token revoked")
        assert "hub resume crm" in part.next_step


def test_a_pause_that_is_over_is_none(world: World) -> None:
    with world.db.write() as tx:
        queue.hold(tx, "crm", world.clock() + 5, "RateLimited", now=world.clock())
    assert of_cases(world).state == "paused"
    world.clock.pass_(6)
    assert of_cases(world).state == "waiting"


def test_dead_records_are_told_with_where_to_look(world: World) -> None:
    only_cases(world)
    world.run(CASES)
    world.absorb(there("cases", "bad", Status="Exploded"), there("cases", "c1"))
    one = of_cases(world)
    assert (one.state, one.dead_records) == ("ok", 1)
    assert one.reason == "1 dead record"
    assert one.next_step == "hub dead list crm/cases"


def test_jobs_are_counted_by_connection(world: World) -> None:
    world.connect(connected(streams=("cases", "accounts")), connected("erp", streams=("cases",)))
    world.put(CASES, Poll("crm", "accounts"), Poll("erp", "cases"))
    world.claim()
    one = of_connection(world)
    assert (one.waiting_jobs, one.running_jobs, one.dead_jobs) == (1, 1, 0)


def test_a_dead_job_asks_for_attention(world: World) -> None:
    only_cases(world)
    world.run(CASES)
    world.put(Poll("crm", "gone"))
    world.work()
    one = of_connection(world)
    assert (one.state, one.dead_jobs) == ("attention", 1)
    assert one.reason == "1 dead job"
    assert one.next_step == "hub dead list crm"


def test_a_status_is_json(world: World) -> None:
    world.system().set("cases", "c1")
    world.run(CASES)
    one = of_connection(world)
    assert (one.spoke, one.kind) == ("elsewhere", "other")
    assert orjson.loads(orjson.dumps(asdict(one)))["streams"]


def test_it_costs_the_same_however_much_there_is(world: World) -> None:
    with world.counted() as few:
        of_connection(world)
    world.connect(*(connected(f"c{number}") for number in range(20)))
    world.hub.tick()
    with world.counted() as many:
        of_connection(world)
    assert len(few) == len(many)
