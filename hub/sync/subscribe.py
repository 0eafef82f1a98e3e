"""Ask external systems to send us webhooks, and ask again before they stop."""

from __future__ import annotations

from hub import queue
from hub.queue import Claimed
from hub.spoke import Subscribes
from hub.store import subscriptions
from hub.store.database import Database
from hub.sync.connection import Connections
from hub.sync.jobs import Subscribe


def subscribe(
    db: Database, connections: Connections, claimed: Claimed, job: Subscribe, *, public_url: str
) -> None:
    """See to it that a connection's webhooks are sent to us at `public_url`.

    What a spoke created before it failed is found again by itself the next time: it lists what
    they have, or creates what replaces it.
    """
    connection = connections.of_job(job.connection)
    spoke = connection.spoke
    now_held = None
    if isinstance(spoke, Subscribes) and public_url:
        with db.read() as tx:
            held = subscriptions.held(tx, connection.name)
        streams = [connection.stream(name) for name in connection.mappings]
        now_held = spoke.subscribe(f"{public_url}/hooks/{connection.name}", streams, held)
    with db.write() as tx:
        if now_held is not None:
            subscriptions.replace(tx, connection.name, now_held)
        queue.done(tx, [claimed])
