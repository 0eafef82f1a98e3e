"""The token endpoint of Entra ID, and which access tokens are good."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

from hub.testing import Answer, Request

TENANT = "brightbasket.onmicrosoft.example"
CLIENT_ID = "1f5b9a52-7d0c-4b2e-8a61-9f4c3d2e1b00"
CLIENT_SECRET = "sandbox~client.secret"
PATH = "/oauth2/v2.0/token"
LIFE = timedelta(seconds=3599)


class Tokens:
    """Bearer tokens of our application user, by the sandbox's clock."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}
        self._numbers = count(1)

    def allows(self, authorization: str, now: datetime) -> bool:
        scheme, _, token = authorization.partition(" ")
        return scheme == "Bearer" and now < self._until.get(token, now)

    def expire(self) -> None:
        """Refuse every token given so far."""
        self._until.clear()

    def answer(self, request: Request, url: str, now: datetime) -> Answer:
        """One token request."""
        form = request.form()
        if request.path != f"/{TENANT}{PATH}":
            return _error(400, "invalid_request", 90002, "Tenant not found.")
        if request.method != "POST" or form.get("grant_type") != "client_credentials":
            return _error(400, "unsupported_grant_type", 70003, "The grant type is not supported.")
        if form.get("client_id") != CLIENT_ID:
            said = f"Application with identifier '{form.get('client_id')}' was not found."
            return _error(400, "unauthorized_client", 700016, said)
        if form.get("client_secret") != CLIENT_SECRET:
            return _error(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if form.get("scope") != f"{url}/.default":
            said = f"The provided value for scope {form.get('scope')} is not valid."
            return _error(400, "invalid_scope", 70011, said)
        token = f"eyJ0eXAi.sandbox.{next(self._numbers):06}"
        self._until[token] = now + LIFE
        seconds = int(LIFE.total_seconds())
        body = {"token_type": "Bearer", "expires_in": seconds, "access_token": token}
        return Answer(body=body | {"ext_expires_in": seconds})


def _error(status: int, error: str, number: int, said: str) -> Answer:
    body = {
        "error": error,
        "error_description": f"AADSTS{number}: {said}",
        "error_codes": [number],
    }
    return Answer(status, body=body)
