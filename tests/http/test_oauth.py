"""Tokens are renewed in time, once for everybody, and never lost or sent astray."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from pydantic import SecretStr

from hub.errors import AuthFailed
from hub.http import (
    Client,
    ClientCredentials,
    JwtBearer,
    MemoryTokens,
    RefreshToken,
    Token,
    Tokens,
)
from hub.http.oauth import OAuth
from tests.http.conftest import SECRET, Connect, Signed
from tests.http.issuer import START, Issuer
from tests.http.loopback import Loopback, Reply

SIZED = {"Content-Length": "4"}  # the loopback server reads no chunks


def refreshing(issuer: Issuer, tokens: Tokens, start: str = "refresh-0", **options: Any) -> OAuth:
    return RefreshToken(
        issuer.url, "hub", SECRET, SecretStr(start), tokens,
        loopback=True, clock=issuer.clock, **options,
    )  # fmt: skip


# Asking for a token


def test_client_credentials_are_sent_as_the_rfc_says(issuer: Issuer, signed: Signed) -> None:
    signed(scope="api").get("/x")
    (asked,) = issuer.asked
    assert asked.form == {"grant_type": "client_credentials", "scope": "api"}
    assert asked.headers["authorization"] == "Basic aHViOmNsMWVudC1zM2NyZXQ="
    assert asked.headers["user-agent"].startswith("csm-hub/")
    assert issuer.calls == ["access-1"]


def test_a_secret_can_go_in_the_body(issuer: Issuer, signed: Signed) -> None:
    signed(secret_in_body=True).get("/x")
    (asked,) = issuer.asked
    assert asked.form["client_id"] == "hub"
    assert asked.form["client_secret"] == "cl1ent-s3cret"
    assert "authorization" not in asked.headers


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=False)


def pem(key: RSAKey) -> SecretStr:
    return SecretStr(key.as_pem(private=True).decode())


def test_a_jwt_of_ours_is_exchanged_for_a_token(
    issuer: Issuer, connect: Connect, key: RSAKey
) -> None:
    audience = "https://login.salesforce.com"
    auth = JwtBearer(
        issuer.url, "hub", "me@acme", audience, pem(key), loopback=True, clock=issuer.clock
    )
    connect(auth=auth).get("/x")
    form = issuer.asked[0].form
    assert form.keys() == {"grant_type", "assertion"}
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    token = jwt.decode(form["assertion"], key, algorithms=["RS256"])
    began = int(START.timestamp())
    assert token.claims.pop("jti")
    assert token.claims == {
        "iss": "hub", "sub": "me@acme", "aud": audience, "iat": began, "exp": began + 180,
    }  # fmt: skip
    assert issuer.calls == ["access-1"]


def test_a_key_that_cannot_sign_is_refused_without_being_shown(key: RSAKey) -> None:
    curve = ECKey.generate_key("P-256", auto_kid=False)
    keys = (
        ("not a key", "not an RSA key"),
        ("-----BEGIN PRIVATE KEY-----\nnot a key\n-----END PRIVATE KEY-----", "not an RSA key"),
        (curve.as_pem(private=True).decode(), "not an RSA key"),
        (key.as_pem(private=False).decode(), "a public key"),
        ("", "not an RSA key"),
    )
    for text, why in keys:
        with pytest.raises(AuthFailed, match=why) as caught:
            JwtBearer("https://a.example/t", "hub", "me", "https://a.example", SecretStr(text))
        assert "not a key" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_token_is_asked_for_when_it_is_needed_and_then_kept(
    issuer: Issuer, signed: Signed
) -> None:
    client = signed()
    assert not issuer.asked
    client.get("/x")
    client.get("/x")
    assert len(issuer.asked) == 1
    assert client.token().access.get_secret_value() == "access-1"


def test_a_token_is_only_for_the_own_origin(elsewhere: Loopback, issuer: Issuer) -> None:
    """Even for somebody who gets at the client below ours."""
    auth = ClientCredentials(issuer.url, "hub", SECRET, loopback=True)
    client = Client(issuer.server.url, auth=auth)
    client._http.get(elsewhere.url)
    client.close()
    assert "authorization" not in elsewhere.heard[0].headers
    assert not issuer.asked


# Renewing it


@pytest.mark.parametrize(
    ("expires_in", "ttl", "life"),
    [
        (7200, None, 7200),
        ("7200", None, 7200),
        (7200.5, None, 7200),
        (7200, timedelta(seconds=100), 7200),
        (None, timedelta(seconds=100), 100),
        ("garbage", timedelta(seconds=100), 100),
        (0, timedelta(seconds=100), 100),
        (-5, timedelta(seconds=100), 100),
    ],
)
def test_a_token_is_renewed_at_three_quarters_of_its_life(
    issuer: Issuer, signed: Signed, expires_in: object, ttl: timedelta | None, life: int
) -> None:
    issuer.extra = {} if expires_in is None else {"expires_in": expires_in}
    client = signed(ttl=ttl)
    client.get("/x")
    issuer.later(seconds=life * 0.75 - 1)
    client.get("/x")
    issuer.later(seconds=1)
    client.get("/x")
    assert issuer.calls == ["access-1", "access-1", "access-2"]


@pytest.mark.parametrize("expires_in", [None, "garbage", [], 1e300, "inf", "1" * 400])
def test_a_token_of_unknown_life_is_kept_until_it_is_refused(
    issuer: Issuer, signed: Signed, expires_in: object
) -> None:
    issuer.extra = {"expires_in": expires_in}
    client = signed()
    client.get("/x")
    issuer.later(days=365)
    client.get("/x")
    assert issuer.calls == ["access-1", "access-1"]


def test_a_refused_token_is_renewed_and_the_call_repeated_with_its_body(
    issuer: Issuer, signed: Signed
) -> None:
    client = signed()
    client.get("/x")
    issuer.valid = "revoked"
    assert client.post("/x", json={"a": 1}).json() == {"body": '{"a":1}'}
    assert issuer.calls == ["access-1", "access-1", "access-2"]


def test_even_a_body_that_can_be_read_only_once_is_repeated(issuer: Issuer, signed: Signed) -> None:
    client = signed()
    client.get("/x")
    issuer.valid = "revoked"
    response = client._http.post(client._base, content=iter([b"on", b"ce"]), headers=SIZED)
    assert response.json() == {"body": "once"}


def test_a_second_refusal_is_final(issuer: Issuer, signed: Signed) -> None:
    client = signed()
    issuer.server.answer = lambda heard: (
        issuer.answer(heard) if heard.path == "/token" else Reply(401, {"code": "no"})
    )
    with pytest.raises(AuthFailed, match="401 Unauthorized"):
        client.post("/x")
    assert len(issuer.asked) == 2
    assert issuer.calls == ["access-1", "access-2"]


def test_a_refused_token_is_not_renewed_when_a_newer_one_is_stored(
    issuer: Issuer, signed: Signed
) -> None:
    tokens = MemoryTokens()
    client, other = signed(tokens=tokens), signed(tokens=tokens)
    client.get("/x")
    other.get("/x")
    assert len(issuer.asked) == 1  # what is stored serves the second at once
    issuer.valid = "revoked"
    other.get("/x")
    client.get("/x")
    assert len(issuer.asked) == 2
    assert issuer.calls[-2:] == ["access-1", "access-2"]


def together(count: int, call: Callable[[], object]) -> None:
    start = threading.Barrier(count)

    def one(_: int) -> None:
        start.wait(10)
        call()

    with ThreadPoolExecutor(count) as threads:
        list(threads.map(one, range(count)))


def test_an_expired_token_is_renewed_once_by_eight_threads(issuer: Issuer, signed: Signed) -> None:
    issuer.extra = {"expires_in": 3600}
    client = signed()
    client.get("/x")
    issuer.later(hours=2)
    together(8, lambda: client.get("/x"))
    assert len(issuer.asked) == 2
    assert issuer.calls == ["access-1"] + ["access-2"] * 8


def test_a_token_refused_to_eight_threads_is_renewed_once(issuer: Issuer, signed: Signed) -> None:
    client = signed()
    client.get("/x")
    issuer.valid, issuer.together = "revoked", threading.Barrier(8)
    together(8, lambda: client.get("/x"))
    assert len(issuer.asked) == 2
    assert issuer.calls == ["access-1"] * 9 + ["access-2"] * 8


def test_an_endpoint_that_is_away_does_not_matter_while_the_token_lasts(
    issuer: Issuer, signed: Signed
) -> None:
    issuer.extra = {"expires_in": 1000}
    client = signed()
    client.get("/x")
    issuer.later(seconds=800)
    issuer.answers = [Reply(503), Reply(503)]
    client.get("/x")
    client.get("/x")
    assert len(issuer.asked) == 2  # the next attempt is a minute later
    issuer.later(seconds=61)
    client.get("/x")
    assert len(issuer.asked) == 3
    issuer.later(seconds=200)
    client.get("/x")
    assert issuer.calls == ["access-1"] * 4 + ["access-4"]


def test_a_token_is_not_used_under_other_settings(issuer: Issuer, connect: Connect) -> None:
    tokens = MemoryTokens()
    for name in ("hub", "hub", "other"):
        auth = ClientCredentials(
            issuer.url, name, SECRET, tokens=tokens, loopback=True, clock=issuer.clock
        )
        connect(auth=auth).get("/x")
    assert issuer.calls == ["access-1", "access-1", "access-2"]


# Refresh tokens


class Kept(MemoryTokens):
    """Remembers what was saved, and can fail to save."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.saved: list[Token] = []
        self.before: Callable[[], object] = lambda: None

    def save(self, token: Token) -> None:
        self.before()
        if self.fails:
            raise OSError("disk full")
        self.saved.append(token)
        super().save(token)


