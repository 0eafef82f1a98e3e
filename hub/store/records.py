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


class Found(NamedTuple):
    """Rows by sys_id, children by the sys_id of their parent, and (table, number) to sys_id."""

    rows: dict[str, Row]
    children: dict[str, list[Row]]
    numbered: dict[tuple[str, str], str]


def read_all(
    tx: Transaction, wanted: Sequence[Wanted], numbers: Mapping[str, Iterable[str]] | None = None
) -> Found:
    """Rows of any number of entities; and who has the `numbers`, given by table.

    One statement for all, however different the tables are; none for nothing.
    """
    found, sought = Found({}, {}, {}), dict(numbers or {})
    if not wanted and not sought:
        return found
    parts = [_Part.of(one, tx.dialect) for one in wanted]
    tables = tuple((one.entity.table, *_of_child(one)) for one in wanted)
    statement = _union(tables, tuple(sought), tx.dialect)
    keys = [one.sys_ids for one in wanted] + list(sought.values())
    packed = {f"keys{i}": sets.packed(those) for i, those in enumerate(keys)}
    for part, *values in sets.select(tx, statement, **packed):
        if part < len(parts):
            parts[part].read(values, found)
        else:
            found.numbered[list(sought)[part - len(parts)], values[0]] = values[1]
    return found


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

    def read(self, values: Sequence[Any], found: Found) -> None:
        """Add what one row of the union says."""
        sys_id, width = values[self.ours.key], self.ours.width
        if sys_id not in found.rows:
            found.rows[sys_id] = self.ours.decode(values[:width])
        if self.theirs and values[width + self.theirs.key] is not None:
            line = self.theirs.decode(values[width : width + self.theirs.width])
            found.children.setdefault(sys_id, []).append(line)


def _of_child(wanted: Wanted) -> tuple[Table | None, str]:
    return (wanted.child.table if wanted.child else None), wanted.column


@lru_cache(maxsize=64)
def _union(
    parts: tuple[tuple[Table, Table | None, str], ...], numbered: tuple[str, ...], dialect: Dialect
) -> Any:
    """Each part's columns, then numbers by table, filled up with nulls to the widest's width."""
    quote = dialect.identifier_preparer.quote
    selects = []
    widths = [
        len(table.c) + (len(child.c) if child is not None else 0) for table, child, _ in parts
    ]
    widest = max(widths, default=2)
    for number, (table, child, column) in enumerate(parts):
        columns = [f"p.{quote(each.name)}" for each in table.columns]
        joined = ""
        if child is not None:
            columns += [f"c.{quote(each.name)}" for each in child.columns]
            joined = f"LEFT JOIN {quote(child.name)} c ON c.{quote(column)} = p.sys_id "
        columns += ["NULL"] * (widest - widths[number])
        selects.append(
            f"SELECT {number}, {', '.join(columns)} "  # noqa: S608 -- names are ours
            f"FROM {sets.values(f'keys{number}', ['k'])} k "
            f"CROSS JOIN {quote(table.name)} p {joined}WHERE p.sys_id = k.k"
        )
    for number, name in enumerate(numbered, start=len(parts)):
        columns = ["p.number", "p.sys_id", *["NULL"] * (widest - 2)]
        selects.append(
            f"SELECT {number}, {', '.join(columns)} "  # noqa: S608 -- names are ours
            f"FROM {sets.values(f'keys{number}', ['k'])} k "
            f"CROSS JOIN {quote(name)} p WHERE p.number = k.k"
        )
    return text(" UNION ALL ".join(selects))
