"""References to records that we have not seen yet, until they arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from hub.store import sets
from hub.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Pending:
    """A field that waits for an external record; for none, if `external_id` is empty."""

    table: str
    sys_id: str
    field: str
    connection: str
    stream: str
    external_id: str
    place: str


_SAVE = """
    INSERT INTO hub_pending_ref (table_name, sys_id, field, connection, stream, external_id, place)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (table_name, sys_id, field) DO UPDATE SET connection = excluded.connection,
      stream = excluded.stream, external_id = excluded.external_id, place = excluded.place
"""


def save(tx: Transaction, waiting: Sequence[Pending]) -> None:
    """Remember what each field waits for now. One statement."""
    if waiting:
        rows = [
            (p.table, p.sys_id, p.field, p.connection, p.stream, p.external_id, p.place)
            for p in waiting
        ]
        tx.exec_driver_sql(sets.placeholders(tx, _SAVE), rows)


_MINE = "p.table_name = k.tab AND p.sys_id = k.id AND p.external_id <> ''"
_WAITS = f"""
    SELECT p.table_name, p.sys_id, p.field
    FROM {sets.each("keys", ["tab", "id"], "hub_pending_ref p", _MINE)}
"""  # noqa: S608 -- names are ours


def fields(tx: Transaction, ours: Iterable[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """The fields that wait for a record that we have not seen yet, by (table, sys_id) of who waits.

    One statement.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for table, sys_id, field in sets.select(tx, _WAITS, keys=sets.packed(ours)):
        found.setdefault((table, sys_id), set()).add(field)
    return found


_ARRIVED = """
    SELECT p.table_name, p.sys_id, p.field, p.connection, p.stream, p.external_id, p.place,
      {together}(l.table_name, l.sys_id)
    FROM hub_pending_ref p CROSS JOIN hub_external_ref l
    WHERE p.connection = :connection AND p.stream = :stream
      AND (p.external_id, p.table_name, p.sys_id, p.field) > (:id, :table, :sys_id, :field)
      AND l.connection = p.connection AND l.stream = p.stream
      AND l.external_id = p.external_id AND l.deleted_at IS NULL
    GROUP BY p.external_id, p.table_name, p.sys_id, p.field
    ORDER BY p.external_id, p.table_name, p.sys_id, p.field
    LIMIT :most
"""
_TOGETHER = {"sqlite": "json_group_object", "postgresql": "json_object_agg"}


def arrived(
    tx: Transaction, connection: str, stream: str, *, after: Pending | None, most: int
) -> list[tuple[Pending, dict[str, str]]]:
    """Fields whose record is there now, each with the sys_ids that it has, by table.

    In an order of their own, from `after` on.
    """
    start = after or Pending("", "", "", connection, stream, "", "")
    rows = sets.select(
        tx, _ARRIVED.format(together=_TOGETHER[tx.dialect.name]),
        connection=connection, stream=stream, most=most, id=start.external_id,
        table=start.table, sys_id=start.sys_id, field=start.field,
    )  # fmt: skip
    return [(Pending(*row[:7]), sets.from_json(row[7])) for row in rows]


_SETTLED = text("DELETE FROM hub_pending_ref WHERE external_id = ''")
_FORGET = f"""
    DELETE FROM hub_pending_ref WHERE (table_name, sys_id, field) IN
      (SELECT tab, id, field FROM {sets.values("keys", ["tab", "id", "field"])} k)
"""  # noqa: S608


def forget(tx: Transaction, filled: Iterable[Pending]) -> None:
    """These wait no longer; nor does anything that was marked so. Two statements."""
    tx.execute(_SETTLED)
    keys = sets.packed([p.table, p.sys_id, p.field] for p in filled)
    sets.execute(tx, _FORGET, keys=keys)
