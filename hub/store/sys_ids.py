"""New sys_ids: 32 hex digits, in the order in which they were made.

UUIDs of version 7 (RFC 9562, 5.7) without dashes. Rows that are made together stand together in
every index that has a sys_id in it: random ones would touch a page of each index per row. What one
process makes within one moment keeps its order too (6.2, method 3): rows are listed by time and
then by sys_id, and what was told second has to be read second.
"""

from __future__ import annotations

import os
import threading
import time

_FRACTIONS = 4096  # of a millisecond: what the 12 bits after the milliseconds can tell apart
_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62
_CHANCE = (1 << 62) - 1

_one_at_a_time = threading.Lock()
_last = 0


def new_sys_id() -> str:
    """An id that nobody has: 60 bits of time, 62 of chance."""
    return new_sys_ids(1)[0]


def new_sys_ids(count: int) -> list[str]:
    """That many of them, in their order."""
    first = _next_moments(count)
    chance = os.urandom(8 * count)
    return [
        f"{_uuid(first + n, int.from_bytes(chance[8 * n : 8 * n + 8], 'big')):032x}"
        for n in range(count)
    ]


def _uuid(moment: int, chance: int) -> int:
    milliseconds, fraction = divmod(moment, _FRACTIONS)
    return (milliseconds << 80) | _VERSION_7 | (fraction << 64) | _VARIANT | chance & _CHANCE


def _next_moments(count: int) -> int:
    """The first of so many fractions of a millisecond: now, and later than all given out before,
    even if the clock is put back."""
    global _last  # noqa: PLW0603 - the process has one clock
    now = time.time_ns() * _FRACTIONS // 1_000_000
    with _one_at_a_time:
        first = max(now, _last + 1)
        _last = first + count - 1
    return first
