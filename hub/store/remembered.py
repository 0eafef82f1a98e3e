"""Records as they came, kept so that a changed mapping can read them again without asking anybody.

Only of connections that say `remember: true`: a record is kept as often as it is mapped, once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import delete, func, select, text

from hub.store import sets
from hub.store.database import Transaction
from hub.store.system import remembered

LEVEL = 1  # of zlib's: a third of the time of its default for a tenth more bytes


class Memory(NamedTuple):
    """What an external record said last. `raw` is its JSON."""

    id: str
    version: str
    raw: bytes


class Told(Protocol):
    """A record as it came."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def raw(self) -> bytes | memoryview | None: ...


_SAVE = """
    INSERT INTO hub_remembered (connection, stream, external_id, version, raw)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (connection, stream, external_id) DO UPDATE SET version = excluded.version,
      raw = excluded.raw
"""


def save(tx: Transaction, connection: str, stream: str, records: Iterable[Told]) -> None:
    """Keep what these records say now, in place of what they said before. One statement."""
    rows = [
        (connection, stream, one.id, one.version, zlib.compress(one.raw or b"null", LEVEL))
        for one in records
    ]
    if rows:
        tx.exec_driver_sql(sets.placeholders(tx, _SAVE), rows)


def forget(tx: Transaction, connection: str, stream: str, external_ids: Sequence[str]) -> None:
    """These are gone: what they said is nobody's business any more. One statement."""
    if external_ids:
        keys = sets.packed(external_ids)
        sets.execute(tx, _FORGET, connection=connection, stream=stream, keys=keys)


_FORGET = f"""
    DELETE FROM hub_remembered WHERE connection = :connection AND stream = :stream
      AND external_id IN (SELECT k.id FROM {sets.values("keys", ("id",))} k)
"""  # noqa: S608 -- names are ours

_NEXT = text(
    """
    SELECT external_id, version, raw FROM hub_remembered r
    WHERE connection = :connection AND stream = :stream AND external_id > :after
      AND NOT EXISTS (SELECT 1 FROM hub_external_ref l WHERE l.connection = r.connection
        AND l.stream = r.stream AND l.external_id = r.external_id AND l.deleted_at IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM hub_dead_record d WHERE d.connection = r.connection
        AND d.stream = r.stream AND d.external_id = r.external_id AND d.resolved_at IS NULL)
    ORDER BY external_id LIMIT :most
    """
)


def portion(
    tx: Transaction, connection: str, stream: str, *, after: str, most: int
) -> list[Memory]:
    """The next records that are kept and not gone, in the order of their ids.

    Of one that is dead, what came last lies there: that is read again in its place.
    """
    given = {"connection": connection, "stream": stream, "after": after, "most": most}
    return [
        Memory(row.external_id, row.version, zlib.decompress(row.raw))
        for row in tx.execute(_NEXT, given)
    ]


def count(tx: Transaction, connection: str, stream: str) -> int:
    """How many records of a stream are kept."""
    here = (remembered.c.connection == connection, remembered.c.stream == stream)
    return tx.execute(select(func.count()).select_from(remembered).where(*here)).scalar_one()


def clear(tx: Transaction, connection: str, stream: str) -> int:
    """Keep nothing of a stream any more; how many records that were."""
    here = (remembered.c.connection == connection, remembered.c.stream == stream)
    return tx.execute(delete(remembered).where(*here)).rowcount
