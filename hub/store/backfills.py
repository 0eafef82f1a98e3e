"""Streams that are read again from their beginning, or since a moment: how far each is.

    begin ─▶ move, page by page ─▶ end

The stream's own cursor stays where it is: polls go on meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, select, text

from hub.store.database import Transaction
from hub.store.system import backfills


@dataclass(frozen=True, slots=True)
class Backfill:
    """`cursor` is where its last page ended, or where it begins. `foreseen` records, if known."""

    cursor: str | None
    seen: int
    foreseen: int | None
    started_at: float
    started_by: str


_BEGIN = text(
    """
    INSERT INTO hub_backfill (connection, stream, start, cursor, foreseen, seen, started_at,
      started_by)
    VALUES (:connection, :stream, :start, :start, :foreseen, 0, :now, :by)
    ON CONFLICT (connection, stream) DO UPDATE SET start = excluded.start,
      cursor = excluded.cursor, foreseen = excluded.foreseen, seen = 0,
      started_at = excluded.started_at, started_by = excluded.started_by
    """
)
_MOVE = text(
    """
    UPDATE hub_backfill SET cursor = :cursor, seen = seen + :seen
    WHERE connection = :connection AND stream = :stream
      AND EXISTS (SELECT 1 FROM hub_job WHERE id = :job AND take = :take AND running)
    """
)
_START_OVER = text(
    "UPDATE hub_backfill SET cursor = start, seen = 0 "
    "WHERE connection = :connection AND stream = :stream"
)


def begin(
    tx: Transaction, connection: str, stream: str, *, start: str | None, foreseen: int | None,
    by: str, now: float,
) -> None:  # fmt: skip
    """Begin after the cursor `start`, or at the beginning; whatever became of an earlier one."""
    given = {"connection": connection, "stream": stream, "start": start, "foreseen": foreseen}
    tx.execute(_BEGIN, given | {"by": by, "now": now})


def load(tx: Transaction, connection: str, stream: str) -> Backfill | None:
    """The stream's backfill, if there is one."""
    here = (backfills.c.connection == connection, backfills.c.stream == stream)
    row = tx.execute(select(backfills).where(*here)).first()
    return _read(row) if row else None


def move(
    tx: Transaction, connection: str, stream: str, cursor: str, *, seen: int, job: int, take: int
) -> bool:
    """A page is done. False if the job's take is not ours any more: roll back then."""
    given = {"connection": connection, "stream": stream, "cursor": cursor, "seen": seen}
    return tx.execute(_MOVE, given | {"job": job, "take": take}).rowcount == 1


def start_over(tx: Transaction, connection: str, stream: str) -> None:
    """They have forgotten where it was."""
    tx.execute(_START_OVER, {"connection": connection, "stream": stream})


def end(tx: Transaction, connection: str, stream: str) -> str | None:
    """It is done, or given up. Where it ended, if it had begun at the beginning."""
    here = (backfills.c.connection == connection, backfills.c.stream == stream)
    ended = delete(backfills).where(*here).returning(backfills.c.start, backfills.c.cursor)
    row = tx.execute(ended).first()
    return row.cursor if row is not None and row.start is None else None


def all_of(tx: Transaction) -> dict[tuple[str, str], Backfill]:
    """Every backfill that is under way, by (connection, stream)."""
    return {(row.connection, row.stream): _read(row) for row in tx.execute(select(backfills))}


def _read(row: Row[Any]) -> Backfill:
    return Backfill(row.cursor, row.seen, row.foreseen, row.started_at, row.started_by)
