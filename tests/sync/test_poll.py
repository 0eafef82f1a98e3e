"""A poll goes on where it stopped, whatever stops it."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from sqlalchemy.exc import IntegrityError

import hub
from hub import queue
from hub.errors import Transient
from hub.queue import LostLease
from hub.store import cursors
from hub.store.database import Unavailable
from hub.sync.jobs import Poll
from tests.databases import ON_SQLITE, locked
from tests.queue.world import until
from tests.sync.elsewhere import System
from tests.sync.world import World

CASES = Poll("crm", "cases")


@pytest.fixture
def system(world: World) -> System:
    """Ten cases in pages of three."""
    system = world.system()
    system.page_size = 3
    for number in range(10):
        system.set("cases", f"c{number}", Subject=f"Case {number}")
    return system


def cursor(world: World) -> str | None:
    with world.db.read() as tx:
        return cursors.load(tx, "crm", "cases")


def runs(world: World) -> list[tuple[str, int, str | None, str | None]]:
    """(state, seen, cursor before, cursor after) of each run."""
    with world.db.read() as tx:
        rows = tx.exec_driver_sql(
            "SELECT state, seen, cursor_from, cursor_to FROM hub_sync_run ORDER BY id"
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]


class Broken(Exception):
    """What goes wrong."""


def break_at(system: System, page: int, error: BaseException) -> None:
    def on_page(number: int) -> None:
        if number == page:
            raise error

    system.on_page = on_page


def test_a_poll_takes_everything_and_moves_the_cursor(world: World, system: System) -> None:
    world.run(CASES)
    assert len(world.rows("case")) == 10
    assert cursor(world) == "10"
    assert runs(world) == [("done", 10, None, "10")]
    assert world.waiting() == []
    assert system.pulled == [None]


def test_the_next_poll_begins_where_the_first_ended(world: World, system: System) -> None:
    world.run(CASES)
    system.set("cases", "c1", Subject="Changed")
    world.run(CASES)
    assert system.pulled == [None, "10"]
    assert world.row("case", "c1")["short_description"] == "Changed"
    assert runs(world)[1] == ("done", 1, "10", "11")


def test_a_poll_without_news_moves_the_cursor_and_leaves_no_trace(world: World) -> None:
    system = world.system()
    system.set("accounts", "a1")
    world.run(CASES)
    assert (cursor(world), runs(world)) == ("1", [])


def test_what_was_committed_before_an_error_stays(world: World, system: System) -> None:
    break_at(system, 2, Broken("page 2"))
    with pytest.raises(Broken):
        world.run(CASES)
    assert (len(world.rows("case")), cursor(world)) == (6, "6")
    assert runs(world) == [("failed", 6, None, "6")]
    system.on_page = lambda _: None
    with world.db.write() as tx:
        queue.rescue(tx, world.clock(), after=-1)
    world.clock.pass_(60)
    world.work()
    assert system.pulled == [None, "6"]
    assert len(world.rows("case")) == 10
    assert world.count("sys_audit") == 10, "nothing was made twice"


def test_a_page_that_cannot_be_applied_does_not_move_the_cursor(
    world: World, system: System
) -> None:
    with world.db.write() as tx:
        tx.exec_driver_sql(
            "CREATE UNIQUE INDEX no_room ON sn_customerservice_case "
            "((CASE WHEN short_description IN ('Case 4', 'Case 5') THEN 1 END))"
        )
    with pytest.raises(IntegrityError, match="no_room"):
        world.run(CASES)
    assert (len(world.rows("case")), cursor(world)) == (3, "3")
    assert runs(world) == [("failed", 3, None, "3")]
    assert len(system.pulled) == 1


def test_ctrl_c_in_the_middle_hands_the_job_back(world: World, system: System) -> None:
    break_at(system, 2, KeyboardInterrupt())
    world.put(CASES)
    with pytest.raises(KeyboardInterrupt):
        world.work()
    assert world.waiting("poll") == ["crm/cases"]
    assert (len(world.rows("case")), cursor(world)) == (6, "6")
    system.on_page = lambda _: None
    world.work()
    assert system.pulled == [None, "6"]
    assert (len(world.rows("case")), world.waiting()) == (10, [])


def test_a_poll_that_lost_its_lease_commits_nothing_more(world: World, system: System) -> None:
    world.put(CASES)
    mine = world.claim()

    def lose(number: int) -> None:
        if number == 1:  # which is being fetched while page 0 is folded in
            until(lambda: cursor(world) == "3")
            with world.db.write() as tx:
                queue.hand_back(tx, [mine])

    system.on_page = lose
    with pytest.raises(LostLease):
        world.hub.handle(mine)
    assert (len(world.rows("case")), cursor(world)) == (3, "3")
    assert runs(world) == [], "how it went is the other worker's to say"
    system.on_page = lambda _: None
    world.hub.handle(world.claim())
    assert len(world.rows("case")) == 10


def test_a_lost_cursor_starts_over_and_makes_nothing_twice(world: World, system: System) -> None:
    world.run(CASES)
    with world.db.write() as tx:
        cursors.move(tx, "crm", "cases", "gone", cursors.Counts(), now=0, newest=None)
    world.put(CASES)
    world.work()
    assert cursor(world) is None
    assert world.waiting("poll") == ["crm/cases"]
    world.clock.pass_(60)
    world.work()
    assert system.pulled == [None, "gone", None]
    assert (cursor(world), len(world.rows("case"))) == ("10", 10)
    assert world.count("sys_audit") == 10


def test_a_database_that_is_locked_during_a_page_is_waited_for(
    world: World, system: System
) -> None:
    world.db = world.db.within(0.05)
    world.put(CASES)
    claimed = world.claim()
    with pytest.raises(Unavailable), locked(world.db):
        world.hub.handle(claimed)
    assert (len(world.rows("case")), cursor(world)) == (0, None)
    world.hub.handle(claimed)
    assert len(world.rows("case")) == 10
    assert system.pulled == [None, None]


def test_a_lock_in_the_middle_is_a_transient_fault(world: World, system: System) -> None:
    assert issubclass(Unavailable, Transient)
    patient = world.db
    world.db = world.db.within(0.05)
    world.put(CASES)
    others = ExitStack()

    def lock(number: int) -> None:
        if number == 2:  # which is being fetched while page 1 is folded in
            until(lambda: cursor(world) == "6")
            others.enter_context(locked(patient))

    system.on_page = lock
    claimed = world.claim()
    with others, pytest.raises(Unavailable):
        world.hub.handle(claimed)
    system.on_page = lambda _: None
    world.hub.handle(claimed)
    assert system.pulled == [None, "6"]
    assert len(world.rows("case")) == 10


@ON_SQLITE
def test_a_full_disk_stops_the_poll_and_room_lets_it_go_on(world: World) -> None:
    system = world.system()
    system.page_size = 50
    for number in range(400):
        system.set("cases", f"c{number}", Description="x" * 2000)
    with world.db.read() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
    world.put(CASES)
    claimed = world.claim()
    raw = [world.db.engine.raw_connection() for _ in range(20)]
    for connection in raw:
        connection.cursor().execute(f"PRAGMA max_page_count = {pages + 200}")
    for connection in raw:
        connection.close()
    with pytest.raises(Unavailable, match="full"):
        world.hub.handle(claimed)
    stopped = len(world.rows("case"))
    assert 0 < stopped < 400
    assert cursor(world) == str(stopped)
    world.db.engine.dispose()
    world.hub.handle(claimed)
    assert len(world.rows("case")) == 400
    assert system.pulled == [None, str(stopped)]


def test_two_workers_never_poll_one_stream_at_once(world: World, system: System) -> None:
    inside, most = [0], [0]
    guard = threading.Lock()

    def on_page(number: int) -> None:
        if number == 0:
            world.put(CASES)
        with guard:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        with guard:
            inside[0] -= 1

    system.on_page = on_page
    world.put(CASES)
    claimed = world.claim()
    world.put(CASES)
    with world.db.write() as tx:
        assert queue.claim(tx, worker="other", most=1, now=world.clock()) == []
    world.hub.handle(claimed)
    assert most[0] == 1


def test_a_stream_that_is_no_longer_configured_is_said_so(world: World) -> None:
    world.put(Poll("gone", "cases"), Poll("crm", "gone"))
    world.work()
    errors = sorted(letter.error for letter in world.letters())
    assert "crm/gone: no longer configured" in errors[0]
    assert "gone/cases: no longer configured" in errors[1]


def test_a_refused_credential_holds_the_connection(world: World, system: System) -> None:
    break_at(system, 0, hub.AuthFailed("token revoked"))
    world.put(CASES, Poll("crm", "accounts"))
    world.work()
    assert sorted(world.waiting("poll")) == ["crm/accounts", "crm/cases"]
    with world.db.read() as tx:
        [pause] = queue.paused(tx, now=world.clock())
    assert (pause.connection, pause.until) == ("crm", None)
    assert "token revoked" in pause.reason
    system.on_page = lambda _: None
    with world.db.write() as tx:
        queue.resume(tx, "crm")
    world.work()
    assert len(world.rows("case")) == 10
