"""A Dataverse environment on loopback, and spokes that reach it by its own clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import hub
from hub.testing import serve
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.sandbox.aad import CLIENT_ID, CLIENT_SECRET, PATH, TENANT
from spokes.dynamics365.sandbox.rows import Row
from spokes.dynamics365.spoke import Dynamics365

Connect = Callable[..., Dynamics365]
Ask = Callable[..., httpx.Response]

STREAMS = {stream.name: stream for stream in Dynamics365.streams}
ACCOUNTS, CONTACTS, INCIDENTS = (STREAMS[name] for name in ("accounts", "contacts", "incidents"))
ORDERS, RESOURCES = STREAMS["msdyn_workorders"], STREAMS["bookableresources"]
BOOKINGS = STREAMS["bookableresourcebookings"]
API = "/api/data/v9.2"
REAL = Path(os.environ.get("HUB_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))


class Quick(Dynamics365):
    """The spoke without its pace: a sandbox on this machine need not be spared."""

    rate = hub.Rate(calls=100_000)


@pytest.fixture
def field() -> Iterator[Dynamics365Sandbox]:
    """The environment."""
    with serve(Dynamics365Sandbox()) as sandbox:
        yield sandbox


@pytest.fixture
def connect(field: Dynamics365Sandbox) -> Iterator[Connect]:
    """Build a spoke for the environment; its clock is the environment's."""
    built: list[Dynamics365] = []

    def build(**settings: Any) -> Dynamics365:
        spoke = Quick.model_validate(field.settings() | settings).using(clock=field.clock.now)
        built.append(spoke)
        return spoke

    yield build
    for spoke in built:
        spoke.close()


@pytest.fixture
def spoke(connect: Connect) -> Dynamics365:
    return connect()


@pytest.fixture
def ask(field: Dynamics365Sandbox) -> Iterator[Ask]:
    """Ask the environment as any other program would, signed in."""
    with httpx.Client(base_url=field.url) as http:
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID}
        form |= {"client_secret": CLIENT_SECRET, "scope": f"{field.url}/.default"}
        token = http.post(f"/{TENANT}{PATH}", data=form).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"

        def send(method: str, path: str, prefer: str = "", **more: Any) -> httpx.Response:
            headers = more.pop("headers", {}) | ({"Prefer": prefer} if prefer else {})
            where = path if path.startswith(("http", "/")) else f"{API}/{path}"
            return http.request(method, where, headers=headers, **more)

        yield send


def rows(field: Dynamics365Sandbox, stream: hub.Stream) -> dict[str, Row]:
    """What is stored in a table, by id."""
    table = field.rows.of_set(stream.name)
    assert table is not None
    return table.rows


def first(field: Dynamics365Sandbox, stream: hub.Stream) -> str:
    """The id of a row that was there from the beginning."""
    return next(iter(rows(field, stream)))


def changes(
    spoke: Dynamics365, stream: hub.Stream, cursor: str | None = None
) -> tuple[list[hub.Change], str]:
    """Everything that a pull brings, and the cursor after it."""
    pages = list(spoke.pull(stream, cursor))
    return [change for page in pages for change in page.changes], pages[-1].cursor


def settle(field: Dynamics365Sandbox) -> None:
    """Let a pull's horizon pass, and its overlap."""
    field.clock.advance(timedelta(minutes=10))


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]
