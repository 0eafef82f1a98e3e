"""Webhooks on their way out of a sandbox, genuine or spoiled on purpose."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from hub.testing.journal import SECRET
from hub.testing.wire import BadCommand

TIMEOUT = 30.0
FORGERIES = ("body", "signature", "doubled", "secret")


@dataclass(frozen=True, slots=True)
class SentHook:
    """One webhook as it goes out: header names and values in order, a name may come twice."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


def deliver(
    webhooks: Callable[[dict[str, Any]], Sequence[SentHook]], command: dict[str, Any], to: str
) -> list[int]:
    """Send what a command asks for, as `Sandbox.emit` says."""
    forge = command.get("forge")
    if forge not in {None, *FORGERIES}:
        raise BadCommand(f"forge is one of {', '.join(FORGERIES)}, not {forge!r}")
    if forge == "secret":
        command = {**command, "secret": "not the secret"}
    hooks = [forged(hook, forge) for hook in webhooks(command)]
    if command.get("reverse"):
        hooks.reverse()
    times = 2 if command.get("twice") else 1
    return [post(to, hook.headers, hook.body) for hook in hooks for _ in range(times)]


def forged(hook: SentHook, how: str | None) -> SentHook:
    """The hook as a forger without the secret could send it."""
    signatures = tuple(pair for pair in hook.headers if SECRET.search(pair[0]))
    match how:
        case "body":
            return SentHook(hook.headers, hook.body + b" ")
        case "signature":
            kept = tuple(pair for pair in hook.headers if pair not in signatures)
            return SentHook(kept, hook.body)
        case "doubled":
            return SentHook((*hook.headers, *signatures), hook.body)
        case _:
            return hook


def post(to: str, headers: Iterable[tuple[str, str]], body: bytes) -> int:
    """POST and return the status; 0 when nobody answered."""
    where = urlsplit(to)
    if where.scheme != "http" or not where.hostname:
        raise BadCommand(f"webhooks go to an http address on loopback, not {to!r}")
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=TIMEOUT)
    try:
        connection.putrequest("POST", where.path or "/")
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
