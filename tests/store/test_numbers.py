"""Numbers: handed out once, in blocks, whoever asks at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.dialects import postgresql

from hub.store import numbers
from hub.store.database import Database
from hub.store.entities import ALL, CASE, USER


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    event.remove(db.engine, "before_cursor_execute", note)


def test_the_first_case_is_the_one_that_servicenow_would_open(db: Database) -> None:
    with db.write() as tx:
        first = numbers.allocate(tx, {"CS": 1})["CS"]
    assert numbers.format_number("CS", first) == "CS0001001"


def test_every_series_begins_where_its_entity_says(db: Database) -> None:
    with db.write() as tx:
        begun = numbers.allocate(tx, {entity.prefix: 1 for entity in ALL if entity.prefix})
    assert begun == {entity.prefix: entity.first for entity in ALL if entity.prefix}


def test_blocks_of_several_series_cost_one_statement(db: Database) -> None:
    with db.write() as tx, statements(db) as sent:
        assert numbers.allocate(tx, {"CS": 300, "INC": 2}) == {"CS": 1001, "INC": 10001}
    assert len(sent) == 1
    with db.write() as tx:
        assert numbers.allocate(tx, {"CS": 1, "INC": 1}) == {"CS": 1301, "INC": 10003}


def test_no_numbers_cost_no_statement(db: Database) -> None:
    with db.write() as tx, statements(db) as sent:
        assert numbers.allocate(tx, {}) == {}
    assert sent == []


def test_eight_threads_share_a_series_without_gap_or_double(db: Database) -> None:
    together = threading.Barrier(8)

    def take(seed: int) -> list[int]:
        sizes = Random(seed)
        taken: list[int] = []
        together.wait(30)
        for _ in range(25):
            count = sizes.randint(1, 9)
            with db.write() as tx:
                first = numbers.allocate(tx, {"CS": count})["CS"]
            taken += range(first, first + count)
        return taken

    with ThreadPoolExecutor(8) as threads:
        taken = sorted(n for some in threads.map(take, range(8)) for n in some)
    assert taken == list(range(1001, 1001 + len(taken)))


def test_a_block_whose_transaction_failed_is_handed_out_again(db: Database) -> None:
    def fail() -> None:
        with db.write() as tx:
            numbers.allocate(tx, {"CS": 10})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with db.write() as tx:
        assert numbers.allocate(tx, {"CS": 1}) == {"CS": 1001}


def test_a_counter_moves_past_imported_numbers_in_the_same_statement(db: Database) -> None:
    with db.write() as tx, statements(db) as sent:
        assert numbers.allocate(tx, {"CS": 2}, {"CS": 5000, "INC": 3}) == {"CS": 5001, "INC": 10001}
    assert len(sent) == 1
    with db.write() as tx:
        assert numbers.allocate(tx, {"CS": 1, "INC": 1}) == {"CS": 5003, "INC": 10001}


def test_only_numbers_of_an_entitys_own_form_move_its_counter() -> None:
    seen = ["CS0001234", "CS0001200", "cs0009999", "CS77", "#1001", "XCS0008888", "CS0008888 "]
    assert numbers.highest(CASE, seen) == 1234
    assert numbers.highest(CASE, ["00001026"]) is None
    assert numbers.highest(USER, seen) is None


def test_a_monstrous_imported_number_does_not_use_the_series_up() -> None:
    assert numbers.highest(CASE, ["CS" + "9" * 30]) is None
    assert numbers.highest(CASE, ["CS123456789"]) == 123_456_789


def test_a_number_that_outgrows_its_digits_keeps_them_all() -> None:
    assert numbers.format_number("INC", 10_000_000) == "INC10000000"


def test_an_unknown_series_says_so_and_takes_nothing(db: Database) -> None:
    with (
        pytest.raises(numbers.UnknownSeries, match=r"begin with XYZ.*hub migrate"),
        db.write() as tx,
    ):
        numbers.allocate(tx, {"CS": 1, "XYZ": 1})
    with db.write() as tx:
        assert numbers.allocate(tx, {"CS": 1}) == {"CS": 1001}


def test_the_database_lists_every_series(db: Database) -> None:
    with db.read() as tx:
        rows = [dict(row._mapping) for row in tx.execute(select(numbers.sys_number))]
    assert sorted(rows, key=lambda row: row["prefix"]) == sorted(
        numbers.series(ALL), key=lambda row: row["prefix"]
    )


def test_postgresql_locks_counters_in_one_order_for_everybody(db: Database) -> None:
    compiled: list[str] = []

    def note(_c: Any, statement: Any, *_rest: Any) -> None:
        dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
        compiled.append(str(statement.compile(dialect=dialect)))

    event.listen(db.engine, "before_execute", note)
    with db.write() as tx:
        numbers.allocate(tx, {"INC": 1, "CS": 1})
    assert "ORDER BY sys_number.prefix FOR UPDATE" in compiled[-1]
    assert "RETURNING sys_number.prefix, sys_number.number" in compiled[-1]
