"""An address on this machine that answers a vendor's handshakes, as a hub's web server does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hub.spoke import Forged, Greeting, Webhook
from hub.testing.host import listen

Handshake = Callable[[Webhook], Greeting | None]


@contextmanager
def receiver(handshake: Handshake) -> Iterator[str]:
    """The address while the context lasts; other webhooks are taken and forgotten."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        hook = Webhook(
            dict(request.headers),
            await request.body(),
            "GET" if request.method == "GET" else "POST",
            dict(parse_qsl(request.url.query, keep_blank_values=True)),
        )
        await _answer(handshake, hook)(scope, receive, send)

    with listen(answer) as address:
        yield f"{address.url}/hooks/sandbox"


def _answer(handshake: Handshake, hook: Webhook) -> Response:
    try:
        greeting = handshake(hook)
    except Forged:
        return Response(status_code=401)
    if greeting is None:
        return Response(status_code=202)
    return Response(greeting.text, media_type=greeting.type)
