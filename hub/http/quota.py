"""What an answer says of how often we may still ask, in the headers that vendors use for it.

`RateLimit-Remaining` and `-Limit` (draft-ietf-httpapi-ratelimit-headers), `X-RateLimit-*`,
`X-Rate-Limit-*`, and the form `used/allowed` in any header whose name ends in `limit` or
`limit-info`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_REMAINING = re.compile(r"rate-?limit-?remaining(-.*)?$|remaining-(requests|calls)$")
_SPENT = re.compile(r"(limit|limit-info|call-limit|usage)$")
_OF = re.compile(r"(\d+)\s*/\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Left:
    """What is left; if they say how much they allow, that `limit`, and the `share` left of it, 0 to 1."""

    said: str
    share: float | None = None
    limit: int | None = None


def left_of(headers: Mapping[str, str]) -> Left | None:
    """What the headers of an answer tell, their names in small letters; None for nothing."""
    for name, value in headers.items():
        if _SPENT.search(name) and (found := _OF.search(value)) and int(found[2]):
            used, allowed = int(found[1]), int(found[2])
            said = f"{used:,} of {allowed:,} are spent ({name})"
            return Left(said, 1 - used / allowed, allowed)
    for name, value in headers.items():
        if _REMAINING.search(name) and value.isdigit():
            limit = headers.get(name.replace("remaining", "limit"), "")
            if limit.isdigit() and int(limit):
                said = f"{int(value):,} of {int(limit):,} are left ({name})"
                return Left(said, int(value) / int(limit), int(limit))
            return Left(f"{int(value):,} are left ({name})")
    return None
