"""A hub at work in one process: it starts, works, and drains."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from hub.running import PortTaken, Web, at_work, serving
from hub.store.database import Database
from hub.sync.jobs import Poll
from tests.sync.world import World, connected

DEADLINE = 30.0  # seconds; only ever waited for when a test fails


@pytest.fixture
def world(db: Database) -> World:
    world = World(db)
    world.connect(connected(streams=("cases",)))
    return world


def app() -> FastAPI:
    site = FastAPI()
    site.get("/hello")(lambda: "hello")
    return site


def wait_for(world: World, fact: Callable[[], bool]) -> None:
    """Wait until a commit has made it true."""
    with world.db.bell:
        for _ in range(int(DEADLINE * 20)):
            if fact():
                return
            world.db.bell.wait(0.05)
    raise AssertionError("it never happened")


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_it_serves_works_and_keeps_time_until_the_end(world: World) -> None:
    world.system().set("cases", "c1", Subject="Till")
    with at_work(world.hub, web=Web(app()), threads=2, timetable=True) as address:
        assert httpx.get(f"{address}/hello").json() == "hello"
        wait_for(world, lambda: len(world.rows("case")) == 1)
        assert {"worker", "timetable", "web"} <= names()
    assert not {"worker", "timetable", "web"} & names()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/hello")


def test_parts_that_are_not_wanted_do_not_run(world: World) -> None:
    with at_work(world.hub, timetable=True) as address:
        assert address == ""
        assert not {"worker", "web"} & names()
        wait_for(world, lambda: bool(world.waiting("poll")))


def test_what_runs_at_the_end_is_finished(world: World) -> None:
    system = world.system()
    system.set("cases", "c1")
    begun, may_end = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        begun.set()
        assert may_end.wait(DEADLINE)

    system.on_page = slow
    world.put(Poll("crm", "cases"))
    with at_work(world.hub, threads=1):
        assert begun.wait(DEADLINE)
        threading.Timer(0.1, may_end.set).start()
    assert (len(world.rows("case")), world.waiting()) == (1, [])


def test_an_error_in_the_block_ends_everything_as_well(world: World) -> None:
    with pytest.raises(RuntimeError, match="oops"), at_work(world.hub, threads=1, timetable=True):
        raise RuntimeError("oops")
    assert not {"worker", "timetable"} & names()


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as caught, serving(Web(app(), port=port)):
            pass
    assert str(caught.value).startswith(f"cannot listen on 127.0.0.1:{port}: ")
    assert "stop the other program, or set another port (hub.yaml: listen.port" in str(caught.value)


def test_a_taken_port_starts_nothing(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Web(app(), port=other.getsockname()[1])
        with pytest.raises(PortTaken), at_work(world.hub, web=taken, threads=1):
            pass
    assert "worker" not in names()


def test_the_same_port_can_be_taken_again_at_once(world: World) -> None:
    with at_work(world.hub, web=Web(app())) as address:
        httpx.get(f"{address}/hello")
    port = int(address.rpartition(":")[2])
    with at_work(world.hub, web=Web(app(), port=port)) as again:
        assert httpx.get(f"{again}/hello").status_code == 200
