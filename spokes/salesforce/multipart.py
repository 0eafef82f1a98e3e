"""A file on its way to Salesforce: its fields as JSON, then its bytes, as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import orjson

import hub


class Body:
    """multipart/form-data (RFC 7578) that can be gone through again; its size is known before."""

    def __init__(self, data: hub.JsonObject, content: hub.Content) -> None:
        boundary = f"hub-{content.digest}"
        name = quote(content.name, safe=" ()+,-._")
        self._content = content
        self._head = (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="entity_content"\r\n'
            "Content-Type: application/json\r\n\r\n"
        ).encode() + orjson.dumps(data) + (
            f"\r\n--{boundary}\r\n"
            f'Content-Disposition: form-data; name="VersionData"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()  # fmt: skip
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.type = f"multipart/form-data; boundary={boundary}"
        self.size = len(self._head) + content.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._content.chunks
        yield self._tail
