"""New sys_ids are UUIDs of version 7: unique, and in the order of time."""

from __future__ import annotations

import re
import time
from uuid import RFC_4122, UUID

from hub.store.sys_ids import new_sys_id

MANY = 20_000


def test_a_sys_id_is_a_uuid_of_version_7_without_dashes() -> None:
    sys_id = new_sys_id()
    assert re.fullmatch(r"[0-9a-f]{32}", sys_id)
    assert (UUID(sys_id).version, UUID(sys_id).variant) == (7, RFC_4122)


def test_no_two_are_the_same() -> None:
    assert len({new_sys_id() for _ in range(MANY)}) == MANY


def test_a_later_one_sorts_behind_an_earlier_one() -> None:
    before = time.time_ns() // 1_000_000
    earlier = new_sys_id()
    while time.time_ns() // 1_000_000 == int(earlier[:12], 16):
        pass  # the rest of this millisecond
    later = new_sys_id()
    assert before <= int(earlier[:12], 16) < int(later[:12], 16)
    assert earlier < later


def test_what_is_made_later_sorts_behind_even_within_one_millisecond() -> None:
    made = [new_sys_id() for _ in range(MANY)]
    assert made == sorted(made)
