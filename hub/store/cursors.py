"""How far each stream has been pulled, when it is due again, and what came of it so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from sqlalchemy import Row, insert, select, text

from hub.store.database import Transaction
from hub.store.system import cursors, sync_runs


@dataclass(slots=True)
class Counts:
    """What became of the records of a page, a run, or a stream's whole life."""

    seen: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0

    def __iadd__(self, other: Counts) -> Self:
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))
        return self


def load(tx: Transaction, connection: str, stream: str) -> str | None:
    """Where the stream's last page ended; None before its first."""
    found: str | None = tx.execute(
        select(cursors.c.cursor).where(
            cursors.c.connection == connection, cursors.c.stream == stream
        )
    ).scalar()
    return found


_MOVE = text(
    """
    INSERT INTO hub_cursor (connection, stream, cursor, due_at, moved_at, newest,
      seen, created, updated, unchanged, deleted, failed)
    SELECT :connection, :stream, :cursor, 0, :moved, :newest,
      :seen, :created, :updated, :unchanged, :deleted, :failed
    WHERE :job IS NULL OR EXISTS
      (SELECT 1 FROM hub_job WHERE id = :job AND take = :take AND running)
    ON CONFLICT (connection, stream) DO UPDATE SET
      cursor = coalesce(excluded.cursor, hub_cursor.cursor),
      moved_at = coalesce(excluded.moved_at, hub_cursor.moved_at),
      newest = coalesce(excluded.newest, hub_cursor.newest),
      seen = hub_cursor.seen + excluded.seen, created = hub_cursor.created + excluded.created,
      updated = hub_cursor.updated + excluded.updated,
      unchanged = hub_cursor.unchanged + excluded.unchanged,
      deleted = hub_cursor.deleted + excluded.deleted, failed = hub_cursor.failed + excluded.failed
    """
)


def move(
    tx: Transaction,
    connection: str,
    stream: str,
    cursor: str | None,
    counts: Counts,
    *,
    now: float,
    newest: float | None,
    job: int | None = None,
    take: int | None = None,
) -> bool:
    """Advance a stream (a cursor of None leaves it where it is) and add up. One statement.

    Only a poll, which comes with its job, tells that the stream is in step as of `now`.
    With a job: only while that take of it is still ours. False if it is not; roll back then.
    """
    done = tx.execute(
        _MOVE,
        {
            "connection": connection,
            "stream": stream,
            "cursor": cursor,
            "moved": None if job is None else now,
            "newest": newest,
            "job": job,
            "take": take,
            "seen": counts.seen,
            "created": counts.created,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "deleted": counts.deleted,
            "failed": counts.failed,
        },
    )
    return done.rowcount == 1


_REWIND = text(
    "UPDATE hub_cursor SET cursor = NULL WHERE connection = :connection AND stream = :stream"
)


def rewind(tx: Transaction, connection: str, stream: str) -> None:
    """Start over at the next poll. Nothing that is linked is forgotten."""
    tx.execute(_REWIND, {"connection": connection, "stream": stream})


_DUE = text(
    """
    INSERT INTO hub_cursor (connection, stream, due_at, seen, created, updated, unchanged,
      deleted, failed)
    VALUES (:connection, :stream, :next, 0, 0, 0, 0, 0, 0)
    ON CONFLICT (connection, stream) DO UPDATE SET due_at = excluded.due_at
    WHERE hub_cursor.due_at <= :now
    """
)


def take_due(
    tx: Transaction, streams: Sequence[tuple[str, str, float]], *, now: float
) -> list[tuple[str, str]]:
    """Of (connection, stream, seconds between polls), those that are due; each is taken once.

    A stream that missed many ticks is due once, and next a full interval from now.
    """
    due = []
    for connection, stream, every in streams:
        taken = tx.execute(
            _DUE, {"connection": connection, "stream": stream, "next": now + every, "now": now}
        )
        if taken.rowcount:
            due.append((connection, stream))
    return due


def all_of(tx: Transaction) -> dict[tuple[str, str], Row[Any]]:
    """Every stream's row, by (connection, stream)."""
    return {(row.connection, row.stream): row for row in tx.execute(select(cursors))}


def record_run(tx: Transaction, connection: str, stream: str, counts: Counts, **run: Any) -> None:
    """Write down what a run did."""
    values = {part.name: getattr(counts, part.name) for part in fields(counts)}
    tx.execute(insert(sync_runs).values(connection=connection, stream=stream, **values, **run))


def last_runs(tx: Transaction) -> dict[tuple[str, str], Row[Any]]:
    """Each stream's newest run, by (connection, stream)."""
    rows = tx.execute(
        text(
            "SELECT * FROM hub_sync_run WHERE id IN "
            "(SELECT max(id) FROM hub_sync_run GROUP BY connection, stream)"
        )
    )
    return {(row.connection, row.stream): row for row in rows}
