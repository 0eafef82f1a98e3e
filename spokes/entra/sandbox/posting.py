"""How Graph speaks to an address that it was told: one POST, and whatever comes back in time."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` 0 stands for no answer, `seconds` is how long it took."""

    status: int
    type: str = ""
    text: str = ""
    seconds: float = 0.0


def is_address(url: object) -> bool:
    """Whether this sandbox would send there: https, or this machine."""
    where = urlsplit(str(url))
    here = where.hostname in {"127.0.0.1", "localhost", "::1"}
    return bool(where.hostname) and (where.scheme == "https" or (where.scheme == "http" and here))


def post(url: str, body: bytes, *, timeout: float, kind: str = "application/json") -> Reply:
    """POST to a loopback address, its query with it."""
    where = urlsplit(url)
    target = (where.path or "/") + (f"?{where.query}" if where.query else "")
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=timeout)
    began = time.monotonic()
    try:
        connection.request("POST", target, body, {"Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read(LONGEST).decode("utf-8", "replace")
        took = time.monotonic() - began
        return Reply(answer.status, answer.getheader("Content-Type", ""), text, took)
    except (OSError, http.client.HTTPException):
        return Reply(0, seconds=time.monotonic() - began)
    finally:
        connection.close()
