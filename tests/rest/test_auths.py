"""Signing in as a file says, over real HTTP: what exactly is sent."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from typing import Any

import pytest

from hub.errors import AuthFailed
from hub.spoke import Write
from tests.http.loopback import Loopback, Reply
from tests.rest.conftest import NOW, Connect
from tests.rest.files import ACME, spoke

SIGNED = ACME.replace("{bearer: api_key}", "{hmac: {secret: api_key, header: X-Sig, HOW}}")


def told(server: Loopback, connect: Connect, auth: str, **settings: str) -> dict[str, str]:
    """The headers of a request that was signed so; a token is `t-1`."""
    token = {"access_token": "t-1", "token_type": "Bearer", "expires_in": 60}
    server.answer = lambda heard: Reply(body=token if "token" in heard.path else {"items": []})
    text = ACME.replace("{bearer: api_key}", auth)
    if "user" in auth:
        text = text.replace("settings: {", "settings: {user: text, ")
    made = connect(text, **settings)
    list(made.pull(made.streams[0], None))
    return dict(server.heard[-1].headers)


def test_a_key_goes_into_its_header(server: Loopback, connect: Connect) -> None:
    sent = told(server, connect, "{header: {name: X-Api-Key, secret: api_key, prefix: 'Key '}}")
    assert sent["x-api-key"] == "Key key-1"


def test_user_and_password_go_out_as_basic(server: Loopback, connect: Connect) -> None:
    sent = told(server, connect, "{basic: {user: user, password: api_key}}", user="ann")
    assert sent["authorization"] == "Basic " + b64encode(b"ann:key-1").decode()


def test_without_auth_nothing_is_sent(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(body=[]))
    made = connect("spoke: open\nabout: Open data.\nheaders: {X-Client: hub}\nstreams: {a: {id: id, path: /a}}")  # fmt: skip
    list(made.pull(made.streams[0], None))
    assert "authorization" not in server.heard[0].headers
    assert server.heard[0].headers["x-client"] == "hub"


def test_fixed_headers_go_out_with_every_request(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(201, {"id": "wo_1"}))
    made = connect(ACME.replace("streams:", "headers: {X-Version: '2'}\nstreams:", 1))
    (stream,) = made.streams
    made.upsert(stream, Write(None, {}, "key-1"))
    list(made.fetch(stream, ["wo_1"]))
    made.delete(stream, "wo_1")
    assert [heard.headers["x-version"] for heard in server.heard] == ["2"] * 3


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_token_is_asked_for_on_the_connections_own_host(
    server: Loopback, connect: Connect, where: str
) -> None:
    auth = f"{{oauth2: {{token_url: /oauth/token, client_id: user, client_secret: api_key, scope: a b, sent_in: {where}}}}}"  # fmt: skip
    sent = told(server, connect, auth, user="hub")
    assert sent["authorization"] == "Bearer t-1"
    asked = server.heard[0]
    assert asked.form["scope"] == "a b"
    if where == "body":
        assert (asked.form["client_id"], asked.form["client_secret"]) == ("hub", "key-1")
    else:
        assert asked.headers["authorization"] == "Basic " + b64encode(b"hub:key-1").decode()


def test_a_sandbox_has_the_token_endpoint_of_another_host_too(
    server: Loopback, connect: Connect
) -> None:
    token = {"access_token": "t-1", "token_type": "Bearer"}
    server.answer = lambda heard: Reply(body=token if heard.path == "/v2/token" else {"items": []})
    text = ACME.replace("{bearer: api_key}", "{oauth2: {token_url: 'https://login.acme.example/v2/token', client_id: api_key, client_secret: api_key}}")  # fmt: skip
    made = connect(text.replace("auth:", "hosts: [.acme.example]\nauth:"))
    list(made.pull(made.streams[0], None))
    assert [heard.path for heard in server.heard] == ["/v2/token", "/work_orders"]


# -- HMAC


def signature(server: Loopback, connect: Connect, how: str, base: str = "") -> tuple[str, Any]:
    server.respond(Reply(201, {"id": "wo_1"}))
    made = connect(SIGNED.replace("HOW", how), base=base)
    made.upsert(made.streams[0], Write(None, {"title": "Dör"}, "key-1"))
    heard = server.heard[-1]
    return heard.headers["x-sig"], heard


def digest(text: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(b"key-1", text, algorithm)


def test_a_signature_is_over_the_parts_in_their_order(server: Loopback, connect: Connect) -> None:
    given, heard = signature(server, connect, "sign: [body_sha256, method, target, host]", "/api")
    body = hashlib.sha256(heard.body).hexdigest()
    text = f"{body}\nPOST\n/api/work_orders\n{server.url[7:]}"
    assert given == digest(text.encode()).hex()


def test_a_signature_may_be_written_otherwise(server: Loopback, connect: Connect) -> None:
    how = "sign: [method, body], separator: '', prefix: 'v1=', algorithm: sha512, encoding: base64"
    given, heard = signature(server, connect, how)
    assert given == "v1=" + b64encode(digest(b"POST" + heard.body, "sha512")).decode()


@pytest.mark.parametrize(
    ("format", "written"),
    [("epoch", "1777636800"), ("epoch_ms", "1777636800000"), ("iso", "2026-05-01T12:00:00Z")],
)
def test_the_time_is_that_of_the_spokes_clock_and_is_signed(
    server: Loopback, connect: Connect, format: str, written: str
) -> None:
    how = f"sign: [timestamp, path], timestamp: {{header: X-Time, format: {format}}}"
    given, heard = signature(server, connect, how)
    assert heard.headers["x-time"] == written
    assert given == digest(f"{written}\n/work_orders".encode()).hex()
    assert NOW.timestamp() == 1777636800


def test_path_and_query_are_signed_as_they_are_sent(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(body={"items": []}))
    text = SIGNED.replace("HOW", "sign: [path, query, target]")
    made = connect(
        text.replace("    records: items", "    records: items\n    query: {q: 'a b&c/ü'}")
    )
    list(made.pull(made.streams[0], None))
    heard = server.heard[0]
    path, _, query = heard.path.partition("?")
    assert query
    assert heard.headers["x-sig"] == digest(f"{path}\n{query}\n{heard.path}".encode()).hex()


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(AuthFailed, match="the secret that signs requests is empty"):
        spoke(SIGNED.replace("HOW", "sign: [body]"), api_key="").auth()