def test_a_rotated_refresh_token_is_stored_before_the_new_token_is_used(
    issuer: Issuer, connect: Connect
) -> None:
    issuer.rotates, tokens = True, Kept()
    used: list[list[str]] = []
    tokens.before = lambda: used.append(issuer.calls)
    client = connect(auth=refreshing(issuer, tokens))
    client.get("/x")
    issuer.valid = "revoked"
    client.get("/x")
    assert used == [[], ["access-1", "access-1"]]
    assert [asked.form["refresh_token"] for asked in issuer.asked] == ["refresh-0", "refresh-1"]
    assert [token.refresh for token in tokens.saved] == [
        SecretStr("refresh-1"),
        SecretStr("refresh-2"),
    ]


def test_a_refresh_token_that_is_not_rotated_is_used_again(
    issuer: Issuer, connect: Connect
) -> None:
    client = connect(auth=refreshing(issuer, MemoryTokens()))
    client.get("/x")
    issuer.valid = "revoked"
    client.get("/x")
    assert [asked.form["refresh_token"] for asked in issuer.asked] == ["refresh-0", "refresh-0"]


def test_a_token_that_could_not_be_stored_is_not_used_and_not_lost(
    issuer: Issuer, connect: Connect
) -> None:
    issuer.rotates, tokens = True, Kept()
    tokens.fails = True
    client = connect(auth=refreshing(issuer, tokens))
    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            client.get("/x")
    assert not issuer.calls
    tokens.fails = False
    client.get("/x")
    assert issuer.calls == ["access-1"]
    assert len(issuer.asked) == 1  # refresh-0 is spent: asking again would have failed


