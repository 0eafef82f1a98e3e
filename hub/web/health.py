"""The two questions of a supervisor: is the process alive, and can it do its work?"""

# No `from __future__ import annotations`: FastAPI could not find the local names in them.

import structlog
from fastapi import APIRouter

from hub.store import schema
from hub.store.database import Database
from hub.store.schema import SchemaMismatch
from hub.web.problems import MEDIA_TYPE, Problem

log = structlog.get_logger()


def health(db: Database) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that the process is alive; asks nobody else."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"content": {MEDIA_TYPE: {}}}})
    def readyz() -> dict[str, str]:
        """Say whether the database is there and has the schema that this program needs."""
        try:
            schema.check(db)
        except SchemaMismatch as error:
            log.warning("not ready", error=str(error))
            # Anybody may ask: which database it is stays in the log.
            reason = str(error).replace(db.place, "the database")
            raise Problem(503, reason, "Run `hub check`; the hub's log says more.") from error
        return {"status": "ready"}

    return router
