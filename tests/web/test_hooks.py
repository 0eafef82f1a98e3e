"""What becomes of a webhook between the socket and the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import Request
from sqlalchemy import event
from structlog.testing import capture_logs

from hub.errors import Permanent
from hub.spoke import Webhook
from hub.store import sets
from hub.web import body
from hub.web.body import Limit
from hub.web.problems import Problem
from tests.databases import ON_SQLITE, Databases, locked
from tests.web.conftest import SECRET, House, served, signed

BODY = b'{"id": "wo_1"}'
MEGABYTE = 1024 * 1024


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    """Speaks to a real server: what happens before the application counts here."""
    with served(house.app) as there:
        yield there


def post(client: httpx.Client, content: bytes = BODY, to: str = "acme") -> httpx.Response:
    return client.post(f"/hooks/{to}", content=content, headers=signed(content))


def test_a_genuine_webhook_is_committed_with_its_job_before_the_answer(
    house: House, client: httpx.Client
) -> None:
    assert post(client).status_code == 202
    [(delivery, stored)] = house.rows("SELECT id, body FROM hub_delivery")
    assert stored == BODY
    jobs = house.rows("SELECT kind, key, connection FROM hub_job")
    assert jobs == [("ingest", str(delivery), "acme")]


def test_a_webhook_that_comes_again_is_known_and_makes_no_second_job(
    house: House, client: httpx.Client
) -> None:
    assert [post(client).status_code for _ in range(3)] == [202, 200, 200]
    assert (house.count("hub_delivery"), house.count("hub_job")) == (1, 1)


def test_one_webhook_delivered_eight_times_at_once_is_stored_once(
    build: Callable[..., House],
) -> None:
    house = build(wait=30)
    with served(house.app) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(client).status_code, range(8)))
    assert sorted(answers) == [200] * 7 + [202]
    assert (house.count("hub_delivery"), house.count("hub_job")) == (1, 1)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="missing"),
        pytest.param([("x-acme-signature", "0" * 64)], id="wrong"),
        pytest.param(list(signed(BODY, "another secret").items()), id="another secret"),
        pytest.param([*signed(BODY).items(), *signed(BODY).items()], id="doubled"),
        pytest.param([("X-Acme-Signature", "ä" * 64)], id="not ASCII"),
    ],
)
def test_a_webhook_without_one_good_signature_is_refused_and_not_stored(
    house: House, client: httpx.Client, headers: list[tuple[str, str]]
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    answer = client.post("/hooks/acme", content=BODY, headers=raw)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["next_step"].startswith("Sign it with the secret")
    assert SECRET not in answer.text
    assert house.count("hub_delivery") == house.count("hub_job") == 0


@pytest.mark.parametrize("name", ["nobody", "deaf", "acme%20", "..%2Fadmin"])
def test_an_unknown_connection_and_one_that_receives_nothing_are_not_found(
    client: httpx.Client, name: str
) -> None:
    answer = post(client, to=name)
    assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_webhooks_are_posted_and_nothing_else(client: httpx.Client) -> None:
    answer = client.get("/hooks/acme")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["title"] == "Method Not Allowed"


def test_ten_megabytes_are_refused_whether_announced_or_not(
    house: House, client: httpx.Client
) -> None:
    large = b"x" * (10 * MEGABYTE)
    announced = client.post("/hooks/acme", content=large, headers=signed(large))

    def pieces() -> Iterator[bytes]:
        for _ in range(160):
            yield large[: 64 * 1024]

    streamed = client.post("/hooks/acme", content=pieces(), headers=signed(large))
    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert "larger than 1048576 bytes" in streamed.json()["detail"]
    assert house.count("hub_delivery") == 0
    assert post(client).status_code == 202


def test_the_largest_allowed_body_is_stored(build: Callable[..., House]) -> None:
    house = build(max_body=2048)
    with served(house.app) as client:
        assert post(client, b"x" * 2048).status_code == 202
        assert post(client, b"x" * 2049).status_code == 413


def request(headers: dict[str, str], receive: Any) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


def test_nothing_of_a_body_announced_as_too_large_is_read_and_little_of_an_endless_one() -> None:
    taken = 0

    async def endless() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    announced = request({"content-length": "10485760"}, endless)
    with pytest.raises(Problem, match="larger than 1000 bytes"):
        asyncio.run(body.read(announced, Limit(1000)))
    assert taken == 0
    with pytest.raises(Problem, match="larger than 1000 bytes"):
        asyncio.run(body.read(request({}, endless), Limit(1000)))
    assert taken == 11


def test_a_body_that_never_ends_is_given_up() -> None:
    async def silence() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Problem, match="did not arrive within") as caught:
        asyncio.run(body.read(request({}, silence), Limit(1000, seconds=0.01)))
    assert caught.value.status == 408


def test_a_compressed_body_is_refused_before_it_could_unfold(
    house: House, client: httpx.Client
) -> None:
    headers = {**signed(BODY), "content-encoding": "gzip"}
    answer = client.post("/hooks/acme", content=BODY, headers=headers)
    assert answer.status_code == 415
    assert answer.json()["next_step"] == "Send it uncompressed."
    assert house.count("hub_delivery") == 0


def test_a_flood_of_headers_is_refused(client: httpx.Client) -> None:
    many = {f"x-{n}": "1" for n in range(101)}
    assert client.post("/hooks/acme", content=BODY, headers=many).status_code == 431


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"id": ', id="cut off"),
        pytest.param(b"[" * 10_000 + b"]" * 10_000, id="10,000 arrays"),
        pytest.param(b'"\xff\xfe"', id="not UTF-8"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00", id="NUL"),
    ],
)
def test_a_genuine_body_that_is_not_json_is_kept_and_becomes_the_workers_problem(
    house: House, client: httpx.Client, content: bytes
) -> None:
    assert post(client, content).status_code == 202
    assert house.rows("SELECT body FROM hub_delivery") == [(content,)]
    with pytest.raises(Permanent, match="webhook body is not JSON: "):
        Webhook({}, content).json()


def test_four_byte_characters_arrive_unharmed(house: House, client: httpx.Client) -> None:
    content = '{"id": "𝄞😀"}'.encode()
    assert post(client, content).status_code == 202
    assert house.rows("SELECT body FROM hub_delivery") == [(content,)]


def test_the_spoke_sees_credentials_and_the_store_does_not(
    house: House, client: httpx.Client
) -> None:
    headers = {
        "Authorization": f"Bearer {SECRET}",
        "Cookie": "session=1",
        "X-Api-Key": "k",
        "X-Topic": "orders/updated",
        "Content-Type": "application/json",
        "Webhook-Id": "msg_1",
        "User-Agent": "Acme/1",
    }
    assert client.post("/hooks/bearer", content=BODY, headers=headers).status_code == 202
    [(stored,)] = house.rows("SELECT headers FROM hub_delivery")
    assert sets.from_json(stored) == {
        "user-agent": "Acme/1",
        "x-topic": "orders/updated",
        "content-type": "application/json",
        "webhook-id": "msg_1",
    }


def test_a_bug_in_verify_tells_nothing_and_stores_nothing(
    house: House, client: httpx.Client
) -> None:
    with capture_logs() as logged:
        answer = post(client, to="broken")
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "RuntimeError" not in answer.text
    assert answer.json()["error_id"] == logged[0]["error_id"]
    assert house.count("hub_delivery") == 0
    assert post(client).status_code == 202


def test_while_the_database_is_locked_the_sender_is_asked_to_come_again(
    house: House, client: httpx.Client
) -> None:
    with locked(house.db):
        answer = post(client)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert str(house.db.url.database) not in answer.text
        assert house.count("hub_delivery") == 0
    assert post(client).status_code == 202


def test_a_read_only_database_takes_nothing_and_loses_nothing(
    build: Callable[..., House], databases: Databases, database_url: str
) -> None:
    with served(build().app) as client:
        assert post(client, b"{}").status_code == 202
    house = build(databases.read_only(database_url))
    with served(house.app) as client:
        answer = post(client)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert client.get("/readyz").status_code == 200
    assert house.rows("SELECT body FROM hub_delivery") == [(b"{}",)]


@ON_SQLITE
def test_a_full_disk_is_an_outage_and_not_a_loss(build: Callable[..., House]) -> None:
    house = build()

    @event.listens_for(house.db.engine, "connect")
    def _full(raw: Any, _: Any) -> None:
        raw.execute("PRAGMA max_page_count = 1")  # as many as there are: not one more

    large = b"x" * 200_000
    with served(house.app) as client:
        assert post(client, large).status_code == 503
    assert (house.count("hub_delivery"), house.count("hub_job")) == (0, 0)
    event.remove(house.db.engine, "connect", _full)
    house.db.engine.dispose()
    with served(house.app) as client:
        assert post(client, large).status_code == 202


def test_a_database_that_is_gone_is_an_outage(
    build: Callable[..., House], databases: Databases, database_url: str
) -> None:
    house = build()
    databases.lose(database_url)
    with served(house.app) as client:
        answer = post(client)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
