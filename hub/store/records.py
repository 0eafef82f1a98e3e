"""Read and write the rows of entities, as sets.

A row is a dict of column names to Python values (`hub.shape` says which kind has which). Rows
cross to the driver as tuples, converted by the columns' own types: SQLAlchemy's per-row handling
costs as much again as the database does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Dialect, Table, select, text
from sqlalchemy.types import TypeEngine

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


class Wanted(NamedTuple):
    """Rows to read; with `child`, also its rows whose `column` names one of them."""

    entity: Entity
    sys_ids: Sequence[str]
    child: Entity | None = None
    column: str = ""


def read_all(
    tx: Transaction, wanted: Sequence[Wanted]
) -> tuple[dict[str, Row], dict[str, list[Row]]]:
    """Rows of any number of entities by id, and children by the id of their parent.

    One statement for all, however different the tables are.
    """
    rows: dict[str, Row] = {}
    children: dict[str, list[Row]] = {}
    if not wanted:
        return rows, children
    parts = [_Part.of(one, tx.dialect) for one in wanted]
    statement = _union(tuple((one.entity.table, *_of_child(one)) for one in wanted), tx.dialect)
    keys = {f"keys{number}": sets.packed(one.sys_ids) for number, one in enumerate(wanted)}
    for number, *values in sets.select(tx, statement, **keys):
        ours, theirs = parts[number]
        sys_id = values[ours.key]
        if sys_id not in rows:
            rows[sys_id] = ours.decode(values[: ours.width])
        if theirs and values[ours.width + theirs.key] is not None:
            line = theirs.decode(values[ours.width : ours.width + theirs.width])
            children.setdefault(sys_id, []).append(line)
    return rows, children


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


def numbered(tx: Transaction, entity: Entity, numbers: Iterable[str]) -> dict[str, str]:
    """The sys_ids of the records that have these numbers, by number. One statement."""
    statement = text(
        f"SELECT t.number, t.sys_id FROM {sets.values('keys', ['k'])} k "  # noqa: S608
        f'CROSS JOIN "{entity.table.name}" t WHERE t.number = k.k'
    )
    rows = sets.select(tx, statement, keys=sets.packed(numbers))
    return {number: sys_id for number, sys_id in rows}  # noqa: C416 -- rows are no pairs to mypy


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of one table travel to one kind of database and back."""

    names: tuple[str, ...]
    key: int
    width: int
    pick: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    encoders: tuple[tuple[int, Convert], ...]
    decoders: tuple[tuple[int, str, Convert], ...]
    read: Any
    write: str

    def encode(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The row as the driver wants it; it must have every column."""
        values = list(self.pick(row))
        for position, convert in self.encoders:
            if values[position] is not None:
                values[position] = convert(values[position])
        return tuple(values)

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
    encoders = [_encoder(column.type, dialect) for column in table.columns]
    decoders = [column.type.result_processor(dialect, None) for column in table.columns]
    return Layout(
        names=names,
        key=names.index("sys_id"),
        width=len(names),
        pick=itemgetter(*names),
        encoders=tuple((position, convert) for position, convert in enumerate(encoders) if convert),
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


def _encoder(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if isinstance(kind, Boolean):
        return None  # drivers take a bool as it is; SQLAlchemy would check each one
    return kind.bind_processor(dialect)


class _Part(NamedTuple):
    """How to read what one part of the union gives."""

    ours: Layout
    theirs: Layout | None

    @classmethod
    def of(cls, wanted: Wanted, dialect: Dialect) -> _Part:
        child = layout_of(wanted.child.table, dialect) if wanted.child else None
        return cls(layout_of(wanted.entity.table, dialect), child)


def _of_child(wanted: Wanted) -> tuple[Table | None, str]:
    return (wanted.child.table if wanted.child else None), wanted.column


@lru_cache(maxsize=64)
def _union(parts: tuple[tuple[Table, Table | None, str], ...], dialect: Dialect) -> Any:
    """Each part's columns, filled up with nulls to the width of the widest."""
    quote = dialect.identifier_preparer.quote
    selects = []
    widths = [
        len(table.c) + (len(child.c) if child is not None else 0) for table, child, _ in parts
    ]
    for number, (table, child, column) in enumerate(parts):
        columns = [f"p.{quote(each.name)}" for each in table.columns]
        joined = ""
        if child is not None:
            columns += [f"c.{quote(each.name)}" for each in child.columns]
            joined = f"LEFT JOIN {quote(child.name)} c ON c.{quote(column)} = p.sys_id "
        columns += ["NULL"] * (max(widths) - widths[number])
        selects.append(
            f"SELECT {number}, {', '.join(columns)} "  # noqa: S608 -- names are ours
            f"FROM {sets.values(f'keys{number}', ['k'])} k "
            f"CROSS JOIN {quote(table.name)} p {joined}WHERE p.sys_id = k.k"
        )
    return text(" UNION ALL ".join(selects))
