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

from sqlalchemy import JSON, Dialect, Table, select
from sqlalchemy.types import TypeEngine

from hub.store import conflicts, sets
from hub.store.bulk import encoder
from hub.store.conflicts import Conflict
from hub.store.database import Transaction
from hub.store.entities import Entity

Row = dict[str, Any]
Convert = Callable[[Any], Any]


def read(tx: Transaction, entity: Entity, sys_ids: Iterable[str]) -> dict[str, Row]:
    """The rows with these ids, by id; missing ones are left out. One statement."""
    layout = layout_of(entity.table, tx.dialect)
    rows = sets.select(tx, layout.read, keys=sets.packed(sys_ids))
    return {row["sys_id"]: row for row in map(layout.decode, rows)}


def lock(tx: Transaction, entity: Entity, sys_ids: Iterable[str]) -> None:
    """Let nobody else change these rows before this transaction ends. One statement at most.

    Who reads a row to change it would else overwrite what others change meanwhile. SQLite has one
    writer anyway.
    """
    if tx.dialect.name != "sqlite":
        sets.select(tx, _lock(entity.table), keys=sets.packed(sorted(sys_ids)))


@lru_cache(maxsize=64)
def _lock(table: Table) -> str:
    """Rows are locked in the order of the keys: two who want the same ones do not wait in a ring."""
    row = f'SELECT t.sys_id FROM "{table.name}" t WHERE t.sys_id = k.k FOR UPDATE'  # noqa: S608
    return (
        f"SELECT count(r.sys_id) FROM {sets.values('keys', ['k'])} k CROSS JOIN LATERAL ({row}) r"  # noqa: S608
    )


class Wanted(NamedTuple):
    """Rows to read; with `child`, also its rows whose `column` names one of them."""

    entity: Entity
    sys_ids: Sequence[str]
    child: Entity | None = None
    column: str = ""


class Found(NamedTuple):
    """Rows by sys_id, children by the sys_id of their parent, and (table, number) to sys_id.

    `conflicts` are those that are open of these rows, by sys_id.
    """

    rows: dict[str, Row]
    children: dict[str, list[Row]]
    numbered: dict[tuple[str, str], str]
    conflicts: dict[str, list[Conflict]]


def read_all(
    tx: Transaction, wanted: Sequence[Wanted], numbers: Mapping[str, Iterable[str]] | None = None
) -> Found:
    """Rows of any number of entities, with what is open of them; and who has the `numbers`.

    `numbers` are given by table.

    One statement for all, however different the tables are; none for nothing.
    """
    found, sought = Found({}, {}, {}, {}), dict(numbers or {})
    if not wanted and not sought:
        return found
    parts = _parts(wanted, tx.dialect)
    tables = tuple((one.entity.table, *_of_child(one)) for one in wanted)
    statement = _union(tables, tuple(sought), tx.dialect)
    keys = [one.sys_ids for one in wanted] + list(sought.values())
    keys.append([sys_id for one in wanted for sys_id in one.sys_ids])
    packed = {f"keys{i}": sets.packed(those) for i, those in enumerate(keys)}
    for number, *values in sets.select(tx, statement, **packed):
        if number < len(parts):
            parts[number].read(values, found)
        elif number < len(keys) - 1:
            found.numbered[list(sought)[number - len(parts)], values[-2]] = values[-1]
        else:
            found.conflicts.setdefault(values[-1], []).append(conflicts.read(values[-2]))
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
    read: str
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
    encoders = [_row_encoder(column.type, dialect) for column in table.columns]
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
        read=(
            f"SELECT {', '.join(f't.{quote(name)}' for name in names)} FROM "  # noqa: S608 -- names are ours
            + sets.each("keys", ["k"], f"{quote(table.name)} t", "t.sys_id = k.k")
        ),
        write=(
            f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({places}) "  # noqa: S608
            f"ON CONFLICT (sys_id) DO UPDATE SET {replaced}"
        ),
    )


