"""Many new rows of one table, given by columns: the fastest way in that each database has.

    SQLite        one prepared INSERT, run by the driver over all rows
    PostgreSQL    binary COPY

Columns and not rows, because all that happens on the way (encoding, defaults) happens to a whole
column at a time; and only the columns that say something, because a row of a case has a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import repeat
from typing import Any

from psycopg import sql
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Dialect,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from hub.store.database import Transaction
from hub.store.sets import as_json
from hub.store.types import Instant, sqlite_time

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Same:
    """One value that all rows of a page have in a column."""

    value: Any


@dataclass(frozen=True, slots=True)
class Always:
    """One plain value that all rows of all pages have: it can be part of the statement."""

    value: str | int | None


Columns = Mapping[str, "Sequence[Any] | Same | Always"]


def insert(tx: Transaction, table: Table, columns: Columns, count: int) -> None:
    """Insert `count` rows, each of which is new. One statement.

    `columns` holds, by name, a value for each row (in Python's types, as `hub.shape` says) or the
    `Same` for all; what is not named stays null.
    """
    if not count:
        return
    fixed = tuple((name, c) for name, c in columns.items() if isinstance(c, Always))
    given = {n: c for n, c in columns.items() if not (isinstance(c, Always) or _says_nothing(c))}
    plan = _plan(table, tuple(given), fixed, tx.dialect)
    encoded = [
        encode(column, count) for encode, column in zip(plan.encoders, given.values(), strict=True)
    ]
    if plan.copied is None:
        tx.exec_driver_sql(plan.statement, list(zip(*encoded, strict=False)))
        return
    encoded += [repeat(column.value, count) for _, column in fixed]  # COPY has rows and no more
    raw: Any = tx.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(plan.copied) as copy:
        copy.set_types(plan.types)
        write = copy.write_row
        for row in zip(*encoded, strict=False):
            write(row)


def _says_nothing(column: Sequence[Any] | Same) -> bool:
    return not isinstance(column, Same) and column.count(None) == len(column)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows with these columns get into one table of one kind of database."""

    encoders: tuple[Callable[[Any, int], Iterable[Any]], ...]
    statement: str
    copied: Any
    types: tuple[str, ...]


@lru_cache(maxsize=512)
def _plan(
    table: Table, given: tuple[str, ...], fixed: tuple[tuple[str, Always], ...], dialect: Dialect
) -> _Plan:
    quote = dialect.identifier_preparer.quote
    names = [*given, *(name for name, _ in fixed)]
    kinds = [table.c[name].type for name in names]
    columns = ", ".join(quote(name) for name in names)
    places = ", ".join(["?"] * len(given) + [_literal(column.value) for _, column in fixed])
    sqlite = dialect.name == "sqlite"
    copied = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    return _Plan(
        encoders=tuple(_column_encoder(table.c[name].type, dialect) for name in given),
        statement=f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({places})",  # noqa: S608 -- names are ours
        copied=None if sqlite else copied,
        types=() if sqlite else tuple(_type_name(kind) for kind in kinds),
    )


def _literal(value: str | int | None) -> str:
    """A default of ours in a statement for SQLite."""
    if value is None:
        return "NULL"
    return f"'{value.replace(chr(39), chr(39) * 2)}'" if isinstance(value, str) else str(int(value))


def _column_encoder(
    kind: TypeEngine[Any], dialect: Dialect
) -> Callable[[Sequence[Any] | Same, int], Iterable[Any]]:
    one = _for_sqlite(kind, dialect) if dialect.name == "sqlite" else encoder(kind, dialect)
    many = _moments if isinstance(kind, Instant) and dialect.name == "sqlite" else None

    def encode(column: Sequence[Any] | Same, count: int) -> Iterable[Any]:
        if isinstance(column, Same):
            value = column.value
            return repeat(one(value) if one and value is not None else value, count)
        if many:
            return many(column)
        return [None if v is None else one(v) for v in column] if one else column

    return encode


def _for_sqlite(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """As `encoder`, in the types that the driver binds at once: for others it looks for adapters."""
    if isinstance(kind, Boolean):
        return int
    return bytearray if isinstance(kind, LargeBinary) else encoder(kind, dialect)


def _moments(column: Sequence[datetime | None]) -> list[str | None]:
    """As `sqlite_time`, which takes three times as long, for moments in UTC."""
    return [
        None if v is None else str(v)[:19] if v.tzinfo is UTC else sqlite_time(v) for v in column
    ]


def encoder(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """What makes of a value (never None) what the driver wants; None if it takes it as it is."""
    if isinstance(kind, Boolean):
        return None  # drivers take a bool as it is; SQLAlchemy would check each one
    if isinstance(kind, JSON):
        return _jsonb if _is_jsonb(kind, dialect) else _json
    if isinstance(kind, TypeDecorator):  # its own word, not what SQLAlchemy makes of it: a float
        return lambda value: kind.process_bind_param(value, dialect)
    return kind.bind_processor(dialect)


def _is_jsonb(kind: TypeEngine[Any], dialect: Dialect) -> bool:
    return isinstance(kind.dialect_impl(dialect), JSONB)


def _json(value: Any) -> str:
    return as_json(value).decode()


def _jsonb(value: Any) -> bytes:
    """As binary COPY wants a jsonb: the version of the format, then the text."""
    return b"\x01" + as_json(value)


_TYPES: Sequence[tuple[type[TypeEngine[Any]], str]] = (
    (Instant, "timestamp"),
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Boolean, "bool"),
    (Float, "float8"),
    (Numeric, "numeric"),
    (LargeBinary, "bytea"),
)


def _type_name(kind: TypeEngine[Any]) -> str:
    """The driver's name of a column's type; a jsonb comes as the bytes that `_jsonb` makes."""
    for known, name in _TYPES:
        if isinstance(kind, known):
            return name
    if isinstance(kind, JSON):
        return "bytea" if "postgresql" in kind._variant_mapping else "text"  # noqa: SLF001 -- public in its name only
    impl = getattr(kind, "impl", None)  # a decorated type: Money
    return _type_name(impl) if impl is not None else "text"


__all__ = ["Always", "Columns", "Same", "encoder", "insert"]
