"""Files: a multipart request of two parts, and what the org says of their content."""

from __future__ import annotations

from base64 import b64decode
from email import policy
from email.parser import BytesParser
from hashlib import md5
from typing import Any

import orjson

from hub.testing import Request
from spokes.salesforce.sandbox.refusal import Refused

OBJECT = "ContentVersion"
Row = dict[str, Any]


def is_multipart(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


def parts(request: Request) -> tuple[Row, bytes]:
    """The fields and the content; raises `Refused` for anything but these two parts, in order."""
    if not is_multipart(request):
        raise _odd("a file is created with its content, as multipart/form-data")
    kind = request.headers["content-type"].encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(
        b"Content-Type: " + kind + b"\r\n\r\n" + request.body
    )
    found = list(message.iter_parts()) if message.is_multipart() else []
    names = [part.get_param("name", header="content-disposition") for part in found]
    if names != ["entity_content", "VersionData"]:
        raise _odd(f"the parts must be entity_content and VersionData, not {names}")
    fields, content = found
    if fields.get_content_type() != "application/json":
        raise _odd("entity_content must be application/json")
    if not content.get_filename():
        raise _odd("VersionData needs a filename")
    said = fields.get_payload(decode=True)
    assert isinstance(said, bytes)
    told = orjson.loads(said)
    if not isinstance(told, dict) or "VersionData" in told:
        raise _odd("entity_content must be one object, without the content")
    raw = content.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return told, raw


def of_base64(told: object) -> bytes:
    """The content of a record that was created by a person, as commands give it."""
    return b64decode(str(told))


def facts(row: Row, content: bytes) -> Row:
    """What follows from a file's content and name."""
    ending = str(row["PathOnClient"]).rpartition(".")
    return {
        "ContentSize": len(content),
        "Checksum": md5(content, usedforsecurity=False).hexdigest(),
        "FileExtension": ending[2] if ending[1] else None,
        "Title": row["Title"] or ending[0] or ending[2],
        "IsLatest": True,
        "VersionData": f"/services/data/v66.0/sobjects/{OBJECT}/{row['Id']}/VersionData",
    }


def _odd(what: str) -> Refused:
    return Refused(400, "INVALID_MULTIPART_REQUEST", what)
