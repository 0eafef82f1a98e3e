"""Signing in: what a `spoke.yaml` may say of it, and what signs the requests of one connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from hub import http
from hub.rest.words import Header, Part, SettingRef
from hub.spoke import Secret


class HeaderAuth(Part):
    name: Header
    secret: SettingRef
    prefix: str = ""


class BasicAuth(Part):
    user: SettingRef
    password: SettingRef


class OAuth2(Part):
    """Client credentials (RFC 6749 4.4)."""

    token_url: str = Field(description="A path, or an address within `hosts`.")
    client_id: SettingRef
    client_secret: SettingRef
    scope: str = ""
    sent_in: Literal["header", "body"] = Field("header", description="Of id and secret.")


class Timestamp(Part):
    header: Header
    format: Literal["epoch", "epoch_ms", "iso"] = "epoch"


class KeyId(Part):
    header: Header
    setting: SettingRef


class Hmac(Part):
    """Each request is signed over the listed parts, joined by `separator`."""

    secret: SettingRef
    header: Header
    sign: Annotated[
        list[
            Literal["method", "host", "path", "query", "target", "timestamp", "body", "body_sha256"]
        ],
        Field(min_length=1),
    ]
    separator: str = "\n"
    prefix: str = ""
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    timestamp: Timestamp | None = None
    key_id: KeyId | None = None

    @model_validator(mode="after")
    def _a_signed_time_is_sent(self) -> Self:
        if ("timestamp" in self.sign) != (self.timestamp is not None):
            raise ValueError(
                "signs the time and sends it, or neither: `timestamp` belongs in `sign`, and "
                "`timestamp: {header: …}` beside it"
            )
        return self


class Auth(Part):
    """How requests are signed: one of these, or none."""

    model_config = ConfigDict(
        json_schema_extra=lambda schema: schema.update(minProperties=1, maxProperties=1)
    )

    header: HeaderAuth | None = None
    basic: BasicAuth | None = None
    bearer: SettingRef | None = None
    oauth2: OAuth2 | None = None
    hmac: Hmac | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError(
                f"takes one of {', '.join(type(self).model_fields)}; without `auth` nothing is signed"
            )
        return self


def of(
    how: Auth,
    *,
    secret: Callable[[str], Secret],
    text: Callable[[str], str],
    url: str,
    hosts: Sequence[str],
    sandbox: bool,
    tokens: http.Tokens,
    clock: Callable[[], datetime],
) -> http.Auth:
    """What signs a connection's requests; `secret` and `text` give the values of settings."""
    if how.header:
        return http.HeaderKey(how.header.name, secret(how.header.secret), how.header.prefix)
    if how.basic:
        return http.Basic(text(how.basic.user), secret(how.basic.password))
    if how.bearer:
        return http.Bearer(secret(how.bearer))
    if how.oauth2:
        return http.ClientCredentials(
            _token_url(how.oauth2.token_url, url, sandbox=sandbox),
            text(how.oauth2.client_id),
            secret(how.oauth2.client_secret),
            tokens=tokens,
            scope=how.oauth2.scope,
            hosts=hosts,
            loopback=sandbox,
            secret_in_body=how.oauth2.sent_in == "body",
            clock=clock,
        )
    assert how.hmac is not None, "`Auth` takes exactly one"
    return http.HmacKey(
        secret(how.hmac.secret),
        _signing(how.hmac),
        key_id=text(how.hmac.key_id.setting) if how.hmac.key_id else "",
        clock=clock,
    )


def _token_url(path: str, url: str, *, sandbox: bool) -> str:
    """The endpoint's address; a sandbox has it on its own host, whatever the real one is."""
    if not path.startswith("/"):
        if not sandbox:
            return path
        path = urlsplit(path).path
    return url.rstrip("/") + path


def _signing(how: Hmac) -> http.Signing:
    return http.Signing(
        how.header,
        tuple(how.sign),
        separator=how.separator,
        prefix=how.prefix,
        algorithm=how.algorithm,
        encoding=how.encoding,
        timestamp_header=how.timestamp.header if how.timestamp else "",
        timestamp_format=how.timestamp.format if how.timestamp else "epoch",
        key_id_header=how.key_id.header if how.key_id else "",
    )
