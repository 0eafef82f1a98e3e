"""A stream is read again beside its polls; whoever stops it costs a page and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import text

import hub
from hub.http import MockTransport
from hub.store import backfills, cursors
from hub.store.backfills import Backfill as Held
from hub.sync.insight import forecast
from hub.sync.jobs import Backfill, Poll
from hub.sync.replay.backfill import GIVES_WAY
from hub.sync.status import status
from tests.sync.elsewhere import Elsewhere, System
from tests.sync.world import World, connected

CASES, AGAIN = Poll("crm", "cases"), Backfill("crm", "cases")


@pytest.fixture
def system(world: World) -> System:
    """Ten cases in pages of three, all of them known and polled."""
    system = world.system()
    system.page_size = 3
    for number in range(10):
        system.set("cases", f"c{number}", Subject=f"Case {number}")
    world.run(CASES)
    return system


def begin(world: World, start: str | None = None) -> None:
    world.hub.backfill("crm", "cases", start=start, by="ann", foreseen=10)


def held(world: World) -> Held | None:
    with world.db.read() as tx:
        return backfills.load(tx, "crm", "cases")


def cursor(world: World) -> str | None:
    with world.db.read() as tx:
        return cursors.load(tx, "crm", "cases")


def overlooked(system: System, id: str, **values: object) -> None:
    """A change that no poll will tell of."""
    system.table("cases")[id] = {**system.get("cases", id), **values}
    system.changes = [
        hub.Change("cases", id, system.get("cases", id), one.version) if one.id == id else one
        for one in system.changes
    ]


def test_everything_is_read_again_and_the_polls_place_stays(world: World, system: System) -> None:
    before = cursor(world)
    overlooked(system, "c4", Subject="Overlooked")
    begin(world)
    world.work()
    assert world.row("case", "c4")["short_description"] == "Overlooked"
    assert cursor(world) == before
    assert held(world) is None
    assert world.waiting("backfill") == []


def test_the_first_poll_goes_on_where_a_backfill_from_the_beginning_ended(world: World) -> None:
    system = world.system()
    for number in range(4):
        system.set("cases", f"c{number}", Subject=f"Case {number}")
    begin(world, start="2")
    world.work()
    assert cursor(world) is None, "what came before is not known"
    begin(world)
    world.work()
    system.pulled.clear()
    world.run(CASES)
    assert system.pulled == ["4"]


def test_it_begins_after_the_cursor_that_it_is_given(world: World, system: System) -> None:
    system.pulled.clear()
    begin(world, start="6")
    world.work()
    assert system.pulled == ["6"]


def test_a_crash_costs_the_page_that_was_under_way(world: World, system: System) -> None:
    def crash(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    system.on_page = crash
    begin(world)
    with pytest.raises(KeyboardInterrupt):
        world.hub.handle(world.claim())
    was = held(world)
    assert was is not None
    assert (was.cursor, was.seen) == ("6", 6)
    system.on_page = lambda _: None
    with world.db.write() as tx:  # its worker is known to be dead
        tx.execute(text("UPDATE hub_job SET running = false"))
    system.pulled.clear()
    world.work()
    assert system.pulled == ["6"]
    assert held(world) is None


def test_a_cursor_that_they_have_forgotten_starts_it_over(world: World, system: System) -> None:
    begin(world)
    with world.db.write() as tx:
        tx.execute(text("UPDATE hub_backfill SET cursor = 'of another age', seen = 6"))
    world.work()
    world.clock.pass_(60)
    system.pulled.clear()
    world.work()
    assert system.pulled == [None]
    assert held(world) is None


def test_polls_go_on_meanwhile(world: World, system: System) -> None:
    def poll(number: int) -> None:
        if number == 1:
            system.on_page = lambda _: None
            system.set("cases", "c9", Subject="Newest")
            world.run(CASES)

    begin(world)
    claimed = world.claim()
    system.on_page = poll
    world.hub.handle(claimed)
    assert world.row("case", "c9")["short_description"] == "Newest"


@pytest.mark.usefixtures("system")
def test_how_far_it_is_stands_in_the_status(world: World) -> None:
    begin(world)
    with world.db.write() as tx:
        tx.execute(text("UPDATE hub_backfill SET seen = 6"))
    world.clock.pass_(120)
    with world.db.read() as tx:
        [crm] = status(tx, world.connections, now=world.clock())
    [cases] = [one for one in crm.streams if one.stream == "cases"]
    assert cases.backfill == "6 of about 10 records read, begun 2 min ago by ann"


@pytest.mark.usefixtures("system")
def test_one_that_is_begun_anew_replaces_the_one_before(world: World) -> None:
    begin(world, start="3")
    begin(world, start="6")
    was = held(world)
    assert was is not None
    assert was.cursor == "6"
    assert world.waiting("backfill") == ["crm/cases"]


class Metered(Elsewhere):
    """Elsewhere, asked over HTTP so that it can tell its quota."""

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        for page in super().pull(stream, cursor):
            self.http.get("/quota")
            yield page


def metered(system: System, used: Callable[[], int]) -> Metered:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"api-usage-limit": f"{used()}/1000"}, json={})

    spoke = Metered.of(system).using(transport=MockTransport(answer))
    assert isinstance(spoke, Metered)
    spoke._system = system
    return spoke


def test_the_last_of_their_quota_is_left_to_others(world: World, system: System) -> None:
    used = 100
    world.connect(connected(spoke=metered(system, lambda: used)))
    begin(world)
    used = 850
    world.work()
    was = held(world)
    assert was is not None
    assert was.seen == 3
    [waiting] = world.waiting("backfill")
    assert waiting == "crm/cases"
    used = 10
    world.clock.pass_(GIVES_WAY - 1)
    assert world.work() == 0
    world.clock.pass_(2)
    world.work()
    assert held(world) is None


def test_a_forecast_says_records_calls_and_quota(world: World, system: System) -> None:
    world.connect(connected(spoke=metered(system, lambda: 100)))
    found = forecast.forecast(world.db, world.connections["crm"], "cases", None, None)
    assert (found.records, found.source, found.sample.last.calls, found.calls) == (
        10,
        "links",
        3,
        3,
    )
    said = found.spelled(datetime(2026, 5, 1, 12, tzinfo=UTC))
    assert said.startswith(
        "we know of 10 records; 3 with each call, so about 3 calls, 0.3% of 1,000; "
        "100 of 1,000 are spent (api-usage-limit); ends about 2026-05-01 12:00 UTC, in "
    )


def test_a_forecast_since_a_moment_counts_what_is_newer(world: World, system: System) -> None:
    since = datetime.fromisoformat(system.get("cases", "c7")["Version"])
    world.connect(connected(spoke=metered(system, lambda: 100)))
    system.page_size = 1
    found = forecast.forecast(world.db, world.connections["crm"], "cases", "5", since)
    assert (found.records, found.source) == (3, "links")


def test_a_forecast_of_what_nobody_has_read_yet_says_so(world: World) -> None:
    system = world.system()
    system.page_size = 1
    for number in range(9):
        system.set("cases", f"c{number}", Subject="New")
    world.connect(connected(spoke=metered(system, lambda: 100)))
    found = forecast.forecast(world.db, world.connections["crm"], "cases", None, None)
    assert found.spelled(datetime.now(UTC)) == (
        "how many records there are is not known before the end; 1 with each call; "
        "100 of 1,000 are spent (api-usage-limit)"
    )
