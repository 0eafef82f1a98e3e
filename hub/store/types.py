"""How the store's values look in Python, and how each database keeps them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Numeric, String, TypeDecorator
from sqlalchemy.types import TypeEngine


def sqlite_time(moment: datetime) -> str:
    """`YYYY-MM-DD HH:MM:SS` in UTC. (`strftime` writes the year 1 as `1`.)"""
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat(" ")


def storable(text: str) -> str:
    """A message as any database can keep it: without NUL, and without half a character.

    It may quote what others sent. (PostgreSQL refuses the one, its driver and SQLite's the other.)
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\N{SYMBOL FOR NULL}")


class Instant(TypeDecorator[datetime]):
    """A moment in UTC with second precision, as ServiceNow keeps it.

    Python: an aware datetime; a naive one is refused, because nobody can say which moment it is.
    SQLite: `YYYY-MM-DD HH:MM:SS`. Others: timestamp without time zone.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(19) if dialect.name == "sqlite" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        if dialect.name == "sqlite":
            return sqlite_time(value)
        return value.astimezone(UTC).replace(tzinfo=None, microsecond=0)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy calls it so
        if value is None:
            return None
        naive = datetime.fromisoformat(value) if isinstance(value, str) else value
        return naive.replace(tzinfo=UTC)


class Money(TypeDecorator[Decimal]):
    """An exact amount with four decimals, as `NUMERIC(15, 4)`.

    SQLite has no exact decimals, so there it is the whole number of ten-thousandths.
    """

    impl = Numeric(15, 4)
    cache_ok = True

    SCALE = Decimal("0.0001")

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else Numeric(15, 4))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        exact = Decimal(value).quantize(self.SCALE, ROUND_HALF_EVEN)
        return int(exact.scaleb(4)) if dialect.name == "sqlite" else exact

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-4) if dialect.name == "sqlite" else Decimal(value)
