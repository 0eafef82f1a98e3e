"""The token endpoint, and which access tokens are good."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from hub.testing import Answer, Request

PATH = "/services/oauth2/token"
CLIENT_ID = "3MVG9.sandbox.consumer.key"
CLIENT_SECRET = "sandbox-consumer-secret"
REFRESH_TOKEN = "5Aep861.sandbox.refresh"
USERNAME = "hub@brightbasket.example"
AUDIENCES = {"https://login.salesforce.com", "https://test.salesforce.com"}
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST_ASSERTION = timedelta(minutes=5)  # theirs is 3 minutes; clocks may differ a little


class Sessions:
    """Access tokens: opaque, without an `expires_in`, alive for `ttl` after their last use."""

    def __init__(self) -> None:
        self.ttl = timedelta(hours=2)
        self.refused = ""
        self._used: dict[str, datetime] = {}
        self._numbers = count(1)

    @cached_property
    def key(self) -> RSAKey:
        """The key pair of the app; made when first asked for, which takes a moment."""
        return RSAKey.generate_key(2048, private=True)

    def allows(self, authorization: str, now: datetime) -> bool:
        """Whether a request is signed by a living token; using it keeps it alive."""
        scheme, _, token = authorization.partition(" ")
        used = self._used.get(token)
        if scheme != "Bearer" or used is None or now - used > self.ttl:
            return False
        self._used[token] = now
        return True

    def expire(self) -> None:
        """Refuse every token given so far."""
        self._used.clear()

    def answer(self, request: Request, instance_url: str, now: datetime) -> Answer:
        """One token request."""
        if request.method != "POST":
            return _error("invalid_request", "must use HTTP POST")
        form = request.form()
        refusal = self._refusal(form, request.headers.get("authorization", ""), now)
        if refusal:
            return _error(*refusal)
        token = f"00D5g0000000001!AQEAQ.sandbox.{next(self._numbers):06}"
        self._used[token] = now
        return Answer(
            body={
                "access_token": token,
                "instance_url": instance_url,
                "id": f"{instance_url}/id/00D5g0000000001EAA/0055g00000A0001AAA",
                "token_type": "Bearer",
                "scope": "api",
                "issued_at": str(int(now.timestamp() * 1000)),
            }
        )

    def _refusal(
        self, form: dict[str, str], authorization: str, now: datetime
    ) -> tuple[str, str] | None:
        if self.refused:
            return self.refused, "refused on purpose"
        match form.get("grant_type"):
            case "client_credentials":
                return _client(form, authorization)
            case "refresh_token":
                if form.get("refresh_token") != REFRESH_TOKEN:
                    return "invalid_grant", "expired access/refresh token"
                return _client(form, authorization)
            case grant if grant == _JWT_BEARER:
                return self._assertion(form.get("assertion", ""), now)
            case _:
                return "unsupported_grant_type", "grant type not supported"

    def _assertion(self, assertion: str, now: datetime) -> tuple[str, str] | None:
        try:
            claims = jwt.decode(assertion, self.key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return "invalid_grant", "invalid assertion"
        if claims.get("iss") != CLIENT_ID:
            return "invalid_client_id", "client identifier invalid"
        wrong = _wrong_claim(claims, now)
        return ("invalid_grant", wrong) if wrong else None


def _wrong_claim(claims: dict[str, Any], now: datetime) -> str:
    """What is wrong with an assertion of our client, or nothing."""
    audience, expires = claims.get("aud"), claims.get("exp")
    if claims.get("sub") != USERNAME:
        return "user hasn't approved this consumer"
    if (audience[0] if isinstance(audience, list) else audience) not in AUDIENCES:
        return "audience is invalid"
    if not isinstance(expires, int) or expires < now.timestamp():
        return "expired authorization code"
    if expires > (now + _LONGEST_ASSERTION).timestamp():
        return "expiration is too far in the future"
    return ""


def _client(form: dict[str, str], authorization: str) -> tuple[str, str] | None:
    client, secret = form.get("client_id", ""), form.get("client_secret", "")
    if authorization.startswith("Basic "):
        try:
            client, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "invalid_client", "invalid client credentials"
    if client != CLIENT_ID:
        return "invalid_client_id", "client identifier invalid"
    return None if secret == CLIENT_SECRET else ("invalid_client", "invalid client credentials")


def _error(code: str, description: str) -> Answer:
    return Answer(400, body={"error": code, "error_description": description})
