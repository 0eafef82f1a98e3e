"""Which external record is which record of ours, and what we last heard of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import func, select, text

from hub.store import bulk, sets
from hub.store.bulk import Same
from hub.store.database import Transaction
from hub.store.system import links


class Link(NamedTuple):
    """This record *is* that external record.

    `digest` is of what they sent last; `base` holds the mapped values of two-way fields that
    both sides agreed on last, in JSON's types; of a relation that waits for one of its ends, the
    record as it came.
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

    links: dict[str, Link] = field(default_factory=dict[str, Link])  # by table
    dead: Letter | None = None
    awaited: bool = False  # some reference waits for it
    awaits: bool = False  # one of its records waits for a reference


_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:stream, 0))")


def take_turn(tx: Transaction, connection: str, stream: str) -> None:
    """Let nobody else fold changes of this stream in before this transaction ends.

    Two that do so at once would both find that a record is new. SQLite has one writer anyway.
    """
    if tx.dialect.name != "sqlite":
        tx.execute(_TURN, {"stream": f"{connection}/{stream}"})


_OURS = "{0}.connection = :connection AND {0}.stream = :stream AND {0}.external_id = k.id"
_LOOKUP = f"""
    SELECT 'link', k.id, l.table_name, l.sys_id, l.version, l.mapping_digest, l.digest,
      CAST(l.base AS TEXT), l.deleted_at
    FROM {sets.each("keys", ["id"], "hub_external_ref l", _OURS.format("l"))}
  UNION ALL
    SELECT 'dead', k.id, d.version, d.mapping, '', '', d.raw, '', 0.0
    FROM {sets.each("keys", ["id"], "hub_dead_record d", _OURS.format("d"))}
      AND d.resolved_at IS NULL
      AND EXISTS (SELECT 1 FROM hub_dead_record WHERE connection = :connection
        AND stream = :stream AND resolved_at IS NULL)
  UNION ALL
    SELECT DISTINCT 'awaited', k.id, '', '', '', '', {sets.NO_BYTES}, '', 0.0
    FROM {sets.each("keys", ["id"], "hub_pending_ref p", _OURS.format("p"))}
      AND EXISTS (SELECT 1 FROM hub_pending_ref WHERE connection = :connection
        AND stream = :stream)
  UNION ALL
    SELECT DISTINCT 'awaits', k.id, '', '', '', '', {sets.NO_BYTES}, '', 0.0
    FROM {sets.each("keys", ["id"], "hub_external_ref l", _OURS.format("l"))}
      AND EXISTS (SELECT 1 FROM hub_pending_ref)
      AND EXISTS (SELECT 1 FROM hub_pending_ref p WHERE p.table_name = l.table_name
        AND p.sys_id = l.sys_id AND p.external_id <> '')
"""  # noqa: S608 -- names are ours
"""What is known of a page's keys. Dead letters and waiting references are few: where a stream has
none, which one look at an index tells, nobody goes through the keys for them."""


def lookup(
    tx: Transaction, connection: str, stream: str, external_ids: Iterable[str]
) -> dict[str, Known]:
    """What is known of these external ids; who is not in it, nobody knows. One statement."""
    known: dict[str, Known] = {}
    keys = sets.packed(external_ids)
    for what, id, *told in sets.select(
        tx, _LOOKUP, connection=connection, stream=stream, keys=keys
    ):
        entry = known.get(id)
        if entry is None:
            entry = known[id] = Known()
        if what == "link":
            table, sys_id, version, mapping, digest, base, deleted_at = told
            entry.links[table] = Link(
                connection, stream, table, id, sys_id, version, digest, mapping,
                sets.from_json(base) if base else None, deleted_at is not None,
            )  # fmt: skip
        elif what == "dead":
            entry.dead = Letter(told[0], told[1], told[4])
        elif what == "awaited":
            entry.awaited = True
        else:
            entry.awaits = True
    return known


_THAT = "l.connection = :connection AND l.stream = k.stream AND l.external_id = k.id"
TARGETS = f"""
    SELECT l.stream, l.external_id, l.table_name, l.sys_id
    FROM {sets.each("keys", ["stream", "id"], "hub_external_ref l", _THAT)}
      AND l.deleted_at IS NULL
"""  # noqa: S608 -- names are ours
"""What the packed (stream, external id) `keys` of a `connection` are linked to."""


def targets(
    tx: Transaction, connection: str, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str, str], str]:
    """sys_ids by (stream, external id, table), for the (stream, external id) that are linked."""
    rows = sets.select(tx, TARGETS, connection=connection, keys=sets.packed(wanted))
    return {(stream, id, table): sys_id for stream, id, table, sys_id in rows}


_OF_OURS = "l.table_name = k.tab AND l.sys_id = k.id"
_SOURCES = f"""
    SELECT l.stream, l.sys_id, l.external_id
    FROM {sets.each("keys", ["stream", "tab", "id"], "hub_external_ref l", _OF_OURS)}
      AND l.connection = :connection AND l.stream = k.stream AND l.deleted_at IS NULL
"""  # noqa: S608


