"""The records that a sandbox keeps: what the API shows, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.testing import BadCommand, Tables
from hub.testing.clock import Clock


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.freeze()
    return clock


@pytest.fixture
def tables(clock: Clock) -> Tables:
    return Tables(clock, ["lamps"])


def create(tables: Tables, **more: object) -> str:
    return str(tables.obey({"do": "create", "stream": "lamps", "data": {"watts": 5}, **more}))


def test_records_come_oldest_change_first(tables: Tables, clock: Clock) -> None:
    now = clock.now()
    second = create(tables, at=now.isoformat())
    first = create(tables, at=(now - timedelta(hours=1)).isoformat())
    assert [row["id"] for row in tables.rows("lamps")] == [first, second]


def test_a_change_is_not_shown_before_its_time(tables: Tables, clock: Clock) -> None:
    later = (clock.now() + timedelta(minutes=2)).isoformat()
    id = create(tables, visible_at=later)
    assert tables.get("lamps", id) is None
    clock.advance(timedelta(minutes=3))
    assert tables.get("lamps", id) is not None


def test_a_record_is_deleted_and_comes_back(tables: Tables) -> None:
    id = create(tables)
    tables.obey({"do": "delete", "stream": "lamps", "id": id})
    assert tables.obey({"do": "list", "stream": "lamps"}) == []
    assert [row["deleted"] for row in tables.rows("lamps")] == [True]
    tables.obey({"do": "undelete", "stream": "lamps", "id": id})
    assert tables.obey({"do": "list", "stream": "lamps"}) == [id]


def test_a_key_makes_one_record(tables: Tables) -> None:
    made = [tables.create("lamps", {"watts": n}, key="k-1")["id"] for n in (5, 6)]
    assert made[0] == made[1]
    assert tables.create("lamps", {}, key="k-2")["id"] != made[0]


def test_an_update_keeps_what_it_does_not_name(tables: Tables) -> None:
    id = create(tables)
    tables.change("lamps", id, {"colour": "warm"})
    row = tables.get("lamps", id)
    assert row is not None
    assert (row["watts"], row["colour"]) == (5, "warm")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ({"do": "list", "stream": "poles"}, "no stream 'poles'; there are: lamps"),
        ({"do": "delete", "stream": "lamps", "id": "x"}, "lamps has no record 'x'"),
        ({"do": "fly"}, "understands"),
    ],
)
def test_what_is_not_there_is_named(tables: Tables, command: dict[str, str], told: str) -> None:
    with pytest.raises(BadCommand, match=told):
        tables.obey(command)
