"""Which record of ours is meant: by link, by stamp, by match rule; and whom references mean.

Two statements per page at most, whatever is in it: one for references, one for matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from hub.mapping import Ref
from hub.shape import Shape
from hub.store import entities, links, sets
from hub.store.database import Transaction
from hub.store.pending import Pending
from hub.store.records import Convert, layout_of
from hub.store.sys_ids import new_sys_id
from hub.sync.reading import Item

SYS_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")

Waiting = tuple[Item, str, Ref]
"""A field of an item that refers to a record which is not here yet."""


def references(tx: Transaction, connection: str, items: Sequence[Item]) -> list[Waiting]:
    """Put sys_ids in place of all references; returns the fields that must wait.

    A record of this very page can be referred to as well: it is known by its new sys_id.
    """
    wanted = {(ref.stream, ref.id) for item in items for ref in _refs(item)}
    if not wanted:
        return []
    found: dict[tuple[str, str], dict[str, str]] = {}
    for (stream, key, table), sys_id in links.targets(tx, connection, sorted(wanted)).items():
        found.setdefault((stream, key), {})[table] = sys_id
    for item in items:
        if not item.gone:
            here = found.setdefault((item.change.stream, item.key), {})
            here.setdefault(item.mapping.table, item.sys_id)
    waiting: list[Waiting] = []
    for item in items:
        shape = entities.find(item.mapping.to).shape
        late = _put_in_place(item.values, shape, found)
        waiting += [(item, field, ref) for field, ref in late]
        for name, entity in item.mapping.child_entities.items():
            if entity != "journal":
                for child in item.children.get(name, ()):
                    _put_in_place(child.values, entities.find(entity).shape, found)
    return waiting


def pending(connection: str, waiting: Iterable[Waiting]) -> list[Pending]:
    """What the store must remember of the fields that wait."""
    return [
        Pending(
            item.mapping.table, item.sys_id, field, connection, ref.stream, ref.id,
            item.mapping.place(field),
        )
        for item, field, ref in waiting
    ]  # fmt: skip


def _refs(item: Item) -> Iterator[Ref]:
    yield from (value for value in item.values.values() if isinstance(value, Ref))
    for children in item.children.values():
        for child in children:
            yield from (value for value in child.values.values() if isinstance(value, Ref))


def _put_in_place(
    values: dict[str, Any], shape: Shape, found: Mapping[tuple[str, str], Mapping[str, str]]
) -> list[tuple[str, Ref]]:
    """Replace each reference; those that are not there yet and may come are returned."""
    late = []
    for field, value in values.items():
        if isinstance(value, Ref):
            candidates = found.get((value.stream, value.id), {})
            values[field] = pick(candidates, shape.fields[field].reference)
            if values[field] is None and value.on_missing != "null":
                late.append((field, value))
    return late


def pick(candidates: Mapping[str, str], table: str) -> str | None:
    """The record in the column's table, or the only one: contacts are users as well."""
    if table in candidates:
        return candidates[table]
    return next(iter(candidates.values())) if len(candidates) == 1 else None


def adopt(tx: Transaction, connection: str, fresh: Sequence[Item], page: Sequence[Item]) -> None:
    """Give each fresh item of one mapping the record of ours that it already is, if there is one.

    First hit wins: the stamp, then the match rules in their order. A rule that finds several
    records decides nothing, and a record that has a link to this stream is not up for adoption.
    """
    if not fresh:
        return
    mapping = fresh[0].mapping
    rules = ([("sys_id",)] if mapping.stamp else []) + list(mapping.match)
    if not rules:
        return
    layout = layout_of(entities.find(mapping.to).table, tx.dialect)
    encoders = {layout.names[position]: convert for position, convert in layout.encoders}
    keys = [[_match_values(item, rule, encoders) for item in fresh] for rule in rules]
    statement = _match_statement(mapping.table, tuple(rules))
    parameters: dict[str, Any] = {"connection": connection, "stream": mapping.stream}
    for number, those in enumerate(keys):
        rows = [[i, *values] for i, values in enumerate(those) if None not in values]
        parameters[f"keys{number}"] = sets.packed(rows)
    hits: dict[tuple[int, int], list[str]] = {}
    for number, position, sys_id in tx.execute(statement, parameters):
        hits.setdefault((number, position), []).append(sys_id)
    renamed: dict[str, str] = {}
    for position, item in enumerate(fresh):
        for number in range(len(rules)):
            found = hits.get((number, position), [])
            if len(found) == 1 and found[0] not in renamed.values():
                renamed[item.sys_id] = found[0]
                item.sys_id, item.fresh = found[0], False
                break
    _rename(page, renamed)


def _rename(items: Iterable[Item], renamed: Mapping[str, str]) -> None:
    """Let references within the page follow a record that turned out to be ours already."""
    for item in items if renamed else ():
        for field, value in item.values.items():
            if isinstance(value, str) and value in renamed:
                item.values[field] = renamed[value]


def _match_values(item: Item, rule: Sequence[str], encoders: Mapping[str, Convert]) -> list[Any]:
    """What the record's fields must be, as the database keeps it; None for what says nothing."""
    if tuple(rule) == ("sys_id",):
        return [stamped(item)]
    return [_encoded(item.values.get(field), encoders.get(field)) for field in rule]


def _encoded(value: Any, convert: Convert | None) -> Any:
    if value is None or value == "":
        return None
    return convert(value) if convert else value


def stamped(item: Item) -> str | None:
    """Our sys_id that their record carries, if it does."""
    value: Any = item.change.data
    for step in (item.mapping.stamp or "").split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) and SYS_ID.fullmatch(value) else None


def _match_statement(table: str, rules: tuple[tuple[str, ...], ...]) -> Any:
    selects = []
    for number, rule in enumerate(rules):
        columns = [f"m{i}" for i in range(len(rule))]
        same = " AND ".join(
            f"{_column(field)} = k.{column}" for field, column in zip(rule, columns, strict=True)
        )
        keys = sets.values(f"keys{number}", ["position", *columns])
        selects.append(
            f'SELECT {number}, k.position, t.sys_id FROM {keys} k CROSS JOIN "{table}" t '  # noqa: S608
            f"WHERE {same} AND NOT EXISTS (SELECT 1 FROM hub_external_ref l WHERE l.table_name = "
            f"'{table}' AND l.sys_id = t.sys_id AND l.connection = :connection "
            "AND l.stream = :stream AND l.deleted_at IS NULL)"
        )
    return text(" UNION ALL ".join(selects))


def _column(field: str) -> str:
    return f"t.hub_custom ->> '{field}'" if field.startswith("u_") else f't."{field}"'


def assign(items: Iterable[Item]) -> None:
    """Name every record: the linked one, or a new one until a match is found."""
    for item in items:
        if item.link is not None and item.link.sys_id:
            item.sys_id = item.link.sys_id
        else:
            item.sys_id, item.fresh = new_sys_id(), True
