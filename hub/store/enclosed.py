"""What belongs to a record and is told one by one: journal entries, and files.

Each is a row that names its record, and has links of its own. One that a connection has not got
is *unsent* there; one that it may have got, without our knowing its id, is *on its way*.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, and_, or_, select, text

from hub.store import records, sets
from hub.store.database import Transaction
from hub.store.entities import JOURNAL, sys_attachment, sys_audit, sys_journal_field
from hub.store.records import Row, layout_of
from hub.store.system import links, sending


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the tables: its columns that say which record a row belongs to."""

    name: str  # of the entity
    table: Table
    of_table: str
    of_record: str


NOTES = Kind("journal", sys_journal_field, "name", "element_id")
FILES = Kind("attachment", sys_attachment, "table_name", "table_sys_id")
OURS = "ours"
"""In a link's `base`: the `hub_hash` of the entry's words that they have."""
KINDS = {str(kind.table.name): kind for kind in (NOTES, FILES)}


def insert(tx: Transaction, kind: Kind, rows: Sequence[Row]) -> None:
    """Store rows that are new; one that their connection has told us before stays as it is."""
    if rows:
        layout = layout_of(kind.table, tx.dialect)
        statement = layout.write.partition(" ON CONFLICT ")[0] + " ON CONFLICT DO NOTHING"
        tx.exec_driver_sql(statement, [layout.encode(row) for row in rows])


