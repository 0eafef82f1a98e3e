"""Ways to sign a request with a fixed secret. OAuth flows live in `oauth.py`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Generator

import httpx
from pydantic import SecretStr

from hub.errors import AuthFailed

Auth = httpx.Auth
Flow = Generator[httpx.Request, httpx.Response, None]


def header_value(text: str, what: str) -> str:
    """`text`, if it can stand in a header; raises `AuthFailed`, which does not show it.

    Otherwise httpx or h11 would refuse it later, with the secret in the message (RFC 9110 5.5).
    """
    if not text:
        raise AuthFailed(f"{what} is empty: set it in the connection")
    if not text.isascii() or not text.isprintable():
        raise AuthFailed(
            f"{what} contains a line break or another character that no header may hold: "
            "remove it where the secret is kept"
        )
    return text


class HeaderKey(httpx.Auth):
    """Send a secret in one header; raises `AuthFailed` if it does not fit there."""

    def __init__(self, header: str, secret: SecretStr, prefix: str = "") -> None:
        header_value(secret.get_secret_value(), f"the secret for the header {header}")
        self._header, self._secret, self._prefix = header, secret, prefix

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers[self._header] = self._prefix + self._secret.get_secret_value()
        yield request


class Bearer(HeaderKey):
    """`Authorization: Bearer ...` with a token that does not expire (RFC 6750)."""

    def __init__(self, token: SecretStr) -> None:
        super().__init__("Authorization", token, prefix="Bearer ")


class Basic(HeaderKey):
    """`Authorization: Basic ...` with a user and a password, as UTF-8 (RFC 7617)."""

    def __init__(self, user: str, secret: SecretStr) -> None:
        pair = f"{user}:{secret.get_secret_value()}".encode()
        super().__init__("Authorization", SecretStr(b64encode(pair).decode()), prefix="Basic ")
