"""Read and write the rows of entities, as sets.

A row is a dict of column names to Python values (`hub.shape` says which kind has which). Rows
cross to the driver as tuples, converted by the columns' own types: SQLAlchemy's per-row handling
costs as much again as the database does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Table, select, text

from hub.store import sets
from hub.store.database import Transaction
from hub.store.entities import Entity

Row = dict[str, Any]
Convert = Callable[[Any], Any]


def read(tx: Transaction, entity: Entity, sys_ids: Iterable[str]) -> dict[str, Row]:
    """The rows with these ids, by id; missing ones are left out. One statement."""
    layout = layout_of(entity.table, tx.dialect)
    rows = sets.select(tx, layout.read, keys=sets.packed(sys_ids))
    return {row["sys_id"]: row for row in map(layout.decode, rows)}


def read_children(
    tx: Transaction, parent: Entity, child: Entity, column: str, sys_ids: Iterable[str]
) -> tuple[dict[str, Row], dict[str, list[Row]]]:
    """Rows of `parent` by id, and for each the rows of `child` whose `column` names it.

    One statement for both.
    """
    ours = layout_of(parent.table, tx.dialect)
    theirs = layout_of(child.table, tx.dialect)
    statement = _join(parent.table, child.table, column, tx.dialect)
    parents: dict[str, Row] = {}
    children: dict[str, list[Row]] = {}
    for row in sets.select(tx, statement, keys=sets.packed(sys_ids)):
        sys_id = row[ours.key]
        if sys_id not in parents:
            parents[sys_id] = ours.decode(row[: ours.width])
            children[sys_id] = []
        if row[ours.width + theirs.key] is not None:
            children[sys_id].append(theirs.decode(row[ours.width :]))
    return parents, children


def write(tx: Transaction, entity: Entity, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert new rows and replace existing ones, by `sys_id`. One statement for any number."""
    if rows:
        layout = layout_of(entity.table, tx.dialect)
        tx.exec_driver_sql(layout.write, [layout.encode(row) for row in rows])


def find(tx: Transaction, entity: Entity, key: str) -> Row | None:
    """The row with this number or sys_id."""
    table = entity.table
    named = table.c.sys_id == key
    if entity.prefix:
        named = named | (table.c.number == key)
    row = tx.execute(select(table).where(named)).first()
    return sets.named(row) if row else None


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of one table travel to one kind of database and back."""

    names: tuple[str, ...]
    key: int
    width: int
    encoders: tuple[tuple[str, Convert | None], ...]
    decoders: tuple[tuple[int, str, Convert], ...]
    read: Any
    write: str

    def encode(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        get = row.get
        return tuple(
            [convert(get(name)) if convert else get(name) for name, convert in self.encoders]
        )

    def decode(self, row: Sequence[Any]) -> Row:
        decoded = dict(zip(self.names, row, strict=True))
        for position, name, convert in self.decoders:
            if row[position] is not None:
                decoded[name] = convert(row[position])
        return decoded


@lru_cache(maxsize=256)
def layout_of(table: Table, dialect: Dialect) -> Layout:
    """Made once per table and engine."""
    names = tuple(str(column.name) for column in table.columns)
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in names)
    places = ", ".join(["?" if dialect.paramstyle == "qmark" else "%s"] * len(names))
    replaced = ", ".join(
        f"{quote(name)} = excluded.{quote(name)}" for name in names if name != "sys_id"
    )
    decoders = [column.type.result_processor(dialect, None) for column in table.columns]
    return Layout(
        names=names,
        key=names.index("sys_id"),
        width=len(names),
        encoders=tuple(
            (str(column.name), column.type.bind_processor(dialect)) for column in table.columns
        ),
        decoders=tuple(
            (position, names[position], convert)
            for position, convert in enumerate(decoders)
            if convert
        ),
        read=text(
            f"SELECT {columns} FROM {quote(table.name)} "  # noqa: S608 -- names are ours
            f"WHERE sys_id IN {sets.values('keys', ['k'])}"
        ),
        write=(
            f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({places}) "  # noqa: S608
            f"ON CONFLICT (sys_id) DO UPDATE SET {replaced}"
        ),
    )


@lru_cache(maxsize=64)
def _join(parent: Table, child: Table, column: str, dialect: Dialect) -> Any:
    quote = dialect.identifier_preparer.quote
    columns = [f"p.{quote(c.name)}" for c in parent.columns]
    columns += [f"c.{quote(c.name)}" for c in child.columns]
    return text(
        f"SELECT {', '.join(columns)} FROM {quote(parent.name)} p "  # noqa: S608 -- names are ours
        f"LEFT JOIN {quote(child.name)} c ON c.{quote(column)} = p.sys_id "
        f"WHERE p.sys_id IN {sets.values('keys', ['k'])}"
    )
