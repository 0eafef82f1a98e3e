"""A rate limit that several processes keep together, through a database or anything else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import RateLimited, Transient
from hub.http import Client, Rate
from hub.http.pace import ALONE, LONGEST_WAIT, Pace
from hub.queue import rates
from hub.store.database import Database
from tests.http.loopback import Heard, Loopback, Reply
from tests.http.test_pace import FakeTime

Limit = Callable[[float, int, float], float]  # now, calls, gap -> delay


class Counter:
    """A shared limit without a database, and what was asked of it."""

    def __init__(self) -> None:
        self.free_at = 0.0
        self.asked: list[int] = []

    def __call__(self, now: float, calls: int, gap: float) -> float:
        self.asked.append(calls)
        begin = max(self.free_at, now)
        self.free_at = begin + calls * gap
        return begin - now


class Process:
    """One of several: its own time, its pace, and when it made its calls."""

    def __init__(self, rate: Rate, limit: Limit) -> None:
        self.time = FakeTime()
        self.calls: list[float] = []
        self.pace = Pace(
            rate,
            clock=self.time.clock,
            sleep=self.time.sleep,
            take=lambda calls, gap: limit(self.time.now, calls, gap),
        )

    def call(self, then: float = 0.0) -> None:
        """One call, which takes `then` seconds."""
        self.pace.wait()
        self.calls.append(self.time.now)
        self.time.now += then


def together(processes: list[Process], calls: int, lasting: Callable[[], float]) -> list[float]:
    """Let them make so many calls, whoever is earliest first; when each began."""
    for _ in range(calls):
        min(processes, key=lambda one: one.time.now).call(lasting())
    return sorted(begun for one in processes for begun in one.calls)


@given(
    calls=st.integers(1, 40),
    many=st.integers(1, 4),
    lasting=st.lists(st.floats(0, 0.5), min_size=1, max_size=20),
)
def test_together_they_never_exceed_the_rate(calls: int, many: int, lasting: list[float]) -> None:
    limit, given_ = Counter(), iter(lasting * 100)
    processes = [Process(Rate(calls), limit) for _ in range(many)]
    begun = together(processes, 60, lambda: next(given_))
    for start in begun:  # one more, when a call comes late in its slot, and the next one at once
        assert sum(start <= other < start + 1 - 1e-6 for other in begun) <= calls + 1
    for one in processes:
        assert all(b - a > 1 / calls - 1e-6 for a, b in pairwise(one.calls))


def test_one_process_alone_gets_all_of_it_and_seldom_asks() -> None:
    limit = Counter()
    alone = Process(Rate(10), limit)
    together([alone], 100, lambda: 0.0)
    assert alone.calls == [pytest.approx(100 + number / 10) for number in range(100)]
    assert limit.asked == [1, 2, 4, 8, *[10] * 9]


def test_two_hungry_processes_use_it_up_and_each_has_its_part() -> None:
    limit = Counter()
    processes = [Process(Rate(10), limit) for _ in range(2)]
    begun = together(processes, 200, lambda: 0.0)
    assert begun[-1] < 100 + 200 / 10 + 1
    assert min(len(one.calls) for one in processes) >= 80
    assert len(limit.asked) < 40


def test_a_crowd_takes_small_portions_and_nobody_waits_for_ever() -> None:
    limit = Counter()
    crowd = [Process(Rate(10), limit) for _ in range(30)]
    together(crowd, 600, lambda: 0.0)
    assert min(len(one.calls) for one in crowd) >= 10


def test_a_slow_process_reserves_no_more_than_it_needs() -> None:
    limit = Counter()
    slow = Process(Rate(10), limit)
    together([slow], 20, lambda: 0.15)
    assert set(limit.asked) == {1}
    assert slow.time.slept == []


def test_what_was_reserved_and_not_used_is_gone() -> None:
    limit = Counter()
    process = Process(Rate(10), limit)
    together([process], 20, lambda: 0.0)  # the last portion is not used up
    process.time.now += 60
    before = process.time.now
    together([process], 5, lambda: 0.0)
    assert process.calls[20:] == [pytest.approx(before + number / 10) for number in range(5)]


def test_who_would_wait_too_long_is_sent_back_and_finds_its_slot_when_it_returns() -> None:
    limit = Counter()
    hourly = Rate(1, timedelta(hours=1))
    first, second = Process(hourly, limit), Process(hourly, limit)
    first.call()
    with pytest.raises(RateLimited, match="our own rate limit") as caught:
        second.call()
    assert caught.value.retry_after == timedelta(hours=1)
    with pytest.raises(RateLimited):
        second.call()
    assert limit.asked == [1, 1], "who is refused again reserves nothing more"
    assert second.time.slept == []
    second.time.now += 3600 + LONGEST_WAIT / 2  # the queue is never quite on time
    second.call()
    assert limit.asked == [1, 1]


def test_while_the_limit_cannot_be_asked_each_goes_on_at_its_own_pace() -> None:
    limit, away = Counter(), [True]

    def take(now: float, calls: int, gap: float) -> float:
        if away[0]:
            limit.asked.append(calls)
            raise Transient("the database is away")
        return limit(now, calls, gap)

    process = Process(Rate(10), take)
    together([process], 30, lambda: 0.0)
    assert process.calls == [pytest.approx(100 + number / 10) for number in range(30)]
    assert limit.asked == [1] * len(limit.asked)
    assert len(limit.asked) <= 1 + 3 / ALONE, "it is asked again after a while, not at each call"
    away[0] = False
    together([process], 20, lambda: 0.0)
    assert limit.free_at > 100
    assert process.calls[-1] < 100 + 5.1


def test_who_is_told_that_nobody_else_calls_keeps_its_own_pace() -> None:
    asked: list[int] = []
    time = FakeTime()

    def take(calls: int, _: float) -> None:
        asked.append(calls)

    pace = Pace(Rate(10), clock=time.clock, sleep=time.sleep, take=take)
    for _ in range(31):
        pace.wait()
    assert time.now == pytest.approx(103)
    assert len(asked) <= 4


def test_a_rate_that_no_process_reaches_is_not_shared() -> None:
    limit = Counter()
    fast = Process(Rate(100_000), limit)
    together([fast], 100, lambda: 0.001)
    assert limit.asked == []


def test_two_clients_of_one_database_stay_within_the_rate(db: Database, server: Loopback) -> None:
    times = [FakeTime(), FakeTime()]

    def client(time: FakeTime) -> Client:
        def take(calls: int, gap: float) -> float:
            with db.write() as tx:
                return rates.take(tx, "crm", calls, gap=gap, now=time.now)

        return Client(server.url, rate=Rate(5), clock=time.clock, sleep=time.sleep, take=take)

    clients = [client(time) for time in times]
    begun = []
    for _ in range(60):
        now, turn = min((time.now, i) for i, time in enumerate(times))
        clients[turn].get("/")
        begun.append(times[turn].now)
        assert begun[-1] >= now
    for one in clients:
        one.close()
    begun.sort()
    for start in begun:
        assert sum(start <= other < start + 1 - 1e-6 for other in begun) <= 6
    assert begun[-1] == pytest.approx(100 + 59 / 5, abs=1), "and lose little of it"
    assert len(server.heard) == 60


PROGRAM = """
import sys
from hub.http import Client, Rate
from hub.queue.rates import SharedRate
from hub.store.database import Database

server, database, calls = sys.argv[1:]
db = Database(database)
client = Client(server, rate=Rate(20), take=SharedRate(db, "crm"))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(calls)):
    client.get("/")
client.close()
db.close()
"""


def test_two_processes_stay_within_the_rate(
    db: Database, database_url: str, server: Loopback
) -> None:
    heard: list[float] = []

    def note(_: Heard) -> Reply:
        heard.append(time.monotonic())
        return Reply()

    server.answer = note
    command = [sys.executable, "-c", PROGRAM, server.url, database_url, "20"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert len(heard) == 40
    # However slow the machine is, it only makes this longer.
    assert max(heard) - began > 39 / 20 - 0.001
    with db.read() as tx:
        assert tx.exec_driver_sql("SELECT account FROM hub_rate").scalar_one() == "crm"
