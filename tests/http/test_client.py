"""The client of one connection, over real sockets."""

from __future__ import annotations

import gc
import gzip
import logging
import ssl
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from pydantic import SecretStr

import hub
from hub.errors import NotFound, Permanent, RateLimited, SyncError, Transient
from hub.http import Basic, Bearer, Client, HeaderKey, MockTransport, Rate
from tests.http.conftest import Connect
from tests.http.loopback import Loopback, Reply, serve

RESET = Reply(reset=True)


# What is sent


def test_a_call_goes_out_signed_and_named(server: Loopback, connect: Connect) -> None:
    client = connect(auth=Bearer(SecretStr("t0ken")))
    client.post("/orders", json={"a": 1}, params={"q": "x y"}, headers={"X-One": "1"})
    (heard,) = server.heard
    assert (heard.method, heard.path, heard.body) == ("POST", "/orders?q=x+y", b'{"a":1}')
    assert heard.headers["authorization"] == "Bearer t0ken"
    assert heard.headers["x-one"] == "1"
    assert heard.headers["user-agent"].startswith("csm-hub/")


def test_each_kind_of_fixed_secret_has_its_header(server: Loopback, connect: Connect) -> None:
    connect(auth=Basic("ck_1", SecretStr("päss"))).get("/")
    connect(auth=HeaderKey("X-Shopify-Access-Token", SecretStr("shpat_1"))).get("/")
    assert server.heard[0].headers["authorization"] == "Basic Y2tfMTpww6Rzcw=="
    assert server.heard[1].headers["x-shopify-access-token"] == "shpat_1"


@pytest.mark.parametrize(
    ("base", "path", "sent"),
    [
        ("", "/a", "/a"),
        ("", "a", "/a"),
        ("", "", "/"),
        ("/v3", "/a/b", "/v3/a/b"),
        ("/v3/", "a", "/v3/a"),
        ("/graphql.json", "", "/graphql.json"),
        ("/v3", "?page=2", "/v3?page=2"),
        ("", "/q?after=a%2Fb%3D&x=1", "/q?after=a%2Fb%3D&x=1"),
        ("", "/Case/Hub__c/a%2Fb%20c", "/Case/Hub__c/a%2Fb%20c"),
    ],
)
def test_paths_are_relative_to_the_connections_url(
    server: Loopback, connect: Connect, base: str, path: str, sent: str
) -> None:
    connect(server.url + base).get(path)
    assert server.heard[0].path == sent


def test_a_link_of_the_own_origin_is_followed_to_the_letter(
    server: Loopback, connect: Connect
) -> None:
    link = f"{server.url}/services/data/v66.0/query/01g-2000?a=%20b%2C&a=+c"
    connect(server.url + "/base", auth=Bearer(SecretStr("t"))).get(link)
    assert server.heard[0].path == "/services/data/v66.0/query/01g-2000?a=%20b%2C&a=+c"
    assert server.heard[0].bearer == "t"


def test_a_link_to_another_host_is_refused_and_nothing_is_sent(
    server: Loopback, elsewhere: Loopback, connect: Connect
) -> None:
    client = connect(auth=Bearer(SecretStr("t0ken-value")))
    port = server.url.rpartition(":")[2]
    for link in (
        elsewhere.url + "/next?page=2",
        f"https://127.0.0.1:{port}/x",
        f"http://localhost:{port}/x",
        f"//{elsewhere.url.partition('//')[2]}/x",
        f"http://me@127.0.0.1:{port}/x",
        "file:///etc/passwd",
        "data:text/plain,x",
    ):
        with pytest.raises(Permanent, match="refused to follow a link") as caught:
            client.get(link)
        assert "page=2" not in str(caught.value)
    with pytest.raises(Permanent, match="malformed link"):
        client.get("http://a:port/x")
    assert not server.heard
    assert not elsewhere.heard


def test_a_redirect_is_not_followed(
    server: Loopback, elsewhere: Loopback, connect: Connect
) -> None:
    server.respond(Reply(302, headers={"Location": elsewhere.url + "/x"}))
    with pytest.raises(Permanent, match="redirects are not followed"):
        connect(auth=Bearer(SecretStr("t"))).get("/")
    assert not elsewhere.heard


def test_a_cookie_is_not_sent_back(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(headers={"Set-Cookie": "session=1"}))
    client = connect()
    client.get("/")
    client.get("/")
    assert "cookie" not in server.heard[1].headers


def test_creating_a_client_talks_to_nobody_and_reads_no_certificates(connect: Connect) -> None:
    connect("https://acme.example", ca_file=Path("missing.pem"))


