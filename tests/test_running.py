"""A hub's parts run together and end together."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hub.app import Hub
from hub.running import BrokenDown, PortTaken, Web, at_work, serving
from hub.store.database import Database
from hub.sync.connection import Connections

PATIENCE = 20.0


@pytest.fixture
def hub(db: Database) -> Hub:
    return Hub(db, Connections([]))


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_all_parts_run_until_the_block_ends(hub: Hub) -> None:
    before = names()
    with at_work(hub, web=Web(FastAPI()), threads=2, timetable=True) as address:
        assert {"worker", "timetable", "web"} <= names()
        assert httpx.get(f"{address}/openapi.json").status_code == 200
    assert names() - before == set()


def test_only_what_is_wanted_runs(hub: Hub) -> None:
    with at_work(hub, threads=1) as address:
        assert address == ""
        assert "worker" in names()
        assert not {"web", "timetable"} & names()


def test_a_taken_port_starts_nothing(hub: Hub) -> None:
    before = names()
    with socket.create_server(("127.0.0.1", 0)) as other:
        web = Web(FastAPI(), port=other.getsockname()[1])
        with (
            pytest.raises(PortTaken, match="stop the other program"),
            at_work(hub, web=web, threads=1, timetable=True),
        ):
            pytest.fail("it must not start")
    assert names() == before


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_this_machine_is_named(host: str) -> None:
    with (
        pytest.raises(PortTaken, match=rf"{host}:0: .*set an address of this machine"),
        serving(Web(FastAPI(), host=host)),
    ):
        pytest.fail("it must not start")


def test_an_ipv6_address_is_written_as_urls_write_it() -> None:
    with serving(Web(FastAPI(), host="::1")) as address:
        assert address.startswith("http://[::1]:")
        assert httpx.get(f"{address}/openapi.json").status_code == 200


@dataclass(frozen=True)
class Fragile(Hub):
    """A hub whose timetable has a bug."""

    def tick(self) -> int:
        raise RuntimeError("no such hour")


def test_a_part_that_breaks_down_takes_the_whole_hub_with_it(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    told = threading.Event()
    fragile = Fragile(db, Connections([]))
    with (
        pytest.raises(BrokenDown, match=r"the timetable \(RuntimeError\)"),
        at_work(fragile, threads=1, timetable=True, on_breakdown=told.set),
    ):
        assert told.wait(PATIENCE)
    assert "no such hour" in "".join(capsys.readouterr())
    assert not {"worker", "timetable"} & names()


def test_an_ending_hub_finishes_what_it_answers(hub: Hub) -> None:
    app, asked, answer = FastAPI(), threading.Event(), threading.Event()

    @app.get("/slow")
    def slow() -> str:
        asked.set()
        answer.wait(PATIENCE)
        return "done"

    got: list[Any] = []
    with at_work(hub, web=Web(app)) as address:
        client = threading.Thread(target=lambda: got.append(httpx.get(f"{address}/slow").json()))
        client.start()
        assert asked.wait(PATIENCE)
        threading.Timer(0.1, answer.set).start()
    client.join(PATIENCE)
    assert got == ["done"]
