"""Which external record is which record of ours, and what we last heard of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import func, select, text

from hub.store import sets
from hub.store.database import Transaction
from hub.store.system import links


@dataclass(frozen=True, slots=True)
class Link:
    """This record *is* that external record.

    `digest` is of what they sent last; `base` holds the mapped values of two-way fields that
    both sides agreed on last, in JSON's types.
    """

    connection: str
    stream: str
    table: str
    external_id: str
    sys_id: str
    version: str = ""
    digest: bytes = b""
    mapping_digest: str = ""
    base: Mapping[str, Any] | None = None
    deleted: bool = False


class Letter(NamedTuple):
    """An open dead letter: what could not be read, and by which mapping."""

    version: str
    mapping: str
    raw: bytes


@dataclass(slots=True)
class Known:
    """What we know of one external id of a page."""

    links: dict[str, Link]  # by table
    dead: Letter | None = None
    awaited: bool = False  # some reference waits for it
    awaits: bool = False  # one of its records waits for a reference


_LOOKUP = text(
    f"""
    SELECT k.id, l.table_name, l.sys_id, l.version, l.digest, l.base, l.deleted_at,
      d.version, d.mapping, d.raw,
      EXISTS (SELECT 1 FROM hub_pending_ref p WHERE p.connection = :connection
              AND p.stream = :stream AND p.external_id = k.id),
      EXISTS (SELECT 1 FROM hub_pending_ref p WHERE p.table_name = l.table_name
              AND p.sys_id = l.sys_id AND p.external_id <> '')
    FROM {sets.values("keys", ["id"])} k
    LEFT JOIN hub_external_ref l ON l.connection = :connection AND l.stream = :stream
      AND l.external_id = k.id
    LEFT JOIN hub_dead_record d ON d.connection = :connection AND d.stream = :stream
      AND d.external_id = k.id AND d.resolved_at IS NULL
    """  # noqa: S608 -- names are ours
)


def lookup(
    tx: Transaction, connection: str, stream: str, external_ids: Iterable[str]
) -> dict[str, Known]:
    """What is known of each of these external ids. One statement."""
    known: dict[str, Known] = {}
    rows = sets.select(
        tx, _LOOKUP, connection=connection, stream=stream, keys=sets.packed(external_ids)
    )
    for id, table, sys_id, version, digest, base, deleted_at, *dead, awaited, awaits in rows:
        if id not in known:
            letter = None if dead[0] is None else Letter(*dead)
            known[id] = Known({}, dead=letter, awaited=bool(awaited))
        if table is not None:
            found = Link(
                connection,
                stream,
                table,
                id,
                sys_id,
                version,
                digest,
                "",
                orjson.loads(base) if base else None,
                deleted_at is not None,
            )
            known[id].links[table] = found
            known[id].awaits |= bool(awaits)
    return known


TARGETS = f"""
    SELECT l.stream, l.external_id, l.table_name, l.sys_id
    FROM {sets.values("keys", ["stream", "id"])} k CROSS JOIN hub_external_ref l
    WHERE l.connection = :connection AND l.stream = k.stream AND l.external_id = k.id
      AND l.deleted_at IS NULL
"""  # noqa: S608 -- names are ours
"""What the packed (stream, external id) `keys` of a `connection` are linked to."""
_TARGETS = text(TARGETS)


def targets(
    tx: Transaction, connection: str, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str, str], str]:
    """sys_ids by (stream, external id, table), for the (stream, external id) that are linked."""
    rows = sets.select(tx, _TARGETS, connection=connection, keys=sets.packed(wanted))
    return {(stream, id, table): sys_id for stream, id, table, sys_id in rows}


_SOURCES = text(
    f"""
    SELECT l.stream, l.sys_id, l.external_id
    FROM {sets.values("keys", ["stream", "tab", "id"])} k CROSS JOIN hub_external_ref l
    WHERE l.table_name = k.tab AND l.sys_id = k.id AND l.connection = :connection
      AND l.stream = k.stream AND l.deleted_at IS NULL
    """  # noqa: S608
)


def sources(
    tx: Transaction, connection: str, wanted: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str], str]:
    """External ids by (stream, sys_id), for the wanted (stream, table, sys_id)."""
    rows = sets.select(tx, _SOURCES, connection=connection, keys=sets.packed(wanted))
    return {(stream, sys_id): external_id for stream, sys_id, external_id in rows}


_AGREE = """
    UPDATE hub_external_ref SET base = json_set(base, ?, ?)
    WHERE table_name = ? AND sys_id = ? AND connection = ? AND json_type(base, ?) IS NOT NULL
"""


def agree(tx: Transaction, connection: str, known: Iterable[tuple[str, str, str, str]]) -> None:
    """Note what a reference that waited means to them: (table, sys_id, field, its sys_id).

    One statement.
    """
    rows = [
        (f"$.{field}", target, table, sys_id, connection, f"$.{field}")
        for table, sys_id, field, target in known
    ]
    if rows:
        tx.exec_driver_sql(sets.placeholders(tx, _AGREE), rows)


def of_record(tx: Transaction, table: str, sys_id: str) -> list[Link]:
    """Every external record that this record is."""
    rows = tx.execute(
        select(links).where(links.c.table_name == table, links.c.sys_id == sys_id)
    ).all()
    return [
        Link(
            row.connection,
            row.stream,
            row.table_name,
            row.external_id,
            row.sys_id,
            row.version,
            row.digest,
            row.mapping_digest,
            row.base,
            row.deleted_at is not None,
        )
        for row in rows
    ]


def count(tx: Transaction, connection: str, stream: str) -> int:
    """How many external records of a stream are records of ours."""
    live = links.c.deleted_at.is_(None)
    here = (links.c.connection == connection, links.c.stream == stream)
    distinct = func.count(links.c.external_id.distinct())
    return tx.execute(select(distinct).where(*here, live)).scalar_one()


_SAVE = """
    INSERT INTO hub_external_ref (connection, stream, table_name, external_id, sys_id, version,
      digest, mapping_digest, base, first_seen, last_seen, deleted_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (connection, stream, table_name, external_id) DO UPDATE SET
      sys_id = excluded.sys_id, version = excluded.version, digest = excluded.digest,
      mapping_digest = excluded.mapping_digest, base = excluded.base,
      last_seen = excluded.last_seen, deleted_at = excluded.deleted_at
"""


def save(tx: Transaction, changed: Sequence[Link], *, now: float) -> None:
    """Insert or replace links. One statement."""
    if not changed:
        return
    rows = [
        (
            link.connection,
            link.stream,
            link.table,
            link.external_id,
            link.sys_id,
            link.version,
            link.digest,
            link.mapping_digest,
            None if link.base is None else sets.as_json(link.base).decode(),
            now,
            now,
            now if link.deleted else None,
        )
        for link in changed
    ]
    tx.exec_driver_sql(sets.placeholders(tx, _SAVE), rows)
