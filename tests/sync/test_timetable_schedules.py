"""When a stream is polled: intervals, cron, and the two days on which clocks change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sync.schedule import BadSchedule, Cron, Interval, time_zone

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE, TROLL = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Antarctica/Troll")
FIVE = Interval(timedelta(minutes=5))
SPRING = {
    BERLIN: datetime(2026, 3, 29, tzinfo=BERLIN),
    NEW_YORK: datetime(2026, 3, 8, tzinfo=NEW_YORK),
}
"""Two o'clock is three o'clock, in both."""
AUTUMN = {
    BERLIN: datetime(2026, 10, 25, tzinfo=BERLIN),
    NEW_YORK: datetime(2026, 11, 1, tzinfo=NEW_YORK),
}
"""In Berlin three o'clock is two o'clock again, in New York two o'clock is one."""


def ticks(expression: str, midnight: datetime, *, days: int = 1) -> list[float]:
    """All of a day (or more), each asked for when the one before was."""
    assert isinstance(midnight.tzinfo, ZoneInfo)
    schedule = Cron.of(expression, midnight.tzinfo)
    end = (midnight + timedelta(days=days)).timestamp()
    found, moment = [], midnight.timestamp() - 1
    while (moment := schedule.after(moment, moment)) < end:
        found.append(moment)
    return found


def told(expression: str, midnight: datetime) -> list[str]:
    """The ticks of a day as the clocks there show them."""
    return [
        datetime.fromtimestamp(tick, midnight.tzinfo).strftime("%H:%M %Z")
        for tick in ticks(expression, midnight)
    ]


def test_cron_goes_by_the_clocks_of_its_zone() -> None:
    assert told("30 2 * * *", datetime(2026, 7, 1, tzinfo=BERLIN)) == ["02:30 CEST"]
    assert told("30 2 * * *", datetime(2026, 7, 1, tzinfo=NEW_YORK)) == ["02:30 EDT"]
    monday = datetime(2026, 7, 6, tzinfo=BERLIN)
    assert told("0 9-17/4 * * MON-FRI", monday) == ["09:00 CEST", "13:00 CEST", "17:00 CEST"]
    assert told("0 9-17/4 * * MON-FRI", monday - timedelta(days=1)) == []


@pytest.mark.parametrize(("zone", "summer"), [(BERLIN, "CEST"), (NEW_YORK, "EDT")])
def test_a_time_that_spring_leaves_out_is_when_the_gap_ends(zone: ZoneInfo, summer: str) -> None:
    day = SPRING[zone]
    assert told("30 2 * * *", day) == [f"03:00 {summer}"]
    assert told("30 2 * * *", day + timedelta(days=1)) == [f"02:30 {summer}"]
    assert told("0,15,30 2 * * *", day) == [f"03:00 {summer}"], "one run makes up for all of them"


@pytest.mark.parametrize(
    ("zone", "at", "summer"), [(BERLIN, "02:30", "CEST"), (NEW_YORK, "01:30", "EDT")]
)
def test_a_time_that_autumn_has_twice_is_the_first_of_them(
    zone: ZoneInfo, at: str, summer: str
) -> None:
    expression = f"30 {int(at[:2])} * * *"
    assert told(expression, AUTUMN[zone]) == [f"{at} {summer}"]


@pytest.mark.parametrize(("zone", "hour"), [(BERLIN, 2), (NEW_YORK, 1)])
def test_it_is_not_the_second_either_for_who_asks_in_between(zone: ZoneInfo, hour: int) -> None:
    day = AUTUMN[zone]
    schedule = Cron.of(f"30 {hour} * * *", zone)
    tomorrow = (day + timedelta(days=1, hours=hour, minutes=30)).timestamp()
    for minute in range(60):
        second_time = day.replace(hour=hour, minute=minute, fold=1).timestamp()
        assert schedule.after(second_time, second_time) == tomorrow


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
def test_what_runs_every_hour_goes_on_every_hour(zone: ZoneInfo) -> None:
    for day, hours in ((SPRING[zone], 23), (AUTUMN[zone], 25)):
        found = ticks("30 * * * *", day)
        assert len(found) == hours
        assert {after - before for before, after in pairwise(found)} == {3600}


