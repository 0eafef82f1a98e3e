"""The web application, put together."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Depends, FastAPI

from hub.store.attachments import Files
from hub.store.database import Database
from hub.sync.connection import Connections
from hub.sync.inbound.intake import Intake
from hub.web import problems
from hub.web.admin import admin
from hub.web.attachments import files
from hub.web.body import Limit
from hub.web.conflicts import conflicts
from hub.web.edge import Edge
from hub.web.entry import guard
from hub.web.health import health
from hub.web.hooks import Hooks, Keep, Shortcut, committed
from hub.web.records import records
from hub.web.revivals import revivals
from hub.web.scim import door as scim

PATIENCE = 2.0
"""Seconds to wait for other writers: a webhook's sender gives up after three."""
HOOK_BYTES = 1024 * 1024
COMMAND_BYTES = 256 * 1024


def create(
    db: Database,
    connections: Connections,
    *,
    clock: Callable[[], float],
    max_body: int = HOOK_BYTES,
    keep: Keep | None = None,
    patience: float = PATIENCE,
    attachments: Files | None = None,
) -> FastAPI:
    """Everything that is reached by HTTP. `clock` gives seconds since 1970; `max_body` bytes is
    the largest webhook. Verified webhooks go to `keep`, by default into the store; they, and
    people's changes, wait for it no longer than `patience` seconds. `attachments` is the folder
    with the content of files, which can be downloaded if it is given. Opens nothing and starts
    nothing: any ASGI server may serve it, in one event loop.
    """
    app = FastAPI(
        title="CSM Hub",
        summary="Webhooks in, and an admin API over records, links and streams.",
        docs_url=None,  # these pages would load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    hasty = db.within(min(patience, db.wait))
    hooks = Hooks(connections, keep or committed(Intake(hasty).store), Limit(max_body), patience)
    app.add_middleware(Shortcut, hooks=hooks)
    app.add_middleware(Edge)  # around all the others
    holder = guard(db, clock)
    only_holders = [Depends(holder)]
    app.include_router(health(db))
    app.include_router(hooks.router())
    app.include_router(admin(db, connections, clock), dependencies=only_holders)
    app.include_router(
        revivals(hasty, clock, holder, Limit(COMMAND_BYTES)), dependencies=only_holders
    )
    app.include_router(
        conflicts(hasty, connections, clock, holder, Limit(COMMAND_BYTES)),
        dependencies=only_holders,
    )
    app.include_router(
        records(hasty, connections, clock, holder, Limit(COMMAND_BYTES)), dependencies=only_holders
    )
    if attachments is not None:
        app.include_router(files(db, connections, attachments), dependencies=only_holders)
    scim.install(app, hasty, connections, clock)
    return app
