"""Webhooks that come at the same time share one durable transaction."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event

import hub
from hub.running import Web, serving
from hub.store import schema
from hub.store.database import Database
from hub.store.deliveries import Delivery
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.intake import Intake, Outcome
from hub.web import problems
from hub.web.body import Limit
from hub.web.hooks import Hooks, committed
from tests.databases import ON_SQLITE, locked
from tests.postgres import Server
from tests.web.conftest import LOOPBACK, SECRET, Acme, House, served, signed

DEADLINE = 60.0
PATIENT = {"wait": 30, "patience": 30}
SENDERS = 32
BODY = b'{"id": "wo_1"}'


class Slow(hub.Spoke, hub.Receives):
    """Takes its time to verify, until it is told to go on."""

    asked: Any
    go_on: Any

    def verify(self, hook: hub.Webhook) -> None:
        del hook
        self.asked.set()
        assert self.go_on.wait(DEADLINE)

    def parse(self, hook: hub.Webhook) -> tuple[()]:
        del hook
        return ()


@dataclass
class Gate:
    """The way to the store: shut, and notes who comes and what is stored together."""

    store: Callable[[Sequence[Delivery]], Sequence[Outcome]]
    opened: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)
    came: list[bytes] = field(default_factory=list[bytes])
    batches: list[list[bytes]] = field(default_factory=list[list[bytes]])

    def __post_init__(self) -> None:
        self._together = committed(self._store)

    async def keep(self, delivery: Delivery) -> bool:
        with self.changed:
            self.came.append(delivery.body)
            self.changed.notify_all()
        return await self._together(delivery)

    def _store(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        with self.changed:
            self.batches.append([one.body for one in batch])
            self.changed.notify_all()
        assert self.opened.wait(DEADLINE)
        return self.store(batch)

    def until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE)


class Sender:
    """One keep-alive connection per thread."""

    def __init__(self, address: str) -> None:
        where = urlsplit(address)
        self._host, self._port = str(where.hostname), where.port
        self._mine = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def post(self, body: bytes, to: str = "acme") -> int:
        """The status of the answer; 0 for none."""
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=DEADLINE)
            self._mine.connection = connection
            self._opened.append(connection)
        try:
            connection.request("POST", f"/hooks/{to}", body, signed(body))
            answer = connection.getresponse()
            answer.read()
            return int(answer.status)
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0

    def close(self) -> None:
        for connection in self._opened:
            connection.close()


@contextmanager
def sending(address: str, threads: int = SENDERS) -> Iterator[Callable[..., Future[int]]]:
    """Yields what sends a webhook from one of so many connections."""
    sender = Sender(address)
    with ThreadPoolExecutor(threads) as pool:
        yield lambda *body, **to: pool.submit(sender.post, *body, **to)
    sender.close()


@contextmanager
def gated(
    build: Callable[..., House], **settings: Any
) -> Iterator[tuple[House, Gate, Callable[..., Future[int]]]]:
    """A hub whose store is behind a gate, and senders."""
    house = build(**PATIENT)
    gate = Gate(Intake(house.db).store)
    app = build(keep=gate.keep, **(PATIENT | settings)).app
    with serving(Web(app)) as address, sending(address) as send:
        yield house, gate, send
        gate.opened.set()


def bodies(number: int) -> list[bytes]:
    return [b'{"id": "wo_%d"}' % n for n in range(number)]


def stored(house: House) -> list[bytes]:
    return [bytes(row[0]) for row in house.rows("SELECT body FROM hub_delivery ORDER BY id")]


def test_whoever_comes_during_a_commit_shares_the_next_one(build: Callable[..., House]) -> None:
    with gated(build) as (house, gate, send):
        first = send(bodies(1)[0])
        gate.until(lambda: len(gate.batches) == 1)
        others = [send(body) for body in bodies(SENDERS)[1:]]
        gate.until(lambda: len(gate.came) == SENDERS)
        assert not any(answer.done() for answer in (first, *others))
        assert (house.count("hub_delivery"), house.count("hub_job")) == (0, 0)
        gate.opened.set()
        assert {answer.result(DEADLINE) for answer in (first, *others)} == {202}
    assert [len(batch) for batch in gate.batches] == [1, SENDERS - 1]
    assert stored(house) == gate.came, "ids follow the order of arrival"
    jobs = house.rows("SELECT key FROM hub_job ORDER BY id")
    assert jobs == [(str(id),) for (id,) in house.rows("SELECT id FROM hub_delivery ORDER BY id")]


def test_32_connections_that_never_rest_lose_and_double_nothing(
    build: Callable[..., House],
) -> None:
    house = build(**PATIENT)
    everything = bodies(SENDERS * 8)
    with serving(Web(house.app)) as address, sending(address) as send:
        answers = [send(body) for body in everything]
        again = [send(body) for body in everything]
        assert {one.result(DEADLINE) for one in answers} <= {200, 202}
        assert {one.result(DEADLINE) for one in again} <= {200, 202}
    told = Counter(one.result() for one in answers + again)
    assert told == {202: len(everything), 200: len(everything)}
    assert sorted(stored(house)) == sorted(everything)
    assert house.count("hub_job") == len(everything)


def test_a_webhook_that_is_twice_in_a_batch_is_stored_once(build: Callable[..., House]) -> None:
    with gated(build) as (house, gate, send):
        answers = [send(b"first")]
        gate.until(lambda: len(gate.batches) == 1)
        answers += [send(BODY) for _ in range(8)]
        gate.until(lambda: len(gate.came) == 9)
        gate.opened.set()
        told = sorted(answer.result(DEADLINE) for answer in answers)
    assert told == [200] * 7 + [202] * 2
    assert stored(house) == [b"first", BODY]
    assert house.count("hub_job") == 2


def refuse(db: Database, body: bytes) -> None:
    """Let the database refuse deliveries with this body, whoever stores them."""
    with db.write() as tx:
        if db.sqlite:
            tx.exec_driver_sql(
                "CREATE TRIGGER refuse BEFORE INSERT ON hub_delivery "
                f"WHEN NEW.body = X'{body.hex()}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
        else:
            condition = rf"body <> '\x{body.hex()}'::bytea"
            tx.exec_driver_sql(f"ALTER TABLE hub_delivery ADD CHECK ({condition})")


@pytest.mark.parametrize("place", [1, 5, 8])
def test_a_delivery_that_the_database_refuses_fails_alone(
    build: Callable[..., House], place: int
) -> None:
    with gated(build) as (house, gate, send):
        refuse(house.db, b"poison")
        sent = bodies(9)
        sent[place] = b"poison"
        answers = [send(sent[0])]
        gate.until(lambda: len(gate.batches) == 1)
        for number, body in enumerate(sent[1:], start=2):
            answers.append(send(body))
            gate.until(lambda number=number: len(gate.came) == number)  # type: ignore[misc]
        gate.opened.set()
        told = [answer.result(DEADLINE) for answer in answers]
    assert [len(batch) for batch in gate.batches] == [1, 8]
    assert told == [500 if body == b"poison" else 202 for body in sent]
    assert stored(house) == [body for body in sent if body != b"poison"]
    assert house.count("hub_job") == 8


def test_while_one_commit_hangs_the_senders_are_asked_to_come_again(
    build: Callable[..., House],
) -> None:
    with gated(build, patience=0.1) as (house, gate, send):
        assert [answer.result(DEADLINE) for answer in map(send, bodies(4))] == [503] * 4
        gate.opened.set()
        again = send(b"later")
        assert again.result(DEADLINE) == 202
    in_hand = gate.batches[0]
    assert stored(house) == [*in_hand, b"later"], "who was told 503 is not stored later"


@ON_SQLITE
def test_a_commit_that_fails_acknowledges_nobody(build: Callable[..., House]) -> None:
    with gated(build) as (house, gate, send):

        @event.listens_for(house.db.engine, "checkout")
        def _full(raw: Any, *_: Any) -> None:
            raw.execute("PRAGMA max_page_count = 1")  # as many as there are: not one more

        answers = [send(b"x" * 200_000 + body) for body in bodies(6)]
        gate.until(lambda: len(gate.came) == 6)
        gate.opened.set()
        assert {answer.result(DEADLINE) for answer in answers} == {503}
        assert (house.count("hub_delivery"), house.count("hub_job")) == (0, 0)
        event.remove(house.db.engine, "checkout", _full)
        house.db.engine.dispose()
        assert send(BODY).result(DEADLINE) == 202


def test_a_database_that_is_locked_for_a_while_costs_time_and_nothing_else(
    build: Callable[..., House],
) -> None:
    with gated(build) as (house, gate, send), locked(house.db) as unlock:
        gate.opened.set()
        answers = [send(body) for body in bodies(8)]
        gate.until(lambda: len(gate.came) == 8)
        assert not any(answer.done() for answer in answers)
        unlock()
        assert {answer.result(DEADLINE) for answer in answers} == {202}
    assert sorted(stored(house)) == bodies(8)


@pytest.fixture
def careful() -> Iterator[Server]:
    """A PostgreSQL that waits for the disk, as people run it."""
    server = Server()
    yield server
    server.stop()


def test_what_was_acknowledged_outlives_a_crash_of_the_database(
    careful: Server, connections: Connections
) -> None:
    db = Database(careful.url(careful.create()), wait=5)
    schema.migrate(db)
    app = hub_app(db, connections)
    acknowledged: list[bytes] = []
    told, numbers, stop = threading.Condition(), count(), threading.Event()

    def send() -> None:
        while not stop.is_set():
            body = b'{"id": "wo_%d"}' % next(numbers)
            status = sender.post(body)
            assert status in {202, 503}
            with told:
                if status == 202:
                    acknowledged.append(body)
                told.notify_all()

    def until_more(number: int) -> None:
        with told:
            enough = len(acknowledged) + number
            assert told.wait_for(lambda: len(acknowledged) >= enough, DEADLINE)

    with serving(Web(app)) as address, ThreadPoolExecutor(8) as pool:
        sender = Sender(address)
        senders = [pool.submit(send) for _ in range(8)]
        until_more(40)
        careful.restart(mode="immediate")
        until_more(40)
        stop.set()
        for one in senders:
            one.result(DEADLINE)
        sender.close()
    with db.read() as tx:
        kept = {bytes(row[0]) for row in tx.exec_driver_sql("SELECT body FROM hub_delivery")}
    db.close()
    assert set(acknowledged) <= kept


def hub_app(db: Database, connections: Connections) -> FastAPI:
    from hub import web

    return web.create(db, connections, clock=lambda: 0.0)


def test_an_ending_hub_commits_what_it_has_in_hand(build: Callable[..., House]) -> None:
    house = build(**PATIENT)
    gate = Gate(Intake(house.db).store)
    app = build(keep=gate.keep, **PATIENT).app
    with ThreadPoolExecutor(8) as pool:
        with serving(Web(app)) as address:
            sender = Sender(address)
            answers = [pool.submit(sender.post, body) for body in bodies(8)]
            gate.until(lambda: len(gate.came) == 8)
            threading.Timer(0.1, gate.opened.set).start()
        assert {answer.result(DEADLINE) for answer in answers} == {202}
    sender.close()
    assert sorted(stored(house)) == bodies(8)


def test_a_hub_that_waits_for_its_database_answers_everything_else(
    build: Callable[..., House],
) -> None:
    house = build(**PATIENT)
    gate = Gate(Intake(house.db).store)
    app = build(keep=gate.keep, **PATIENT).app
    with served(app) as client, sending(str(client.base_url)) as send:
        answer = send(BODY)
        gate.until(lambda: len(gate.batches) == 1)
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert not answer.done()
        gate.opened.set()
        assert answer.result(DEADLINE) == 202


def test_a_connection_that_is_slow_to_verify_holds_up_no_other(
    build: Callable[..., House],
) -> None:
    asked, go_on = threading.Event(), threading.Event()
    slow = Slow(**LOOPBACK, asked=asked, go_on=go_on)
    acme = Acme(**LOOPBACK, hook_secret=SECRET)
    both = Connections([Connection("slow", slow, {}), Connection("acme", acme, {})])
    house = build(**PATIENT)
    with serving(Web(hub_app(house.db, both))) as address, sending(address) as send:
        held_up = [send(b"1", to="slow")]
        assert asked.wait(DEADLINE)
        held_up += [send(b"%d" % number, to="slow") for number in range(2, 12)]
        assert {send(body).result(DEADLINE) for body in bodies(5)} == {202}
        assert not any(answer.done() for answer in held_up)
        go_on.set()
        assert {answer.result(DEADLINE) for answer in held_up} == {202}


def hooks_alone(connections: Connections, held: int = 1000) -> TestClient:
    """The webhooks' path as FastAPI routes it, past the shortcut; they are kept nowhere."""

    async def keep(delivery: Delivery) -> bool:
        del delivery
        return True

    app = FastAPI()
    problems.install(app)
    app.include_router(Hooks(connections, keep, Limit(2000), patience=30, held=held).router())
    return TestClient(app)


