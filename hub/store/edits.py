"""What people made of dead records: the record as it came, as it was read, who did it, and when."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select

from hub.store.database import Transaction
from hub.store.system import dead_edits


def save(
    tx: Transaction, letter: Row[Any], after: bytes, *, version: str, by: str, now: float
) -> int:
    """Write down an edit of a dead record; its number."""
    row = {
        "letter": letter.id,
        "connection": letter.connection,
        "stream": letter.stream,
        "external_id": letter.external_id,
        "version": version,
        "before": letter.raw,
        "after": after,
        "edited_by": by,
        "edited_at": now,
    }
    return int(tx.execute(insert(dead_edits).returning(dead_edits.c.id), row).scalar_one())


def find(tx: Transaction, number: int | None = None, *, most: int = 100) -> list[Row[Any]]:
    """Edits, newest first; or the one."""
    query = select(dead_edits).order_by(dead_edits.c.id.desc()).limit(most)
    return list(tx.execute(query if number is None else query.where(dead_edits.c.id == number)))
