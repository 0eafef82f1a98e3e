"""No secret shows in an error, a traceback, a log or a repr, whatever the other side repeats."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from hub.errors import SyncError
from hub.http import (
    Auth,
    Bearer,
    Client,
    ClientCredentials,
    HeaderKey,
    MemoryTokens,
    MockTransport,
    Rate,
    RefreshToken,
    Token,
)

# Begins with what no message says by chance: Hypothesis tries words of our own code, too.
SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=4).map(
    lambda rest: "zQ9~s3cret" + rest
)
URL = "https://api.example"
SIGNED: dict[str, Callable[[str], Auth | None]] = {
    "bearer": lambda secret: Bearer(SecretStr(secret)),
    "header": lambda secret: HeaderKey("X-Api-Key", SecretStr(secret), prefix="key "),
    "query": lambda _: None,
    "client": lambda secret: ClientCredentials(
        f"{URL}/token", "hub", SecretStr(secret), secret_in_body=True
    ),
    "basic client": lambda secret: ClientCredentials(f"{URL}/token", "hub", SecretStr(secret)),
    "refresh": lambda secret: RefreshToken(
        f"{URL}/token", "hub", None, SecretStr(secret), MemoryTokens()
    ),
    "access": lambda secret: ClientCredentials(
        f"{URL}/api", "hub", SecretStr("other"), tokens=stored(secret)
    ),
}


def stored(secret: str) -> MemoryTokens:
    return MemoryTokens(Token(SecretStr(secret), datetime(2026, 11, 21, tzinfo=UTC)))


def heard(request: httpx.Request) -> str:
    parts = [str(request.url), unquote_plus(str(request.url)), str(request.headers.raw)]
    body = request.content.decode()
    return "\n".join([*parts, body, unquote_plus(body)])


ECHOES: dict[str, Callable[[httpx.Request], httpx.Response]] = {
    "text": lambda request: httpx.Response(400, text=heard(request)),
    "json": lambda request: httpx.Response(
        400, json={"error": "invalid", "error_description": heard(request)}
    ),
    "html": lambda request: httpx.Response(
        503, html=f"<title>{heard(request).replace('<', '&lt;')}</title>"
    ),
    "json 500": lambda request: httpx.Response(500, json=list(reversed(heard(request).split()))),
    "unauthorized": lambda request: httpx.Response(401, text=heard(request)),
    "limit": lambda request: httpx.Response(429, text=heard(request)),
    "redirect": lambda request: httpx.Response(
        302, headers={"Location": f"{URL}/in?{request.content.decode()}"}
    ),
}


def failing(request: httpx.Request) -> httpx.Response:
    raise httpx.RemoteProtocolError("bad line: " + heard(request))


@pytest.mark.parametrize("echo", [*ECHOES, "protocol"])
@pytest.mark.parametrize("signed", SIGNED)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS)
def test_no_secret_shows(
    signed: str, echo: str, caplog: pytest.LogCaptureFixture, secret: str
) -> None:
    auth = SIGNED[signed](secret)
    answer = ECHOES.get(echo, failing)
    client = Client(
        URL,
        auth=auth,
        transport=MockTransport(answer),
        sleep=lambda _: None,
        rate=Rate(1_000_000),
    )
    params = {"api_key": secret} if signed == "query" else None
    caplog.clear()
    with caplog.at_level(logging.DEBUG), pytest.raises(SyncError) as caught:
        client.get("/x", params=params)
    hides(secret, str(caught.value), repr(caught.value), repr(auth), repr(client), caplog.text)
    if echo != "protocol":  # the cause is what httpx said, and httpx does not quote our requests
        hides(secret, "".join(traceback.format_exception(caught.value)))


def hides(secret: str, *texts: str) -> None:
    for text in texts:
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text


@pytest.mark.parametrize(
    "bad", ["line\nbreak-s3cret", "s3cret-ünicode", "s3cret\x00nul", "s3cret\r"]
)
@pytest.mark.parametrize("kind", ["bearer", "header"])
def test_a_secret_that_fits_in_no_header_is_refused_unseen(kind: str, bad: str) -> None:
    with pytest.raises(Exception, match="no header may hold") as caught:
        SIGNED[kind](bad)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value, limit=0))


def test_a_request_that_h11_refuses_is_not_quoted() -> None:
    def refuse(_: Any) -> httpx.Response:
        raise httpx.LocalProtocolError("Illegal header value b'Bearer s3cret\\n'")

    client = Client("http://127.0.0.1:9", transport=MockTransport(refuse))
    with pytest.raises(SyncError, match="our request is malformed") as caught:
        client.get("/x")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value, limit=0))


def test_a_token_shows_nothing() -> None:
    token = Token(
        SecretStr("acc3ss"), datetime(2026, 11, 21, tzinfo=UTC), refresh=SecretStr("r3fresh")
    )
    assert "acc3ss" not in f"{token!r}{token}"
    assert "r3fresh" not in f"{token!r}{token}"