def sources(
    tx: Transaction, connection: str, wanted: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str], str]:
    """External ids by (stream, sys_id), for the wanted (stream, table, sys_id)."""
    rows = sets.select(tx, _SOURCES, connection=connection, keys=sets.packed(wanted))
    return {(stream, sys_id): external_id for stream, sys_id, external_id in rows}


_AGREE = """
    UPDATE hub_external_ref SET base = json_set(base, '$.' || ?, ?)
    WHERE table_name = ? AND sys_id = ? AND connection = ?
      AND json_type(base, '$.' || ?) IS NOT NULL
"""
_AGREE_ON_POSTGRESQL = """
    UPDATE hub_external_ref
    SET base = jsonb_set(base::jsonb, ARRAY[%s::text], to_jsonb(%s::text))::json
    WHERE table_name = %s AND sys_id = %s AND connection = %s AND base::jsonb ? %s::text
"""


def agree(tx: Transaction, connection: str, known: Iterable[tuple[str, str, str, str]]) -> None:
    """Note what a reference that waited means to them: (table, sys_id, field, its sys_id).

    One statement.
    """
    rows = [
        (field, target, table, sys_id, connection, field) for table, sys_id, field, target in known
    ]
    if rows:
        spelled = _AGREE if tx.dialect.name == "sqlite" else _AGREE_ON_POSTGRESQL
        tx.exec_driver_sql(spelled, rows)


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


_ALL_OF_OURS = f"""
    SELECT l.stream, l.table_name, l.external_id, l.sys_id, l.version, l.digest, l.mapping_digest,
      CAST(l.base AS TEXT), l.deleted_at
    FROM {sets.each("keys", ["stream", "tab", "id"], "hub_external_ref l", _OF_OURS)}
      AND l.connection = :connection AND l.stream = k.stream
"""  # noqa: S608 -- names are ours


def of_records(
    tx: Transaction, connection: str, ours: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Link]:
    """The links by (stream, table, sys_id), of those that have one; a living one, if there are
    several. One statement.
    """
    found: dict[tuple[str, str, str], Link] = {}
    keys = sets.packed(ours)
    for stream, table, id, sys_id, version, digest, mapping, base, deleted_at in sets.select(
        tx, _ALL_OF_OURS, connection=connection, keys=keys
    ):
        link = Link(
            connection, stream, table, id, sys_id, version, digest, mapping,
            sets.from_json(base) if base else None, deleted_at is not None,
        )  # fmt: skip
        known = found.get((stream, table, sys_id))
        if known is None or known.deleted:
            found[stream, table, sys_id] = link
    return found


_FORGET = f"""
    DELETE FROM hub_external_ref
    WHERE connection = :connection AND stream = :stream AND table_name = :table
      AND external_id IN (SELECT k.id FROM {sets.values("keys", ("id",))} k)
"""  # noqa: S608


def forget(
    tx: Transaction, connection: str, stream: str, external_ids: Iterable[str], table: str
) -> None:
    """These external records were never those records: they are new when they are heard of again.

    One statement.
    """
    keys = sets.packed(external_ids)
    sets.execute(tx, _FORGET, connection=connection, stream=stream, table=table, keys=keys)


def count(tx: Transaction, connection: str, stream: str) -> int:
    """How many external records of a stream are records of ours."""
    live = links.c.deleted_at.is_(None)
    here = (links.c.connection == connection, links.c.stream == stream)
    distinct = func.count(links.c.external_id.distinct())
    return tx.execute(select(distinct).where(*here, live)).scalar_one()


def count_since(tx: Transaction, connection: str, stream: str, version: str) -> int:
    """How many external records of a stream are of this version or a newer one."""
    newer = (links.c.deleted_at.is_(None), links.c.version >= version)
    here = (links.c.connection == connection, links.c.stream == stream)
    distinct = func.count(links.c.external_id.distinct())
    return tx.execute(select(distinct).where(*here, *newer)).scalar_one()


_SAVE = """
    INSERT INTO hub_external_ref (connection, stream, table_name, external_id, sys_id, version,
      digest, mapping_digest, base, first_seen, last_seen, deleted_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (connection, stream, table_name, external_id) DO UPDATE SET
      sys_id = excluded.sys_id, version = excluded.version, digest = excluded.digest,
      mapping_digest = excluded.mapping_digest, base = excluded.base,
      last_seen = excluded.last_seen, deleted_at = excluded.deleted_at
"""


def create(
    tx: Transaction,
    connection: str,
    stream: str,
    table: str,
    *,
    mapping_digest: str,
    external_ids: Sequence[str],
    sys_ids: Sequence[str],
    versions: Sequence[str],
    digests: Sequence[bytes],
    bases: Sequence[Mapping[str, Any] | None] | None,
    now: float,
) -> None:
    """Link records that are new to external records that nobody knew, as columns. One statement."""
    columns: dict[str, Any] = {
        "connection": Same(connection),
        "stream": Same(stream),
        "external_id": external_ids,
        "table_name": Same(table),
        "sys_id": sys_ids,
        "version": versions,
        "digest": digests,
        "mapping_digest": Same(mapping_digest),
        "first_seen": Same(now),
        "last_seen": Same(now),
    }
    if bases is not None:
        columns["base"] = bases
    bulk.insert(tx, links, columns, len(sys_ids))


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
