"""A recording of an account holds nothing of it, and replays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from hub import registry
from hub.kit.record import Unrecorded, record
from hub.kit.subjects import subject
from hub.mapping import load
from hub.store import entities
from hub.sync.connection import Connection
from hub.testing import Sandbox, serve
from hub.testing.conformance import SpokeConformance, Subject
from hub.testing.example import read
from hub.testing.stage import Stage
from hub.testing.together import loaded
from tests.testing.broken.acme import Acme
from tests.testing.broken.sandbox import AcmeSandbox

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MAPPING = (
    Path(__file__).parents[1] / "testing" / "broken" / "mappings" / "acme" / "work_orders.yaml"
)
NASTY = {
    "title": "Call Greta Lindqvist, +49 171 5550001",
    "contact": {"first_name": "Greta", "lastName": "Lindqvist", "Email": "Greta.L@Shop.example"},
    "link": "https://shop.example/u?mail=greta.l%40shop.example&token=s3cret-of-the-client",
    "assignee": "greta.l@shop.example",
    "session_token": "sess-99887766",
    "opaque": "eyJtYWlsIjogImdyZXRhLmxAc2hvcC5leGFtcGxlIn0=",
    "watchers": {"greta.l@shop.example": True},
    "phone": 491715550001,
}
GONE = (
    "greta",
    "lindqvist",
    "shop.example",
    "5550001",
    "s3cret",
    "sess-998",
    "eyjtywls",
    "token-1\n",
)
MADE_BY_THE_SPOKE = {"entra/memberships", "scim/memberships"}
"""Streams whose records stand in no answer: a group's members, each as a record."""
SHIPPED = [f"{name}/{stream}" for name in registry.names() for stream in subject(name).example.pull]


@pytest.fixture
def acme() -> Iterator[Sandbox]:
    with serve(AcmeSandbox()) as sandbox:
        sandbox.clock.set(NOW)
        for n in range(12):
            command = {"do": "create", "stream": "work_orders", "data": NASTY | {"n": n}}
            sandbox.mutate(command | {"at": f"2026-05-01T10:00:{n:02}+00:00"})
        yield sandbox


def connected(sandbox: Sandbox, kind: type[Acme] = Acme) -> Connection:
    mapping = tuple(load(MAPPING, shape_of=lambda name: entities.find(name).shape))
    return Connection("crm", kind.model_validate(sandbox.settings()), {"work_orders": mapping})


def test_nothing_of_secrets_and_people_is_left(acme: Sandbox) -> None:
    text = record(connected(acme), "work_orders", most=3, now=NOW)
    lower = text.lower()
    assert [word for word in GONE if word in lower] == []
    assert acme.url.removeprefix("http://") not in text


def test_what_is_recorded_replays(acme: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(record(connected(acme), "work_orders", most=3, now=NOW))
    recorded = Subject("acme", Acme, read(file))
    rules = SpokeConformance()
    rules.test_replays_the_recorded_pull(recorded)
    rules.test_replays_the_recorded_fetch(recorded)
    assert recorded.example.pull["work_orders"].ids == ["wo_00001", "wo_00002", "wo_00003"]


def test_a_long_list_is_ended_where_it_is_cut(acme: Sandbox) -> None:
    acme.page_size = 2
    told = yaml.safe_load(record(connected(acme), "work_orders", most=3, now=NOW))
    replies = [
        e["reply"] for e in told["pull"]["work_orders"]["exchanges"] if "items" in e["reply"]
    ]
    assert [len(reply["items"]) for reply in replies] == [2, 1, 0]


def test_the_same_person_is_the_same_in_every_record(acme: Sandbox) -> None:
    told = yaml.safe_load(record(connected(acme), "work_orders", most=3, now=NOW))
    [page] = [
        e["reply"] for e in told["pull"]["work_orders"]["exchanges"] if e["reply"].get("items")
    ]
    names = {row["contact"]["Email"] for row in page["items"]}
    assert names == {"person1@example.com"}
    assert {row["assignee"] for row in page["items"]} == names


def test_a_stream_without_records_is_not_recorded() -> None:
    with serve(AcmeSandbox()) as empty, pytest.raises(Unrecorded, match="shows no record"):
        record(connected(empty), "work_orders", most=3, now=NOW)


def test_nothing_is_written_there(acme: Sandbox) -> None:
    record(connected(acme), "work_orders", most=3, now=NOW)
    assert {e.method for e in acme.journal if e.path != "/token"} == {"GET"}


def test_a_stream_that_there_is_not_is_named(acme: Sandbox) -> None:
    with pytest.raises(Unrecorded, match="no stream 'orders'; it has: work_orders"):
        record(connected(acme), "orders", most=3, now=NOW)


@pytest.mark.parametrize("target", sorted(MADE_BY_THE_SPOKE))
def test_what_a_spoke_makes_of_other_records_is_not_recorded(target: str, tmp_path: Path) -> None:
    with pytest.raises(Unrecorded, match="no answer holds the records as they are told"):
        test_every_shipped_spoke_can_be_recorded(target, tmp_path)


@pytest.mark.parametrize("target", sorted(set(SHIPPED) - MADE_BY_THE_SPOKE))
def test_every_shipped_spoke_can_be_recorded(target: str, tmp_path: Path) -> None:
    name, stream = target.split("/")
    about = subject(name)
    assert about.sandbox is not None
    with serve(about.sandbox()) as sandbox, Stage(about, sandbox) as stage:
        stage.create(stream)
        stage.settle()
        connection = Connection("crm", stage.spoke(), loaded(about))
        file = tmp_path / "example.yaml"
        file.write_text(record(connection, stream, most=2, now=sandbox.clock.now()))
    example = read(file)
    assert 1 <= len(example.pull[stream].ids) <= 2
    SpokeConformance().test_replays_the_recorded_pull(Subject(name, about.spoke, example))