def _row_encoder(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """As `bulk.encoder`; but a row has the value of a JSON column, not its text."""
    if isinstance(kind, JSON):
        made: Convert | None = kind.bind_processor(dialect)  # type: ignore[no-untyped-call]
        return made
    return encoder(kind, dialect)


class _Part(NamedTuple):
    """How to read what one part of the union gives, from its own columns on."""

    start: int
    ours: Layout
    theirs: Layout | None

    @property
    def width(self) -> int:
        return self.ours.width + (self.theirs.width if self.theirs else 0)

    def read(self, values: Sequence[Any], found: Found) -> None:
        """Add what one row of the union says."""
        middle = self.start + self.ours.width
        ours = values[self.start : middle]
        sys_id = ours[self.ours.key]
        if sys_id not in found.rows:
            found.rows[sys_id] = self.ours.decode(ours)
        if self.theirs and values[middle + self.theirs.key] is not None:
            line = self.theirs.decode(values[middle : self.start + self.width])
            found.children.setdefault(sys_id, []).append(line)


def _parts(wanted: Sequence[Wanted], dialect: Dialect) -> list[_Part]:
    parts: list[_Part] = []
    for one in wanted:
        start = parts[-1].start + parts[-1].width if parts else 0
        child = layout_of(one.child.table, dialect) if one.child else None
        parts.append(_Part(start, layout_of(one.entity.table, dialect), child))
    return parts


def _of_child(wanted: Wanted) -> tuple[Table | None, str]:
    return (wanted.child.table if wanted.child else None), wanted.column


@lru_cache(maxsize=64)
def _union(
    parts: tuple[tuple[Table, Table | None, str], ...], numbered: tuple[str, ...], dialect: Dialect
) -> str:
    """Each part in columns of its own, then two for (number, sys_id): all others are null there.

    They could not share columns, because PostgreSQL gives each one type. Open conflicts stand
    where numbers do.
    """
    quote = dialect.identifier_preparer.quote
    widths = [_columns_of(table, child, dialect) for table, child, _ in parts]
    nulls = [[f"CAST(NULL AS {kind})" for _, kind in columns] for columns in widths]
    no_number = ["CAST(NULL AS VARCHAR)"] * 2
    selects = []
    for number, (table, child, column) in enumerate(parts):
        own = [name for name, _ in widths[number]]
        columns = [*nulls[:number], own, *nulls[number + 1 :], no_number]
        keys = sets.each(f"keys{number}", ["k"], f"{quote(table.name)} p", "p.sys_id = k.k")
        joined = "{}"
        if child is not None:
            joined = (
                "(SELECT p.* FROM {}) p "  # noqa: S608 -- names are ours
                f"LEFT JOIN {quote(child.name)} c ON c.{quote(column)} = p.sys_id"
            )
        selects.append(
            f"SELECT {number}, {_listed(columns)} FROM {joined.format(keys)}"  # noqa: S608 -- names are ours
        )
    for number, name in enumerate(numbered, start=len(parts)):
        selects.append(
            f"SELECT {number}, {_listed([*nulls, ['p.number', 'p.sys_id']])} FROM "  # noqa: S608
            + sets.each(f"keys{number}", ["k"], f"{quote(name)} p", "p.number = k.k")
        )
    number, conflict = len(parts) + len(numbered), conflicts.as_text(dialect.name)
    selects.append(
        f"SELECT {number}, {_listed([*nulls, [conflict, 'c.sys_id']])} FROM "  # noqa: S608
        + sets.each(f"keys{number}", ["k"], "hub_conflict c", conflicts.OPEN)
        + f" AND {conflicts.ANY_OPEN}"
    )
    return " UNION ALL ".join(selects)


def _columns_of(table: Table, child: Table | None, dialect: Dialect) -> list[tuple[str, str]]:
    """(expression, type) of each column that a part reads."""
    quote = dialect.identifier_preparer.quote
    both = [("p", table), *([("c", child)] if child is not None else [])]
    return [
        (f"{alias}.{quote(column.name)}", column.type.compile(dialect))
        for alias, each in both
        for column in each.columns
    ]


def _listed(columns: Sequence[Sequence[str]]) -> str:
    return ", ".join(column for those in columns for column in those)
