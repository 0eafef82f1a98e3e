"""What a token endpoint may answer, and where it may be."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from hub.errors import AuthFailed, RateLimited, SyncError, Transient
from hub.http import Client, ClientCredentials, MemoryTokens
from tests.http.conftest import SECRET, Signed
from tests.http.issuer import Issuer
from tests.http.loopback import Reply

HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("reply", "kind", "why"),
    [
        (Reply(400, {"error": "invalid_grant", "error_description": "user hasn't approved “it”"}),
         AuthFailed, "no token: invalid_grant: user hasn't approved “it”"),
        (Reply(400, {"error": "invalid_client"}), AuthFailed, "no token: invalid_client"),
        (Reply(401, {"error": "invalid_client", "error_description": None}), AuthFailed, "client"),
        (Reply(400, {"error": {"odd": 1}}), AuthFailed, "odd"),
        (Reply(400, {"error": "temporarily_unavailable"}), Transient, "temporarily_unavailable"),
        (Reply(400, {}), AuthFailed, "400 Bad Request"),
        (Reply(404, b"<html><title>Oops</title>", HTML), AuthFailed, "404 Not Found: an HTML page"),
        (Reply(409, {}), AuthFailed, "409"),
        (Reply(302, headers={"Location": "https://login.example/"}), AuthFailed, "not followed"),
        (Reply(429, {"error": "slow_down"}, {"Retry-After": "30"}), RateLimited, "429"),
        (Reply(503, headers={"Retry-After": "30"}), RateLimited, "503"),
        (Reply(500, {"error": "server_error"}), Transient, "500"),
        (Reply(502, b"<html><title>Oops</title>", HTML), Transient, "an HTML page “Oops”"),
        (Reply(reset=True), Transient, "Error"),
        (Reply(200, b"<html><title>Welcome</title>", HTML), Transient, "not a JSON object: an HTML"),
        (Reply(200, b"[]"), Transient, "not a JSON object"),
        (Reply(200, {"token_type": "Bearer"}), AuthFailed, "no access_token"),
        (Reply(200, {"access_token": 5}), AuthFailed, "no access_token"),
        (Reply(200, {"access_token": "a", "token_type": "mac"}), AuthFailed, "a mac token"),
        (Reply(200, {"access_token": "a\nb"}), AuthFailed, "line break"),
        (Reply(200, {"error": "invalid_grant"}), AuthFailed, "invalid_grant"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_of_our_errors_and_asked_for_once(
    issuer: Issuer, signed: Signed, reply: Reply, kind: type[SyncError], why: str
) -> None:
    issuer.answers = [reply]
    with pytest.raises(kind, match=why) as caught:
        signed().get("/x")
    assert type(caught.value) is kind
    assert str(caught.value).startswith((f"POST {issuer.url}", issuer.url))
    assert len(issuer.asked) == 1
    assert not issuer.calls
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == timedelta(seconds=30)


@pytest.mark.parametrize("instance", ["https://evil.example", "http://10.0.0.1", 5, "nonsense"])
def test_an_instance_elsewhere_is_refused_and_its_token_not_used(
    issuer: Issuer, signed: Signed, instance: object
) -> None:
    tokens = MemoryTokens()
    issuer.extra = {"instance_url": instance}
    with pytest.raises(AuthFailed, match="refused its instance_url"):
        signed(tokens=tokens).get("/x")
    assert tokens.load() is None
    assert not issuer.calls


def test_an_allowed_instance_is_told(issuer: Issuer, signed: Signed) -> None:
    issuer.extra = {"instance_url": issuer.server.url}
    assert signed().token().instance_url == issuer.server.url


@pytest.mark.parametrize(
    "url", ["https://login.evil.example/token", "http://login.salesforce.com/t", "nonsense"]
)
def test_secrets_are_sent_to_no_endpoint_but_the_vendors(url: str) -> None:
    with pytest.raises(AuthFailed, match="token_url: "):
        ClientCredentials(url, "hub", SECRET, hosts=("salesforce.com",))


def test_the_endpoint_is_reached_over_the_clients_transport() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        token = {"access_token": "a", "instance_url": "https://acme.my.salesforce.com"}
        return httpx.Response(200, json=token if request.url.path == "/token" else {})

    auth = ClientCredentials(
        "https://login.salesforce.com/token", "hub", SECRET, hosts=("*.salesforce.com",)
    )
    client = Client(
        "https://acme.my.salesforce.com", auth=auth, transport=httpx.MockTransport(answer)
    )
    assert client.get("/x").request.headers["authorization"] == "Bearer a"