def test_bodies_that_are_more_than_there_is_room_for_are_asked_to_come_again(
    connections: Connections,
) -> None:
    client = hooks_alone(connections)
    for _ in range(3):  # what was taken is given back
        too_much = client.post("/hooks/acme", content=b"x" * 1001, headers=signed(b"x" * 1001))
        assert (too_much.status_code, too_much.headers["retry-after"]) == (503, "10")
        assert "more to take in than it can hold" in too_much.json()["detail"]
        fits = client.post("/hooks/acme", content=b"x" * 1000, headers=signed(b"x" * 1000))
        assert fits.status_code == 202
        forged = client.post("/hooks/acme", content=b"x" * 1000)
        assert forged.status_code == 401


@pytest.mark.parametrize(
    ("to", "body", "headers", "status"),
    [
        pytest.param("acme", BODY, signed(BODY), 202, id="genuine"),
        pytest.param("acme", BODY, {}, 401, id="forged"),
        pytest.param("nobody", BODY, signed(BODY), 404, id="unknown"),
        pytest.param("acme", b"x" * 2001, signed(b"x" * 2001), 413, id="too large"),
        pytest.param("acme", BODY, {"content-encoding": "gzip"}, 415, id="compressed"),
    ],
)
def test_the_shortcut_leads_where_the_long_way_leads(
    build: Callable[..., House], connections: Connections,
    to: str, body: bytes, headers: dict[str, str], status: int,
) -> None:  # fmt: skip
    with served(build(max_body=2000).app) as short:
        long = hooks_alone(connections, held=9000)
        answers = [
            each.post(f"/hooks/{to}", content=body, headers=headers) for each in (short, long)
        ]
        assert [answer.status_code for answer in answers] == [status, status]
        assert answers[0].content == answers[1].content
