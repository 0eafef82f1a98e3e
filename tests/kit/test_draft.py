"""Streams and mappings drafted from a description: what is guessed, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hub.kit import odata, openapi
from hub.kit.described import MOST_BYTES, BadDescription, snake
from hub.kit.draft import draft
from hub.kit.outline import Outline
from hub.mapping import check_examples, load
from hub.store import entities

HERE = Path(__file__).parent / "descriptions"


@pytest.fixture
def helpdesk() -> Outline:
    return draft(HERE / "helpdesk.yaml", "helpdesk", "crm")


@pytest.fixture
def fieldwork() -> Outline:
    return draft(HERE / "metadata.xml", "fieldwork", "field_service")


def fields(outline: Outline, stream: str) -> dict[str, object]:
    [text] = [one.mapping for one in outline.streams if one.name == stream]
    found: dict[str, object] = yaml.safe_load(text)["fields"]
    return found


def test_what_is_listed_is_a_stream(helpdesk: Outline, fieldwork: Outline) -> None:
    assert [(one.name, one.path) for one in helpdesk.streams] == [
        ("tickets", "/api/tickets"), ("organizations", "/api/organizations"),
    ]  # fmt: skip
    assert [(one.name, one.path) for one in fieldwork.streams] == [
        ("work_orders", "/WorkOrders"), ("accounts", "/Accounts"),
    ]  # fmt: skip


def test_properties_become_the_fields_that_mean_the_same(helpdesk: Outline) -> None:
    found = fields(helpdesk, "tickets")
    assert found["short_description"] == "subject | trim"
    assert found["description"] == "body"
    assert found["state"] == "status | map(state)"
    assert found["opened_at"] == {"in": "created_at | datetime", "out": {}, "owner": "if_empty"}
    assert found["company"] == {"in": "organization.id | ref(organizations)", "out": {}}
    assert found["u_score"] == {"in": "score | string", "out": {}}


def test_a_base_type_and_an_enumeration_of_odata_are_followed(fieldwork: Outline) -> None:
    found = fields(fieldwork, "work_orders")
    assert found["short_description"] == "Title | trim"
    assert found["expected_start"] == "PlannedAt | datetime"
    assert found["account"] == {"in": "Account.id | ref(accounts)", "out": {}}
    text = fieldwork.streams[0].mapping
    assert '"Assigned": assigned\n' in text
    assert '"Done": closed_complete\n' in text


def test_an_odd_name_is_quoted(helpdesk: Outline) -> None:
    assert fields(helpdesk, "organizations")["hub_tax_id"] == 'this["vat-number"]'


def test_what_could_not_be_told_is_said(helpdesk: Outline, fieldwork: Outline) -> None:
    told = "\n".join(helpdesk.unsure)
    assert "tickets: status: guessed what parked stands for" in told
    assert "/api/tickets/{id}/comments: needs an id of something else: left out" in told
    assert "tickets: tags: is a list or an object: not mapped" in told
    assert "outside of the file, and not read" in told
    assert "tickets: updated_at may be when a record changed" in told
    assert "work_orders: their id is ID; the draft says id" in "\n".join(fieldwork.unsure)


@pytest.mark.parametrize("file", ["helpdesk.yaml", "metadata.xml"])
def test_a_drafted_mapping_loads_and_its_examples_hold(file: str, tmp_path: Path) -> None:
    for stream in draft(HERE / file, "drafted", "other").streams:
        path = tmp_path / f"{stream.name}.yaml"
        path.write_text(stream.mapping)
        [mapping] = load(path, shape_of=lambda name: entities.find(name).shape)
        assert check_examples(mapping) == []


def test_a_document_type_is_refused() -> None:
    bomb = (
        b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>"""
    )
    with pytest.raises(BadDescription, match="document type or entities"):
        odata.read(bomb, "x.xml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("swagger: '2.0'", "Swagger 2"),
        ("[1, 2]", "not OpenAPI 3"),
        ("{", "neither JSON nor YAML"),
        ("openapi: 3.0.0\npaths: {}", "lists nothing"),
        ("<edmx/>", "no EntitySet"),
        ("<edmx", "not XML"),
    ],
)
def test_a_file_that_describes_nothing_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "api"
    file.write_text(text)
    with pytest.raises(BadDescription, match=told):
        draft(file, "x", "crm")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    with file.open("wb") as opened:
        opened.truncate(MOST_BYTES + 1)
    with pytest.raises(BadDescription, match="is larger than 8 MiB"):
        draft(file, "x", "crm")


def test_references_in_a_circle_come_to_an_end() -> None:
    circle = """
      openapi: 3.0.0
      paths: {/a: {get: {responses: {"200": {content: {application/json: {schema: {$ref: "#/s/A"}}}}}}}}
      s: {A: {$ref: "#/s/B"}, B: {$ref: "#/s/A"}}
    """
    assert openapi.read(circle, "x").collections == ()


def test_names_are_written_as_streams_are() -> None:
    assert [snake(n) for n in ("WorkOrders", "work-orders", "HTTPLogs", "a b")] == [
        "work_orders", "work_orders", "http_logs", "a_b",
    ]  # fmt: skip
