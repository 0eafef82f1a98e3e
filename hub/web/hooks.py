"""Where webhooks arrive: limits, then the spoke's verdict, then the store, then the answer.

    too large, compressed ─▶ 413, 415      forged ─▶ 401       seen before ─▶ 200
    unknown connection    ─▶ 404           no room, database away ─▶ 503 and Retry-After
    a handshake           ─▶ 200, echoed   stored, with its job, and committed ─▶ 202

The body is kept as bytes: nobody parses it before it is safe. Webhooks that arrive at about the
same time are verified together, those of each connection, and committed together, all of them.
"""

# No `from __future__ import annotations`: FastAPI could not find the local names in them.

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.spoke import Forged, Greeting, Receives, Webhook
from hub.store.database import Unavailable
from hub.store.deliveries import Delivery
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.intake import Outcome, verified
from hub.web import body
from hub.web.batches import Batches, Full
from hub.web.body import Limit, Room, Share
from hub.web.problems import MEDIA_TYPE, Problem, answer, busy

log = structlog.get_logger()

Keep = Callable[[Delivery], Awaitable[bool]]
"""Puts a verified webhook where it is safe; False if it is there already."""
Store = Callable[[Sequence[Delivery]], Sequence[Outcome]]
"""Does that with many at once: `Intake.store`."""

PREFIX = "/hooks"

MOST_WAITING = 4000
"""Webhooks that wait: about as many as are committed before their senders give up."""
HELD = 64 * 1024 * 1024
"""Bytes of all webhooks' bodies: room for several of the largest that may be allowed."""
MOST_TOGETHER = 500
"""Webhooks in one transaction, and the bytes of their bodies unless it has only one."""
BYTES_TOGETHER = 8 * 1024 * 1024
LINGER = 0.003
"""Seconds that a commit waits for those whom it can expect: about as long as a commit takes."""

LONGEST_GREETING = 4096
"""Characters of a handshake that are sent back."""

KEPT = ("x-", "webhook-", "svix-", "ce-")
"""Beginnings of the names of headers that are stored: event, topic, id, signature."""
SECRET = re.compile("auth|cookie|token|secret|passw|api-?key|credential")
"""Headers with such names may be the key to the house itself: `x-gitlab-token`."""

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Known already, or a handshake: nothing is stored."},
    202: {"description": "Stored: it will not be lost."},
    **{
        status: {"description": text, "content": {MEDIA_TYPE: {}}}
        for status, text in {
            401: "Not genuine.",
            404: "No such connection, or one without webhooks.",
            413: "Too large.",
            415: "Compressed.",
            503: "Too much at once, or the database is away: send it again.",
        }.items()
    },
}


def committed(store: Store) -> Keep:
    """Store webhooks together with those that come at the same time."""
    together = Batches(
        "commits",
        store,
        room=MOST_WAITING,
        most=MOST_TOGETHER,
        weigh=lambda one: len(one.body),
        heaviest=BYTES_TOGETHER,
        linger=LINGER,
    )
    return together.one


