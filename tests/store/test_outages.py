"""What passes or can be mended is told from what is a fault of ours."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from hub.store import outages

WHOLE = 5  # characters of a SQLSTATE


@pytest.mark.parametrize(
    "state", [*(known.ljust(WHOLE, "0") for known in outages.POSTGRESQL), "08006", "57P01", "53200"]
)
def test_what_passes_is_an_outage(state: str) -> None:
    broken = type("Broken", (psycopg.Error,), {"sqlstate": state})("it went wrong")
    assert outages.advice(OperationalError("", None, broken))
    assert outages.advice(broken), "also beneath SQLAlchemy"


@pytest.mark.parametrize("state", ["23505", "22P05", "42P01", "42601", "22003"])
def test_what_is_our_own_fault_is_none(state: str) -> None:
    error = psycopg.errors.lookup(state)("it went wrong")
    assert outages.advice(error) is None
    assert outages.advice(IntegrityError("", None, error)) is None


def test_the_longer_code_says_more() -> None:
    full, many = (psycopg.errors.lookup(state)("") for state in ("53100", "53300"))
    assert "make room" in str(outages.advice(full))
    assert "max_connections" in str(outages.advice(many))


def test_a_row_that_is_quoted_is_cut_off() -> None:
    error = psycopg.errors.UniqueViolation("it is there already\nDETAIL: Key (email)=(ann@x)")
    wrapped = IntegrityError("INSERT", None, error)
    assert outages.said(wrapped) == "it is there already"
    outages.hide_values(wrapped)
    assert "ann" not in f"{wrapped!s}{wrapped!r}{error!s}{error!r}"
