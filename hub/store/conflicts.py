"""Fields that both sides changed: what each of them said, what stayed, and what a person made of it.

    open ──▶ resolved    `agreed`: both sides say the same again · `theirs`, `ours`, `value`: a
             ▲           person's choice · `gone`: there is no record left
             └────────── `policy`: at once, where theirs was taken and nobody need be asked

A conflict is open while the two sides differ. There is one open conflict at most of each external
record and field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    delete,
    func,
    select,
    text,
)

from hub.store import sets
from hub.store.database import Transaction
from hub.store.metadata import metadata

conflicts = Table(
    "hub_conflict",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("connection", String(80), nullable=False),
    Column("stream", String(80), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("table_name", String(80), nullable=False),
    Column("sys_id", String(32), nullable=False),
    Column("field", String(80), nullable=False),
    Column("base", String, nullable=False),  # JSON, as are the next two: what both agreed on last
    Column("ours", String, nullable=False),
    Column("theirs", String, nullable=False),
    Column("stayed", String(20), nullable=False),  # ours | theirs | both: nobody gave way
    Column("policy", String(20), nullable=False),  # the owner that decided
    Column("place", String(255), nullable=False),  # mapping file and line
    Column("version", String(80), nullable=False),  # of their record
    Column("job", String(80), nullable=False),
    Column("found_at", Float, nullable=False),
    Column("resolved_at", Float),  # null while the two sides differ
    Column("resolved_by", String(80)),
    Column("resolved_how", String(20)),  # policy | agreed | theirs | ours | value | gone
    Index("ix_hub_conflict_record", "sys_id"),
    Index(
        "uq_hub_conflict_open",
        "sys_id",
        "connection",
        "external_id",
        "field",
        unique=True,
        sqlite_where=text("resolved_at IS NULL"),
        postgresql_where=text("resolved_at IS NULL"),
    ),
    sqlite_autoincrement=True,  # a person types these ids
)

Stayed = Literal["ours", "theirs", "both"]
How = Literal["policy", "agreed", "theirs", "ours", "value", "gone"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field of one record that this external record and we both changed since we agreed.

    `base`, `ours` and `theirs` are values in JSON's types. `stayed`: whose value it is on both
    sides once we are in step; `both`: each side keeps its own until a person decides. `policy` is
    the owner that decided, `place` the mapping's file and line, `version` their record's.
    """

    connection: str
    stream: str
    external_id: str
    table: str
    sys_id: str
    field: str
    base: Any
    ours: Any
    theirs: Any
    stayed: Stayed
    policy: str
    place: str = ""
    version: str = ""
    job: str = ""
    found_at: float = 0.0
    resolved_at: float | None = None
    resolved_by: str | None = None
    resolved_how: str | None = None
    id: int = 0

    @property
    def of(self) -> tuple[str, str, str]:
        """What it is about, beside the record: connection, external id, field."""
        return self.connection, self.external_id, self.field

    @property
    def open(self) -> bool:
        return self.resolved_at is None

    @property
    def holds(self) -> bool:
        """Whether nobody may send the field before a person has decided."""
        return self.open and self.stayed == "both"

    def resolved(self, how: How, *, by: str, at: float) -> Conflict:
        return replace(self, resolved_at=at, resolved_by=by, resolved_how=how)


_VALUES = ("base", "ours", "theirs")
_NAMES = tuple(field.name for field in fields(Conflict))
_COLUMNS = tuple("table_name" if name == "table" else name for name in _NAMES)

OPEN = "c.sys_id = k.k AND c.resolved_at IS NULL"
"""Joins keys to the open conflicts (c) of the records that they name."""
ANY_OPEN = "EXISTS (SELECT 1 FROM hub_conflict WHERE resolved_at IS NULL)"
"""Where there is none at all, which is nearly always, nobody goes through the keys."""


def as_text(dialect: str) -> str:
    """A conflict (c) as one column of a statement, for `read`."""
    if dialect != "sqlite":
        return "CAST(row_to_json(c) AS VARCHAR)"
    pairs = ", ".join(f"'{name}', c.{name}" for name in _COLUMNS)
    return f"json_object({pairs})"


def read(written: str) -> Conflict:
    """What `as_text` has written."""
    return _conflict(sets.from_json(written))


_SAVE = """
    INSERT INTO hub_conflict ({columns}) VALUES ({places}, {id})
    ON CONFLICT (id) DO UPDATE SET {replaced}
"""


