"""What external systems have promised to tell us of, by connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select

from hub.spoke import Subscription
from hub.store.database import Transaction
from hub.store.system import subscriptions


def held(tx: Transaction, connection: str) -> list[Subscription]:
    """A connection's subscriptions, as they were when it last subscribed."""
    mine = select(subscriptions).where(subscriptions.c.connection == connection)
    return [
        Subscription(
            row.id,
            row.stream,
            None if row.expires_at is None else datetime.fromtimestamp(row.expires_at, UTC),
        )
        for row in tx.execute(mine.order_by(subscriptions.c.stream, subscriptions.c.id))
    ]


def replace(tx: Transaction, connection: str, now_held: Sequence[Subscription]) -> None:
    """These are a connection's subscriptions now, and no others."""
    tx.execute(delete(subscriptions).where(subscriptions.c.connection == connection))
    rows = {
        (one.stream, one.id): {
            "connection": connection,
            "stream": one.stream,
            "id": one.id,
            "expires_at": one.expires.timestamp() if one.expires else None,
        }
        for one in now_held
    }
    if rows:
        tx.execute(insert(subscriptions), list(rows.values()))
