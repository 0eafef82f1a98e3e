"""The PLM: what its sandbox refuses, what the hub makes of its records, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import hub
from hub import registry
from hub.mapping import load as load_mappings
from hub.store import entities
from hub.testing import Fault, Request, serve
from spokes.plm.sandbox import PlmSandbox

MAPPINGS = Path(__file__).parents[3] / "mappings" / "plm"
TYPE = "application/vnd.plm.v2+json"


@pytest.fixture
def plm() -> Iterator[PlmSandbox]:
    with serve(PlmSandbox()) as sandbox:
        yield sandbox


@pytest.fixture
def spoke(plm: PlmSandbox) -> Iterator[Any]:
    kind = registry.find("plm")
    kind.rate = hub.Rate(calls=1_000_000)
    made = kind.model_validate(plm.settings()).using(clock=plm.clock.now)
    yield made
    made.close()


def stream(name: str) -> hub.Stream:
    return hub.Stream(name)


def pulled(spoke: Any, name: str) -> list[dict[str, Any]]:
    pages = spoke.pull(stream(name), None)
    return [row for page in pages if page.body for row in orjson.loads(page.body)["data"]]


def mapping(name: str) -> Any:
    return load_mappings(MAPPINGS / f"{name}.yaml", shape_of=lambda to: entities.find(to).shape)[0]


@pytest.mark.parametrize("name", ["parts", "defects"])
def test_everything_that_the_plm_holds_can_be_mapped(spoke: Any, name: str) -> None:
    rows = pulled(spoke, name)
    held = mapping(name)
    read = [held.inward(row) for row in rows if held.applies(row)]
    assert len(rows) == {"parts": 48, "defects": 120}[name]
    assert len(read) == {"parts": 5, "defects": 120}[name]


def test_pages_arrive_as_bytes(spoke: Any) -> None:
    first, *_ = spoke.pull(stream("defects"), None)
    assert first.at == "data"
    assert len(orjson.loads(first.body)["data"]) == 100


def test_a_key_serves_once_however_often_it_is_sent(plm: PlmSandbox, spoke: Any) -> None:
    write = hub.Write(None, {"title": "Lamp flickers"}, "our-1")
    first = spoke.upsert(stream("defects"), write)
    again = spoke.upsert(
        stream("defects"), hub.Write(None, {"title": "Lamp flickers badly"}, "our-1")
    )
    assert again.id == first.id
    row = plm.tables["defects"].last(first.id)
    assert (row["title"], row["external_ref"]) == ("Lamp flickers badly", "our-1")


def test_what_changed_there_meanwhile_is_not_overwritten(plm: PlmSandbox, spoke: Any) -> None:
    (seen,) = spoke.fetch(stream("defects"), ["D-000001"])
    plm.mutate({"do": "update", "stream": "defects", "id": "D-000001", "data": {"title": "Theirs"}})
    with pytest.raises(hub.Conflict):
        spoke.upsert(stream("defects"), hub.Write("D-000001", {"title": "Ours"}, "k", seen.version))
    assert plm.tables["defects"].last("D-000001")["title"] == "Theirs"


def test_data_that_the_plm_refuses_is_for_a_person(spoke: Any) -> None:
    for data in (
        {"severity": "huge"},
        {"titel": "x"},
        {"title": ""},
        {"part": "P-999999"},
        {"title": 7},
    ):
        with pytest.raises(hub.Permanent, match="invalid"):
            spoke.upsert(stream("defects"), hub.Write("D-000001", data, "k"))


def test_a_cursor_that_they_forgot_begins_its_window_anew(plm: PlmSandbox, spoke: Any) -> None:
    place = {"since": None, "before": "2100-01-01T00:00:00+00:00", "part": 0}
    cursor = orjson.dumps({**place, "next": f"{plm.url}/api/v2/parts?cursor=forgotten"}).decode()
    pages = list(spoke.pull(stream("parts"), cursor))
    assert sum(len(orjson.loads(page.body)["data"]) for page in pages if page.body) == 48


def test_the_days_quota_is_waited_for(plm: PlmSandbox, spoke: Any) -> None:
    body = {"error": {"code": "quota_exceeded", "message": "come back tomorrow"}}
    plm.faults.add(Fault(path="/api", status=403, body=body, headers={"Retry-After": "60"}))
    with pytest.raises(hub.RateLimited) as caught:
        next(iter(spoke.pull(stream("parts"), None)))
    assert caught.value.retry_after.total_seconds() == 60


def ask(plm: PlmSandbox, method: str, path: str, **headers: str) -> int:
    plm._tokens["t"] = plm.clock.now().replace(year=2100)
    given = {"authorization": "Bearer t", "accept": TYPE, **headers}
    bare, _, query = path.partition("?")
    pairs = [tuple(pair.split("=")) for pair in query.split("&")] if query else []
    return plm.answer(Request(method, bare, pairs, given)).status  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v2/parts", 200), ("GET", "/api/v2/parts?colour=red", 400),
        ("GET", "/api/v2/parts?per_page=201", 400), ("GET", "/api/v2/parts?modified_since=monday", 400),
        ("GET", "/api/v2/parts?cursor=x", 400), ("GET", "/api/v2/parts?numbers=" + "P," * 40, 400),
        ("GET", "/api/v2/defects/D-000001?x=1", 400), ("GET", "/api/v2/defects/D-9", 404),
        ("GET", "/api/v1/parts", 404), ("POST", "/api/v2/parts", 404), ("DELETE", "/api/v2/parts/P-1", 404),
        ("POST", "/api/v2/defects", 400), ("PATCH", "/api/v2/defects/D-000001", 400),
    ],
)  # fmt: skip
def test_the_sandbox_is_as_strict_as_the_plm(
    plm: PlmSandbox, method: str, path: str, status: int
) -> None:
    assert ask(plm, method, path) == status


def test_the_sandbox_asks_who_and_in_which_version(plm: PlmSandbox) -> None:
    assert ask(plm, "GET", "/api/v2/parts", authorization="Bearer other") == 401
    assert ask(plm, "GET", "/api/v2/parts", accept="*/*") == 406