@pytest.mark.parametrize(("zone", "hour"), [(BERLIN, 2), (NEW_YORK, 1)])
def test_what_runs_often_within_an_hour_has_none_or_two_such_hours(
    zone: ZoneInfo, hour: int
) -> None:
    assert told("*/30 2 * * *", SPRING[zone]) == []
    assert len(ticks(f"*/30 {hour} * * *", AUTUMN[zone])) == 4


CHANGES = {
    "an hour on, at one past midnight": datetime(1992, 4, 5, tzinfo=ZoneInfo("America/St_Johns")),
    "half an hour back": datetime(2026, 4, 5, tzinfo=LORD_HOWE),
    "half an hour on": datetime(2026, 10, 4, tzinfo=LORD_HOWE),
    "an hour back": AUTUMN[BERLIN],
    "an hour on": SPRING[BERLIN],
    "two hours back": datetime(2026, 10, 25, tzinfo=TROLL),
    "two hours on": datetime(2026, 3, 29, tzinfo=TROLL),
}
"""Days on which clocks change by more or less than an hour, or not on the hour."""
FREQUENT: dict[str, Callable[[datetime], bool]] = {
    "* * * * *": bool,
    "* 1 * * *": lambda wall: wall.hour == 1,
    "* 2 * * *": lambda wall: wall.hour == 2,
    "*/10 1-2 * * *": lambda wall: wall.hour in (1, 2) and wall.minute % 10 == 0,
    "10 * * * *": lambda wall: wall.minute == 10,
    "40 * * * *": lambda wall: wall.minute == 40,
    "0,45 */2 * * *": lambda wall: wall.hour % 2 == 0 and wall.minute in (0, 45),
    "*/7 */3 * * *": lambda wall: wall.hour % 3 == 0 and wall.minute % 7 == 0,
}


