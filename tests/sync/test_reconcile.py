"""A complete listing says what is gone; a person says whether to believe it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from pydantic import PrivateAttr
from sqlalchemy import text

import hub
from hub import queue
from hub.errors import Transient
from hub.store import cursors, listings
from hub.sync.inbound import reconcile
from hub.sync.jobs import Poll
from hub.sync.status import status
from tests.sync.elsewhere import Elsewhere, System, at, there
from tests.sync.world import World, connected, statements_of

CASES = Poll("crm", "cases")


class Blind(hub.Spoke, hub.Pulls):
    """Lists, and cannot be asked for single records."""

    streams = (hub.Stream("cases"),)

    url: str = "http://localhost:1"
    sandbox: bool = True

    _system: System = PrivateAttr(default_factory=System)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        return Elsewhere.of(self._system).pull(stream, cursor)


class Whole(Elsewhere):
    """Can be asked for everything, and for nothing less; some pages can be resumed, some cannot."""

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        assert cursor != hub.LISTED, "that is nothing to go on from"
        for number, page in enumerate(super().pull(stream, cursor)):
            ends = number == 1 or not page.changes
            yield hub.Page(page.changes, hub.LISTED if ends else page.cursor)


class Recent(Elsewhere):
    """Lists no more than what is new."""

    streams = (hub.Stream("cases", complete=False),)


@pytest.fixture
def system(world: World) -> System:
    """Thirty cases in pages of eight, all of them known."""
    system = world.system()
    system.page_size = 8
    for number in range(30):
        system.set("cases", f"c{number:02}", Subject=f"Case {number}")
    world.run(CASES)
    world.clock.pass_(60)
    return system


def lose_cursor(world: World) -> None:
    with world.db.write() as tx:
        tx.execute(text("UPDATE hub_cursor SET cursor = 'of another age'"))


def sync(world: World) -> None:
    """A poll, and all that follows from it."""
    world.put(CASES)
    world.work()
    world.clock.pass_(60)
    world.work()


def alive(world: World) -> set[str]:
    with world.db.read() as tx:
        found = tx.execute(
            text("SELECT external_id FROM hub_external_ref WHERE deleted_at IS NULL")
        )
        return set(found.scalars())


def asked(world: World) -> tuple[str, str, str]:
    """(state, reason, next step) of the stream."""
    with world.db.read() as tx:
        [crm] = status(tx, world.connections, now=world.clock())
    [cases] = [one for one in crm.streams if one.stream == "cases"]
    return cases.state, cases.reason, cases.next_step


def listing(world: World) -> listings.Listing | None:
    with world.db.read() as tx:
        return listings.load(tx, "crm", "cases")[1]


def everything(first: int = 0, last: int = 30) -> set[str]:
    return {f"c{number:02}" for number in range(first, last)}


def test_what_a_listing_lacks_after_a_lost_cursor_is_deleted(world: World, system: System) -> None:
    system.forget("cases", "c03", "c17")
    system.set("cases", "c30", Subject="New meanwhile")
    lose_cursor(world)
    sync(world)
    assert alive(world) == everything(last=31) - {"c03", "c17"}
    assert sorted(system.fetched) == ["c03", "c17"], "each was asked for before it was believed"
    assert listing(world) is None
    assert asked(world)[0] == "ok"
    assert system.pulled[-2:] == ["of another age", None]


def test_a_listing_changes_nothing_of_what_it_finds_unchanged(world: World, system: System) -> None:
    before = world.rows("case"), world.count("sys_audit")
    world.hub.reconcile("crm", "cases")
    world.work()
    assert (world.rows("case"), world.count("sys_audit")) == before
    assert system.fetched == []


def test_a_record_that_the_listing_overlooked_stays(world: World, system: System) -> None:
    system.overlook("cases", "c05")
    lose_cursor(world)
    sync(world)
    assert system.fetched == ["c05"]
    assert alive(world) == everything()


def test_who_cannot_be_asked_is_believed(world: World) -> None:
    blind = Blind()
    blind._system.page_size = 8
    world.connect(connected(spoke=blind, streams=("cases",)))
    for number in range(30):
        blind._system.set("cases", f"c{number:02}", Subject=f"Case {number}")
    world.run(CASES)
    world.clock.pass_(60)
    blind._system.forget("cases", "c03")
    lose_cursor(world)
    sync(world)
    assert alive(world) == everything() - {"c03"}


def test_a_stream_that_never_lists_everything_deletes_nothing(world: World) -> None:
    recent = Recent.of(System())
    world.connect(connected(spoke=recent, streams=("cases",)))
    recent._system.set("cases", "c00", Subject="Old")
    world.run(CASES)
    recent._system.forget("cases", "c00")
    lose_cursor(world)
    sync(world)
    assert alive(world) == {"c00"}
    assert recent._system.fetched == []


def test_a_record_that_cannot_be_read_any_more_is_not_missing(world: World, system: System) -> None:
    system.set("cases", "c04", Priority="no such priority")
    lose_cursor(world)
    sync(world)
    assert "c04" in alive(world)
    assert system.fetched == []
    assert [row.external_id for row in world.dead()] == ["c04"]


class TestWhereEveryPullListsEverything:
    @pytest.fixture
    def system(self, world: World) -> System:
        whole = Whole.of(System(page_size=8))
        world.connect(connected(spoke=whole, streams=("cases",)))
        for number in range(30):
            whole._system.set("cases", f"c{number:02}", Subject=f"Case {number}")
        sync(world)
        return whole._system

    def test_what_the_next_one_lacks_is_gone(self, world: World, system: System) -> None:
        system.forget("cases", "c03", "c17")
        system.overlook("cases", "c05")
        sync(world)
        assert alive(world) == everything() - {"c03", "c17"}
        assert sorted(system.fetched) == ["c03", "c05", "c17"]
        system.set("cases", "c03", Subject="Here again")
        sync(world)
        assert alive(world) == everything() - {"c17"}
        assert (asked(world)[0], listing(world)) == ("ok", None)
        assert system.pulled == [None, None, None], "nothing is ever gone on from"

    def test_many_are_not_believed_and_a_person_is_asked(
        self, world: World, system: System
    ) -> None:
        system.forget("cases", *everything(first=8))
        sync(world)
        sync(world)
        assert (asked(world)[0], alive(world)) == ("held", everything())
        crm = world.connections["crm"]
        assert reconcile.answer(world.db, crm, "cases", delete=True, now=world.clock())
        world.work()
        assert (asked(world)[0], alive(world)) == ("ok", everything(last=8))
        assert system.pulled == [None, None, None]

    @pytest.mark.parametrize(("page", "resumed"), [(1, "8"), (2, None)])
    def test_one_that_breaks_off_goes_on_or_begins_again(
        self, world: World, system: System, page: int, resumed: str | None
    ) -> None:
        system.forget("cases", "c01", "c29")

        def die(number: int) -> None:
            if number == page:
                raise KeyboardInterrupt

        system.on_page = die
        world.put(CASES)
        with pytest.raises(KeyboardInterrupt):
            world.work()
        assert alive(world) == everything(), "half of a listing says nothing of the rest"
        system.on_page = lambda _: None
        world.clock.pass_(60)
        world.work()
        assert system.pulled == [None, None, resumed]
        assert alive(world) == everything() - {"c01", "c29"}


class TestWhenMoreIsMissingThanCanBeBelieved:
    @pytest.fixture
    def system(self, system: System, world: World) -> System:
        """All but eight of thirty are gone, and the hub has noticed."""
        system.forget("cases", *everything(first=8))
        lose_cursor(world)
        sync(world)
        return system

    def test_nothing_is_deleted_and_a_person_is_asked(self, world: World, system: System) -> None:
        assert alive(world) == everything()
        assert system.fetched == []
        state, reason, step = asked(world)
        assert state == "held"
        assert reason.startswith("22 of 30 records were not in the complete listing")
        assert "hub reconcile crm/cases --delete-missing" in step

    def test_the_stream_is_not_polled_until_somebody_answers(
        self, world: World, system: System
    ) -> None:
        polls = len(system.pulled)
        system.set("cases", "c31", Subject="Of a system that may be the wrong one")
        sync(world)
        assert len(system.pulled) == polls
        assert world.waiting() == []
        assert alive(world) == everything()

    def test_they_are_deleted_when_a_person_agrees(self, world: World, system: System) -> None:
        assert reconcile.answer(
            world.db, world.connections["crm"], "cases", delete=True, now=world.clock()
        )
        world.work()
        assert alive(world) == everything(last=8)
        assert (asked(world)[0], listing(world)) == ("ok", None)
        assert len(system.fetched) == 22

    def test_they_stay_when_a_person_says_so(self, world: World, system: System) -> None:
        assert reconcile.answer(
            world.db, world.connections["crm"], "cases", delete=False, now=world.clock()
        )
        system.set("cases", "c32", Subject="The stream goes on")
        sync(world)
        assert alive(world) == everything() | {"c32"}
        assert (asked(world)[0], listing(world)) == ("ok", None)

    def test_a_new_listing_asks_anew(self, world: World, system: System) -> None:
        for number in range(8, 30):
            system.set("cases", f"c{number:02}", Subject=f"Case {number}")
        world.hub.reconcile("crm", "cases")
        world.work()
        assert alive(world) == everything()
        assert (asked(world)[0], listing(world)) == ("ok", None)


@pytest.mark.usefixtures("system")
def test_an_answer_that_nobody_asked_for_is_none(world: World) -> None:
    crm = world.connections["crm"]
    assert not reconcile.answer(world.db, crm, "cases", delete=True, now=world.clock())
    assert alive(world) == everything()


@pytest.mark.parametrize(("linked", "missing", "asks"), [
    (30, 20, "nobody"), (30, 21, "a person"), (600, 30, "nobody"), (600, 31, "a person"),
])  # fmt: skip
def test_the_guard_takes_more_than_twenty_and_more_than_a_twentieth(
    world: World, linked: int, missing: int, asks: str
) -> None:
    system = world.system()
    for number in range(linked):
        system.set("cases", f"c{number}", Subject="A case")
    world.run(CASES)
    world.clock.pass_(60)
    system.forget("cases", *(f"c{number}" for number in range(missing)))
    lose_cursor(world)
    sync(world)
    left = linked if asks == "a person" else linked - missing
    assert (asked(world)[0], len(alive(world))) == ("held" if left == linked else "ok", left)


def test_a_listing_goes_on_after_a_crash(world: World, system: System) -> None:
    system.forget("cases", "c03", "c29")
    world.hub.reconcile("crm", "cases")

    def die(page: int) -> None:
        if page == 2:
            raise KeyboardInterrupt

    system.on_page = die
    with pytest.raises(KeyboardInterrupt):
        world.work()
    system.on_page = lambda _: None
    world.work()
    assert system.pulled[-1] == "16", "it goes on with the page where it stopped"
    assert alive(world) == everything() - {"c03", "c29"}


def test_deleting_goes_on_after_a_crash(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PORTION", 5)
    system.forget("cases", *everything(first=18))
    world.hub.reconcile("crm", "cases")
    asked_for = system.fetched

    class Dying(list[str]):
        def append(self, id: str) -> None:
            super().append(id)
            if len(self) == 7:
                raise Transient("they are away")

    system.fetched = Dying(asked_for)
    world.work()
    assert len(alive(world)) == 25, "the first portion is done"
    world.clock.pass_(3600)
    world.work()
    assert alive(world) == everything(last=18)
    assert listing(world) is None


def test_what_a_webhook_brings_during_a_listing_is_not_missing(
    world: World, system: System
) -> None:
    system.forget("cases", "c03")
    world.hub.reconcile("crm", "cases")
    world.clock.pass_(5)
    world.absorb(there("cases", "w01", 40, Subject="By webhook", Version=at(40)))
    world.work()
    assert alive(world) == everything() - {"c03"} | {"w01"}


def test_a_clock_that_is_behind_deletes_nothing(world: World, system: System) -> None:
    """Who lists may have another clock than who began."""
    world.hub.reconcile("crm", "cases")
    world.clock.pass_(-600)
    world.work()
    world.clock.pass_(1200)
    world.work()
    assert alive(world) == everything()
    assert system.fetched == []


@pytest.mark.usefixtures("system")
def test_a_listing_costs_one_statement_more_per_page(world: World) -> None:
    with statements_of(world.db) as plain:
        with world.db.write() as tx:
            cursors.rewind(tx, "crm", "cases")
        world.run(CASES)
    with statements_of(world.db) as listed:
        world.hub.reconcile("crm", "cases")
        world.work()
    marks = [one for one in listed if "SET last_seen" in one]
    assert len(marks) == 4, "one for each of four pages"
    assert not [one for one in plain if "SET last_seen" in one]


def test_the_job_that_lost_its_lease_deletes_nothing(world: World, system: System) -> None:
    system.forget("cases", "c03")
    world.hub.reconcile("crm", "cases")
    mine = world.claim()

    def lose(_: Sequence[str]) -> None:
        with world.db.write() as tx:
            queue.hand_back(tx, [mine])

    system.on_fetch = lose
    with pytest.raises(queue.LostLease):
        world.hub.handle(mine)
    assert alive(world) == everything()
