"""A page that is opened is decoded once: to the heads, rows and faults that its records have alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping import Mapping, RecordFailed
from tests.mapping.files import compiled
from tests.mapping.test_pages import (
    CASE,
    GOOD,
    RECORDS,
    ROW,
    mappings,
    raw,
    shown,
    told,
    written_out,
)

OTHER = GOOD | {"Id": "2", "Subject": " b "}


def page(*records: Any, at: str = "records") -> bytes:
    listed: Any = list(records)
    for step in reversed(at.split(".") if at else ()):
        listed = {"count": len(records), step: listed}
    return json.dumps(listed).encode()


def read(mapping: Mapping, body: bytes, at: str = "records") -> Sequence[Any]:
    """The rows of a page that is opened."""
    raws, heads = mapping.open(body, at)
    assert len(raws) == len(heads)
    return mapping.rows(raws, heads)


def at_once(mapping: Mapping, body: bytes) -> bool:
    """Whether the page's records were decoded together."""
    return not isinstance(mapping.open(body, "records")[0], list)


@pytest.mark.parametrize("at", ["", "records", "data.a b.items"])
def test_an_opened_page_gives_heads_rows_and_the_bytes_of_its_records(at: str) -> None:
    raws, heads = CASE.open(page(GOOD, OTHER, at=at), at)
    assert told(heads) == [("1", "2026", False), ("2", "2026", False)]
    assert CASE.rows(raws, heads) == [ROW, ("Bonn", "b", *ROW[2:])]
    assert [json.loads(bytes(each)) for each in raws] == [GOOD, OTHER]
    assert json.loads(bytes(raws[1])) == OTHER


def test_records_as_expected_are_decoded_together_and_others_one_by_one() -> None:
    assert at_once(CASE, page(GOOD, OTHER))
    for key, odd in (("Subject", 7), ("Id", ""), ("Id", "\0"), ("Stamp", None), ("Gone", 1)):
        assert not at_once(CASE, page(GOOD, GOOD | {key: odd})), key
    assert not at_once(CASE, page(GOOD, {"Id": "2"}))


def test_one_odd_record_costs_an_opened_page_only_itself() -> None:
    for key, odd in (("Status", "?"), ("Subject", "a\0"), ("Created", "soon"), ("Subject", [])):
        first, failed, last = read(CASE, page(GOOD, GOOD | {key: odd}, GOOD))
        assert first == last == ROW
        assert isinstance(failed, RecordFailed)
        assert failed.record == "1"


def test_rows_are_asked_for_some_records_of_an_opened_page() -> None:
    raws, heads = CASE.open(page(GOOD, GOOD | {"Kind": "Internal"}, OTHER), "records")
    assert CASE.rows([raws[2], raws[1]], [heads[2], heads[1]]) == [("Bonn", "b", *ROW[2:]), None]


def test_heads_of_another_mapping_or_of_none_are_no_help_and_no_harm() -> None:
    words = "key: Id\nversion: Stamp\ndeleted: Gone"
    other = compiled(f"mapping: acme/Case\nto: case\n{words}\nfields: {{number: Subject}}")
    body = page(GOOD, OTHER)
    raws, heads = CASE.open(body, "records")
    assert other.rows(raws, heads) == [(" a ",), (" b ",)]
    assert CASE.rows(raws, [heads[0], None]) == CASE.rows(raws, CASE.heads(raws)) == CASE.rows(raws)


@pytest.mark.parametrize("words", ["", "version: v", "deleted: d", "version: v\ndeleted: d"])
def test_a_part_of_a_head_that_no_path_gives_is_not_read(words: str) -> None:
    """Theirs may be called as ours are."""
    mapping = compiled(f"mapping: acme/Case\nto: case\nkey: k\n{words}\nfields: {{number: number}}")
    record = {"k": "7", "v": "v1", "d": True, "key": 1, "version": 2, "deleted": 3, "number": "n"}
    body = page(record)
    version, deleted = "v1" if "version" in words else "", "deleted" in words
    assert at_once(mapping, body)
    assert told(mapping.open(body, "records")[1]) == [("7", version, deleted)]
    assert read(mapping, body) == [("n",)]


@pytest.mark.parametrize(
    "words",
    ["key: a.id", "key: id | string", "key: id\nversion: id", "key: id\ndeleted: a", "key: a"],
)
def test_a_head_that_is_no_plain_value_is_read_record_by_record(words: str) -> None:
    text = f"mapping: acme/Case\nto: case\n{words}\nfields: {{number: a.id | trim}}"
    mapping, record = compiled(text), {"id": "7", "a": {"id": " 8"}}
    body = page(record)
    assert not at_once(mapping, body)
    assert read(mapping, body) == mapping.rows([json.dumps(record).encode()])


def test_what_says_that_a_record_is_gone_may_be_a_text_as_well() -> None:
    text = "mapping: acme/Case\nto: case\nkey: id\ndeleted: gone\nfields: {number: 'f\"{gone}\"'}"
    body = page({"id": "7", "gone": True})
    assert read(compiled(text), body) == [("true",)]


