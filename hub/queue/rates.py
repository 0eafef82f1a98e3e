"""Rate limits that all processes keep together: each takes its calls from one row, in portions.

A portion is a number of evenly spaced slots: `free_at` moves on by their length. Who takes them
waits for each in turn, and asks the database again only when they are used up.
"""

from __future__ import annotations

from hub.queue.words import in_words
from hub.store.database import Database, Transaction

_TAKE = """
    INSERT INTO hub_rate (account, free_at)
    VALUES (:account, coalesce(CAST(:now AS {double}), {clock}) + :length)
    ON CONFLICT (account) DO UPDATE SET free_at = {greatest}(
        hub_rate.free_at, coalesce(CAST(:now AS {double}), {clock})) + :length
    RETURNING free_at - :length - coalesce(CAST(:now AS {double}), {clock})"""


def take(
    tx: Transaction, account: str, calls: int, *, gap: float, now: float | None = None
) -> float:
    """Reserve `calls` slots, `gap` seconds each; in how many seconds the first one begins.

    Commit at once: others who call the same account wait for the row.
    """
    asked = {"account": account, "length": calls * gap, "now": now}
    return max(0.0, float(tx.execute(in_words(_TAKE, tx), asked).scalar_one()))


class SharedRate:
    """The slots of one account, for a pace of this process. Safe to share between threads."""

    def __init__(self, db: Database, account: str) -> None:
        self._db, self._account = db, account

    def __call__(self, calls: int, gap: float) -> float:
        """As `take`. Raises `Unavailable`."""
        with self._db.write() as tx:
            return take(tx, self._account, calls, gap=gap)
