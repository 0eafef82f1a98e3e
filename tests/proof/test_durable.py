"""A 202 is durable: who was told so need not send again, whatever dies."""

from __future__ import annotations

import random
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from hub.testing.sender import SentHook, post
from spokes.shopify.sandbox import ShopifySandbox
from tests.proof.hubs import House

Times = Callable[[int, int], int]
Run = Callable[[House, int], AbstractContextManager["subprocess.Popen[str]"]]
SENDERS = 16  # more than one at a time, so that commits are shared


@dataclass
class Load:
    """Orders that are made and told of by several threads until they are told to stop."""

    shop: ShopifySandbox
    to: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    """The name of each delivery that was answered with 202, and its order."""
    answers: list[int] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    stop: threading.Event = field(default_factory=threading.Event)

    def send(self) -> None:
        while not self.stop.is_set():
            with self.shop.lock:
                order = self.shop.mutate({"do": "create", "stream": "orders", "data": {}})
                [hook] = self.shop.webhooks({"stream": "orders", "id": order})
            status = post(self.to, hook.headers, hook.body)
            with self.changed:
                self.answers.append(status)
                if status == 202:
                    self.acknowledged[name_of(hook)] = order
                self.changed.notify_all()
            if status == 0:
                self.stop.wait(0.05)  # nobody is there

    def until_acknowledged(self, more: int) -> None:
        with self.changed:
            enough = len(self.acknowledged) + more
            assert self.changed.wait_for(lambda: len(self.acknowledged) >= enough, 60)

    @contextmanager
    def going(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.send) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()


def name_of(hook: SentHook) -> str:
    headers = dict(hook.headers)
    number = orjson.loads(hook.body)["id"]
    return f"{headers['X-Shopify-Event-Id']}/{headers['X-Shopify-Topic']}/{number}"


@pytest.fixture
def shop(house: House, tmp_path: Path) -> ShopifySandbox:
    """A shop with one customer and no orders, which the hub is connected to."""
    seed = tmp_path / "seed"
    seed.mkdir()
    at = "2026-01-01T00:00:00Z"
    customer = {"id": 1, "created_at": at, "updated_at": at, "email": "ann@example.com"}
    (seed / "customer.json").write_bytes(orjson.dumps({"customer": customer}))
    return house.connect("shop", "shopify", ShopifySandbox(seed=seed), ("customers", "orders"))


@contextmanager
def running(house: House, port: int) -> Iterator[subprocess.Popen[str]]:
    """The hub as people run it."""
    with house.listening("run", "--port", str(port)) as child:
        yield child


@contextmanager
def running_hastily(house: House, port: int) -> Iterator[subprocess.Popen[str]]:
    """A hub that answers webhooks before they are stored."""
    with house.process("hasty", str(port)) as child:
        assert "listening" in house.line(child)
        yield child


def storm(house: House, shop: ShopifySandbox, run: Run, kills: int, most: int) -> Load:
    """Send webhooks to a hub that is killed again and again, and always comes back.

    It is killed each time after at most so many were acknowledged.
    """
    chance = random.Random(kills)
    port = _free_port()
    load = Load(shop, f"http://127.0.0.1:{port}/hooks/shop")
    with load.going():
        for _ in range(kills):
            with run(house, port) as child:
                load.until_acknowledged(chance.randint(most // 3, most))
                child.kill()
    house.drain()
    return load


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_what_was_acknowledged_is_applied_whoever_is_killed(
    house: House, shop: ShopifySandbox, times: Times, tell: Callable[[str], None]
) -> None:
    kills = times(1, 8)
    load = storm(house, shop, running, kills, times(24, 90))
    delivered = house.delivered()
    assert load.acknowledged.keys() <= delivered.keys()
    assert set(delivered.values()) == {"done"}
    assert set(load.acknowledged.values()) <= set(house.linked("shop", "order"))
    assert set(load.answers) <= {202, 503, 0}
    tell(
        f"{kills} kills, {load.answers.count(0)} without an answer, "
        f"{len(load.acknowledged)} acknowledged: all applied"
    )


def test_control_an_answer_ahead_of_the_commit_loses_webhooks(
    house: House, shop: ShopifySandbox, times: Times, tell: Callable[[str], None]
) -> None:
    load = storm(house, shop, running_hastily, times(1, 3), times(24, 90))
    lost = load.acknowledged.keys() - house.delivered().keys()
    assert lost
    tell(f"control: of {len(load.acknowledged)} acknowledged, {len(lost)} are lost")
