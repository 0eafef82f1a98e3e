"""A transport that notes every exchange on its way to the real system: what `replay` plays back."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hub.http import Request, Response, Transport
from hub.http.wire import Pool


@dataclass(frozen=True, slots=True)
class Taken:
    """One exchange: what was sent, what came back, and when by our clock."""

    request: Request
    response: Response
    at: datetime


class Recorder(Transport):
    """The network of a spoke, as in `spoke.using(transport=Recorder(spoke.ca_file))`.

    `taken` holds the exchanges that came to an end, oldest first, and `called` the origins that
    anything was sent to, `https://host:port`. Close it: it opens connections.
    """

    def __init__(self, ca_file: Path | None = None, transport: Transport | None = None) -> None:
        self._pool = Pool(transport, ca_file=ca_file)
        self._lock = threading.Lock()
        self.taken: list[Taken] = []
        self.called: dict[str, None] = {}

    def handle_request(self, request: Request) -> Response:
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        with self._lock:
            self.called[f"{url.scheme}://{url.host}:{port}"] = None
        response = self._pool.handle_request(request)
        with self._lock:
            self.taken.append(Taken(request, response, datetime.now(UTC)))
        return response

    def close(self) -> None:
        self._pool.close()
