"""Where webhooks arrive: limits, then the spoke's verdict, then the store, then the answer.

    too large, compressed ─▶ 413, 415      forged ─▶ 401       seen before ─▶ 200
    unknown connection    ─▶ 404           database away ─▶ 503 and Retry-After
                                           stored, with its job, and committed ─▶ 202

The body is kept as bytes: nobody parses it before it is safe.
"""

# No `from __future__ import annotations`: FastAPI could not find the local names in them.

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response

from hub.spoke import Forged, Receives, Webhook
from hub.sync.connection import Connection, Connections
from hub.sync.inbound import Inbound
from hub.web import body
from hub.web.body import Limit
from hub.web.problems import MEDIA_TYPE, Problem

log = structlog.get_logger()

KEPT = ("x-", "webhook-", "svix-", "ce-")
"""Beginnings of the names of headers that are stored: event, topic, id, signature."""
SECRET = re.compile("auth|cookie|token|secret|passw|api-?key|credential")
"""Headers with such names may be the key to the house itself: `x-gitlab-token`."""

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Known already; nothing to do."},
    202: {"description": "Stored: it will not be lost."},
    **{
        status: {"description": text, "content": {MEDIA_TYPE: {}}}
        for status, text in {
            401: "Not genuine.",
            404: "No such connection, or one without webhooks.",
            413: "Too large.",
            415: "Compressed.",
            503: "The database is away: send it again.",
        }.items()
    },
}


def hooks(connections: Connections, inbound: Inbound, limit: Limit) -> APIRouter:
    """`inbound` should not wait for locks longer than a sender waits for an answer."""
    router = APIRouter(prefix="/hooks", tags=["hooks"])

    async def receiver(connection: str) -> Connection:
        found = connections.get(connection)
        if found is None or not isinstance(found.spoke, Receives):
            raise Problem(
                404,
                "No connection of this name receives webhooks.",
                "Compare the address with the hub's config/connections.",
            )
        return found

    async def received(request: Request, _: Annotated[Connection, Depends(receiver)]) -> Webhook:
        return Webhook(joined(request.headers.items()), await body.read(request, limit))

    @router.post("/{connection}", status_code=202, responses=ANSWERS)
    def receive(
        to: Annotated[Connection, Depends(receiver)],
        hook: Annotated[Webhook, Depends(received)],
    ) -> Response:
        """Take a webhook in."""
        try:
            fresh = inbound.accept(to, hook, kept=kept(hook.headers))
        except Forged as forged:
            log.warning("forged webhook", connection=to.name, reason=str(forged))
            raise Problem(
                401,
                "The request does not prove that it comes from the connected system.",
                "Sign it with the secret that the hub has for this connection.",
            ) from None
        return Response(status_code=202 if fresh else 200)

    return router


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; the values of one that was sent twice, joined by a line feed."""
    together: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        together[key] = f"{together[key]}\n{value}" if key in together else value
    return together


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers worth storing: what was sent and by what, never credentials."""
    return {
        name: value
        for name, value in headers.items()
        if name in {"content-type", "user-agent"}
        or (name.startswith(KEPT) and not SECRET.search(name))
    }
