"""A receiver of webhooks on loopback, which answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import hub

PATIENCE = 10.0


@dataclass
class Receiver:
    """`answers` are used up one by one, the last one for good."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [202])
    hooks: list[hub.Webhook] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, hook: hub.Webhook) -> int:
        with self.arrived:
            self.hooks.append(hook)
            self.arrived.notify_all()
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def wait(self, count: int) -> list[hub.Webhook]:
        """The hooks, once there are as many."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.hooks) >= count, PATIENCE), self.hooks
            return list(self.hooks)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            names = {name.lower() for name in self.headers}
            headers = {name: "\n".join(self.headers.get_all(name, [])) for name in names}
            self.send_response(receiver.take(hub.Webhook(headers, body)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hooks/shopify"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
