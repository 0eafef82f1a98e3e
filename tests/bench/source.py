"""A source whose answers are ready before they are asked for: Salesforce-like cases over HTTP.

It costs the reader what a vendor's answer costs, and next to nothing to serve.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

import orjson

import hub

PAGE = 2000
STATUSES = ("New", "Working", "Escalated", "On Hold", "Closed")
PRIORITIES = ("High", "Medium", "Low")
START = datetime(2026, 1, 1, tzinfo=UTC)


def case(number: int, *, changed: str = "") -> dict[str, Any]:
    """A case of about 970 bytes and 22 keys, with a nested address and one reference."""
    at = (START + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return {
        "attributes": {"type": "Case", "url": f"/services/data/v66.0/sobjects/Case/{number:015d}"},
        "Id": f"500{number:015d}",
        "CaseNumber": f"{number:08d}",
        "SystemModstamp": at,
        "CreatedDate": at,
        "ClosedDate": None,
        "LastModifiedDate": at,
        "IsDeleted": False,
        "IsEscalated": number % 17 == 0,
        "Subject": f" Till {number % 40} in store {number % 900} does not print {changed}",
        "Description": "The receipt printer stays dark. We changed the paper and the cable; "
        "the display says E-12 and the queue grows. Please call the duty manager back. " * 2,
        "Status": STATUSES[number % len(STATUSES)],
        "Priority": PRIORITIES[number % len(PRIORITIES)],
        "Origin": "Phone" if number % 2 else "Web",
        "Type": "Problem",
        "Reason": "Equipment",
        "AccountId": f"001{number % 900:015d}",
        "ContactId": None,
        "ParentId": None,
        "SuppliedName": f"Clerk {number % 500}",
        "SuppliedEmail": f"Clerk{number % 500}@Example.com",
        "Address": {
            "street": f"{number % 200} High Street", "city": "Leeds", "postalCode": "LS1 1AA",
            "state": "West Yorkshire", "country": "United Kingdom",
        },
    }  # fmt: skip


class Prepared(hub.Spoke, hub.Pulls):
    """Reads the prepared pages, as bytes."""

    streams = (hub.Stream("Case"),)
    rate = hub.Rate(calls=10_000)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        page = int(cursor or 0)
        while body := self.http.get(f"/{stream.name}/{page}").content:
            page += 1
            yield hub.Page(cursor=str(page), body=body, at="records")


@contextmanager
def served(count: int) -> Iterator[str]:
    """Serve that many cases from a process of its own; yields its address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(count, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def pages(count: int) -> list[bytes]:
    """The answers, as bytes."""
    return [
        orjson.dumps(
            {"done": False, "records": [case(n) for n in range(at, min(at + PAGE, count))]}
        )
        for at in range(0, count, PAGE)
    ]


def _serve(count: int, theirs: Connection) -> None:
    bodies = pages(count)

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            number = int(self.path.rpartition("/")[2])
            body = bodies[number] if number < len(bodies) else b""
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    theirs.send(server.server_address[1])
    server.serve_forever()