@pytest.mark.parametrize("day", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("expression", FREQUENT)
def test_what_is_frequent_runs_whenever_the_wall_says_so(expression: str, day: datetime) -> None:
    start = int((day - timedelta(days=1)).timestamp())
    minutes = range(start, start + 3 * 86_400, 60)
    wanted = [
        minute
        for minute in minutes
        if FREQUENT[expression](datetime.fromtimestamp(minute, day.tzinfo))
    ]
    found = ticks(expression, day - timedelta(days=1), days=3)
    assert [tick for tick in found if tick < minutes.stop] == [
        tick for tick in wanted if tick < (day + timedelta(days=2)).timestamp()
    ]


def test_a_time_of_day_runs_once_where_clocks_change_by_half_an_hour() -> None:
    back, on = CHANGES["half an hour back"], CHANGES["half an hour on"]
    assert told("40 1 * * *", back) == ["01:40 +11"]
    assert told("15 2 * * *", back) == ["02:15 +1030"]
    assert told("15 2 * * *", on) == ["02:30 +11"]
    assert told("45 2 * * *", on) == ["02:45 +11"]


def test_a_tick_in_many_years_is_found() -> None:
    schedule = Cron.of("*/30 0 29 2 *", LORD_HOWE)
    start = datetime(2097, 1, 1, tzinfo=LORD_HOWE).timestamp()
    assert schedule.after(start, start) == datetime(2104, 2, 29, tzinfo=LORD_HOWE).timestamp()


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("change", [SPRING, AUTUMN])
@pytest.mark.parametrize(
    "expression",
    ["30 2 * * *", "30 1 * * *", "0 0 * * *", "15,45 1-3 * * *", "*/20 * * * *", "*/30 1,2 * * *"],
)
def test_the_next_tick_is_the_same_whenever_one_asks(
    zone: ZoneInfo, change: dict[ZoneInfo, datetime], expression: str
) -> None:
    schedule, day = Cron.of(expression, zone), change[zone]
    for before, after in pairwise(ticks(expression, day - timedelta(days=1), days=4)):
        for moment in range(int(before), int(after), 600):
            assert schedule.after(moment, moment) == after
        assert schedule.after(0, after - 0.001) == after


def test_an_interval_keeps_its_beat() -> None:
    assert FIVE.after(1000.0, 1000.0) == 1300.0
    assert FIVE.after(1000.0, 1299.9) == 1300.0
    assert FIVE.after(1000.0, 1300.0) == 1600.0
    assert FIVE.after(1000.0, 9999.0) == 10_000.0


MOMENTS = st.floats(1.7e9, 2.5e9)
INTERVALS = st.integers(1, 31 * 86_400).map(lambda seconds: Interval(timedelta(seconds=seconds)))
CRONS = st.builds(
    Cron.of,
    st.sampled_from(["30 2 * * *", "*/7 * * * *", "0 0 1 * *", "0 12 * * MON", "5 4 L * *"]),
    st.sampled_from([BERLIN, NEW_YORK, ZoneInfo("UTC"), LORD_HOWE]),
)


@given(INTERVALS | CRONS, MOMENTS, st.floats(0, 1e8))
def test_the_next_tick_is_always_to_come(
    schedule: Interval | Cron, due: float, overdue: float
) -> None:
    assert schedule.after(due, due + overdue) > due + overdue


@given(INTERVALS, MOMENTS, st.floats(0, 1e8))
def test_the_next_tick_of_an_interval_is_at_most_one_away(
    schedule: Interval, due: float, overdue: float
) -> None:
    now = due + overdue
    assert schedule.after(due, now) <= now + schedule.every.total_seconds() + 1e-3


@given(INTERVALS | CRONS, MOMENTS, st.none() | MOMENTS)
def test_what_is_planned_stays_planned(
    schedule: Interval | Cron, now: float, due: float | None
) -> None:
    planned = schedule.planned(due, now)
    assert schedule.planned(planned, now) == planned
    if planned > now and isinstance(schedule, Cron):
        assert planned == schedule.after(now, now)


def test_three_ticks_may_be_three_nights() -> None:
    night = Cron.of("30 2 * * *", BERLIN)
    noon = datetime(2026, 3, 27, 12, tzinfo=BERLIN).timestamp()
    third = datetime(2026, 3, 30, 2, 30, tzinfo=BERLIN).timestamp()
    assert night.end_of(3, since=noon) == third
    assert FIVE.end_of(3, since=noon) == noon + 900


@pytest.mark.parametrize(
    ("every", "text"),
    [(90, "every 90s"), (300, "every 5m"), (7200, "every 2h"), (86_400 * 2, "every 2d")],
)
def test_an_interval_is_told_as_it_is_written(every: int, text: str) -> None:
    assert str(Interval(timedelta(seconds=every))) == text


def test_cron_is_told_with_its_zone() -> None:
    assert str(Cron.of(" 30  2 * * * ", BERLIN)) == "at 30 2 * * * (Europe/Berlin)"


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("60 2 * * *", "'60 2 * * *': no minute is '60'; write 0-59, or * for all"),
        ("0 24 * * *", "no hour is '24'; write 0-23"),
        ("0 0 0 * *", "no day-of-month is '0'; write 1-31, or L for the last"),
        ("0 0 * JANUARY *", "no month is 'JANUARY'; write 1-12 or JAN-DEC"),
        ("0 0 * * 8", "no day-of-week is '8'; write 0-7 or SUN-SAT"),
        ("0 5-3 * * *", "no hour is '5-3'"),
        ("*/0 * * * *", "no minute is '*/0'"),
        ("0 2 * *", "'0 2 * *' has 4 fields; write five: minute, hour, day-of-month, month, day"),
        ("0 0 2 * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("@daily", "'@daily' is not known here; write '0 0 * * *'"),
        ("0 0 31 2 *", "'0 0 31 2 *' never comes; write days that its months have"),
        ("0 0 */31 * MON#5", "never comes"),
        (f"{','.join(['1'] * 200)} * * * *", "fields"),
    ],
)
def test_an_expression_that_says_nothing_is_refused(expression: str, what: str) -> None:
    with pytest.raises(BadSchedule) as caught:
        Cron.of(expression, BERLIN)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berln", "did you mean 'Europe/Berlin'?"),
        ("europe/berlin", "did you mean 'Europe/Berlin'?"),
        ("Europe", "did you mean 'Europe/"),
        ("PST", "write it as Europe/Berlin, or UTC"),
        ("", "write it as Europe/Berlin, or UTC"),
        ("../../etc/passwd", "write it as Europe/Berlin, or UTC"),
    ],
)
def test_a_zone_that_there_is_not_is_refused(name: str, hint: str) -> None:
    with pytest.raises(BadSchedule) as caught:
        time_zone(name)
    assert str(caught.value).startswith(f"unknown time zone {name!r}; {hint}")
