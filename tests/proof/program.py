"""A hub's process, to be killed: `program.py FOLDER AHEAD WHAT ...`.

work          does the jobs that are due, as `hub work`
sync C/S      pulls a stream, as `hub sync`; says each page that it has committed
careless C/S  the same, but it saves the cursor first and the page later: a control
hasty PORT    everything, as `hub run`, but it answers webhooks first and stores them later: a control
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog

from hub import config
from hub.app import Hub
from hub.spoke import Pulls
from hub.store import cursors
from hub.store.cursors import Counts
from hub.store.database import Database
from hub.store.deliveries import Delivery
from hub.sync.inbound.absorb import absorb
from hub.sync.inbound.intake import Intake

LATE = 0.05  # seconds by which the controls write late


def main(folder: str, ahead: str, what: str, *more: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = config.load(Path(folder), environment={})
    db = Database(settings.database)
    hub = Hub(
        db,
        settings.connections,
        test_clock=lambda: time.time() + float(ahead),
        watch=_say_committed,
    )
    match what:
        case "hasty":
            _run_hastily(hub, int(more[0]))
        case "sync":
            sync(hub, *more[0].split("/"))
        case "careless":
            sync_carelessly(hub, *more[0].split("/"))
        case _:
            hub.worker().run_until_idle()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _say_committed(_: str, __: str, counts: Counts) -> None:
    _say(f"committed {counts.seen}")


def _run_hastily(hub: Hub, port: int) -> None:
    """Webhooks are answered before they are stored."""
    from hub import web
    from hub.running import Web, at_work

    intake = Intake(hub.db)

    async def keep(delivery: Delivery) -> bool:
        threading.Timer(LATE, intake.store, ([delivery],)).start()
        return True

    app = web.create(hub.db, hub.connections, clock=hub.clock, keep=keep)
    with at_work(hub, web=Web(app, port=port), threads=4, timetable=True) as address:
        _say(f"listening on {address}")
        threading.Event().wait()


def sync(hub: Hub, connection: str, stream: str) -> None:
    """Pull a stream from where it stopped, and do all that follows."""
    hub.poll_again(connection, stream)
    hub.worker(threads=1).run_until_idle()


def sync_carelessly(hub: Hub, name: str, stream: str) -> None:
    """Pull a stream; each page is stored after its cursor."""
    connection = hub.connections[name]
    assert isinstance(connection.spoke, Pulls)
    with hub.db.read() as tx:
        cursor = cursors.load(tx, name, stream)
    for page in connection.spoke.pull(connection.stream(stream), cursor):
        now = datetime.fromtimestamp(hub.clock(), UTC)
        with hub.db.write() as tx:
            cursors.move(tx, name, stream, page.cursor, Counts(), now=now.timestamp(), newest=None)
        hub.watch(name, stream, Counts(seen=len(page.changes)))
        threading.Event().wait(LATE)
        with hub.db.write() as tx:
            absorb(tx, hub.connections, connection, stream, page.changes, now=now)


if __name__ == "__main__":
    main(*sys.argv[1:])
