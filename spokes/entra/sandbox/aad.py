"""The token endpoint, which access tokens are good, and what they allow."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

from hub.testing import Answer, Request
from spokes.entra.sandbox.refusal import DENIED, TOKEN, Refused

TENANT = "6f8a2c14-53de-4b0f-9a77-2d4b1e90c5a1"
CLIENT_ID = "b7c0d9e2-8a41-4f6b-93b5-0e2f7a6c1d38"
CLIENT_SECRET = "sandbox~entra.secret"
PATH = f"/{TENANT}/oauth2/v2.0/token"
LIFE = timedelta(seconds=3599)
ROLES = ("User.Read.All", "Group.Read.All")


class Door:
    """Lets our app in, by the sandbox's clock. `roles` is what an administrator consented to."""

    def __init__(self) -> None:
        self.roles = set(ROLES)
        self._until: dict[str, datetime] = {}
        self._numbers = count(1)

    def expire(self) -> None:
        """Refuse every token given so far."""
        self._until.clear()

    def check(self, authorization: str, now: datetime) -> None:
        """Raise `Refused` for a request without a good token."""
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or not token:
            raise Refused(401, TOKEN, "Access token is empty.")
        if now >= self._until.get(token, now):
            raise Refused(401, TOKEN, "Lifetime validation failed, the token is expired.")

    def need(self, kind: str) -> None:
        """Raise `Refused` unless the app may read users, or groups."""
        role = ROLES[0] if kind == "users" else ROLES[1]
        if role not in self.roles:
            raise Refused(403, DENIED, "Insufficient privileges to complete the operation.")

    def answer(self, request: Request, url: str, now: datetime) -> Answer:
        """One token request."""
        form = request.form()
        if request.path != PATH:
            return _error(400, "invalid_request", 90002, "Tenant not found.")
        if request.method != "POST" or form.get("grant_type") != "client_credentials":
            return _error(400, "unsupported_grant_type", 70003, "The grant type is not supported.")
        if form.get("client_id") != CLIENT_ID:
            return _error(400, "unauthorized_client", 700016, "The application was not found.")
        if form.get("client_secret") != CLIENT_SECRET:
            return _error(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if form.get("scope") != f"{url}/.default":
            return _error(400, "invalid_scope", 70011, "The provided value for scope is not valid.")
        token = f"eyJ0eXAi.entra.{next(self._numbers):06}"
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
