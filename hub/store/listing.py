"""Records as people look for them: filtered, newest first, a page at a time; and by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    column,
    literal,
    null,
    or_,
    select,
    tuple_,
    union_all,
)

from hub.store import entities, sets
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.records import Row


@dataclass(frozen=True, slots=True)
class Position:
    """The last record of a page: the next one starts below it."""

    updated: datetime
    sys_id: str


def page(
    tx: Transaction,
    entity: Entity,
    wanted: Mapping[str, Sequence[Any]],
    *,
    after: Position | None = None,
    most: int,
) -> tuple[list[Row], Position | None]:
    """Records that have, in each wanted field, one of its values; and where to go on, if anywhere.

    Values have the Python types of the fields' kinds; None stands for an empty field. By
    (sys_updated_on, sys_id), both descending: nobody sees a record twice, and one that changes
    meanwhile moves to the front, where it is found by beginning again.
    """
    table = entity.table
    order = (table.c.sys_updated_on, table.c.sys_id)
    query = select(table).where(*(_one_of(table, name, those) for name, those in wanted.items()))
    if after is not None:
        last = tuple_(literal(after.updated, order[0].type), literal(after.sys_id))
        query = query.where(tuple_(*order) < last)
    found = tx.execute(query.order_by(*(column.desc() for column in order)).limit(most + 1))
    rows = [sets.named(row) for row in found]
    if len(rows) <= most:
        return rows, None
    last_row = rows[most - 1]
    return rows[:most], Position(last_row["sys_updated_on"], last_row["sys_id"])


def _one_of(table: Table, field: str, values: Sequence[Any]) -> ColumnElement[bool]:
    column: Any = (
        table.c.hub_custom[field].as_string() if field.startswith("u_") else table.c[field]
    )
    some = [value for value in values if value is not None]
    tests = [column.in_(some)] if some else []
    return or_(*tests, column.is_(None)) if len(some) < len(values) else tests[0]


@dataclass(frozen=True, slots=True)
class Named:
    """A record that a reference means; `display` is what people know it by."""

    table: str
    sys_id: str
    display: str | None


HEIRS: Mapping[str, tuple[Entity, ...]] = {
    "task": (entities.CASE, entities.INCIDENT),
    "sys_user": (entities.USER, entities.CONTACT),
}
"""Tables whose records stand in several of ours, as ServiceNow's tables inherit: a reference to a
user may mean a contact."""


def targets(table: str) -> tuple[Entity, ...]:
    """The entities that a reference to this table may mean; none if the hub does not keep it."""
    if table in HEIRS:
        return HEIRS[table]
    return tuple(entity for entity in entities.ALL if entity.table.name == table)


def named(tx: Transaction, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Named]:
    """The records meant by (table referred to, number or sys_id); missing ones are left out.

    One statement for all of them.
    """
    keys: dict[str, dict[str, None]] = {}
    for table, key in wanted:
        keys.setdefault(table, {})[key] = None
    selects: list[Select[Any]] = []
    parameters: dict[str, str] = {}
    for n, (table, those) in enumerate(keys.items()):
        parameters[f"keys{n}"] = sets.packed(those)
        keyed = f"SELECT k FROM {sets.values(f'keys{n}', ['k'])} t"  # noqa: S608 -- ours
        chosen = sets.prepared(keyed, tx.dialect.name).columns(column("k"))
        selects += [one for entity in targets(table) for one in _names(table, entity, chosen)]
    if not selects:
        return {}
    found: dict[tuple[str, str], Named] = {}
    for meant, table, sys_id, number, display in tx.execute(union_all(*selects), parameters):
        for key in (sys_id, number):
            if key in keys[meant]:
                found.setdefault((meant, key), Named(table, sys_id, display))
    return found


def _names(table: str, entity: Entity, chosen: Any) -> list[Select[Any]]:
    """By sys_id, and by number: each by its own index, where an OR would read the whole table."""
    columns = entity.table.c
    number: Any = columns.number if entity.prefix else null()
    query = select(
        literal(table), literal(entity.table.name), columns.sys_id, number, columns[entity.display]
    )
    keys = [columns.sys_id, *([columns.number] if entity.prefix else [])]
    return [query.where(key.in_(chosen)) for key in keys]
