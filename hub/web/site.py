"""The web application, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fastapi import Depends, FastAPI

from hub.store.database import Database
from hub.sync.connection import Connections
from hub.sync.inbound import Inbound
from hub.web import problems
from hub.web.admin import admin
from hub.web.body import Limit
from hub.web.edge import Edge
from hub.web.entry import guard
from hub.web.health import health
from hub.web.hooks import hooks
from hub.web.records import records

PATIENCE = 2.0
"""Seconds to wait for other writers: a webhook's sender gives up after three."""
HOOK_BYTES = 1024 * 1024
COMMAND_BYTES = 256 * 1024


def create(
    db: Database,
    connections: Connections,
    inbound: Inbound,
    *,
    clock: Callable[[], float],
    max_body: int = HOOK_BYTES,
) -> FastAPI:
    """Everything that is reached by HTTP. `clock` gives seconds since 1970; `max_body` bytes is
    the largest webhook. Opens nothing and starts nothing: any ASGI server may serve it.
    """
    app = FastAPI(
        title="CSM Hub",
        summary="Webhooks in, and an admin API over records, links and streams.",
        docs_url=None,  # these pages would load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    app.add_middleware(Edge)
    hasty = db.within(min(PATIENCE, db.wait))
    holder = guard(db, clock)
    only_holders = [Depends(holder)]
    app.include_router(health(db))
    app.include_router(hooks(connections, replace(inbound, db=hasty), Limit(max_body)))
    app.include_router(admin(db, connections, clock), dependencies=only_holders)
    app.include_router(
        records(hasty, connections, clock, holder, Limit(COMMAND_BYTES)), dependencies=only_holders
    )
    return app
