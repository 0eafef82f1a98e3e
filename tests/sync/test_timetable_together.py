"""Many timetables, in threads, in processes, on machines whose clocks differ: each tick is one's.

Run as a program this is a hub of its own: it looks once for each line that it is sent.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from hub.app import Hub
from hub.store import clock, cursors
from hub.store.database import Database
from hub.sync.connection import Connections
from hub.sync.schedule import Cron
from hub.sync.timetable import Timetable
from tests.sync.world import World, connected

HOUR = 3600.0
ROUNDS = 10
YEARLY = Cron.of("0 0 1 1 *", ZoneInfo("Europe/Berlin"))


def some() -> Connections:
    """Twelve streams, four of them by cron."""
    streams = ("accounts", "cases", "orders")
    return Connections(
        replace(connected(name, streams=streams), schedules={"cases": YEARLY})
        for name in ("a", "b", "c", "d")
    )


TICKS = 13
"""Of `some`, and the sweep."""


def a_year_passes(world: World) -> None:
    """For everybody who goes by the database's clock: what was to come is over."""
    with world.db.write() as tx:
        tx.execute(text("UPDATE hub_cursor SET due_at = due_at - 366 * 86400.0"))


def begin(world: World) -> None:
    world.connections = some()
    Timetable(world.connections).tick(world.db)
    world.forget_jobs()


def everything_is_put_once(world: World, put: list[int]) -> None:
    assert sum(put) == TICKS
    keys = world.waiting()
    assert len(keys) == len(set(keys)) == TICKS
    world.forget_jobs()


def test_threads_put_each_poll_once(world: World) -> None:
    begin(world)
    at_once = threading.Barrier(8)

    def keep_time(put: list[int]) -> None:
        timetable = Timetable(world.connections)
        at_once.wait(30)
        put.append(timetable.tick(world.db))

    for _ in range(ROUNDS):
        a_year_passes(world)
        put: list[int] = []
        threads = [threading.Thread(target=keep_time, args=(put,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        everything_is_put_once(world, put)


ELSEWHERE = """
import runpy, time
here = time.time
time.time = lambda: here() + {ahead}
runpy.run_module({program!r}, run_name="__main__")
"""
"""A process on a machine whose clock is wrong by so many seconds."""


@contextmanager
def hub_of_its_own(url: str, ahead: float) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE.format(ahead=ahead, program=__name__), url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as process:  # fmt: skip
        assert process.stdin
        try:
            yield process
        finally:
            process.stdin.close()


@pytest.mark.parametrize("apart", [0.0, HOUR], ids=["same_time", "clocks_apart"])
def test_processes_put_each_poll_once(world: World, database_url: str, apart: float) -> None:
    begin(world)
    with ExitStack() as stack:
        two = [
            stack.enter_context(hub_of_its_own(database_url, ahead)) for ahead in (apart, -apart)
        ]
        assert [look(process) for process in two] == ["ready", "ready"]
        for _ in range(ROUNDS):
            a_year_passes(world)
            everything_is_put_once(world, together(two))
            assert together(two) == [0, 0]


def together(processes: list[subprocess.Popen[str]]) -> list[int]:
    """How many jobs each of them puts, if all look at once."""
    for process in processes:
        go(process)
    return [int(look(process)) for process in processes]


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")


def look(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_of_several_who_saw_the_same_ticks_one_takes_them(db: Database) -> None:
    ticks = [("crm", "cases", 160.0), ("crm", "accounts", 160.0)]
    keys = [("crm", "accounts"), ("crm", "cases")]
    for moment, takes in ((100.0, keys), (100.0, []), (159.9, []), (160.0, keys)):
        with db.write() as tx:
            later = [(*tick[:2], tick[2] + 60) for tick in ticks] if moment == 160 else ticks
            assert sorted(cursors.take_due(tx, later, now=moment)) == takes


def test_who_waited_for_another_finds_the_ticks_taken(world: World, database_url: str) -> None:
    """On PostgreSQL the row's lock decides, on SQLite that of the file."""
    begin(world)
    a_year_passes(world)
    late: list[int] = []
    other = Database(database_url)
    with world.db.read() as tx:
        now, planned = cursors.due(tx)
    ticks = [(*key, now + HOUR) for key in planned]
    second = threading.Thread(target=lambda: late.append(Timetable(some()).tick(other)))
    with world.db.write() as tx:
        assert len(cursors.take_due(tx, ticks, now=now)) == TICKS
        second.start()
    second.join(60)
    other.close()
    assert late == [0]


def test_the_databases_clock_counts_seconds_since_1970(db: Database) -> None:
    statement = text(f"SELECT {clock.seconds(db.engine.dialect.name)}")
    with db.read() as tx:
        first, *_, last = (tx.execute(statement).scalar_one() for _ in range(10))
    assert isinstance(first, float)
    assert first <= last
    assert abs(first - time.time()) < HOUR / 2, "a zone's offset, or another epoch"


if __name__ == "__main__":
    opened = Database(sys.argv[1])
    mine = Hub(opened, some())
    os.write(1, b"ready\n")
    for _ in sys.stdin:
        os.write(1, b"%d\n" % mine.tick())
    opened.close()
