"""Webhooks as they were received: stored before they are answered, read later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Row, delete, func, select, text, update

from hub.store.database import Transaction
from hub.store.system import deliveries

_STORE = text(
    """
    INSERT INTO hub_delivery (connection, delivery_id, received_at, headers, body, state)
    VALUES (:connection, :delivery_id, :now, :headers, :body, 'waiting')
    ON CONFLICT (connection, delivery_id) DO NOTHING
    RETURNING id
    """
)


def store(
    tx: Transaction,
    connection: str,
    delivery_id: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float,
) -> int | None:
    """Keep a delivery; None if it is here already."""
    found: int | None = tx.execute(
        _STORE,
        {
            "connection": connection,
            "delivery_id": delivery_id,
            "now": now,
            "body": body,
            "headers": orjson.dumps(dict(headers)).decode(),
        },
    ).scalar()
    return found


def get(tx: Transaction, id: int) -> Row[Any] | None:
    """One delivery; None if it was purged."""
    return tx.execute(select(deliveries).where(deliveries.c.id == id)).first()


def settle(tx: Transaction, id: int, state: str, error: str | None = None) -> None:
    """Say what became of a delivery: `done`, or `dead` with the reason."""
    tx.execute(update(deliveries).where(deliveries.c.id == id).values(state=state, error=error))


def count(tx: Transaction, connection: str) -> int:
    """How many deliveries of a connection are kept."""
    mine = select(func.count()).where(deliveries.c.connection == connection)
    return tx.execute(mine).scalar_one()


def purge(tx: Transaction, *, before: float) -> int:
    """Forget deliveries that are done and older; returns how many."""
    old = deliveries.c.received_at < before
    return tx.execute(delete(deliveries).where(old, deliveries.c.state == "done")).rowcount
