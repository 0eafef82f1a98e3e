"""Requests leave evenly spaced, however many threads send them."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import RateLimited
from hub.http.pace import LONGEST_WAIT, Pace, Rate


class FakeTime:
    """A clock that a sleep moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pace_of(rate: Rate, time: FakeTime) -> Pace:
    return Pace(rate, clock=time.clock, sleep=time.sleep)


def test_the_first_call_does_not_wait_and_the_next_ones_are_evenly_spaced() -> None:
    time = FakeTime()
    pace = pace_of(Rate(4), time)
    starts = []
    for _ in range(5):
        pace.wait()
        starts.append(time.now)
    assert starts == [100.0, 100.25, 100.5, 100.75, 101.0]


def test_idle_time_is_not_saved_up_for_a_burst() -> None:
    time = FakeTime()
    pace = pace_of(Rate(10), time)
    pace.wait()
    time.now += 60
    pace.wait()
    pace.wait()
    assert time.slept == [pytest.approx(0.1)]


@given(calls=st.integers(1, 50), idle=st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_no_window_ever_holds_more_calls_than_the_rate(calls: int, idle: list[float]) -> None:
    time = FakeTime()
    pace = pace_of(Rate(calls), time)
    starts = []
    for pause in idle:
        time.now += pause
        pace.wait()
        starts.append(time.now)
    for start in starts:
        assert sum(start <= other < start + 1 - 1e-6 for other in starts) <= calls


def test_threads_never_share_a_slot() -> None:
    waits: list[float] = []
    pace = Pace(Rate(10), clock=lambda: 0.0, sleep=waits.append)
    threads = [threading.Thread(target=pace.wait) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [pytest.approx(n / 10) for n in range(1, 50)]


def test_whoever_would_wait_too_long_is_sent_back_to_the_queue() -> None:
    time = FakeTime()
    pace = pace_of(Rate(1, timedelta(hours=1)), time)
    pace.wait()
    with pytest.raises(RateLimited, match="our own rate limit") as caught:
        pace.wait()
    assert caught.value.retry_after == timedelta(hours=1)
    assert not time.slept
    time.now += 3600 - LONGEST_WAIT
    pace.wait()  # the refused call took no slot
    assert time.slept == [pytest.approx(LONGEST_WAIT)]


@pytest.mark.parametrize(("calls", "seconds"), [(0, 1), (-1, 1), (1, 0), (1, -1)])
def test_a_rate_of_nothing_is_refused(calls: int, seconds: int) -> None:
    with pytest.raises(ValueError, match="a rate needs a positive number"):
        Rate(calls, timedelta(seconds=seconds))
