"""What a first load will come to is said before it begins: records, calls, quota, and when it ends."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import hub
from hub import registry
from hub.http import MockTransport
from hub.http.quota import Left
from hub.store import links
from hub.store.database import Database
from hub.sync.connection import Connection
from hub.sync.insight.forecast import Forecast, Sample, Seen, altogether, forecast
from hub.testing import Sandbox, serve
from spokes.salesforce.sandbox import SalesforceSandbox
from tests.databases import ON_SQLITE
from tests.sync.elsewhere import Elsewhere, System
from tests.sync.world import World, connected, mapped

MAPPINGS = Path(__file__).parents[2] / "mappings"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def small(sandbox: Sandbox, page_size: int) -> Sandbox:
    sandbox.page_size = page_size
    return sandbox


LOADS: dict[str, tuple[str, Callable[[], Sandbox], dict[str, Any]]] = {
    "salesforce": ("Case", lambda: small(SalesforceSandbox(count=3_000), 20), {}),
    "dynamics365": ("msdyn_workorders", lambda: small(registry.sandbox("dynamics365")(), 1), {}),
    "plm": ("defects", lambda: small(registry.sandbox("plm")(), 1), {}),
    "shopify": ("customers", registry.sandbox("shopify"), {"page_size": 5}),
}


@contextmanager
def reaching(name: str, sandbox: Sandbox, settings: dict[str, Any]) -> Iterator[hub.Spoke]:
    """A spoke without its pace, whose clock is half an hour ahead of the sandbox's last record."""
    with serve(sandbox):
        sandbox.clock.advance(timedelta(minutes=30))
        found = registry.find(name)
        unpaced = {"rate": hub.Rate(calls=100_000), "__module__": __name__}
        quick: Any = types.new_class("Quick", (found,), {}, lambda body: body.update(unpaced))
        spoke = quick.model_validate(sandbox.settings() | settings).using(clock=sandbox.clock.now)
        try:
            yield spoke
        finally:
            spoke.close()


@ON_SQLITE  # how the vendor is asked, whatever the store is
@pytest.mark.parametrize("name", LOADS)
def test_a_first_load_comes_to_what_was_foreseen(db: Database, name: str) -> None:
    stream, sandbox, settings = LOADS[name]
    world = World(db)
    with reaching(name, sandbox(), settings) as spoke:
        mappings = {stream: mapped(MAPPINGS / name / f"{stream}.yaml")}
        there = Connection("there", spoke, mappings)
        world.connect(there)
        foreseen = forecast(db, there, stream, None, None)
        assert foreseen.source == "they"
        assert foreseen.records is not None
        assert foreseen.calls is not None
        world.hub.backfill("there", stream, start=None, by="ann", foreseen=foreseen.records)
        world.work()
        made = spoke.http.calls
    with db.read() as tx:
        came = links.count(tx, "there", stream)
    assert came > 0
    assert abs(foreseen.records - came) <= came / 100
    assert abs(foreseen.calls - made) <= made / 100


class Counted(Elsewhere, hub.Counts):
    """Elsewhere, asked over HTTP, which says how many it has, or why it does not."""

    def count(self, stream: hub.Stream, since: datetime | None) -> int | None:
        del stream, since
        number = self.http.get("/count").json()
        return None if number is None else int(number)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        for page in super().pull(stream, cursor):
            self.http.get("/page")
            yield page


def counting(world: World, answer: httpx.Response | Exception) -> Connection:
    """A connection with nine cases, one to a page; `answer` is what counting them brings."""
    system = System()
    system.page_size = 1
    for number in range(9):
        system.set("cases", f"c{number}", Subject="New")

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/count":
            return httpx.Response(200, json={})
        if isinstance(answer, Exception):
            raise answer
        return answer

    spoke = Counted.of(system).using(transport=MockTransport(reply))
    assert isinstance(spoke, Counted)
    spoke._system = system
    found = connected(spoke=spoke)
    world.connect(found)
    return found


def test_what_they_say_goes_before_what_we_know_of(world: World) -> None:
    found = forecast(world.db, counting(world, httpx.Response(200, json=9)), "cases", None, None)
    assert (found.records, found.source, found.calls) == (9, "they", 9)
    assert found.spelled(NOON).startswith("they say 9 records; 1 with each call, so about 9 calls")