def test_an_address_with_a_password_in_it_is_no_connection() -> None:
    with pytest.raises(ValueError, match="not an http") as caught:
        Client("https://user:hunter2@acme.example")
    assert "hunter2" not in str(caught.value)


# What comes back


def test_an_answer_is_returned_read_to_its_end(server: Loopback, connect: Connect) -> None:
    server.respond(Reply(201, {"id": "1"}, {"X-Request-Id": "r1"}))
    response = connect().post("/", json={})
    assert (response.status_code, response.json()) == (201, {"id": "1"})
    assert response.headers["x-request-id"] == "r1"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_packed_answer_is_unpacked(server: Loopback, connect: Connect, method: str) -> None:
    server.respond(Reply(body=gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"}))
    response = connect().request(method, "/")
    assert response.content == (b"" if method == "HEAD" else b'{"a": 1}')


def test_the_vendors_own_error_comes_first_even_in_a_200(
    server: Loopback, connect: Connect
) -> None:
    def translate(response: hub.Response) -> SyncError | None:
        throttled = response.json().get("code") == "THROTTLED"
        return RateLimited("throttled", timedelta(seconds=3)) if throttled else None

    client = connect(translate=translate)
    server.respond(
        Reply(200, {"code": "THROTTLED"}), Reply(404, {}), Reply(200, {"code": "THROTTLED"})
    )
    with pytest.raises(RateLimited, match="throttled"):
        client.post("/")
    with pytest.raises(NotFound):
        client.post("/")
    assert client.post("/", check=False).json() == {"code": "THROTTLED"}


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500])
def test_unchecked_answers_are_returned_as_they_came(
    server: Loopback, connect: Connect, status: int
) -> None:
    server.respond(Reply(status, {"code": "x"}))
    assert connect().post("/", check=False).status_code == status


def test_a_rate_limit_tells_how_long(
    server: Loopback, connect: Connect, slept: list[float]
) -> None:
    server.respond(Reply(503, headers={"Retry-After": "90"}))
    with pytest.raises(RateLimited) as caught:
        connect().get("/")
    assert caught.value.retry_after == timedelta(seconds=90)
    assert len(server.heard) == 1  # they said when: asking at once would be rude
    assert not slept


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_an_answer_that_is_too_large_is_given_up(
    server: Loopback, connect: Connect, headers: dict[str, str]
) -> None:
    body = b"x" * 1_000_001
    server.respond(Reply(body=gzip.compress(body) if headers else body, headers=headers))
    with pytest.raises(Permanent, match="larger than 1,000,000 bytes: ask for smaller pages"):
        connect(max_bytes=1_000_000).get("/")
    assert len(server.heard) == 1
    assert len(connect(max_bytes=1_000_001).get("/").content) == 1_000_001


def test_an_answer_that_drips_for_ever_is_given_up(connect: Connect) -> None:
    times = iter(range(0, 100_000, 301))  # each look at the clock is five minutes later
    with pytest.raises(Transient, match="not complete after 300 s"):
        connect(clock=lambda: float(next(times))).post("/")


# What is repeated


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("hiccup", [RESET, Reply(502), Reply(503), Reply(504)])
def test_a_safe_call_is_repeated_within_seconds(
    server: Loopback, connect: Connect, slept: list[float], method: str, hiccup: Reply
) -> None:
    server.respond(hiccup, hiccup, Reply(200))
    assert connect().request(method, "/").status_code == 200
    assert len(server.heard) == 3
    assert len(slept) == 2
    assert sum(slept) < 20


def test_three_failures_are_enough(server: Loopback, connect: Connect) -> None:
    server.respond(RESET)
    with pytest.raises(Transient, match=rf"GET {server.url}/x: \w+Error: .+"):
        connect().get("/x?api_key=tops3cret")
    assert len(server.heard) == 3


def test_a_server_that_stays_away_is_transient_with_its_own_words(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(503, b"<html><title>Maintenance</title>", {"Content-Type": "text/html"}))
    with pytest.raises(Transient, match="503 Service Unavailable: an HTML page “Maintenance”"):
        connect().get("/")
    assert len(server.heard) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("hiccup", [RESET, Reply(503)])
def test_a_call_that_changes_something_is_never_repeated(
    server: Loopback, connect: Connect, method: str, hiccup: Reply
) -> None:
    server.respond(hiccup, Reply(200))
    with pytest.raises(Transient, match=method):
        connect().request(method, "/")
    assert len(server.heard) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 501])
def test_an_answer_is_not_repeated(server: Loopback, connect: Connect, status: int) -> None:
    server.respond(Reply(status))
    connect().get("/", check=False)
    assert len(server.heard) == 1


