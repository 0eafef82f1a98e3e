"""Signing requests with OAuth tokens that are renewed in time, and by one thread for all.

request ── token due? ──▶ renew ── save ──▶ send ── 401? ──▶ stored one newer? ──▶ send again
                            ▲                                     │ no
                            └─────────────────────────────────────┘   a second 401: AuthFailed
"""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from hub.errors import AuthFailed, RateLimited, Transient
from hub.http.auth import Flow, header_value
from hub.http.endpoint import Endpoint
from hub.http.safe import check_address, shown
from hub.http.tokens import MemoryTokens, Token, Tokens
from hub.http.wire import GOES_AGAIN

_ASK_AGAIN = timedelta(minutes=1)  # after a renewal ahead of time failed
_ASSERTION_LIFE = timedelta(minutes=3)  # Salesforce takes no longer one
_FOREVER = timedelta(days=3650)  # a longer life might overflow a date
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523


def _utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 -- the edge; tests give a clock


class OAuth(httpx.Auth, ABC):
    """Signs with the current token. A spoke uses one of the grants below.

    `hosts` and `loopback` say whereto secrets may go (`check_address`), both for the endpoint and
    for the `instance_url` that it may answer. `ttl` is a token's life where they do not tell.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        tokens: Tokens | None,
        hosts: Sequence[str],
        loopback: bool,
        ttl: timedelta | None,
        clock: Callable[[], datetime],
        identity: str = "",
    ) -> None:
        try:
            check_address(endpoint.url, hosts=hosts, loopback=loopback)
        except ValueError as error:
            raise AuthFailed(f"token_url: {error}") from None
        self._endpoint, self._hosts, self._loopback = endpoint, tuple(hosts), loopback
        self._tokens = MemoryTokens() if tokens is None else tokens
        self._ttl, self._clock = ttl, clock
        told = f"{endpoint.url}\n{endpoint.client_id}\n{endpoint.scope}\n{identity}"
        self._grant = hashlib.sha256(told.encode()).hexdigest()[:16]
        self._http: httpx.Client | None = None
        self._current: Token | None = None
        self._unsaved: Token | None = None
        self._ask_after: datetime | None = None
        self._flight = _Flight()

    @abstractmethod
    def _ask(self, http: httpx.Client, stored: Token | None) -> dict[str, Any]:
        """Fetch a token; `stored` is the last one."""

    def bind(self, http: httpx.Client) -> None:
        """Reach the token endpoint through `http`."""
        self._http = http

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        if not GOES_AGAIN.keys() <= request.extensions.keys():  # a file may not fit in memory
            request.read()  # a body that is read once can be sent twice
        token = self.token()
        response = yield _signed(request, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            yield _signed(request, self.token(refused=token))

    def token(self, refused: Token | None = None) -> Token:
        """The current token, renewed if it is due or is the one that got a 401."""
        current, now = self._current, self._clock()
        if current is not None and not current.same_as(refused):
            waiting = self._ask_after is not None and now < self._ask_after
            if not current.due(now) or (waiting and not current.expired(now)):
                return current
        return self._flight.join(lambda: self._renew(refused))

    def _renew(self, refused: Token | None) -> Token:
        if self._unsaved is not None:  # storing failed last time: do not lose a rotated token
            self._keep(self._unsaved)
        stored, now = self._stored(), self._clock()
        if stored is not None and not stored.same_as(refused) and not stored.due(now):
            self._current = stored
            return stored
        assert self._http is not None, "an OAuth signs for a Client, which binds it"
        try:
            return self._keep(self._read(self._ask(self._http, stored)))
        except AuthFailed:
            newer = self._stored()  # another process may have rotated our refresh token
            if newer is None or newer.same_as(stored) or newer.expired(now):
                raise
            self._current = newer
            return newer
        except (Transient, RateLimited):
            if stored is None or stored.same_as(refused) or stored.expired(now):
                raise
            self._current, self._ask_after = stored, now + _ASK_AGAIN
            return stored

    def _stored(self) -> Token | None:
        """The stored token, unless it was got with other settings than these."""
        token = self._tokens.load()
        return token if token is not None and token.grant in ("", self._grant) else None

    def _keep(self, token: Token) -> Token:
        self._unsaved = token
        self._tokens.save(token)  # before use: a rotated refresh token must not be lost
        self._unsaved = None
        self._current, self._ask_after = token, None
        return token

    def _read(self, answer: dict[str, Any]) -> Token:
        access = header_value(answer["access_token"], f"{shown(self._endpoint.url)}: the token")
        now = self._clock()
        life = answer.get("expires_in")
        ttl = self._ttl if life is None else timedelta(seconds=min(life, _FOREVER.total_seconds()))
        refresh = answer.get("refresh_token")
        return Token(
            access=SecretStr(access),
            issued_at=now,
            expires_at=None if ttl is None else now + ttl,
            refresh=SecretStr(refresh) if isinstance(refresh, str) and refresh else None,
            instance_url=self._instance(answer),
            grant=self._grant,
        )

    def _instance(self, answer: dict[str, Any]) -> str:
        url = answer.get("instance_url") or ""
        if not url:
            return ""
        try:
            check_address(url, hosts=self._hosts, loopback=self._loopback)
        except ValueError as error:
            raise AuthFailed(
                f"{shown(self._endpoint.url)}: refused its instance_url: {error}"
            ) from None
        return str(url)


class ClientCredentials(OAuth):
    """Sign in as an application (RFC 6749 4.4)."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        scope: str = "",
        *,
        tokens: Tokens | None = None,
        hosts: Sequence[str] = (),
        loopback: bool = False,
        ttl: timedelta | None = None,
        secret_in_body: bool = False,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        endpoint = Endpoint(token_url, client_id, client_secret, secret_in_body, scope)
        super().__init__(
            endpoint, tokens=tokens, hosts=hosts, loopback=loopback, ttl=ttl, clock=clock
        )

    def _ask(self, http: httpx.Client, stored: Token | None) -> dict[str, Any]:
        del stored
        return self._endpoint.fetch(http, "client_credentials")


