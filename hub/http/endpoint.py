"""The token endpoint of an authorization server, spoken to through Authlib.

Authlib's protocol half posts through our own client. Its httpx half would bring a second client
with other timeouts and errors, and would silently switch to httpx2 once that is installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from pydantic import SecretStr

from hub.errors import AuthFailed, RateLimited, SyncError, Transient
from hub.http.status import called, error_of, excerpt, shorten, veil

_PASSING = frozenset({"temporarily_unavailable", "server_error"})  # RFC 6749 4.1.2.1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where tokens are asked for, and as which client. No `secret`: a public client.

    `secret_in_body` sends it as a form field and not as HTTP Basic (RFC 6749 2.3.1).
    """

    url: str
    client_id: str
    secret: SecretStr | None = None
    secret_in_body: bool = False
    scope: str = ""

    def fetch(self, http: httpx.Client, grant_type: str, **form: str) -> dict[str, Any]:
        """Ask for a token; the answer has `access_token`, and `expires_in` only as seconds > 0.

        Raises `AuthFailed` when they refuse, `Transient` or `RateLimited` when they cannot.
        """
        with_assertion = "assertion" in form  # it says by itself who the client is (RFC 7521 4.1)
        oauth = OAuth2Client(
            _Posts(http, self._secrets(form)),
            client_id=self.client_id,
            client_secret=self.secret and self.secret.get_secret_value(),
            token_endpoint_auth_method=_unsigned if with_assertion else self._method(),
            scope=self.scope or None,
        )
        if grant_type == "refresh_token":
            return dict(oauth.refresh_token(self.url, **form))
        return dict(oauth.fetch_token(self.url, grant_type=grant_type, **form))

    def _method(self) -> str:
        if self.secret is None:
            return "none"
        return "client_secret_post" if self.secret_in_body else "client_secret_basic"

    def _secrets(self, form: Mapping[str, str]) -> list[str]:
        own = [] if self.secret is None else [self.secret.get_secret_value()]
        return [*own, *form.values()]


class _Posts:
    """What Authlib takes for its HTTP session."""

    def __init__(self, http: httpx.Client, secrets: Iterable[str]) -> None:
        self._http, self._secrets = http, list(secrets)

    def post(
        self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth
    ) -> httpx.Response:
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        response = self._http.post(url, content=body, headers=headers)
        answer = _object(response)
        error = _refusal(response, answer, self._secrets)
        if error is not None:
            raise error
        return httpx.Response(response.status_code, json=_clean(answer))


def _unsigned(
    _: ClientAuth, method: str, url: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    del method
    return url, headers, body


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _refusal(
    response: httpx.Response, answer: Mapping[str, Any], secrets: list[str]
) -> SyncError | None:
    """Why there is no token, or None. A 404 here is a wrong address, not a missing record."""
    place = f"{called(response.request)}: no token"
    by_status = error_of(response, secrets)
    if isinstance(by_status, RateLimited | Transient):
        return by_status
    if answer.get("error"):
        said = ": ".join(str(answer[k]) for k in ("error", "error_description") if answer.get(k))
        said = f"{place}: {shorten(veil(said, secrets))}"
        if str(answer["error"]) in _PASSING:
            return Transient(said)
        return AuthFailed(f"{said} (check the client's id, secret and grants, or sign in again)")
    if by_status is not None:
        return AuthFailed(str(by_status))
    if not answer:
        return Transient(f"{place}: not a JSON object{excerpt(response, secrets)}")
    return _unusable(place, answer)


def _unusable(place: str, answer: Mapping[str, Any]) -> AuthFailed | None:
    token, kind = answer.get("access_token"), str(answer.get("token_type") or "bearer")
    if not isinstance(token, str) or not token:
        return AuthFailed(f"{place}: the answer has no access_token")
    if kind.lower() != "bearer":
        return AuthFailed(f"{place}: a {shorten(kind)} token cannot be sent as a bearer token")
    return None


def _clean(answer: dict[str, Any]) -> dict[str, Any]:
    """`answer` with a whole positive number of seconds as `expires_in`, or without it."""
    kept = {k: v for k, v in answer.items() if k not in ("expires_in", "expires_at")}
    try:
        seconds = int(float(answer["expires_in"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return kept
    return {**kept, "expires_in": seconds} if seconds > 0 else kept