@pytest.mark.parametrize("body", [b"", b"[1", b"\xff[]", b'{"records": [{"Id": "1"}'])
def test_a_body_that_is_no_json_cannot_be_opened(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        CASE.open(body, "records")


def test_a_body_without_its_list_cannot_be_opened() -> None:
    with pytest.raises(LookupError, match="at 'records' stands"):
        CASE.open(b'{"record": []}', "records")


def test_a_text_that_another_contains_only_sometimes_is_checked_itself() -> None:
    mapping = compiled(
        """
        mapping: acme/Case
        to: case
        key: Id
        fields:
          u_one: a
          u_two: 'f"{a}, {b}"'
          u_three: 'f"{c}" if d else "none"'
          u_four: c
        """
    )
    fine = {"Id": "1", "a": "x", "b": None, "c": "y", "d": True}
    for record, row in (
        (fine, ("x", "x, ", "y", "y")),
        (fine | {"d": 0}, ("x", "x, ", "none", "y")),
    ):
        assert read(mapping, page(record)) == [row]
        assert tuple(mapping.inward(record).values()) == row
    for odd, fields in (({"a": "\0"}, {"u_one", "u_two"}), ({"c": "\0", "d": False}, {"u_four"})):
        (failed,) = read(mapping, page(fine | odd))
        assert isinstance(failed, RecordFailed)
        assert {fault.field for fault in failed.faults} == fields
        with pytest.raises(RecordFailed, match="NUL"):
            mapping.inward(fine | odd)


@settings(max_examples=150)
@given(mappings(), st.lists(RECORDS, max_size=5))
def test_an_opened_page_reads_as_its_records_do(mapping: Mapping, records: list[str]) -> None:
    body = b'{"records": [' + b",".join(written_out(record) for record in records) + b"]}"
    try:
        raws, heads = mapping.open(body, "records")
    except ValueError:
        return  # no JSON
    assert list(map(shown, heads)) == list(map(shown, mapping.heads(list(raws))))
    rows = mapping.rows(raws, heads)
    assert list(map(shown, rows)) == list(map(shown, mapping.rows(list(raws))))


def test_what_is_read_as_expected_is_read_the_same_from_any_page() -> None:
    """Simple keys, so that pages are decoded together, and values of every kind."""
    mapping = compiled(
        """
        mapping: acme/Case
        to: case
        key: Id
        version: Stamp
        fields:
          u_email: m | email
          u_tags: t | split(";") | join(", ")
          opened_at: at | datetime
          reopen_count: n | cents
          u_stamp: Stamp
        """
    )
    for email in ("A@b.c ", "@b", "a@", "a@b@c", "a b@c", "a\u00a0@c", "a\x00@c", "", None, "ä@ö"):
        for tags in ("a;b", " a;b", "a; b", "a;;b", ";", "a\u2003;b", "", None):
            _same(mapping, {"m": email, "t": tags})
    for at in (
        "2026-03-01T10:00:00.123Z", "2026-03-01T10:00:00.999999+02:00", "2026-03-01T10:00:00.9999999+02:00",
        "2026-03-01T10:00:00+00:00", "2026-03-01T10:00:00.000-0330", "0001-01-01T00:00:00+01:00", "", None,
    ):  # fmt: skip
        _same(mapping, {"at": at})
    for number in (12.34, -12.34, 0.005, -0.0, 1e9, 7, True, None, 2e7, 1e300):
        _same(mapping, {"n": number})


def _same(mapping: Mapping, changes: dict[str, Any]) -> None:
    record = {"Id": "1", "Stamp": "s", "m": None, "t": None, "at": None, "n": None} | changes
    found = read(mapping, page(record))[0]
    try:
        values = mapping._inward.plainly(record)
    except ValueError:
        assert isinstance(found, RecordFailed), changes
        with pytest.raises(RecordFailed):
            mapping.inward(record)
    else:
        assert repr(found) == repr(tuple(values.values()))
        assert repr(mapping.inward(record)) == repr(values)


def test_a_mapping_of_many_fields_leaves_out_what_is_absent() -> None:
    names = [f"u_{number}" for number in range(40)]
    fields = "\n".join(f"  {name}: {name}" for name in names)
    mapping = compiled(f"mapping: acme/Case\nto: case\nkey: Id\nfields:\n{fields}")
    for named in (names, names[::2], names[5:], names[::-3], []):
        assert list(mapping.inward(dict.fromkeys(named, "x"))) == sorted(named, key=names.index)


def test_two_records_share_no_values() -> None:
    one, other = CASE.inward(GOOD), CASE.inward(OTHER)
    one["short_description"] = "changed"
    del one["state"]
    assert other["short_description"] == "b"
    assert "state" in other
    assert CASE.inward(json.loads(raw()))["short_description"] == "a"
