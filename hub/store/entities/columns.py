"""Columns by kind: each call makes a fresh one that carries what its entity's shape says of it.

No text column has a length limit in the database, and none refers to another table there: what
other systems tell us is kept whole and arrives in any order. ServiceNow's length and the table
referred to are in the column's `info`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, String
from sqlalchemy.dialects.postgresql import JSONB

from hub.shape import Kind
from hub.store.entities.choices import Choices
from hub.store.types import Instant, Money


def string(name: str, length: int = 40, *, default: str | None = None) -> Column[Any]:
    return _column(name, String(), "string", default=default, length=length)


def integer(name: str, *, default: int | None = None) -> Column[Any]:
    return _column(name, Integer(), "integer", default=default)


def duration(name: str) -> Column[Any]:
    """Whole seconds."""
    return _column(name, BigInteger(), "integer")


def number(name: str) -> Column[Any]:
    return _column(name, Float(), "number")


def money(name: str) -> Column[Any]:
    return _column(name, Money(), "money")


def flag(name: str, *, default: bool = False) -> Column[Any]:
    return _column(name, Boolean(), "boolean", default=default)


def active() -> Column[Any]:
    """Whether the row is in use; the one flag that is always known."""
    return _column("active", Boolean(), "boolean", default=True, nullable=False)


def instant(name: str) -> Column[Any]:
    return _column(name, Instant(), "instant")


def choice(name: str, among: Choices, *, default: str | None = None) -> Column[Any]:
    """One of a closed set; `default` is a code."""
    return _column(name, String(), "choice", default=default, choices=among, length=40)


def reference(name: str, table: str) -> Column[Any]:
    """The sys_id of a row of `table`."""
    return _column(name, String(), "reference", reference=table, length=32)


def record_of_any_table(name: str) -> Column[Any]:
    """The sys_id of a record; another column says of which table."""
    return _column(name, String(), "reference", reference="", length=32)


def references(name: str, table: str) -> Column[Any]:
    """Comma-separated sys_ids of rows of `table`."""
    return _column(name, String(), "list", reference=table, length=4000)


def json(name: str, *, read_only: bool = False) -> Column[Any]:
    kept = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    return _column(name, kept, "json", read_only=read_only)


def address(prefix: str = "") -> list[Column[Any]]:
    return [
        string(f"{prefix}street", 255),
        string(f"{prefix}city"),
        string(f"{prefix}state"),
        string(f"{prefix}zip"),
        string(f"{prefix}country"),
    ]


def record(class_name: str | None = None) -> list[Column[Any]]:
    """What every row has. `class_name`: of a table that inherits from another in ServiceNow."""
    columns = [
        _column("sys_id", String(32), "string", primary_key=True, length=32, read_only=True),
        _kept("sys_created_on", Instant(), "instant"),
        _kept("sys_created_by", String(), "string", default="system", length=40),
        _kept("sys_updated_on", Instant(), "instant"),
        _kept("sys_updated_by", String(), "string", default="system", length=40),
        _kept("sys_mod_count", Integer(), "integer", default=0),
        _kept("sys_domain", String(), "string", default="global", length=32),
    ]
    if class_name:
        columns.append(_kept("sys_class_name", String(), "string", default=class_name, length=80))
    return [*columns, json("hub_custom", read_only=True)]  # the u_* fields, by their names


def sparse(table: str, *names: str) -> list[Index]:
    """One index per column that most rows leave empty: those rows cost it nothing."""
    return [
        Index(
            f"ix_{table}_{name}",
            name,
            sqlite_where=Column(name).is_not(None),
            postgresql_where=Column(name).is_not(None),
        )
        for name in names
    ]


def _kept(name: str, kind_of_column: Any, kind: Kind, **more: Any) -> Column[Any]:
    return _column(name, kind_of_column, kind, nullable=False, read_only=True, **more)


def _column(
    name: str,
    kept_as: Any,
    kind: Kind,
    *,
    default: Any = None,
    nullable: bool = True,
    primary_key: bool = False,
    **info: Any,
) -> Column[Any]:
    return Column(
        name,
        kept_as,
        primary_key=primary_key,
        nullable=nullable and not primary_key,
        default=default,
        info={"kind": kind, **info},
    )
