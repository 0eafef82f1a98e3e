"""What headers say of how often we may still ask, and how long so many calls take then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.http.quota import Left, Quota, left_of

DAY, BURST = timedelta(days=1), timedelta(minutes=5)


@pytest.mark.parametrize(
    ("headers", "quota", "said"),
    [
        ({"sforce-limit-info": "api-usage=18/5000; per-app-api-usage=17/250(appName=hub)"},
         Quota(DAY), "18 of the day's 5,000 are spent (sforce-limit-info)"),
        ({"x-shop-api-call-limit": "3/40"}, None, "3 of 40 are spent (x-shop-api-call-limit)"),
        ({"x-ratelimit-remaining": "9", "x-ratelimit-limit": "10"}, Quota(timedelta(hours=1)),
         "1 of the hour's 10 are spent (x-ratelimit-remaining)"),
        ({"x-ms-ratelimit-time-remaining-xrm-requests": "1200",
          "x-ms-ratelimit-burst-remaining-xrm-requests": "5990"}, Quota(BURST, 6_000),
         "10 of the 6,000 in 5 minutes are spent (x-ms-ratelimit-burst-remaining-xrm-requests)"),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-limit": "10"}, None,
         "0 of 10 are spent (x-ratelimit-remaining)"),
        ({"ratelimit-remaining": "9"}, None, "9 are left (ratelimit-remaining)"),
        ({}, Quota(DAY, 1_000),
         "they allow the day's 1,000; how many are spent, their answers do not say"),
    ],
)  # fmt: skip
def test_a_limit_is_told_with_the_time_that_it_is_for(
    headers: dict[str, str], quota: Quota | None, said: str
) -> None:
    left = left_of(headers, quota)
    assert left is not None
    assert left.said == said


@pytest.mark.parametrize("quota", [None, Quota(DAY)])
def test_who_says_nothing_has_told_nothing(quota: Quota | None) -> None:
    assert left_of({"x-request-limit": "none", "content-length": "12"}, quota) is None


@pytest.mark.parametrize("odd", ["²", "9" * 5000, "9" * 5000 + "/" + "9" * 5000, "-1", ""])
def test_what_is_no_number_of_calls_is_none(odd: str) -> None:
    assert left_of({"x-ratelimit-remaining": odd, "api-usage-limit": odd}) is None
    left = left_of({"x-ratelimit-remaining": "9", "x-ratelimit-limit": odd})
    assert left is not None
    assert left.limit is None


def test_what_is_spent_in_full_leaves_nothing() -> None:
    left = left_of({"api-usage-limit": "1001/1000"}, None)
    assert left is not None
    assert (left.share, left.usable(0.2)) == (0.0, 0)


def test_what_does_not_fit_waits_for_the_next_window() -> None:
    left = Left(300, 1_000, DAY)  # 100 before the reserve, 800 in each day after
    a_day = DAY.total_seconds()
    assert left.seconds(100, 1, 0.2) == 100
    assert left.seconds(101, 1, 0.2) == a_day + 1
    assert left.seconds(900, 1, 0.2) == a_day + 800
    assert left.seconds(901, 1, 0.2) == 2 * a_day + 1


def test_a_pace_below_the_limit_never_waits_but_for_what_others_have_spent() -> None:
    assert Left(6_000, 6_000, BURST).seconds(60_000, 1 / 15, 0.2) == pytest.approx(4_000)
    assert Left(1_200, 6_000, BURST).seconds(60_000, 1 / 15, 0.2) == pytest.approx(4_300)


@pytest.mark.parametrize(("per", "calls"), [(timedelta(0), None), (DAY, 0)])
def test_a_quota_is_of_some_time_and_some_calls(per: timedelta, calls: int | None) -> None:
    with pytest.raises(ValueError, match="positive"):
        Quota(per, calls)
