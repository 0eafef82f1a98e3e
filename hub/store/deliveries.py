"""Webhooks as they were received: stored before they are answered, read later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from hub.store import clock
from hub.store.database import Transaction
from hub.store.types import storable
from hub.store.work import deliveries


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook to keep. `name` is what it is known again by; `headers` are a JSON object."""

    connection: str
    name: str
    headers: str
    body: bytes


def store(
    tx: Transaction, batch: Sequence[Delivery], *, now: float | None = None
) -> list[int | None]:
    """Keep deliveries; the id of each, None for one that is here already.

    Of those with the same name the first is kept. Ids follow the order of the batch. A fixed
    number of statements for any number of them. The time is the database's, or `now`.
    """
    insert = _into_postgresql if tx.dialect.name == "postgresql" else _into_sqlite
    ids = {(connection, name): id for id, connection, name in insert(tx, batch, now)}
    return [ids.pop((one.connection, one.name), None) for one in batch]


_Stored = tuple[int, str, str]  # id, connection, name


def _into_sqlite(tx: Transaction, batch: Sequence[Delivery], now: float | None) -> list[_Stored]:
    """There is one writer at a time, so all that is past the last id is ours."""
    raw: Any = tx.connection.driver_connection  # the layer above takes longer than the statements
    [(last,)] = raw.execute(_SQLITE_LAST)
    rows = ((one.connection, one.name, now, one.headers, one.body) for one in batch)
    raw.executemany(_SQLITE, rows)
    new: list[_Stored] = raw.execute(_SQLITE_NEW, (last,)).fetchall()
    return new


_SQLITE_LAST = "SELECT coalesce(max(id), 0) FROM hub_delivery"
_SQLITE = f"""
    INSERT INTO hub_delivery (connection, delivery_id, received_at, headers, body, state)
    VALUES (?, ?, coalesce(?, {clock.seconds("sqlite")}), ?, ?, 'waiting')
    ON CONFLICT (connection, delivery_id) DO NOTHING
"""  # noqa: S608 -- no values in it
_SQLITE_NEW = "SELECT id, connection, delivery_id FROM hub_delivery WHERE id > ?"


def _into_postgresql(
    tx: Transaction, batch: Sequence[Delivery], now: float | None
) -> list[_Stored]:
    columns = ("connection", "name", "headers", "body")
    values = [[getattr(one, column) for one in batch] for column in columns]
    raw: Any = tx.connection.driver_connection
    new: list[_Stored] = raw.execute(_POSTGRESQL, (now, *values)).fetchall()
    return new


# Ids follow the order of the batch. The rows are written in the order of their keys, in which
# everybody does: hubs that are sent the same webhooks wait for each other in a line, not a ring.
_POSTGRESQL = f"""
    INSERT INTO hub_delivery (id, connection, delivery_id, received_at, headers, body, state)
    SELECT id, connection, name, coalesce(%s::float8, {clock.seconds("postgresql")}),
      headers::json, body, 'waiting'
    FROM (
      SELECT nextval('hub_delivery_id_seq') AS id, given.*
      FROM unnest(%b::text[], %b::text[], %b::text[], %b::bytea[]) WITH ORDINALITY
        AS given (connection, name, headers, body, place)
      ORDER BY place OFFSET 0
    ) numbered
    ORDER BY connection, name, id
    ON CONFLICT (connection, delivery_id) DO NOTHING
    RETURNING id, connection, delivery_id
"""  # noqa: S608 -- no values in it


def get(tx: Transaction, id: int) -> Row[Any] | None:
    """One delivery; None if it was purged."""
    return tx.execute(select(deliveries).where(deliveries.c.id == id)).first()


def settle(tx: Transaction, id: int, state: str, error: str | None = None) -> None:
    """Say what became of a delivery: `done`, or `dead` with the reason."""
    told = error and storable(error)
    tx.execute(update(deliveries).where(deliveries.c.id == id).values(state=state, error=told))


def count(tx: Transaction, connection: str) -> int:
    """How many deliveries of a connection are kept."""
    mine = select(func.count()).where(deliveries.c.connection == connection)
    return tx.execute(mine).scalar_one()


def purge(tx: Transaction, *, before: float) -> int:
    """Forget deliveries that are done and older; returns how many."""
    old = deliveries.c.received_at < before
    return tx.execute(delete(deliveries).where(old, deliveries.c.state == "done")).rowcount
