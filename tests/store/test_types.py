"""Moments and amounts survive the database exactly, or are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, cast, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError

from hub.store.database import Database
from hub.store.types import Instant, Money, storable

values = Table("round_trip", MetaData(), Column("at", Instant), Column("amount", Money))
DIALECTS: tuple[Any, ...] = (sqlite.dialect(), postgresql.dialect())  # type: ignore[no-untyped-call]
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def kept(db: Database, **value: Any) -> Any:
    """What a fresh transaction reads after `value` was written."""
    with db.write() as tx:
        values.create(tx, checkfirst=True)
        tx.execute(insert(values).values(**value))
    with db.read() as tx:
        return tx.execute(select(*(values.c[name] for name in value))).scalar_one()


def test_a_moment_comes_back_in_utc(empty: Database) -> None:
    berlin = timezone(timedelta(hours=2))
    assert kept(empty, at=datetime(2026, 3, 1, 14, 0, tzinfo=berlin)) == NOON


def test_a_moment_is_cut_to_the_second_never_rounded_up(empty: Database) -> None:
    assert kept(empty, at=NOON.replace(microsecond=999_999)) == NOON


def test_people_who_look_into_the_database_can_read_a_moment(empty: Database) -> None:
    kept(empty, at=NOON)
    with empty.read() as tx:
        raw = tx.exec_driver_sql("SELECT CAST(at AS TEXT) FROM round_trip").scalar_one()
    assert raw == "2026-03-01 12:00:00"


def test_moments_sort_by_age(empty: Database) -> None:
    years = (1, 33, 999, 1970, 2026, 9999)
    for year in years:
        with empty.write() as tx:
            values.create(tx, checkfirst=True)
            tx.execute(insert(values).values(at=NOON.replace(year=year)))
    with empty.read() as tx:
        found = tx.execute(select(values.c.at).order_by(values.c.at)).scalars().all()
    assert [moment.year for moment in found if moment] == list(years)


def test_a_moment_without_time_zone_is_refused(empty: Database) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        kept(empty, at=datetime(2026, 3, 1, 12, 0))  # noqa: DTZ001 -- that is the point


@pytest.mark.parametrize("text", ["0", "0.0001", "-0.1", "19.95", "12345678901.2345"])
def test_an_amount_comes_back_exactly(empty: Database, text: str) -> None:
    assert kept(empty, amount=Decimal(text)) == Decimal(text)


def test_amounts_add_up_in_the_database(empty: Database) -> None:
    with empty.write() as tx:
        values.create(tx)
        tx.execute(insert(values), [{"amount": Decimal("0.1")}] * 3)
    with empty.read() as tx:
        total = tx.execute(select(func.sum(values.c.amount))).scalar_one()
    assert total == Decimal("0.3")


@given(st.decimals(min_value=-(10**10), max_value=10**10, places=4))
def test_every_amount_survives_both_databases(amount: Decimal) -> None:
    for dialect in DIALECTS:
        sent = Money().process_bind_param(amount, dialect)
        assert Money().process_result_value(sent, dialect) == amount


@given(st.datetimes(timezones=st.timezones()))
def test_every_moment_survives_both_databases(moment: datetime) -> None:
    try:
        expected = moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:  # a time zone can push year 1 or 9999 off the calendar
        return
    for dialect in DIALECTS:
        sent = Instant().process_bind_param(moment, dialect)
        assert Instant().process_result_value(sent, dialect) == expected


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain ä😀", "plain ä😀"),
        ("a\x00b", "a␀b"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
    ],
)
def test_a_message_is_kept_whatever_it_quotes(empty: Database, text: str, kept: str) -> None:
    with empty.write() as tx:
        told = tx.execute(select(cast(storable(text), String))).scalar_one()
    assert told == kept


def test_nothing_stays_nothing(empty: Database) -> None:
    with empty.write() as tx:
        values.create(tx)
        tx.execute(insert(values).values(at=None, amount=None))
    with empty.read() as tx:
        assert tuple(tx.execute(select(values)).one()) == (None, None)
