"""Several writes in one `$batch` request: multipart both ways, each part a whole request or answer.

There is no change set, which would undo all for one; `odata.continue-on-error` lets the rest go on
after one that fails. The answers come in the order of the requests.
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from hashlib import sha256
from urllib.parse import urlsplit

import orjson

import hub
from spokes.dynamics365.writing import Call

MOST = 50  # of the 1,000 that they allow: all are to be done before our client gives up waiting
TYPES = "multipart/mixed,application/json"
"""What is accepted: of JSON alone, newer servers than theirs would make a batch in JSON."""
_LARGEST = 64 * 1024  # bytes of an answer to one write: two or three columns, or an error
_LENGTH = re.compile(r"[0-9]{1,9}")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?")


@dataclass(frozen=True, slots=True)
class Part:
    """Their answer to one of the requests."""

    status: int
    headers: dict[str, str]
    content: bytes


def encoded(calls: Sequence[Call]) -> tuple[str, bytes]:
    """The Content-Type and the body of what is sent; its lines end in CRLF, as they require.

    The boundary is made of the content, so that nothing in the content can be it.
    """
    requests = [_request(call) for call in calls]
    boundary = f"batch_{sha256(b''.join(requests)).hexdigest()[:40]}"
    head = (
        f"--{boundary}\r\n"
        "Content-Type: application/http\r\n"
        "Content-Transfer-Encoding: binary\r\n\r\n"
    ).encode()
    body = b"".join(head + request + b"\r\n" for request in requests)
    return f"multipart/mixed; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def _request(call: Call) -> bytes:
    where = urlsplit(call.url)
    said = {"Host": where.netloc, "Content-Type": "application/json", **call.headers}
    lines = [f"PATCH {where.path}?{where.query} HTTP/1.1", *(f"{k}: {v}" for k, v in said.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + orjson.dumps(call.body)


def parts(answer: hub.Response, count: int) -> list[Part]:
    """Their answers, in the order of what was asked.

    Raises `Transient` for anything but `count` whole answers: of which write each of them tells
    nobody could say then.
    """
    kind, body = answer.headers.get("content-type", ""), answer.content
    if not kind.lower().startswith("multipart/mixed"):
        raise _odd(f"it is {kind or 'of no type'}, not multipart/mixed")
    if len(body) > count * _LARGEST:
        raise _odd(f"{len(body):,} bytes are too many for {count} answers")
    head = b"Content-Type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n"
    try:
        told = BytesParser().parsebytes(head + body)
    except RecursionError:
        raise _odd("its parts have parts, and these again") from None
    found = told.get_payload()
    if told.defects or not isinstance(found, list):
        raise _odd(f"it is no whole multipart body ({_named(told)})")
    if len(found) != count:
        raise _odd(f"{count} requests were sent, and {len(found)} answers came")
    return [_part(one) for one in found if isinstance(one, Message)]


def _part(told: Message) -> Part:
    raw = told.get_payload(decode=True)
    if told.get_content_type() != "application/http" or not isinstance(raw, bytes) or told.defects:
        raise _odd(f"a part is {told.get_content_type()}, not application/http ({_named(told)})")
    head, _, content = raw.lstrip(b"\r\n").partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    status = _STATUS.fullmatch(line)
    if status is None:
        raise _odd(f"a part begins with {line[:40]!r}, which is no HTTP status")
    headers = BytesHeaderParser().parsebytes(rest + b"\r\n\r\n")
    length = str(headers.get("Content-Length", "0"))
    if headers.defects or not _LENGTH.fullmatch(length) or len(content) < int(length):
        raise _odd("a part is cut short")
    told_of = {k: str(v) for k, v in headers.items() if str(v).isascii() and str(v).isprintable()}
    return Part(int(status[1]), told_of, content)


def _named(told: Message) -> str:
    return ", ".join(type(defect).__name__ for defect in told.defects) or "no parts"


def _odd(what: str) -> hub.Transient:
    return hub.Transient(
        f"$batch: the answer cannot be read: {what}; what was written is asked for again"
    )
