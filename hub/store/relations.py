"""The rows of relations: taken away when they end, found by an end that is gone or has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub.store import sets
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.links import Link

_REMOVE = """
    DELETE FROM "{table}" AS r WHERE r.sys_id IN (SELECT k.k FROM {keys} k)
      AND NOT EXISTS (SELECT 1 FROM hub_external_ref l WHERE l.table_name = '{table}'
        AND l.sys_id = r.sys_id AND l.connection <> :connection AND l.deleted_at IS NULL)
    RETURNING sys_id
"""


def remove(tx: Transaction, entity: Entity, sys_ids: Iterable[str], *, but_of: str) -> set[str]:
    """Delete these rows, but those that a connection other than `but_of` still links to.

    The sys_ids of those that are gone now. One statement.
    """
    statement = _REMOVE.format(table=entity.table.name, keys=sets.values("keys", ["k"]))
    rows = sets.select(tx, statement, keys=sets.packed(sys_ids), connection=but_of)
    return {row[0] for row in rows}


_OF_ENDS = """
    SELECT l.stream, l.external_id, l.sys_id, l.version, l.mapping_digest
    FROM (SELECT m.sys_id FROM {found}) r CROSS JOIN hub_external_ref l
    WHERE l.sys_id = r.sys_id AND l.table_name = '{table}' AND l.connection = :connection
      AND l.deleted_at IS NULL
"""


def of_ends(
    tx: Transaction, entity: Entity, connection: str, ends: Mapping[str, Sequence[str]]
) -> list[Link]:
    """A connection's links to the relations that have one of these sys_ids in a column.

    As tombstones. One statement.
    """
    table = str(entity.table.name)
    parts = []
    for column in ends:
        each = sets.each(f"in_{column}", ["k"], f'"{table}" m', f'm."{column}" = k.k')
        parts.append(_OF_ENDS.format(found=each, table=table))
    packed = {f"in_{column}": sets.packed(ids) for column, ids in ends.items()}
    rows = sets.select(tx, " UNION ".join(parts), connection=connection, **packed)
    return [
        Link(connection, stream, table, id, sys_id, version, b"", digest, deleted=True)
        for stream, id, sys_id, version, digest in rows
    ]


_OF_RECORD = "l.sys_id = k.id AND l.table_name = k.tab"
_WAITING = f"""
    SELECT l.stream, l.external_id, l.version, CAST(l.base AS TEXT)
    FROM {sets.each("keys", ["tab", "id"], "hub_external_ref l", _OF_RECORD)}
      AND l.connection = :connection AND l.deleted_at IS NULL AND l.base IS NOT NULL
"""  # noqa: S608 -- names are ours


def waiting(
    tx: Transaction, connection: str, those: Iterable[tuple[str, str]]
) -> dict[str, list[tuple[str, str, Any]]]:
    """What came of relations that wait: external id, version and record, by stream.

    They are given as (table, sys_id). One statement.
    """
    found: dict[str, list[tuple[str, str, Any]]] = {}
    rows = sets.select(tx, _WAITING, connection=connection, keys=sets.packed(those))
    for stream, id, version, said in rows:
        found.setdefault(stream, []).append((id, version, sets.from_json_text(said.encode())))
    return found
