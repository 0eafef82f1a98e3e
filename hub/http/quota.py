"""How often we may still ask: what answers say of it in headers, and what the vendor documents.

`RateLimit-Remaining` and `-Limit` (draft-ietf-httpapi-ratelimit-headers), `X-RateLimit-*`,
`X-Rate-Limit-*`, and the form `used/allowed` in any header whose name ends in `limit` or
`limit-info`. No header says in which time they count: that is the spoke's to know (`Quota`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

_REMAINING = re.compile(
    r"rate-?limit-?remaining(-.*)?$|(?<!time-)remaining-(.*-)?(requests|calls)$"
)
_SPENT = re.compile(r"(limit|limit-info|call-limit|usage)$")
_OF = re.compile(r"(?<!\d)([0-9]{1,15})\s*/\s*([0-9]{1,15})(?!\d)")
_NUMBER = re.compile(r"[0-9]{1,15}")
_SPANS = {timedelta(days=1): "day", timedelta(hours=1): "hour", timedelta(minutes=1): "minute"}


@dataclass(frozen=True, slots=True)
class Quota:
    """In which time they count calls, and how many they allow in it; None where answers tell."""

    per: timedelta
    calls: int | None = None

    def __post_init__(self) -> None:
        if self.per <= timedelta(0) or (self.calls is not None and self.calls < 1):
            raise ValueError(f"a quota needs a positive time and number of calls: {self}")


@dataclass(frozen=True, slots=True)
class Left:
    """How many `calls` of `limit` may still be made in the time `per`; None for what nobody says.

    `header` is where it stood.
    """

    calls: int | None = None
    limit: int | None = None
    per: timedelta | None = None
    header: str = ""

    @property
    def share(self) -> float | None:
        """The share that is left, 0 to 1."""
        if self.calls is None or not self.limit:
            return None
        return min(1.0, self.calls / self.limit)

    @property
    def allowed(self) -> str:
        """`the day's 100,000`, `the 6,000 in 5 minutes`, or `1,000` in a time that nobody says."""
        limit = "calls" if self.limit is None else f"{self.limit:,}"
        if self.per is None:
            return limit
        span = _SPANS.get(self.per)
        return f"the {span}'s {limit}" if span else f"the {limit} in {spelled(self.per)}"

    @property
    def said(self) -> str:
        """A sentence for a person."""
        if self.calls is None:
            return f"they allow {self.allowed}; how many are spent, their answers do not say"
        if self.limit is None:
            return f"{self.calls:,} are left ({self.header})"
        spent = max(0, self.limit - self.calls)  # some lend beyond their limit
        return f"{spent:,} of {self.allowed} are spent ({self.header})"

    def usable(self, reserve: float) -> int | None:
        """How many calls fit before the last `reserve` (0 to 1) of what they allow, if that is known."""
        if self.calls is None or self.limit is None:
            return None
        return max(0, int(self.calls - reserve * self.limit))

    def seconds(self, calls: int, a_call: float, reserve: float) -> float:
        """How long so many calls take at `a_call` seconds each, one after another.

        Who has come to the reserve goes on when the next window begins; each gives all but its
        reserve. Of a limit whose window nobody says, as if there were none.
        """
        fit = self.usable(reserve)
        if fit is None or self.per is None or self.limit is None or calls <= fit:
            return calls * a_call
        window = self.per.total_seconds()
        each = max(1, int(self.limit * (1 - reserve)))
        rest = calls - fit
        if a_call * each >= window:  # at this pace a window is never used up
            return window + rest * a_call if fit * a_call < window else calls * a_call
        windows = ceil(rest / each)
        return windows * window + (rest - (windows - 1) * each) * a_call


def left_of(headers: Mapping[str, str], quota: Quota | None = None) -> Left | None:
    """What the headers of an answer tell, their names in small letters, and the vendor documents.

    None where neither says anything of a number of calls.
    """
    per, calls = (quota.per, quota.calls) if quota else (None, None)
    for name, value in headers.items():
        if _SPENT.search(name) and (found := _OF.search(value)) and int(found[2]):
            used, allowed = int(found[1]), int(found[2])
            return Left(max(0, allowed - used), allowed, per, name)
    for name, value in headers.items():
        if _REMAINING.search(name) and _NUMBER.fullmatch(value):
            limit = headers.get(name.replace("remaining", "limit"), "")
            told = int(limit) if _NUMBER.fullmatch(limit) and int(limit) else calls
            return Left(int(value), told, per, name)
    return Left(limit=calls, per=per) if calls else None


def spelled(span: timedelta) -> str:
    """`40 s`, `5 minutes`, `3 hours`, `2 days`."""
    seconds = span.total_seconds()
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:  # below that the smaller unit says more
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:,.0f} s"