@ON_SQLITE
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={}),
        httpx.Response(404, json={}),
        httpx.Response(503, json={}),
        httpx.ReadTimeout("too slow"),
    ],
    ids=["forbidden", "not there", "away", "too slow"],
)
def test_a_count_that_fails_is_said_and_stops_nothing(
    world: World, answer: httpx.Response | Exception
) -> None:
    found = forecast(world.db, counting(world, answer), "cases", None, None)
    assert (found.records, found.source) == (None, "nobody")
    assert found.fault
    assert found.spelled(NOON).startswith(
        f"how many records there are is not known before the end (they could not be asked: "
        f"{found.fault}); 1 with each call"
    )


def test_where_they_do_not_say_our_links_do(world: World) -> None:
    there = counting(world, httpx.Response(200, content=b"null"))
    world.hub.backfill("crm", "cases", start=None, by="ann", foreseen=None)
    world.work()
    found = forecast(world.db, there, "cases", None, None)
    assert (found.records, found.source, found.fault) == (9, "links", "")
    assert found.spelled(NOON).startswith("we know of 9 records; ")


def test_what_has_all_been_seen_need_not_be_asked(world: World) -> None:
    there = counting(world, httpx.Response(404, json={}))
    world.system().page_size = 9
    found = forecast(world.db, there, "cases", None, None)
    assert (found.records, found.source, found.fault) == (9, "read", "")
    assert found.spelled(NOON).startswith("there are 9 records, all seen just now; ")


def of(calls: int, left: Left | None, gap: float = 1.0) -> Forecast:
    """A forecast of so many calls, each of ten records, at our own pace."""
    sample = Sample(Seen(10, 1, 0.1), Seen(30, 3, 0.3), ended=False)
    return Forecast("cases", calls * 10, "they", sample, gap, left)


def test_calls_are_made_at_the_pace_of_the_connection() -> None:
    assert of(600, None).seconds == 600
    assert of(600, None, gap=0.04).seconds == pytest.approx(60)  # their answers take longer
    said = of(600, None).spelled(NOON)
    assert said.endswith(
        ", of a limit that they do not tell; ends about 2026-05-01 12:10 UTC, in 10 minutes"
    )


def test_a_share_is_of_the_time_in_which_they_count() -> None:
    day = of(250, Left(99_982, 100_000, DAY, "sforce-limit-info"))
    assert ", 0.2% of the day's 100,000; 18 of the day's 100,000 are spent" in day.spelled(NOON)
    burst = of(250, Left(5_990, 6_000, timedelta(minutes=5), "burst"))
    assert ", 4.2% of the 6,000 in 5 minutes; 10 of the 6,000 in 5 mi" in burst.spelled(NOON)
    assert "tomorrow" not in day.spelled(NOON)


def test_what_does_not_fit_into_today_ends_tomorrow() -> None:
    """A fifth of 1,000 is left to others, and 300 are spent: 500 fit now, 800 in a day."""
    found = of(900, Left(700, 1_000, DAY, "usage"))
    assert found.seconds == DAY.total_seconds() + 400
    assert found.spelled(NOON).endswith(
        ", 90.0% of the day's 1,000; 300 of the day's 1,000 are spent (usage), and 500 fit now "
        "before the last fifth, which is left to others; ends about tomorrow, "
        "2026-05-02 12:06 UTC, in 24 hours"
    )
    assert of(2_100, Left(700, 1_000, DAY, "usage")).seconds == 2 * DAY.total_seconds() + 800


def test_a_limit_that_the_pace_never_reaches_costs_no_waiting() -> None:
    found = of(10_000, Left(6_000, 6_000, timedelta(minutes=5), "burst"), gap=1 / 15)
    assert found.seconds == pytest.approx(1_000)  # their answers take a tenth of a second each


def test_streams_of_a_connection_share_its_quota() -> None:
    left = Left(700, 1_000, DAY, "usage")
    said = altogether([of(300, left), of(300, left)], NOON)
    assert said.startswith("about 600 calls, 60.0% of the day's 1,000; ")
    assert "tomorrow" in said


@pytest.mark.parametrize("calls", [10**10, 2**63])
def test_a_count_that_nobody_would_live_to_see_is_doubted(calls: int) -> None:
    one = of(calls, Left(10, 100, timedelta(days=1), "used"))
    for said in (one.spelled(NOON), altogether([one, one], NOON)):
        assert said.endswith("that takes a hundred years: is their number right?")
    assert one.told(NOON)["ends"] is None