class Hooks:
    """Takes webhooks in.

    `patience` is for how many seconds one may wait, once it is here; `held` are the bytes that
    the bodies of all may have, of those that are being read and those that wait.
    """

    def __init__(
        self,
        connections: Connections,
        keep: Keep,
        limit: Limit,
        patience: float,
        held: int = HELD,
    ) -> None:
        self._doors = {
            name: _Door(_batches(connection), connection.spoke, _greets(connection.spoke))
            for name, connection in connections.items()
            if isinstance(connection.spoke, Receives)
        }
        self._keep, self._limit, self._patience = keep, limit, patience
        self._room = Room(held)

    async def receive(self, request: Request, connection: str) -> Response:
        """Take a webhook in."""
        door = self._doors.get(connection)
        if door is None:
            raise Problem(
                404,
                "No connection of this name receives webhooks.",
                "Compare the address with the hub's config/connections.",
            )
        try:
            with Share(self._room) as share:
                content = await body.read(request, self._limit, share)
                hook = _webhook(request, content)
                if door.greets and (greeting := door.spoke.handshake(hook)):
                    return _echo(greeting)
                if hook.method != "POST":
                    raise Problem(
                        405, "Webhooks are posted.", "Use POST.", headers={"Allow": "POST"}
                    )
                async with asyncio.timeout(self._patience):
                    fresh = await self._keep(await door.batches.one(hook))
        except TimeoutError:
            raise Unavailable(f"a webhook was not stored within {self._patience:g} s") from None
        except Full:
            raise busy() from None
        except Forged as forged:
            log.warning("forged webhook", connection=connection, reason=str(forged))
            raise Problem(
                401,
                "The request does not prove that it comes from the connected system.",
                "Sign it with the secret that the hub has for this connection.",
            ) from None
        return Response(status_code=202 if fresh else 200)

    async def greet(self, request: Request, connection: str) -> Response:
        """Answer a handshake that some senders make with GET."""
        return await self.receive(request, connection)

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PREFIX, tags=["hooks"])
        router.post("/{connection}", status_code=202, responses=ANSWERS)(self.receive)
        router.get("/{connection}", status_code=200, responses=ANSWERS)(self.greet)
        return router


class Shortcut:
    """ASGI middleware: webhooks go past the routing, which takes longer than all the rest.

    Whatever it does not take goes the long way, to the same `receive`.
    """

    def __init__(self, app: ASGIApp, hooks: Hooks) -> None:
        self._app, self._hooks = app, hooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix, _, name = scope.get("path", "").rpartition("/")
        if prefix != PREFIX or scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._hooks.receive(request, name)
        except Exception as error:  # noqa: BLE001 -- what is unknown is raised again
            response = await answer(request, error)
        await response(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Door:
    """Where one connection's webhooks come in. `greets`: its spoke knows handshakes."""

    batches: Batches[Webhook, Delivery]
    spoke: Receives
    greets: bool


def _greets(spoke: Receives) -> bool:
    return type(spoke).handshake is not Receives.handshake


def _webhook(request: Request, content: bytes) -> Webhook:
    asked = request.scope["query_string"]  # `request.url` costs more than the rest of this
    query = joined(request.query_params.multi_items()) if asked else {}
    method: Any = request.method
    return Webhook(joined(request.headers.items()), content, method, query)


def _echo(greeting: Greeting) -> Response:
    """Their own words, of a type that no browser runs. Raises `Problem`."""
    if len(greeting.text) > LONGEST_GREETING or not greeting.text.isprintable():
        raise Problem(400, "The handshake is too long or not printable.", "Send a shorter token.")
    return Response(greeting.text, media_type=greeting.type)  # `Edge` adds nosniff


def _batches(connection: Connection) -> Batches[Webhook, Delivery]:
    """Where one connection's webhooks are verified: a slow one holds up nobody else."""

    def verify(some: Sequence[Webhook]) -> list[Delivery | Exception]:
        return [_verified(connection, one) for one in some]

    return Batches(f"verifies {connection.name}", verify, room=MOST_WAITING, most=MOST_TOGETHER)


def _verified(connection: Connection, hook: Webhook) -> Delivery | Exception:
    try:
        return verified(connection, hook, kept=kept(hook.headers))
    except Exception as error:  # noqa: BLE001 -- whoever sent it hears of it
        return error


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values by name; those of one that was sent twice, joined by a line feed.

    Header names come in lower case from every ASGI server; those of a query are told apart by case.
    """
    together: dict[str, str] = {}
    for name, value in pairs:
        together[name] = f"{together[name]}\n{value}" if name in together else value
    return together


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers worth storing: what was sent and by what, never credentials."""
    return {
        name: value
        for name, value in headers.items()
        if name in {"content-type", "user-agent"}
        or (name.startswith(KEPT) and not SECRET.search(name))
    }
