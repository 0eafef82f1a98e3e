"""JSON becomes typed values, or a list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.service.typed import BadValues, sought, typed
from hub.store import entities, listing
from hub.store.types import Instant, Money
from tests.web.conftest import House

CASE, ORDER, RETURN = entities.CASE, entities.ORDER, entities.RETURN


def nobody(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    del wanted
    return {}


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("short_description", "𝄞", "𝄞"),
        ("short_description", "", None),
        ("short_description", None, None),
        ("state", "awaiting_info", "18"),
        ("state", "18", "18"),
        ("state", 18, "18"),
        ("active", False, False),
        ("time_worked", 2**40, 2**40),
        ("opened_at", "2026-05-01T14:00:00.9+02:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("opened_at", "2026-05-01T12:00:00Z", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("u_anything", "x", "x"),
        ("comments", "x", "x"),
    ],
)
def test_a_value_that_fits_becomes_what_is_stored(name: str, value: Any, kept: Any) -> None:
    assert typed(CASE, {name: value}, nobody) == {name: kept}


@pytest.mark.parametrize("amount", ["12.5", "12.50000", 12.5, "+12.5"])
def test_an_amount_is_exact(amount: Any) -> None:
    assert typed(ORDER, {"total_amount": amount}, nobody) == {"total_amount": Decimal("12.5")}


@pytest.mark.parametrize(
    "amount", ["1e3", "12.34567", "1_0", "NaN", 1e300, 10**11, True, "12,5", 0.1 + 0.2, "\u0661"]
)
def test_an_amount_that_would_have_to_be_rounded_is_refused(amount: Any) -> None:
    with pytest.raises(BadValues, match="total_amount: an amount"):
        typed(ORDER, {"total_amount": amount}, nobody)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("time_worked", True, "a whole number"),
        ("time_worked", 2**63, "a whole number from"),
        ("reopen_count", 2**31, "a whole number from"),
        ("opened_at", "0001-01-01T00:00:00+14:00", "a time is expected"),
        ("opened_at", 1777636800, "a time is expected"),
        ("active", None, "cannot be empty"),
        ("short_description", "\udcff", "half a character"),
        ("u_", "x", "no such field"),
        ("u_UPPER", "x", "no such field"),
        ("hub_custom", {}, "the hub itself"),
        ("watch_list", [1], "the number or sys_id"),
        ("watch_list", {}, "a list of numbers"),
        ("cmdb_ci", "x", "no record of cmdb_ci"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(
    name: str, value: Any, told: str
) -> None:
    with pytest.raises(BadValues, match=told) as caught:
        typed(CASE, {name: value}, nobody)
    assert [fault.field for fault in caught.value.faults] == [name]


def test_json_is_searched_for_what_no_database_keeps() -> None:
    lines = [{"sku": "A", "more": [1, {"x": None}]}]
    assert typed(RETURN, {"lines": lines}, nobody) == {"lines": lines}
    for bad in ([{"a": ["\x00"]}], [{"\x00": 1}]):
        with pytest.raises(BadValues, match="NUL"):
            typed(RETURN, {"lines": bad}, nobody)
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(BadValues, match="at most 32"):
        typed(RETURN, {"lines": deep}, nobody)


def test_references_are_found_by_number_or_sys_id_in_one_question(house: House) -> None:
    house.keep("account", sys_id="a" * 32, number="ACCT0000001", name="Acme")
    house.keep("incident", sys_id="1" * 32, number="INC0010001")
    house.keep("contact", sys_id="b" * 32, name="Ann")
    house.keep("user", sys_id="d" * 32, name="Dan")
    asked = []

    def lookup(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        asked.append(wanted)
        with house.db.read() as tx:
            return {key: named.sys_id for key, named in listing.named(tx, wanted).items()}

    values = {
        "account": "ACCT0000001",
        "parent": "INC0010001",  # a task is a case or an incident
        "assigned_to": "b" * 32,  # a contact is a user
        "watch_list": ["d" * 32, "b" * 32],
        "contact": "",
    }
    assert typed(CASE, values, lookup) == {
        "account": "a" * 32,
        "parent": "1" * 32,
        "assigned_to": "b" * 32,
        "watch_list": f"{'d' * 32},{'b' * 32}",
        "contact": None,
    }
    assert len(asked) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=10,
)
FIELDS = [
    (entity, name) for entity in entities.ALL for name in (*entity.shape.fields, "u_x", "stat")
]


@given(st.sampled_from(FIELDS), JSON)
def test_whatever_is_sent_is_stored_or_refused_and_nothing_else(
    field: tuple[entities.Entity, str], value: Any
) -> None:
    entity, name = field
    try:
        [kept] = typed(entity, {name: value}, nobody).values()
    except BadValues as error:
        orjson.dumps([fault.value + fault.reason for fault in error.faults])
        return
    assert kept is None or isinstance(kept, str | int | float | Decimal | datetime | dict | list)


@given(st.sampled_from(FIELDS), st.text())
def test_whatever_is_searched_for_is_understood_or_refused(
    field: tuple[entities.Entity, str], text: str
) -> None:
    with suppress(BadValues):
        assert len(sought(*field, [text], nobody)) == 1


def test_typed_values_are_what_the_columns_take() -> None:
    moment = typed(CASE, {"opened_at": "2026-05-01T12:00:00Z"}, nobody)["opened_at"]
    amount = typed(ORDER, {"total_amount": "99999999999.9999"}, nobody)["total_amount"]
    assert isinstance(CASE.table.c.opened_at.type, Instant)
    assert moment.utcoffset().total_seconds() == 0
    assert isinstance(ORDER.table.c.total_amount.type, Money)
    assert amount.as_tuple().exponent == -4