class JwtBearer(OAuth):
    """Sign in as `subject` with a JWT of ours (RFC 7523), signed by `key`: RSA, private, PEM.

    `audience` may name another host than `token_url`: Salesforce's stays login.salesforce.com.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        subject: str,
        audience: str,
        key: SecretStr,
        *,
        tokens: Tokens | None = None,
        scope: str = "",
        hosts: Sequence[str] = (),
        loopback: bool = False,
        ttl: timedelta | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        super().__init__(
            Endpoint(token_url, client_id, scope=scope),
            tokens=tokens,
            hosts=hosts,
            loopback=loopback,
            ttl=ttl,
            clock=clock,
            identity=subject,
        )
        self._subject, self._audience, self._key = subject, audience, _private_key(key)

    def _ask(self, http: httpx.Client, stored: Token | None) -> dict[str, Any]:
        del stored
        assertion = sign_jwt_bearer_assertion(
            self._key,
            issuer=self._endpoint.client_id,
            audience=self._audience,
            subject=self._subject,
            issued_at=int(self._clock().timestamp()),
            expires_in=int(_ASSERTION_LIFE.total_seconds()),
            alg="RS256",
        )
        return self._endpoint.fetch(http, _JWT_BEARER, assertion=assertion)


class RefreshToken(OAuth):
    """Stay signed in as the person who once consented (RFC 6749 6).

    `refresh_token` starts it; a rotated one is stored in `tokens` before anything is sent, and
    goes on until the setting is changed.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: SecretStr | None,
        refresh_token: SecretStr,
        tokens: Tokens,
        *,
        scope: str = "",
        hosts: Sequence[str] = (),
        loopback: bool = False,
        ttl: timedelta | None = None,
        secret_in_body: bool = False,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        super().__init__(
            Endpoint(token_url, client_id, client_secret, secret_in_body, scope),
            tokens=tokens,
            hosts=hosts,
            loopback=loopback,
            ttl=ttl,
            clock=clock,
            identity=refresh_token.get_secret_value(),
        )
        self._first = refresh_token

    def _ask(self, http: httpx.Client, stored: Token | None) -> dict[str, Any]:
        refresh = (stored and stored.refresh) or self._first
        return self._endpoint.fetch(http, "refresh_token", refresh_token=refresh.get_secret_value())


class _Flight:
    """Lets one thread do what several ask for at the same time; all get its outcome."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: Future[Token] | None = None

    def join(self, renew: Callable[[], Token]) -> Token:
        with self._lock:
            pending = self._pending
            flight = self._pending = pending or Future()
        if pending is None:
            try:
                flight.set_result(renew())
            except Exception as error:  # noqa: BLE001 -- raised below, in every thread
                flight.set_exception(error)
            finally:
                flight.cancel()  # only after Ctrl-C is there still somebody to let go
                with self._lock:
                    self._pending = None
        return flight.result()


def _signed(request: httpx.Request, token: Token) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token.access.get_secret_value()}"
    return request


def _private_key(pem: SecretStr) -> RSAKey:
    try:
        key = RSAKey.import_key(pem.get_secret_value())
    except (ValueError, TypeError, JoseError):
        raise AuthFailed("the signing key is not an RSA key in PEM") from None  # may quote the key
    if not key.is_private:
        raise AuthFailed("the signing key is a public key: the private one is needed")
    return key
