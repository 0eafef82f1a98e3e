"""From a webhook to a stored delivery and the job that will read it.

Nobody looks into a webhook before it is safe, so that a bug of ours cannot lose it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import orjson

from hub import queue
from hub.spoke import Receives, Webhook
from hub.store import deliveries
from hub.store.database import Database, Unavailable
from hub.store.deliveries import Delivery
from hub.sync.connection import Connection
from hub.sync.jobs import Ingest, request

Outcome = bool | Exception
"""What became of a delivery: stored (True), known already (False), or why it is not stored."""

LONGEST_NAME = 255  # characters that the table has for it


def verified(
    connection: Connection, hook: Webhook, *, kept: Mapping[str, str] | None = None
) -> Delivery:
    """The webhook as it is to be stored, if it is genuine. Raises `Forged`.

    `kept` are those of its headers that are stored; all if not given.
    """
    assert isinstance(connection.spoke, Receives)
    connection.spoke.verify(hook)
    name = connection.spoke.delivery(hook)
    headers = orjson.dumps(dict(hook.headers if kept is None else kept)).decode()
    return Delivery(connection.name, _storable(name), headers, hook.body)


def _storable(name: str) -> str:
    """A delivery's name, or the digest of one that no database would take."""
    if len(name) <= LONGEST_NAME and name.isprintable():
        return name
    return sha256(name.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Intake:
    """Where verified webhooks are stored. Time is the database's; a test has a `clock`."""

    db: Database
    clock: Callable[[], float | None] = lambda: None

    def store(self, batch: Sequence[Delivery]) -> list[Outcome]:
        """Store deliveries, each with its job, in one durable transaction; what became of each.

        When the database refuses a batch, its halves are tried, and theirs: what is wrong with
        one delivery is no other's loss. When there is no database, nobody is stored.
        """
        try:
            return self._commit(batch)
        except Unavailable as error:
            return [error] * len(batch)
        except Exception as error:  # noqa: BLE001 -- it is the outcome of whom it belongs to
            if len(batch) == 1:
                return [error]
            half = len(batch) // 2
            return self.store(batch[:half]) + self.store(batch[half:])

    def _commit(self, batch: Sequence[Delivery]) -> list[Outcome]:
        now = self.clock()
        with self.db.write(durable=True) as tx:
            ids = deliveries.store(tx, batch, now=now)
            fresh = [
                request(Ingest(one.connection, id))
                for one, id in zip(batch, ids, strict=True)
                if id is not None
            ]
            queue.put(tx, fresh, now=now)
        return [id is not None for id in ids]
