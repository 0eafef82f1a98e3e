"""`$batch`: a multipart body of whole requests, done in their order and answered in it.

Strict as theirs: CRLF, a boundary that begins and ends it, application/http in every part. Without
`Prefer: odata.continue-on-error` the first error ends it, and its status is 400. It has no change
sets. Codes of what is refused as a whole were decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from hub.testing import Answer, Request
from spokes.dynamics365.sandbox.refusal import ODATA, PAYLOAD, QUERY, Refused

MOST = 1000
_WHERE = re.compile(r"/api/data/v9\.[0-2]/\$batch")
_LINE = re.compile(r"(GET|POST|PATCH|PUT|DELETE) (\S+) HTTP/1\.1")
_CONTINUE = re.compile(r"(^|,)\s*odata\.continue-on-error\s*(=\s*true\s*)?(,|$)")
_INHERITED = ("authorization", "odata-version", "odata-maxversion")

Ask = Callable[[Request], Answer]


def is_meant(request: Request) -> bool:
    return _WHERE.fullmatch(request.path) is not None


def answer(whole: Request, url: str, ask: Ask) -> Answer:
    """Raises `Refused` for what is no batch at all."""
    if whole.method != "POST":
        raise Refused(405, QUERY, f"The requested resource does not support {whole.method}.")
    requests = [_request(part, whole, url) for part in _parts(whole)]
    goes_on = _CONTINUE.search(whole.headers.get("prefer", "")) is not None
    answers: list[Answer] = []
    status = 200
    for request in requests:
        answers.append(ask(request))
        if answers[-1].status >= HTTPStatus.BAD_REQUEST and not goes_on:
            status = 400
            break
    boundary = f"batchresponse_{uuid4()}"
    kind = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
    return Answer(status, ODATA | kind, b"".join(_written(answers, boundary)))


def _parts(whole: Request) -> Sequence[Message]:
    kind = whole.headers.get("content-type", "")
    if not kind.startswith("multipart/mixed"):
        raise Refused(415, PAYLOAD, "A batch must be multipart/mixed.")
    if re.search(rb"(?<!\r)\n", whole.body):
        raise _odd("the line endings must be CRLF")
    told = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + whole.body)
    if told.get_boundary() is None:
        raise _odd("the Content-Type names no boundary")
    found = told.get_payload()
    if told.defects or not isinstance(found, list):
        raise _odd(", ".join(type(defect).__name__ for defect in told.defects) or "it has no parts")
    parts = [part for part in found if isinstance(part, Message)]
    if len(parts) > MOST:
        raise _odd(f"it holds {len(parts)} requests, and at most {MOST} are allowed")
    return parts


def _request(part: Message, whole: Request, url: str) -> Request:
    """The request as it would have come alone; raises `Refused`."""
    if part.get_content_type() == "multipart/mixed":
        raise _odd("this sandbox has no change sets")
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip()
    if part.get_content_type() != "application/http" or encoding != "binary":
        raise _odd("a part must be application/http, and its Content-Transfer-Encoding binary")
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    head, blank, body = raw.partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    asked = _LINE.fullmatch(line.decode("latin-1"))
    if asked is None or not blank:
        raise _odd(f"a part begins with {line[:60]!r}, and needs a blank line after its headers")
    headers = BytesHeaderParser().parsebytes(rest + b"\r\n\r\n")
    if headers.defects:
        raise _odd(f"the headers of {asked[0]} cannot be read")
    path, query = _target(asked[2], whole, url)
    inherited = {name: whole.headers[name] for name in _INHERITED if name in whole.headers}
    return Request(
        method=asked[1],
        path=unquote(path),
        query=parse_qsl(query, keep_blank_values=True),
        headers=inherited | {name.lower(): str(value) for name, value in headers.items()},
        body=body.strip(b"\r\n"),
        target=f"{path}?{query}" if query else path,
    )


def _target(where: str, whole: Request, url: str) -> tuple[str, str]:
    """Path and query; an address may be whole, begin at the host, or at the service."""
    parts, ours = urlsplit(where), urlsplit(url)
    if parts.netloc and (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc):
        raise _odd(f"{where} is not of this environment")
    base = whole.path.removesuffix("$batch")
    path = parts.path if parts.path.startswith("/") else base + parts.path
    if not path.startswith("/api/data/") or path.endswith("$batch"):
        raise _odd(f"{where[:80]} is no address of the Web API, or a batch again")
    return path, parts.query


def _written(answers: Sequence[Answer], boundary: str) -> Iterator[bytes]:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    for answer in answers:
        kind = answer.content_type()
        headers = dict(answer.headers) | ({"Content-Type": kind} if kind else {})
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        yield "\r\n".join([f"--{boundary}", head + lines[0], *lines[1:], "", ""]).encode()
        yield answer.content() + b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _odd(what: str) -> Refused:
    return Refused(400, PAYLOAD, f"An error occurred while reading the batch: {what}.")