def test_repeats_are_paced_too(server: Loopback, connect: Connect, slept: list[float]) -> None:
    server.respond(RESET, Reply(200))
    connect(rate=Rate(1), clock=lambda: 0.0).get("/")
    assert 1.0 in slept


# What goes wrong on the way


def test_a_refused_connection_is_transient(connect: Connect, slept: list[float]) -> None:
    with serve() as gone:
        url = gone.url
    with pytest.raises(Transient, match=f"GET {url}/x: ConnectError: .*refused"):
        connect(url).get("/x")
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (httpx.ConnectTimeout("timed out"), "no connection within 5 s"),
        (httpx.ReadTimeout("timed out"), "no answer within 30 s"),
        (httpx.PoolTimeout("timed out"), "all our connections were busy for 5 s"),
        (httpx.RemoteProtocolError("illegal status line"), "RemoteProtocolError: illegal status"),
    ],
)
def test_a_failure_says_what_happened(
    connect: Connect, error: httpx.TransportError, cause: str
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(Transient, match=f"POST http://.*/x: {cause}"):
        connect(transport=MockTransport(fail)).post("/x")


def test_a_server_that_says_nothing_is_given_up(server: Loopback, connect: Connect) -> None:
    over = threading.Event()

    def say_nothing(_: object) -> Reply:
        over.wait(60)
        return RESET

    server.answer = say_nothing
    with pytest.raises(Transient, match=f"GET {server.url}/x: no answer within 0.05 s"):
        connect(silence=timedelta(milliseconds=50)).get("/x")
    over.set()


def test_every_call_has_its_timeouts(connect: Connect) -> None:
    seen: list[Any] = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    connect(transport=MockTransport(look)).get("/")
    assert seen == [{"connect": 5, "read": 30, "write": 30, "pool": 5}]


def test_garbage_instead_of_a_packed_answer_is_transient(
    server: Loopback, connect: Connect
) -> None:
    server.respond(Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(Transient, match="DecodingError"):
        connect().post("/")


def test_a_closed_client_lets_nobody_wait_and_sends_nothing(server: Loopback) -> None:
    client = Client(server.url, rate=Rate(1, timedelta(seconds=15)))
    client.get("/")
    caught: list[BaseException] = []

    def call() -> None:
        try:
            client.get("/")
        except Transient as error:
            caught.append(error)

    waiting = threading.Thread(target=call)
    waiting.start()
    client.close()
    waiting.join(10)
    assert "we are shutting down" in str(caught[0])
    assert len(server.heard) == 1


def test_eight_threads_share_one_client(server: Loopback, connect: Connect) -> None:
    server.answer = lambda heard: Reply(body={"path": heard.path})
    client = connect()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: client.get(f"/{n}").json()["path"], range(200)))
    assert answers == [f"/{n}" for n in range(200)]


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_an_authority_of_their_own_is_trusted_when_it_is_named(
    authority: trustme.CA, connect: Connect, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with serve(context) as secure:
        assert connect(secure.url, ca_file=ca_file).get("/").status_code == 200
        with pytest.raises(Transient, match="set the connection's ca_file"):
            connect(secure.url).post("/")
        ca_file.write_text("no certificate")
        with pytest.raises(Permanent, match=r"ca_file: .*ca\.pem cannot be used"):
            connect(secure.url, ca_file=ca_file).get("/")
        with pytest.raises(Permanent, match=r"missing\.pem cannot be used: No such file"):
            connect(secure.url, ca_file=tmp_path / "missing.pem").get("/")
        assert len(secure.heard) == 1


# Logs


def test_the_log_holds_no_query(
    server: Loopback, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        connect(auth=Bearer(SecretStr("be4rer-s3cret"))).get("/x?api_key=tops3cret")
    assert f"{server.url}/x" in caplog.text
    assert "s3cret" not in caplog.text


def test_the_same_answers_serve_get_put_patch_and_delete(
    server: Loopback, connect: Connect
) -> None:
    server.answer = lambda heard: Reply(body={"method": heard.method})
    client = connect()
    methods = (client.get, client.put, client.patch, client.delete, client.post)
    assert [call("/").json()["method"] for call in methods] == [
        "GET",
        "PUT",
        "PATCH",
        "DELETE",
        "POST",
    ]


def test_an_answer_is_let_go_with_the_last_use_of_it(connect: Connect) -> None:
    """Not some time later, by the collector: answers have megabytes, and pages follow fast."""
    client = connect()
    gc.collect()
    gc.disable()
    try:
        held = weakref.ref(client.get("/answer"))
        assert held() is None
    finally:
        gc.enable()
