"""A source whose answers are ready before they are asked for: pages of JSON over HTTP.

It costs the reader what a vendor's answer costs, and next to nothing to serve. `first` and
`changed` are two editions of the same records; in the second one case in a hundred is newer.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hub
from tests.bench import cases

ROOT = Path(__file__).parents[2]
MOST_READY = 100_000  # records that are kept as bytes; beyond that, pages are made when asked for


class Prepared(hub.Spoke, hub.Pulls):
    """Reads the prepared pages, as bytes; its cursor is the number of the page to read next."""

    streams = (hub.Stream("Account"), hub.Stream("Case"))
    rate = hub.Rate(calls=100_000)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        page = int(cursor or 0)
        while body := self.http.get(f"/{stream.name}/{page}").content:
            page += 1
            yield hub.Page(cursor=str(page), body=body, at="records")


@contextmanager
def served(count: int) -> Iterator[str]:
    """Serve that many cases, and their stores, from a process of its own; yields its address."""
    command = [sys.executable, "-m", "tests.bench.source", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def serve(count: int) -> None:
    """Serve until terminated; prints the port once everything is ready."""
    body_of = _answers(count)

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one write

        def do_GET(self) -> None:
            body = body_of(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if (more := _following(self.path, count)) is not None:
                self.send_header("Link", f'<{more}>; rel="next"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


def _following(path: str, count: int) -> str | None:
    """The path of the next page of cases, for readers that follow links."""
    before, _, number = path.rpartition("/")
    following = int(number) + 1
    return f"{before}/{following}" if following < cases.pages(count) else None


def _answers(count: int) -> Callable[[str], bytes]:
    """The body for a path, `/first/Case/3`; empty past the last page."""
    ready: dict[str, bytes] = {
        f"/{edition}/Account/0": cases.stores() for edition in ("first", "changed")
    }

    def made(path: str) -> bytes:
        _, edition, stream, number = path.split("/")
        if stream != "Case" or int(number) >= cases.pages(count):
            return b""
        return cases.page(int(number), count, changed=edition == "changed")

    if count <= MOST_READY:
        ready |= {
            path: made(path)
            for edition in ("first", "changed")
            for path in (f"/{edition}/Case/{number}" for number in range(cases.pages(count)))
        }
        return lambda path: ready.get(path, b"")
    return lambda path: ready.get(path) or made(path)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
