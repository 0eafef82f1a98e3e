"""How far each stream has been pulled, when it is due again, and what came of it so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Self

from sqlalchemy import Row, TextClause, insert, select, text

from hub.store import clock, sets
from hub.store.database import Transaction
from hub.store.system import cursors, sync_runs
from hub.store.types import storable


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
    WHERE CAST(:job AS BIGINT) IS NULL OR EXISTS
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


_BEGIN_AFTER = text(
    """
    UPDATE hub_cursor SET cursor = :cursor
    WHERE connection = :connection AND stream = :stream AND cursor IS NULL AND moved_at IS NULL
    """
)


def begin_after(tx: Transaction, connection: str, stream: str, cursor: str) -> None:
    """Let the first poll of a stream go on from here; one that was polled keeps its place."""
    given = {"connection": connection, "stream": stream, "cursor": cursor}
    tx.execute(_BEGIN_AFTER, given)


NEVER = (0.0, 0.0)


def due(
    tx: Transaction, *, settled: tuple[float, float] = NEVER, now: float | None = None
) -> tuple[float, dict[tuple[str, str], float]]:
    """The database's time, and what is due by then: `due_at` by (connection, stream).

    Outside of the time `settled`, all streams that it knows. `now` is a test's time, in place of
    the database's. One statement.
    """
    since, until = settled
    given = {"now": now, "since": since, "until": until}
    rows = tx.execute(_due(tx.dialect.name), given).all()
    return rows[0].now, {(row.connection, row.stream): row.due_at for row in rows if row.stream}


@cache
def _due(dialect: str) -> TextClause:
    return text(
        f"""
        WITH t AS MATERIALIZED (SELECT {_time(dialect)} AS now)
        SELECT t.now, c.connection, c.stream, c.due_at FROM t LEFT JOIN hub_cursor c
          ON c.due_at <= t.now OR t.now NOT BETWEEN :since AND :until
        """  # noqa: S608
    )


def _time(dialect: str) -> str:
    return f"coalesce(CAST(:now AS DOUBLE PRECISION), {clock.seconds(dialect)})"


Tick = tuple[str, str, float]
"""Connection, stream, and when it is due next."""

_PLAN = f"""
    INSERT INTO hub_cursor (connection, stream, due_at, seen, created, updated, unchanged,
      deleted, failed)
    SELECT k.connection, k.stream, CAST(k.next AS DOUBLE PRECISION), 0, 0, 0, 0, 0, 0
    FROM {sets.values("ticks", ("connection", "stream", "next"))} k WHERE true
    ON CONFLICT (connection, stream) DO UPDATE SET due_at = excluded.due_at
    """  # noqa: S608 -- WHERE true: else SQLite takes ON for that of a join


def plan(tx: Transaction, ticks: Sequence[Tick], *, now: float | None = None) -> None:
    """Have these streams due at these times, whatever was planned. One statement.

    But for a time that has passed meanwhile: then another who planned the same may have taken the
    tick already.
    """
    if ticks:
        to_come = f"{_PLAN} WHERE excluded.due_at > {_time(tx.dialect.name)}"
        sets.execute(tx, to_come, ticks=sets.packed(sorted(ticks)), now=now)


def take_due(tx: Transaction, ticks: Sequence[Tick], *, now: float) -> list[tuple[str, str]]:
    """Of these streams, those that are due by `now`, planned anew: each goes to one caller only.

    Of several who try at once one gets the row's lock first, and the others then find that the
    stream is not due any more. One statement. It takes the locks in the order of the keys, so that
    nobody who holds one waits for another who waits for it.
    """
    if not ticks:
        return []
    still_due = f"{_PLAN} WHERE hub_cursor.due_at <= :now RETURNING connection, stream"
    taken = sets.select(tx, still_due, ticks=sets.packed(sorted(ticks)), now=now)
    return [(row.connection, row.stream) for row in taken]


def all_of(tx: Transaction) -> dict[tuple[str, str], Row[Any]]:
    """Every stream's row, by (connection, stream)."""
    return {(row.connection, row.stream): row for row in tx.execute(select(cursors))}


def record_run(
    tx: Transaction, connection: str, stream: str, counts: Counts, *, error: str | None, **run: Any
) -> None:
    """Write down what a run did, and why it broke off if it did."""
    values = {part.name: getattr(counts, part.name) for part in fields(counts)} | run
    values["error"] = error and storable(error)
    tx.execute(insert(sync_runs).values(connection=connection, stream=stream, **values))


def last_runs(tx: Transaction) -> dict[tuple[str, str], Row[Any]]:
    """Each stream's newest run, by (connection, stream)."""
    rows = tx.execute(
        text(
            "SELECT * FROM hub_sync_run WHERE id IN "
            "(SELECT max(id) FROM hub_sync_run GROUP BY connection, stream)"
        )
    )
    return {(row.connection, row.stream): row for row in rows}
