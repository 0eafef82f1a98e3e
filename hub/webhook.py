"""An incoming request of another system: what it says, and whether it is genuine."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from pydantic import SecretStr

from hub.errors import Permanent


class Forged(Exception):
    """A webhook that did not come from whom it claims."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An incoming request, exactly as received.

    Header names are lower case. A header that was sent twice has its values joined by a line
    feed, which no genuine value contains: a doubled signature never verifies. The same holds for
    `query`. `method` and `query` are there for `handshake` and `verify` only: what is stored, and
    later parsed, is the headers and the body.
    """

    headers: Mapping[str, str]
    body: bytes
    method: Literal["GET", "POST"] = "POST"
    query: Mapping[str, str] = field(default_factory=dict[str, str])

    def json(self) -> Any:
        """Parse the body; raises `Permanent` when it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            pass
        try:  # it takes half a character, which then costs one record and not the webhook
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Permanent(f"webhook body is not JSON: {error}") from error

    def check_signature(
        self,
        secrets: Iterable[SecretStr],
        header: str,
        *,
        prefix: str = "",
        encoding: Literal["hex", "base64"] = "hex",
    ) -> None:
        """Raise `Forged` unless the header is the body's HMAC-SHA256 under one of the secrets.

        Two secrets are active while they rotate. All are tried, in constant time each.
        """
        given = self.headers.get(header, "").encode()
        genuine = False
        for secret in secrets:
            digest = hmac.new(secret.get_secret_value().encode(), self.body, hashlib.sha256)
            text = digest.hexdigest() if encoding == "hex" else b64encode(digest.digest()).decode()
            genuine |= hmac.compare_digest((prefix + text).encode(), given)
        if not genuine:
            raise Forged(f"bad or missing signature in {header}")


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer to a handshake: what they sent us to prove that this address is ours.

    `text` is what *they* chose: it is sent with a type that no browser runs, and no longer than
    4,096 characters.
    """

    text: str
    type: Literal["text/plain", "application/json"] = "text/plain"
