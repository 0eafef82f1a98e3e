"""Signing each request with an HMAC over what is sent, for systems that want no token to travel."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import httpx
from pydantic import SecretStr

from hub.http.auth import Flow, header_value

Part = Literal["method", "host", "path", "query", "target", "timestamp", "body", "body_sha256"]
"""What may be signed. `target` is path and query as sent; `body_sha256` is in hex."""
TimeFormat = Literal["epoch", "epoch_ms", "iso"]


@dataclass(frozen=True, slots=True)
class Signing:
    """How a signature is made: HMAC of the parts, joined, in the header `header`.

    The time goes into `timestamp_header`, if there is one, and the name of the key into
    `key_id_header`.
    """

    header: str
    parts: Sequence[Part]
    separator: str = "\n"
    prefix: str = ""
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    timestamp_header: str = ""
    timestamp_format: TimeFormat = "epoch"
    key_id_header: str = ""


class HmacKey(httpx.Auth):
    """Sign with a shared secret that never travels; raises `AuthFailed` for one that is empty."""

    requires_request_body = True

    def __init__(
        self, secret: SecretStr, how: Signing, *, key_id: str = "", clock: Callable[[], datetime]
    ) -> None:
        header_value(secret.get_secret_value(), "the secret that signs requests")
        if how.key_id_header:
            header_value(key_id, f"the key's name for the header {how.key_id_header}")
        self._secret, self._how, self._key_id, self._clock = secret, how, key_id, clock

    def auth_flow(self, request: httpx.Request) -> Flow:
        how, now = self._how, _written(self._clock(), self._how.timestamp_format)
        text = how.separator.encode().join(_part(request, part, now) for part in how.parts)
        key = self._secret.get_secret_value().encode()
        digest = hmac.digest(key, text, how.algorithm)
        signature = digest.hex() if how.encoding == "hex" else b64encode(digest).decode()
        request.headers[how.header] = how.prefix + signature
        if how.timestamp_header:
            request.headers[how.timestamp_header] = now
        if how.key_id_header:
            request.headers[how.key_id_header] = self._key_id
        yield request


def _part(request: httpx.Request, part: Part, now: str) -> bytes:  # noqa: PLR0911 -- one per part
    target = request.url.raw_path
    match part:
        case "method":
            return request.method.encode()
        case "host":
            return request.url.netloc
        case "path":
            return target.partition(b"?")[0]
        case "query":
            return target.partition(b"?")[2]
        case "target":
            return target
        case "timestamp":
            return now.encode()
        case "body":
            return request.content
        case "body_sha256":
            return hashlib.sha256(request.content).hexdigest().encode()


def _written(now: datetime, how: TimeFormat) -> str:
    match how:
        case "epoch":
            return str(int(now.timestamp()))
        case "epoch_ms":
            return str(int(now.timestamp() * 1000))
        case "iso":
            return now.strftime("%Y-%m-%dT%H:%M:%SZ")