def unsent(
    tx: Transaction, kind: Kind, connection: str, stream: str, table: str, sys_id: str
) -> list[Row]:
    """What of a record has neither come from a connection nor gone there, the oldest first."""
    it = kind.table.c
    linked = select(links.c.sys_id).where(
        links.c.table_name == kind.table.name, links.c.sys_id == it.sys_id,
        links.c.connection == connection, links.c.stream == stream,
    )  # fmt: skip
    rows = tx.execute(
        select(kind.table)
        .where(it[kind.of_table] == table, it[kind.of_record] == sys_id)
        .where(it.hub_source.is_(None) | (it.hub_source != connection))
        .where(~linked.exists())
        .order_by(it.sys_created_on, it.sys_id)
    )
    return [sets.named(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Outdated:
    """An entry that a connection has in older words, what they call it, and their version."""

    entry: Row
    external_id: str
    version: str


def outdated(
    tx: Transaction, connection: str, stream: str, table: str, sys_id: str
) -> list[Outdated]:
    """The entries of a record that were edited since a connection got them, the oldest first.

    Of a link that does not say which words they have, any edit counts.
    """
    it, name = sys_journal_field.c, str(sys_journal_field.name)
    theirs = links.c.base[OURS].as_string()
    edited = select(sys_audit.c.id).where(
        sys_audit.c.documentkey == it.sys_id, sys_audit.c.tablename == name
    )
    rows = tx.execute(
        select(sys_journal_field, links.c.external_id, links.c.version)
        .join(links, and_(links.c.sys_id == it.sys_id, links.c.table_name == name))
        .where(it.name == table, it.element_id == sys_id)
        .where(links.c.connection == connection, links.c.stream == stream)
        .where(links.c.deleted_at.is_(None))
        .where(or_(theirs != it.hub_hash, and_(theirs.is_(None), edited.exists())))
        .order_by(it.sys_created_on, it.sys_id)
    )
    return [_outdated(sets.named(row)) for row in rows]


def _outdated(row: Row) -> Outdated:
    return Outdated(row, row.pop("external_id"), row.pop("version"))


def any_of(tx: Transaction, kind: Kind, sys_ids: Iterable[str]) -> set[str]:
    """Those of these records to which anything belongs. One statement."""
    table, of = kind.table.name, kind.of_record
    found = f"""
        SELECT k.id FROM {sets.values("keys", ["id"])} k
        WHERE EXISTS (SELECT 1 FROM {table} e WHERE e.{of} = k.id)
    """  # noqa: S608 -- names are ours
    return {id for (id,) in sets.select(tx, found, keys=sets.packed(sys_ids))}


def unlinked(
    tx: Transaction, kind: Kind, connection: str, stream: str, sys_ids: Iterable[str]
) -> set[str]:
    """Those of these rows that are there, and are not known by a connection. One statement."""
    those = sets.each("keys", ["id"], f"{kind.table.name} e", "e.sys_id = k.id")
    found = f"""
        SELECT e.sys_id FROM {those} AND NOT EXISTS (SELECT 1 FROM hub_external_ref l
          WHERE l.table_name = :table AND l.sys_id = e.sys_id AND l.connection = :connection
            AND l.stream = :stream)
    """  # noqa: S608 -- names are ours
    rows = sets.select(
        tx, found, table=kind.table.name, connection=connection, stream=stream,
        keys=sets.packed(sys_ids),
    )  # fmt: skip
    return {id for (id,) in rows}


def on_their_way(tx: Transaction, kind: Kind, connection: str, stream: str) -> list[Row]:
    """What was sent to a connection and has not been told by it yet, the oldest first."""
    it = kind.table.c
    rows = tx.execute(
        select(kind.table)
        .join(sending, sending.c.sys_id == it.sys_id)
        .where(sending.c.connection == connection, sending.c.stream == stream)
        .order_by(it.sys_created_on, it.sys_id)
    )
    return [sets.named(row) for row in rows]


_SET_OUT = text("""
    INSERT INTO hub_sending (connection, stream, sys_id, since)
    VALUES (:connection, :stream, :sys_id, :now) ON CONFLICT DO NOTHING
""")
_ARRIVED = f"""
    DELETE FROM hub_sending WHERE connection = :connection AND stream = :stream
      AND sys_id IN (SELECT id FROM {sets.values("keys", ["id"])} k)
"""  # noqa: S608 -- names are ours


def set_out(tx: Transaction, connection: str, stream: str, sys_id: str, *, now: float) -> bool:
    """Write down that a row is about to be sent; whether it may have been sent before."""
    given: dict[str, Any] = {"connection": connection, "stream": stream, "sys_id": sys_id}
    return tx.execute(_SET_OUT, given | {"now": now}).rowcount == 0


def arrived(tx: Transaction, connection: str, stream: str, sys_ids: Sequence[str]) -> None:
    """These are linked from now on."""
    if sys_ids:
        keys = sets.packed(sys_ids)
        sets.execute(tx, _ARRIVED, connection=connection, stream=stream, keys=keys)


def entries(tx: Transaction, sys_ids: Sequence[str]) -> dict[str, Row]:
    """Journal entries by their sys_id, which nobody else changes before this transaction ends."""
    if not sys_ids:
        return {}
    records.lock(tx, JOURNAL, sys_ids)
    return records.read(tx, JOURNAL, sys_ids)


def rewrite(tx: Transaction, rows: Sequence[Row]) -> None:
    """Journal entries say something else, or to others, from now on. One statement."""
    if rows:
        layout = layout_of(sys_journal_field, tx.dialect)
        tx.exec_driver_sql(layout.write, [layout.encode(row) for row in rows])


def drop(tx: Transaction, kind: Kind, connection: str, sys_id: str) -> None:
    """Forget a row that a connection told of: it was an echo of another."""
    it = kind.table.c
    tx.execute(kind.table.delete().where(it.sys_id == sys_id, it.hub_source == connection))


def settle(tx: Transaction, kind: Kind, known: Sequence[tuple[str, str, str]]) -> None:
    """Say of rows that waited for it which record they belong to: (sys_id, table, its sys_id)."""
    if known:
        of_table, of_record = kind.of_table, kind.of_record
        statement = f"UPDATE {kind.table.name} SET {of_table} = ?, {of_record} = ? WHERE sys_id = ?"  # noqa: S608
        rows = [(table, record, sys_id) for sys_id, table, record in known]
        tx.exec_driver_sql(sets.placeholders(tx, statement), rows)
