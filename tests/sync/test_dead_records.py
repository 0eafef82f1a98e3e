"""A bad record stops nobody, and never vanishes."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

import hub
from hub.mapping import Mapping as FieldMapping
from hub.store.cursors import Counts
from hub.sync.reading import Record, records_in
from tests.sync.elsewhere import at, gone, there
from tests.sync.world import MAPPINGS, World, altered, connected, mapped

BAD = there("cases", "bad", 2, Subject="Till", Status="Exploded", CreatedDate="yesterday")


def mended(tmp_path: Path) -> tuple[FieldMapping, ...]:
    """The mapping of cases, which knows their new status and believes any date."""
    return altered(tmp_path, "cases", "Closed: closed}", "Closed: closed, Exploded: open}")


def test_a_bad_record_is_kept_with_file_line_field_and_value(world: World) -> None:
    counts = world.absorb(there("cases", "c1"), BAD, there("cases", "c2"))
    assert (counts.created, counts.failed) == (2, 1)
    [letter] = world.dead()
    assert (letter.external_id, letter.version) == ("bad", at(2))
    status, created = sorted(letter.faults, key=lambda fault: fault["field"], reverse=True)
    assert status["field"] == "state"
    assert status["place"] == "cases.yaml:14"
    assert status["expression"] == "Status | map(state)"
    assert status["value"] == "'Exploded'"
    assert "no value for 'Exploded'" in status["reason"]
    assert (created["field"], created["value"]) == ("opened_at", "'yesterday'")
    assert "cases.yaml:14: state: no value for 'Exploded'" in letter.error
    assert "(record bad)" in letter.error
    assert orjson.loads(letter.raw) == BAD.data


def test_the_same_bad_record_is_not_buried_again(world: World) -> None:
    world.absorb(BAD)
    first = world.dead()
    world.clock.pass_(60)
    with world.counted() as sent:
        counts = world.absorb(BAD)
    assert counts.unchanged == 1
    assert world.dead() == first
    assert len(sent) == 1


def test_a_record_without_a_key_is_not_buried_again_either(world: World) -> None:
    nameless = hub.Change("cases", "c7", {"Id": None, "Subject": "Till"}, at(1))
    assert world.absorb(nameless, there("cases", "c1")).failed == 1
    with world.counted() as sent:
        assert world.absorb(nameless).failed == 0
    assert len(sent) == 1
    [letter] = world.dead()
    assert letter.external_id == "c7"


def test_another_bad_version_takes_the_place_of_the_first(world: World) -> None:
    world.absorb(BAD)
    world.absorb(there("cases", "bad", 3, Status="Melted"))
    [letter] = world.dead()
    assert (letter.version, letter.faults[0]["value"]) == (at(3), "'Melted'")


def test_a_later_good_version_resolves_it(world: World) -> None:
    world.absorb(BAD)
    counts = world.absorb(there("cases", "bad", 3, Status="Open"))
    assert counts.created == 1
    assert world.dead() == []
    assert world.row("case", "bad")["state"] == "10"


def test_a_good_version_of_the_same_second_resolves_it(world: World) -> None:
    """Their clock has no more than seconds."""
    world.absorb(BAD)
    world.absorb(there("cases", "bad", 2, Status="Open"))
    assert world.dead() == []


def test_of_records_without_versions_the_content_tells(world: World) -> None:
    bad = hub.Change("cases", "c1", {"Id": "c1", "Status": "Exploded"})
    world.absorb(bad)
    world.absorb(bad)
    assert len(world.dead()) == 1
    world.absorb(hub.Change("cases", "c1", {"Id": "c1", "Status": "Open"}))
    assert world.dead() == []


def test_an_older_good_version_does_not_resolve_it(world: World) -> None:
    world.absorb(there("cases", "bad", 1, Status="New"))
    world.absorb(BAD)
    world.absorb(there("cases", "bad", 1, Status="New"))
    assert len(world.dead()) == 1


def test_an_older_good_version_that_comes_late_does_not_resolve_it(world: World) -> None:
    world.absorb(BAD)
    world.absorb(there("cases", "bad", 1, Status="New"))
    assert len(world.dead()) == 1
    assert world.row("case", "bad")["state"] == "1"


def test_an_older_bad_version_does_not_take_its_place(world: World) -> None:
    world.absorb(BAD)
    world.absorb(there("cases", "bad", 1, Status="Melted"), there("cases", "c1"))
    [letter] = world.dead()
    assert letter.version == at(2)
    assert len(world.rows("case")) == 1


def test_its_deletion_out_there_resolves_it(world: World) -> None:
    world.absorb(BAD)
    counts = world.absorb(gone("cases", "bad", 3))
    assert (counts.failed, world.dead(), world.rows("case")) == (0, [], [])


def test_a_mapping_that_leaves_it_out_resolves_it(world: World) -> None:
    world.absorb(BAD)
    world.absorb(there("cases", "bad", 3, Status="Exploded", Kind="private"))
    assert world.dead() == []


def test_a_changed_mapping_tries_it_again(world: World, tmp_path: Path) -> None:
    bad = there("cases", "bad", 2, Status="Exploded")
    world.absorb(bad)
    world.connect(connected(cases=mended(tmp_path)))
    assert world.absorb(bad).created == 1
    assert world.dead() == []


def test_a_person_lets_it_be_read_again_from_what_was_kept(world: World, tmp_path: Path) -> None:
    world.absorb(there("cases", "bad", 2, Status="Exploded", Subject="Till"))
    [letter] = world.dead()
    world.read_again(letter.id)
    assert len(world.dead()) == 1, "the status is as unknown as before"
    world.connect(connected(cases=mended(tmp_path)))
    world.read_again(letter.id)
    assert world.dead() == []
    assert world.row("case", "bad")["short_description"] == "Till"
    world.read_again(letter.id)
    assert (world.waiting(), len(world.rows("case"))) == ([], 1)


def test_what_was_kept_of_a_record_that_changed_since_is_not_applied(
    world: World, tmp_path: Path
) -> None:
    world.absorb(there("cases", "bad", 3, Status="New", Subject="Newest"))
    world.absorb(there("cases", "bad", 4, Status="Exploded", Subject="Bad"))
    [letter] = world.dead()
    world.absorb(there("cases", "bad", 5, Status="Open", Subject="Newer still"))
    world.connect(connected(cases=mended(tmp_path)))
    world.read_again(letter.id)
    assert world.row("case", "bad")["short_description"] == "Newer still"


HOSTILE: dict[str, dict[str, Any]] = {
    "a NUL": {"Subject": "a\x00b"},
    "a NUL in the key": {"Id": "a\x00b"},
    "half a character": {"Subject": "\ud800"},
    "half a character in the key": {"Id": "\udfff"},
    "half a character where nobody looks": {"Other": "\ud800", "Status": "Exploded"},
    "an integer past 64 bits": {"Seconds": 2**70},
    "an integer past 64 bits where nobody looks": {"Other": 2**70, "Status": "Exploded"},
    "a text that is a number of 5,000 digits": {"Seconds": "9" * 5000},
    "a moment before the first year": {"CreatedDate": "0001-01-01T00:00:00+05:00"},
    "a moment without a zone": {"CreatedDate": "2026-03-01T10:00:00"},
    "a list for a text": {"Subject": ["a"]},
    "an object for a choice": {"Status": {"a": 1}},
    "a text for a list": {"Comments": "none"},
    "comments without ids": {"Comments": [{"Text": "a", "Public": True}]},
    "a reference that is none": {"AccountId": {"Id": "a1"}},
    "a reference to half a character": {"AccountId": "\ud800"},
    "a comment with a NUL": {"Comments": [{"Id": "n1", "Text": "\x00", "Public": True}]},
}


@pytest.mark.parametrize("values", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_record_is_one_dead_letter(world: World, values: dict[str, Any]) -> None:
    hostile = there("cases", "bad", 1, **values)
    counts = world.absorb(there("cases", "c1"), hostile, there("cases", "c2"))
    assert (counts.created, counts.failed) == (2, 1)
    assert len(world.dead()) == 1
    assert world.absorb(hostile).failed == 0
    [letter] = world.dead()
    world.read_again(letter.id)
    assert len(world.dead()) == 1


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_one_dead_letter(world: World, number: float) -> None:
    assert world.absorb(there("cases", "bad", Seconds=number)).failed == 1
    assert world.absorb(there("cases", "bad", Seconds=number)).failed == 0


ODD: dict[str, dict[str, Any]] = {
    "characters of four bytes": {"Subject": "\U0001f525 till \U00020000", "Region": "\U0001f30d"},
    "a text of 32 KB": {"Description": "é" * 32_768},
    "an integer past 64 bits where nobody looks": {"Other": 2**70},
    "half a character where nobody looks": {"Other": "\ud800"},
    "lists within lists where nobody looks": {"Other": json.loads("[" * 300 + "]" * 300)},
    "a thousand lists within lists": {"Other": orjson.loads("[" * 1000 + "]" * 1000)},
    "the first year": {"CreatedDate": "0001-01-01T00:00:00Z"},
    "the last year": {"CreatedDate": "9999-12-31T23:59:59Z"},
    "a moment to the nanosecond": {"CreatedDate": "2026-03-01T10:00:00.123456789Z"},
}


@pytest.mark.parametrize("values", ODD.values(), ids=ODD)
def test_an_odd_record_arrives_whole(world: World, values: dict[str, Any]) -> None:
    odd = there("cases", "c1", 1, **values)
    assert world.absorb(odd).created == 1
    row = world.row("case", "c1")
    assert row["short_description"] == values.get("Subject")
    assert row["description"] == values.get("Description")
    assert world.absorb(odd).unchanged == 1
    assert world.absorb(there("cases", "c1", 2, **values)).unchanged == 1


def test_the_year_one_and_an_enormous_amount_side_by_side(world: World) -> None:
    counts = world.absorb(
        there("orders", "o1", Date="0001-01-01T00:00:00Z", Total="99999999999.9999"),
        there("orders", "o2", Total=10**16),
        there("orders", "o3", Total="10000000000000000"),
        there("orders", "o4", Total="12.34567"),
    )
    assert (counts.created, counts.failed) == (2, 2)
    assert world.row("order", "o1")["order_date"].year == 1
    assert world.row("order", "o1")["total_amount"] == Decimal("99999999999.9999")
    assert world.row("order", "o4")["total_amount"] == Decimal("12.3457")


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "x" * 5000, "😀" * 300])
def test_an_id_or_version_of_any_kind_costs_nobody_the_page(world: World, text: str) -> None:
    odd = [
        hub.Change("cases", text, {"Id": "c1"}, at(1)),
        hub.Change("cases", "c2", {"Id": "c2"}, text),
        hub.Change("cases", text, None, at(2)),
        hub.Change("cases", f"{text}!", {"Id": text}, at(1)),
        hub.Change("cases", f"{text}?", {"Id": "c5", "Status": "Exploded"}, text),
    ]
    for _ in range(2):
        counts = world.absorb(*odd, there("cases", "c9"))
        assert counts.seen in {5, 6}
    assert world.row("case", "c9")
    assert world.row("case", "c2")


def body(*records: Any) -> hub.Page:
    return hub.Page(body=json.dumps({"data": {"records": records}}).encode(), at="data.records")


def told(world: World, page: hub.Page) -> Counts:
    return world.absorb_records("cases", opened(page))


def opened(page: hub.Page) -> list[Record]:
    first, *_ = mapped(MAPPINGS / "cases.yaml")
    return records_in(page, "cases", first)


def test_records_are_read_out_of_a_body(world: World) -> None:
    counts = told(world, body({"Id": "c1", "Version": at(1), "Subject": "Till"}))
    assert counts.created == 1
    assert world.link("case", "c1").version == at(1)


def test_a_nameless_record_in_a_body_costs_nobody_the_page(world: World) -> None:
    nameless, other = {"Subject": "Till"}, {"Id": ["c1"], "Subject": "Till"}
    page = body({"Id": "c1", "Version": at(1)}, nameless, other, "rubbish", 7)
    counts = told(world, page)
    assert (counts.created, counts.failed) == (1, 4)
    assert len(world.dead()) == 4
    assert told(world, page).failed == 0
    assert len(world.dead()) == 4


def test_a_null_among_the_records_of_a_body_is_none(world: World) -> None:
    counts = told(world, body(None, {"Id": "c1"}))
    assert (counts.created, counts.failed) == (1, 0)


def test_half_a_character_in_a_body_costs_one_record(world: World) -> None:
    page = hub.Page(body=b'[{"Id": "c1"}, {"Id": "c2", "Subject": "\\ud800"}]', at="")
    counts = told(world, page)
    assert (counts.created, counts.failed) == (1, 1)


@pytest.mark.parametrize("broken", [b"", b'{"data": ', b"<html>", b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_json_is_asked_for_again(broken: bytes) -> None:
    with pytest.raises(hub.Transient, match="cases: the page's body is not JSON"):
        opened(hub.Page(body=broken, at="data"))


@pytest.mark.parametrize("where", ["data.nodes", "data.records.nodes", "data"])
def test_a_body_without_its_list_says_where_it_should_be(where: str) -> None:
    page = hub.Page(body=body({}).body, at=where)
    with pytest.raises(hub.Permanent, match=f"no list of records at '{where}'"):
        opened(page)
