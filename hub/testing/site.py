"""The web application of one sandbox: the vendor's API, its faults, and the control paths."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

from hub.testing import control
from hub.testing.faults import Fault
from hub.testing.host import cut, hang_up
from hub.testing.journal import Entry
from hub.testing.wire import Answer, Request

if TYPE_CHECKING:
    from hub.testing.sandbox import Sandbox

log = logging.getLogger(__name__)


class Site:
    """ASGI: everything below `/__sim/` steers the sandbox, everything else is the vendor's."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._closing = threading.Event()

    def close(self) -> None:
        """Let delayed requests go."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope, await _body(receive, self._sandbox.max_body))
        if request is None:
            await _send(send, self._dated(Answer(413, body="this request's body is too large")))
        elif request.path.startswith(control.PATH):
            await _send(send, await run_in_threadpool(control.answer, self._sandbox, request))
        else:
            entry = self._sandbox.journal.add(request, self._sandbox.clock.now())
            fault = self._sandbox.faults.take(request) or Fault()
            answer = await run_in_threadpool(self._answer, request, fault, entry)
            await self._finish(scope, receive, send, fault, answer)

    def _answer(self, request: Request, fault: Fault, entry: Entry) -> Answer | None:
        """What goes back, None for nothing; runs in a thread."""
        if fault != Fault():
            entry.fault = repr(fault)
        if fault.delay:
            self._closing.wait(fault.delay)
        if fault.drop == "before":
            return None
        answer = fault.instead() or fault.over(self._ask(request, entry))
        if fault.drop == "after":
            return None
        entry.close(answer.status)
        return self._dated(answer)

    def _ask(self, request: Request, entry: Entry) -> Answer:
        try:
            with self._sandbox.lock:
                self._sandbox.journal.under = entry
                return self._sandbox.answer(request)
        except Exception as error:
            log.exception("sandbox %s: %s %s", self._sandbox.name, request.method, request.path)
            return Answer(500, body=f"a bug in the sandbox: {type(error).__name__}: {error}")

    def _dated(self, answer: Answer) -> Answer:
        date = format_datetime(self._sandbox.clock.now(), usegmt=True)
        return replace(answer, headers={"Date": date, **answer.headers})

    async def _finish(
        self, scope: Scope, receive: Receive, send: Send, fault: Fault, answer: Answer | None
    ) -> None:
        if answer is None:
            cut(scope["state"]["transport"])
            await receive()  # until uvicorn knows that the connection is gone
        elif fault.truncate is not None:
            await _send(send, answer, stop_after=fault.truncate)
            hang_up(scope["state"]["transport"])
            await receive()
        else:
            await _send(send, answer)


async def _body(receive: Receive, most: int) -> bytes | None:
    """The whole body, None for one that is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        size += len(message.get("body", b""))
        if size <= most:
            parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts) if size <= most else None


def _request(scope: Scope, body: bytes | None) -> Request | None:
    if body is None:
        return None
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = scope["query_string"].decode("latin-1")
    path = scope["raw_path"].decode("latin-1")
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=parse_qsl(query, keep_blank_values=True),
        headers=headers,
        body=body,
        target=f"{path}?{query}" if query else path,
    )


async def _send(send: Send, answer: Answer, *, stop_after: int | None = None) -> None:
    """Send an answer; one that stops early promises more than it holds, so hang up then."""
    content = answer.content()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if kind := answer.content_type():
        headers["content-type"] = kind
    if answer.status not in {204, 304}:
        headers["content-length"] = str(len(content))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if stop_after is not None:
        await send({"type": "http.response.body", "body": content[:stop_after], "more_body": True})
        return
    await send({"type": "http.response.body", "body": content})