def save(tx: Transaction, told: Iterable[Conflict]) -> None:
    """Write down new conflicts (their id is 0), and what became of those that are known.

    One statement; none for nothing.
    """
    rows = [
        (*(_written(name, getattr(one, name)) for name in _NAMES if name != "id"), one.id or None)
        for one in told
    ]
    if rows:
        tx.exec_driver_sql(sets.placeholders(tx, _save(tx.dialect.name)), rows)


def _save(dialect: str) -> str:
    """PostgreSQL takes the next number only where it is told to."""
    plain = [name for name in _COLUMNS if name != "id"]
    serial = "coalesce(?, nextval(pg_get_serial_sequence('hub_conflict', 'id')))"
    return _SAVE.format(
        columns=", ".join([*plain, "id"]),
        places=", ".join("?" for _ in plain),
        id="?" if dialect == "sqlite" else serial,
        replaced=", ".join(f"{name} = excluded.{name}" for name in plain),
    )


def find(tx: Transaction, number: int) -> Conflict | None:
    row = tx.execute(select(conflicts).where(conflicts.c.id == number)).first()
    return None if row is None else _conflict(sets.named(row))


def listed(
    tx: Transaction,
    *,
    connection: str = "",
    stream: str = "",
    field: str = "",
    resolved: bool = False,
    newest: int | None = None,
    most: int = 200,
) -> list[Conflict]:
    """Those that are open, or those that are not any more; newest first, from `newest` on."""
    c = conflicts.c
    query = select(conflicts).where(
        c.resolved_at.is_not(None) if resolved else c.resolved_at.is_(None)
    )
    for column, wanted in ((c.connection, connection), (c.stream, stream), (c.field, field)):
        if wanted:
            query = query.where(column == wanted)
    if newest is not None:
        query = query.where(c.id <= newest)
    rows = tx.execute(query.order_by(c.id.desc()).limit(most))
    return [_conflict(sets.named(row)) for row in rows]


def of_record(tx: Transaction, table: str, sys_id: str) -> list[Conflict]:
    """All that there ever were of a record, newest first."""
    mine = (conflicts.c.sys_id == sys_id, conflicts.c.table_name == table)
    rows = tx.execute(select(conflicts).where(*mine).order_by(conflicts.c.id.desc()))
    return [_conflict(sets.named(row)) for row in rows]


def counts(tx: Transaction) -> dict[str, int]:
    """How many are open, by connection; those that have none are left out."""
    c = conflicts.c
    query = select(c.connection, func.count()).where(c.resolved_at.is_(None))
    return {str(row[0]): int(row[1]) for row in tx.execute(query.group_by(c.connection))}


_NAMED = f"SELECT CAST(k.id AS BIGINT) FROM {sets.values('keys', ('id',))} k"  # noqa: S608
_RESOLVE = f"""
    UPDATE hub_conflict SET resolved_at = :at, resolved_by = :by, resolved_how = :how
    WHERE id IN ({_NAMED}) OR (resolved_at IS NULL AND EXISTS (
      SELECT 1 FROM hub_conflict o WHERE o.id IN ({_NAMED})
        AND o.sys_id = hub_conflict.sys_id AND o.field = hub_conflict.field))
"""  # noqa: S608 -- names are ours


def resolve(tx: Transaction, numbers: Collection[int], how: How, *, by: str, at: float) -> None:
    """Write down a person's word on these, and on whatever else is open of the same fields.

    One statement.
    """
    sets.execute(tx, _RESOLVE, keys=sets.packed(numbers), how=how, by=by, at=at)


def purge(tx: Transaction, *, before: float) -> int:
    """Forget those that were over by then; returns how many. One that is open stays."""
    return tx.execute(delete(conflicts).where(conflicts.c.resolved_at < before)).rowcount


def _written(name: str, value: Any) -> Any:
    return sets.as_json(value).decode() if name in _VALUES else value


def _conflict(row: dict[str, Any]) -> Conflict:
    values = {name: row[column] for name, column in zip(_NAMES, _COLUMNS, strict=True)}
    return Conflict(**values | {name: sets.from_json(values[name]) for name in _VALUES})


__all__ = [
    "ANY_OPEN", "OPEN", "Conflict", "How", "Stayed", "as_text", "counts", "find", "listed",
    "of_record", "purge", "read", "resolve", "save",
]  # fmt: skip
