"""The admin API for ops: how every stream is doing, and what needs a person."""

# No `from __future__ import annotations`: FastAPI could not find the local names in them.

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from hub import queue
from hub.queue import Which
from hub.store import dead
from hub.store.database import Database
from hub.sync.connection import Connections
from hub.sync.status import status
from hub.web.wire import Json

Named = Annotated[str, Query(description="Only of this connection.")]
OfStream = Annotated[str, Query(description="Only of this stream of the connection.")]
MOST = 100


def admin(db: Database, connections: Connections, clock: Callable[[], float]) -> APIRouter:
    router = APIRouter(prefix="/admin/api", tags=["admin"])

    @router.get("/status")
    def read_status() -> Json:
        """Every connection and stream: state, reason, next step, age, counts, jobs, dead letters."""
        now = clock()
        with db.read() as tx:
            found = status(tx, connections, now=now)
        return Json({"now": now, "connections": [asdict(one) for one in found]})

    @router.get("/dead")
    def read_dead(connection: Named = "") -> Json:
        """The newest dead letters: records that could not be read, and jobs that were given up."""
        with db.read() as tx:
            records = dead.find(tx, dead.Which(connection), most=MOST)
            letters = queue.dead(tx, Which(connection=connection or None), limit=MOST)
        return Json(
            {
                "records": [_record(row) for row in records],
                "jobs": [asdict(letter) for letter in letters],
            }
        )

    @router.get("/dead/groups")
    def read_groups(connection: Named = "", stream: OfStream = "") -> Json:
        """What dead records have in common: the largest groups, by mapping line, field and why."""
        with db.read() as tx:
            found = dead.groups(tx, dead.Which(connection, stream), most=MOST)
        return Json({"groups": [asdict(one) for one in found]})

    return router


def _record(row: Any) -> dict[str, Any]:
    """A dead record without its raw data, which is for who may see the source."""
    names = ("id", "connection", "stream", "external_id", "version", "faults", "error", "failed_at")
    return {name: getattr(row, name) for name in names} | {"group": row.cause}