def test_after_a_restart_the_stored_refresh_token_goes_on(issuer: Issuer, connect: Connect) -> None:
    issuer.rotates, tokens = True, MemoryTokens()
    connect(auth=refreshing(issuer, tokens)).get("/x")
    issuer.valid = "revoked"
    connect(auth=refreshing(issuer, tokens)).get("/x")
    assert issuer.calls == ["access-1", "access-1", "access-2"]


def test_a_new_refresh_token_in_the_settings_replaces_the_stored_one(
    issuer: Issuer, connect: Connect
) -> None:
    issuer.rotates, tokens = True, MemoryTokens()
    connect(auth=refreshing(issuer, tokens)).get("/x")
    issuer.refresh = "somebody-signed-in-again"
    issuer.valid = "revoked"
    with pytest.raises(AuthFailed, match="invalid_grant"):
        connect(auth=refreshing(issuer, tokens)).get("/x")
    connect(auth=refreshing(issuer, tokens, "somebody-signed-in-again")).get("/x")
    assert issuer.calls[-1] == issuer.valid


def test_a_rotation_by_another_process_in_the_meantime_is_noticed(
    issuer: Issuer, connect: Connect
) -> None:
    issuer.rotates, tokens = True, MemoryTokens()
    client = connect(auth=refreshing(issuer, tokens))
    client.get("/x")
    stored = tokens.load()
    assert stored is not None

    def rotate_at_once(_: object) -> Reply:
        issuer.valid = "access-of-the-other"
        tokens.save(Token(SecretStr(issuer.valid), issuer.now, grant=stored.grant))
        return Reply(400, {"error": "invalid_grant"})

    issuer.server.answer = lambda heard: (
        rotate_at_once(heard) if heard.path == "/token" else issuer.answer(heard)
    )
    issuer.valid = "revoked"
    client.get("/x")
    assert issuer.calls == ["access-1", "access-1", "access-of-the-other"]


# Tokens themselves


def test_a_stored_token_is_read_back_as_it_was() -> None:
    for token in (
        Token(SecretStr("a"), START),
        Token(SecretStr("a"), START, START + timedelta(hours=1), SecretStr("r"), "https://x", "g"),
    ):
        assert Token.revealed(token.reveal()) == token


def test_a_client_without_oauth_has_no_token(connect: Connect) -> None:
    with pytest.raises(TypeError, match="does not sign in by OAuth"):
        connect().token()
