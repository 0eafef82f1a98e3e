"""The sandbox host: real loopback HTTP, faults that really strike, and control paths."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from hub.testing import Answer, BadCommand, Fault, PortTaken, Request, Sandbox, SentHook, serve


class Counter(Sandbox):
    """A vendor that counts: POST adds one, GET tells."""

    name = "counter"
    max_body = 1000

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case "POST", "/count":
                self.count += 1
                return Answer(201, {}, {"count": self.count})
            case "GET", "/count":
                return Answer(200, {"X-Query": json.dumps(request.query)}, {"count": self.count})
            case "GET", "/bug":
                raise KeyError("a bug")
            case _:
                return Answer(404, {}, "no such thing")

    def mutate(self, command: dict[str, Any]) -> Any:
        match command:
            case {"do": "set", "to": int(to)}:
                """The counter's own command."""
                self.count = to
                return to
            case _:
                raise BadCommand(f"counter does not understand {command!r}")

    def webhooks(self, command: dict[str, Any]) -> list[SentHook]:
        secret = command.get("secret", "right")
        return [
            SentHook((("X-Signature", str(secret)), ("X-Kind", kind)), kind.encode())
            for kind in ("first", "second")
        ]

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "sandbox": True}


class Sealed(Counter):
    tls = True


@contextmanager
def client_of(sandbox: Sandbox) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=sandbox.ca_file) if sandbox.ca_file else False
    with httpx.Client(base_url=sandbox.url, verify=trust, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
def counter() -> Iterator[Counter]:
    with serve(Counter()) as sandbox:
        yield sandbox


@pytest.fixture
def http(counter: Counter) -> Iterator[httpx.Client]:
    with client_of(counter) as client:
        yield client


def test_a_request_reaches_the_vendor_whole(counter: Counter, http: httpx.Client) -> None:
    answer = http.get("/count?a=1&a=&b=%C3%A4")
    assert json.loads(answer.headers["x-query"]) == [["a", "1"], ["a", ""], ["b", "ä"]]
    assert counter.journal.entries[0].query == [("a", "1"), ("a", ""), ("b", "ä")]


def test_an_answer_carries_the_date_of_the_sandboxs_clock(
    counter: Counter, http: httpx.Client
) -> None:
    counter.clock.freeze()
    counter.clock.set(datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert http.get("/count").headers["date"] == "Tue, 03 Feb 2026 04:05:06 GMT"


def test_tls_is_trusted_by_the_sandboxs_own_authority() -> None:
    with serve(Sealed()) as sealed, client_of(sealed) as client:
        assert sealed.url.startswith("https://127.0.0.1:")
        assert client.get("/count").json() == {"count": 0}
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(sealed.url, trust_env=False)
        certificate = sealed.ca_file
    assert certificate is not None
    assert not certificate.exists()


def test_a_taken_port_is_a_clear_error(counter: Counter) -> None:
    port = int(counter.url.rpartition(":")[2])
    told = f"127.0.0.1:{port}: Address already in use.*another port"
    with pytest.raises(PortTaken, match=told), serve(Counter(), port):
        pass


def test_the_port_is_free_again_afterwards() -> None:
    with serve(Counter()) as first, client_of(first) as client:
        client.get("/count")
        port = int(first.url.rpartition(":")[2])
    with serve(Counter(), port) as second, client_of(second) as client:
        assert client.get("/count").json() == {"count": 0}


def test_a_bug_in_a_sandbox_is_a_500_that_names_it(
    http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = http.get("/bug")
    assert (answer.status_code, "KeyError" in answer.text) == (500, True)
    assert "GET /bug" in caplog.text


def test_a_body_beyond_the_cap_never_reaches_the_vendor(
    counter: Counter, http: httpx.Client
) -> None:
    assert http.post("/count", content=b"x" * 1001).status_code == 413
    assert counter.count == 0


@pytest.mark.parametrize("kind", [Counter, Sealed])
def test_a_drop_after_lets_the_vendor_do_what_it_was_asked(kind: type[Counter]) -> None:
    with serve(kind()) as counter, client_of(counter) as http:
        counter.faults.add(Fault(method="POST", path="/count", drop="after"))
        with pytest.raises(httpx.TransportError):
            http.post("/count")
        assert counter.count == 1
        assert http.post("/count").json() == {"count": 2}
        assert [entry.status for entry in counter.journal] == [None, 201]


def test_a_drop_before_resets_the_connection_unheard(counter: Counter, http: httpx.Client) -> None:
    counter.faults.add(Fault(drop="before"))
    with pytest.raises(httpx.ReadError, match="reset"):
        http.post("/count")
    assert counter.count == 0
    assert len(counter.journal) == 1


def test_a_truncated_answer_ends_too_early(counter: Counter, http: httpx.Client) -> None:
    counter.faults.add(Fault(truncate=4))
    with pytest.raises(httpx.RemoteProtocolError, match="received 4 bytes, expected 11"):
        http.get("/count")
    assert http.get("/count").json() == {"count": 0}


def test_a_status_is_answered_in_the_vendors_place(counter: Counter, http: httpx.Client) -> None:
    counter.faults.add(Fault(status=429, headers={"Retry-After": "7"}, body={"error": "slow"}))
    answer = http.post("/count")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json() == {"error": "slow"}
    assert counter.count == 0


def test_a_body_without_a_status_replaces_that_of_the_real_answer(
    counter: Counter, http: httpx.Client
) -> None:
    counter.faults.add(Fault(body="<html>", headers={"Content-Type": "text/html"}))
    answer = http.post("/count")
    assert (answer.status_code, answer.text, counter.count) == (201, "<html>", 1)


def test_faults_strike_who_they_are_meant_for_and_as_often(
    counter: Counter, http: httpx.Client
) -> None:
    counter.faults.add(Fault(method="POST", path="^/count$", skip=1, times=2, status=500))
    counter.faults.add(Fault(contains="poison", status=418))
    got = [http.get("/count").status_code]
    got += [http.post("/count").status_code for _ in range(4)]
    got.append(http.post("/count", content=b"some poison").status_code)
    assert got == [200, 201, 500, 500, 201, 418]


def test_a_delayed_answer_does_not_hold_up_the_end() -> None:
    """Whoever waits an hour is let go when the sandbox closes."""

    def ask(url: str) -> None:
        with httpx.Client(trust_env=False, timeout=60) as client, suppress(httpx.TransportError):
            client.get(f"{url}/count")

    with serve(Counter()) as counter:
        counter.faults.add(Fault(delay=3600))
        asking = threading.Thread(target=ask, args=(counter.url,))
        asking.start()
        moment = threading.Event()
        deadline = time.monotonic() + 30
        while not len(counter.journal):
            assert time.monotonic() < deadline, "the request never arrived"
            moment.wait(0.01)
    asking.join(timeout=30)
    assert not asking.is_alive()


def test_secrets_in_headers_and_forms_are_not_kept(http: httpx.Client) -> None:
    http.post(
        "/count?access_token=tell-1&page=2",
        headers={"Authorization": "Bearer tell-2", "X-Shop-Hmac-Sha256": "tell-3"},
        data={"grant_type": "refresh_token", "refresh_token": "tell-4", "client_secret": "tell-5"},
    )
    shown = http.get("/__sim/journal")
    assert "tell-" not in shown.text
    [entry] = shown.json()["result"]
    assert entry["headers"]["authorization"] == "(masked)"
    assert ["page", "2"] in entry["query"]
    assert "grant_type=refresh_token" in entry["body"]


def test_the_clock_is_steered_from_outside(counter: Counter, http: httpx.Client) -> None:
    counter.clock.freeze()
    told = http.post("/__sim/clock", json={"set": "2026-05-01T12:00:00+02:00"}).json()["result"]
    assert told == {"now": "2026-05-01T10:00:00+00:00", "frozen": True}
    told = http.post("/__sim/clock", json={"advance": 90}).json()["result"]
    assert told["now"] == "2026-05-01T10:01:30+00:00"
    assert http.post("/__sim/clock", json={"run": True}).json()["result"]["frozen"] is False


def test_faults_are_ordered_from_outside(http: httpx.Client) -> None:
    order = [{"path": "/count", "status": 503, "times": 2}, {"drop": "after"}]
    assert len(http.post("/__sim/faults", json=order).json()["result"]) == 2
    assert http.get("/count").status_code == 503
    assert [f["times"] for f in http.get("/__sim/faults").json()["result"]] == [1, 1]
    http.delete("/__sim/faults")
    assert http.get("/count").status_code == 200


def test_users_act_from_outside(http: httpx.Client) -> None:
    assert http.post("/__sim/mutate", json={"do": "set", "to": 41}).json() == {"result": 41}
    assert http.post("/count").json() == {"count": 42}


@pytest.mark.parametrize(
    ("path", "sent", "told"),
    [
        ("mutate", {"do": "dance"}, "counter does not understand {'do': 'dance'}"),
        ("mutate", [1], "a command is a JSON object"),
        ("clock", {"jump": 1}, "the clock does not understand"),
        ("clock", {"set": "2026-05-01T12:00:00"}, "has no offset"),
        ("faults", {"pathh": "/"}, "faults have no pathh; they have body, contains"),
        ("faults", {"drop": "now"}, 'drop is "before" or "after"'),
        ("faults", {"path": "("}, "no regular expression"),
        ("emit", {}, "nobody subscribed"),
        ("emit", {"to": "ftp://127.0.0.1"}, "webhooks go to an http address"),
        ("emit", {"to": "http://127.0.0.1:9", "forge": "wit"}, "forge is one of body, signature"),
    ],
)
def test_an_unknown_command_is_refused_with_help(
    http: httpx.Client, path: str, sent: object, told: str
) -> None:
    answer = http.post(f"/__sim/{path}", json=sent)
    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert len(answer.json()["help"]) > 200


def test_a_command_that_is_not_json_is_refused(http: httpx.Client) -> None:
    answer = http.post("/__sim/mutate", content=b"{")
    assert (answer.status_code, "JSON" in answer.json()["error"]) == (400, True)


def test_an_unknown_control_path_explains_the_known_ones(http: httpx.Client) -> None:
    assert "/__sim/journal" in http.get("/__sim/").text
    answer = http.get("/__sim/secrets")
    assert (answer.status_code, "/__sim/journal" in answer.json()["help"]) == (404, True)


# -- webhooks --------------------------------------------------------------------------------------


class Listener(Counter):
    """Somebody who is sent webhooks, and keeps them as they came."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[str | None, bytes]] = []

    def answer(self, request: Request) -> Answer:
        self.got.append((request.headers.get("x-signature"), request.body))
        return Answer(202)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with serve(Listener()) as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    ("command", "arrived"),
    [
        ({}, [("right", b"first"), ("right", b"second")]),
        ({"reverse": True}, [("right", b"second"), ("right", b"first")]),
        ({"twice": True}, [("right", b"first")] * 2 + [("right", b"second")] * 2),
        ({"forge": "body"}, [("right", b"first "), ("right", b"second ")]),
        ({"forge": "signature"}, [(None, b"first"), (None, b"second")]),
        ({"forge": "doubled"}, [("right, right", b"first"), ("right, right", b"second")]),
        ({"forge": "secret"}, [("not the secret", b"first"), ("not the secret", b"second")]),
    ],
    ids=str,
)
def test_webhooks_are_sent_as_told(
    counter: Counter, listener: Listener, command: dict[str, Any], arrived: list[Any]
) -> None:
    counter.hooks_to = f"{listener.url}/hooks/counter"
    assert counter.emit(command) == [202] * len(arrived)
    assert listener.got == arrived


def test_a_webhook_that_nobody_answers_is_told_as_zero(
    counter: Counter, listener: Listener
) -> None:
    listener.faults.add(Fault(drop="before", times=None))
    assert counter.emit({"to": listener.url}) == [0, 0]


# -- the clock -------------------------------------------------------------------------------------


def test_a_clock_runs_until_it_is_frozen(counter: Counter) -> None:
    before = counter.clock.now()
    assert counter.clock.now() >= before
    counter.clock.freeze()
    held = counter.clock.now()
    assert counter.clock.now() == held
    counter.clock.advance(timedelta(days=1))
    assert counter.clock.now() == held + timedelta(days=1)
    counter.clock.run()
    assert counter.clock.now() >= held + timedelta(days=1)
