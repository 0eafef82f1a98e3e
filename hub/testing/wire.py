"""A request as a sandbox gets it, and the answer that it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson


class BadCommand(ValueError):
    """A control command that the sandbox does not understand; the message says what it wants."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is decoded, `target` is path and query as sent.

    Header names are lower case; a header that was sent twice has its values joined by a comma.
    """

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    target: str = ""

    def param(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is not."""
        return orjson.loads(self.body)

    def form(self) -> dict[str, str]:
        """The body as form fields, such as a token request sends; the last of equal names."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor answers.

    `body` is bytes or text as they are, None for nothing, anything else is sent as JSON.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def content(self) -> bytes:
        match self.body:
            case None:
                return b""
            case bytes():
                return self.body
            case str():
                return self.body.encode()
            case _:
                return orjson.dumps(self.body)

    def content_type(self) -> str | None:
        """The type that the headers leave open."""
        if any(name.lower() == "content-type" for name in self.headers):
            return None
        match self.body:
            case None:
                return None
            case bytes():
                return "application/octet-stream"
            case str():
                return "text/plain; charset=utf-8"
            case _:
                return "application/json"
