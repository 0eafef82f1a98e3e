"""The list of requests that a sandbox received, without the secrets in their headers."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.testing.wire import Request

SECRET = re.compile(
    r"auth|cookie|token|signature|secret|hmac|api-?key|password|assertion", re.IGNORECASE
)
MASK = "(masked)"
KEPT_REQUESTS = 10_000
KEPT_BODY = 1 << 16
SHOWN_BODY = 2_000
_FORM_SECRET = re.compile(
    r"((?:^|&)(?:client_secret|refresh_token|access_token|password|assertion|code)=)[^&]*"
)


@dataclass(slots=True)
class Entry:
    """One received request. `status` is None until it is answered, and for one that was cut.

    A batch is one entry, and each request in it another, right behind, in its `parts`. What they
    say stands with them: the batch's own body is left out, as else it would be there twice.
    """

    at: datetime
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    status: int | None = None
    fault: str = ""
    parts: list[Entry] = field(default_factory=list["Entry"])
    held: int | None = None
    """Of a part: what it will be answered, once its batch is."""

    def close(self, status: int) -> None:
        """The answer goes out, and with it those of the parts."""
        self.status = status
        for part in self.parts:
            part.status = part.held

    def shown(self) -> dict[str, Any]:
        """The entry as JSON, with a form's secrets masked and a long body cut."""
        text = self.body[:SHOWN_BODY].decode("utf-8", "replace")
        return {
            "at": self.at.isoformat(),
            "method": self.method,
            "path": self.path,
            "query": [[name, _masked(name, value)] for name, value in self.query],
            "headers": self.headers,
            "body": _FORM_SECRET.sub(rf"\g<1>{MASK}", text),
            "status": self.status,
            "fault": self.fault,
        }


class Journal:
    """The newest requests, oldest first. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=KEPT_REQUESTS)
        self.under: Entry | None = None
        """The request that the vendor is answering, of which there is one at a time."""

    def add(self, request: Request, at: datetime) -> Entry:
        """Note a request; the caller fills in how it ended."""
        entry = Entry(
            at=at,
            method=request.method,
            path=request.path,
            query=list(request.query),
            headers=mask(request.headers),
            body=request.body[:KEPT_BODY],
        )
        with self._lock:
            self._entries.append(entry)
        return entry

    def add_part(self, request: Request, at: datetime) -> Entry:
        """Note a request within the one that is being answered."""
        assert self.under is not None, "a part without a batch"
        entry = self.add(request, at)
        entry.fault = self.under.fault  # what spoils the batch's answer spoils the part's
        self.under.body = b""
        self.under.parts.append(entry)
        return entry

    @property
    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._entries)

    def of(self, path: str, method: str = "*") -> list[Entry]:
        """The requests whose path contains this regular expression."""
        wanted = re.compile(path)
        return [e for e in self.entries if method in {"*", e.method} and wanted.search(e.path)]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self._entries)


def mask(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with every value hidden that could let somebody in."""
    return {name: _masked(name, value) for name, value in headers.items()}


def _masked(name: str, value: str) -> str:
    return MASK if SECRET.search(name) else value
