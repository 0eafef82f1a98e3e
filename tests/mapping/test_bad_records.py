"""Whatever a record holds, each shipped mapping reads it as declared or says which field is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import pytest

from hub.mapping import ABSENT, Fault, Mapping, RecordFailed, Ref
from hub.mapping.kinds import coercion
from hub.shape import Field
from tests.mapping.test_shipped_mappings import NAMES, mappings

MISSING = object()
MOST_SAID = 500  # characters of a failure
HOSTILE: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "empty": "",
    "blank": " \t\n",
    "true": True,
    "number": 7,
    "negative": -1,
    "fraction": 0.1,
    "huge": 10**30,
    "float_huge": 1.7e308,
    "nan": float("nan"),
    "number_as_text": "12.50",
    "number_with_comma": "1.234,50",
    "iso": "2026-03-01T08:00:00Z",
    "iso_with_offset": "2026-03-01T10:00:00.000+0200",
    "iso_without_zone": "2026-03-01T08:00:00",
    "american_date": "03/01/2026",
    "german_date": "1.3.2026 08:00",
    "epoch": 1772352000,
    "mail_date": "Sun, 01 Mar 2026 08:00:00 GMT",
    "day": "2026-03-01",
    "day_that_is_none": "2026-02-30",
    "unknown_choice": "Exploded",
    "emoji": "\N{FIRE}\N{ZERO WIDTH JOINER}\N{HEAVY BLACK HEART}",
    "right_to_left": "\u202eevil",
    "half_a_character": "\ud83d",
    "nul": "a\x00b",
    "long": "x" * 32_768,
    "long_emoji": "\N{FIRE}" * 32_768,
    "too_long": "x" * 1_000_001,
    "markup": "<a <script>alert(1)</script>",
    "formula": "=cmd|' /C calc'!A0",
    "object": {"unexpected": {"deeply": [1]}},
    "list": ["a", 1, None],
    "list_of_objects": [{"id": 1}, "x"],
    "empty_list": [],
    "empty_object": {},
}
EMPTY = {"null", "missing", "empty", "blank", "empty_list"}
FORMS: dict[str, type | tuple[type, ...]] = {
    "string": str, "journal": str, "choice": str, "list": str, "integer": int, "number": float,
    "money": Decimal, "boolean": bool, "instant": datetime, "reference": Ref, "json": (dict, list),
}  # fmt: skip
"""What a column of each kind gets."""

Step = str | int


class Read(NamedTuple):
    """What became of a record: our values, or all faults."""

    values: dict[str, Any]
    faults: Sequence[Fault]


def places_in(value: Any, above: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Every place in a record, but the record."""
    if above:
        yield above
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places_in(inner, (*above, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places_in(inner, (*above, index))


def with_value(record: Any, place: tuple[Step, ...], value: Any) -> Any:
    """The record with another value there."""
    changed = json.loads(json.dumps(record))
    here = changed
    for step in place[:-1]:
        here = here[step]
    if value is MISSING:
        del here[place[-1]]
    else:
        here[place[-1]] = value
    return changed


def read(mapping: Mapping, record: Any) -> Read:
    """Everything that is read of a record; anything raised but `RecordFailed` fails the test."""
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for part in (mapping.key, mapping.version, mapping.deleted, mapping.applies, mapping.children):
        try:
            part(record)
        except RecordFailed as failed:
            faults += failed.faults
    try:
        values = mapping.inward(record)
    except RecordFailed as failed:
        faults += failed.faults
    return Read(values, faults)


def check(mapping: Mapping, record: Any) -> Read:
    """The record is mapped in the form of each column, or its faults name file, line and field."""
    found = read(mapping, record)
    columns = {rule.field.name: rule.field for rule in mapping.declaration.rules}
    for name, value in found.values.items():
        assert value is None or isinstance(value, FORMS[columns[name].kind]), (name, value)
        assert value is None or _kept(columns[name], value) == value, "it is no value of its column"
        if isinstance(value, str):
            value.encode()
            assert "\x00" not in value
    for fault in found.faults:
        assert fault.place.startswith(f"{mapping.file}:"), fault
        assert fault.place.removeprefix(f"{mapping.file}:").isdigit(), fault
        assert fault.field
        assert fault.reason
        assert "does not fit (" not in fault.reason, (
            f"a bare Python error reached the reader: {fault}"
        )
        assert len(str(fault)) < 1_000
    return found


def _kept(column: Field, value: Any) -> Any:
    """What the column makes of a value that it was given: itself."""
    return value if column.kind == "reference" else coercion(column).call(value)


def given(name: str) -> Iterator[tuple[Mapping, Any]]:
    for mapping in mappings(name):
        for example in mapping.declaration.examples:
            if "given" in example.data:
                yield mapping, json.loads(json.dumps(example.data["given"], default=str))


@cache
def places(name: str) -> list[tuple[Mapping, Any, tuple[Step, ...]]]:
    """Each place in the records of a file's examples, once."""
    seen: set[tuple[int, tuple[Step, ...]]] = set()
    found = []
    for mapping, record in given(name):
        for place in places_in(record):
            if (id(mapping), place) not in seen:
                seen.add((id(mapping), place))
                found.append((mapping, record, place))
    return found


class Wrongs(list[str]):
    """What is wrong with a file, all of it: each with what was read there."""

    @contextmanager
    def of(self, *what: object) -> Iterator[None]:
        """Go on after a failure, and keep what it was."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- told at the end
            place = ", ".join(map(str, what))
            self.append(f"{place}: {type(error).__name__}: {str(error)[:MOST_SAID]}")

    def tell(self) -> None:
        assert not self, "\n".join([f"{len(self)} wrong:", *self])


@pytest.fixture
def wrongs() -> Iterator[Wrongs]:
    """Of everything that a test tries; what was wrong is told at its end."""
    found = Wrongs()
    yield found
    found.tell()


@pytest.mark.parametrize("name", NAMES)
def test_a_field_that_holds_anything_is_mapped_or_named(name: str, wrongs: Wrongs) -> None:
    for mapping, record, place in places(name):
        for hostile, value in HOSTILE.items():
            with wrongs.of(hostile, place):
                check(mapping, with_value(record, place, value))


@pytest.mark.parametrize("name", NAMES)
def test_no_value_becomes_null_in_silence(name: str, wrongs: Wrongs) -> None:
    """What is read as it stands is kept, converted, or a fault."""
    for mapping in mappings(name):
        for rule in mapping.declaration.rules:
            if rule.read is None or rule.inverse is None or "or" in rule.text.split():
                continue
            if not all(isinstance(step, str) for step in rule.inverse.target):
                continue
            for hostile in sorted(HOSTILE.keys() - EMPTY):
                record = at(rule.inverse.target, HOSTILE[hostile])
                with wrongs.of(hostile, rule.field.name):
                    found = read_alone(mapping, rule.field.name, record)
                    html = rule.text.endswith("html")  # markup without text has none
                    kept = not isinstance(found, dict) or found[rule.field.name] is not None
                    assert kept or html, rule.text


def at(steps: Sequence[object], value: Any) -> Any:
    """A record that has nothing but a value there."""
    record = value
    for step in reversed(steps):
        record = {step: record}
    return record


def read_alone(mapping: Mapping, field: str, record: Any) -> dict[str, Any] | Sequence[Fault]:
    try:
        return mapping.inward_alone(field, record)
    except RecordFailed as failed:
        return failed.faults


@pytest.mark.parametrize("name", NAMES)
def test_a_page_reads_as_its_records_do_one_by_one(name: str) -> None:
    """The quick ways over bytes agree with the careful one, whatever the records hold."""
    for mapping in mappings(name):
        records = [
            with_value(record, place, value)
            for owner, record, place in places(name)[::3]
            if owner is mapping
            for hostile, value in HOSTILE.items()
            if hostile not in {"too_long", "long", "long_emoji"}
        ]
        raws = [json.dumps(record).encode() for record in records]
        for record, row in zip(records, mapping.rows(raws), strict=True):
            alone = read_row(mapping, record)
            if isinstance(row, RecordFailed):
                assert alone == str(row)
            else:
                assert row == alone


def read_row(mapping: Mapping, record: Any) -> Any:
    faults: list[Fault] = []
    try:
        if not mapping.applies(record):
            return None
    except RecordFailed as failed:
        faults += failed.faults
    try:
        values = mapping.inward(record)
    except RecordFailed as failed:
        faults += failed.faults
        values = {}
    if faults:
        return str(RecordFailed(faults, _key(mapping, record)))
    return tuple(values.get(column, ABSENT) for column in mapping.columns)


def _key(mapping: Mapping, record: Any) -> str:
    try:
        return mapping.key(record)
    except RecordFailed:
        return ""


HARDLY: list[Any] = [None, 5, "text", [], [1], True, {}, {"": None}, {"a": {"b": []}}]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_hardly_a_record_is_refused_or_has_nothing(name: str, wrongs: Wrongs) -> None:
    for mapping in mappings(name):
        for record in HARDLY:
            with wrongs.of(mapping.name, record):
                found = read(mapping, record)
                assert all(fault.place.startswith(mapping.file) for fault in found.faults)
                assert found.faults, "without a key it is no record"


DATES: dict[str, datetime | str] = {
    "2026-03-01T10:00:00.000+0200": datetime(2026, 3, 1, 8, tzinfo=UTC),
    "2026-03-01T08:00:00Z": datetime(2026, 3, 1, 8, tzinfo=UTC),
    "2026-03-01 08:00:00+00:00": datetime(2026, 3, 1, 8, tzinfo=UTC),
    "2026-03-01T08:00:00.999999Z": datetime(2026, 3, 1, 8, tzinfo=UTC),
    "20260301T080000Z": datetime(2026, 3, 1, 8, tzinfo=UTC),
    "2026-03-01T08:00:00": "no time zone",
    "03/01/2026 08:00": "no ISO 8601",
    "1.3.2026": "no ISO 8601",
    "Sun, 01 Mar 2026 08:00:00 GMT": "no ISO 8601",
    "1772352000": "no ISO 8601",
    "/Date(1772352000000)/": "no ISO 8601",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_moment_is_read_in_iso_8601_and_in_nothing_else(name: str, wrongs: Wrongs) -> None:
    for mapping in mappings(name):
        for rule in mapping.declaration.rules:
            if rule.read is None or not rule.text.endswith("| datetime") or "(" in rule.text:
                continue
            for text, wanted in DATES.items():
                record = at(rule.text.removesuffix(" | datetime").split("."), text)
                with wrongs.of(rule.field.name, text):
                    found = read_alone(mapping, rule.field.name, record)
                    if isinstance(wanted, str):
                        assert not isinstance(found, dict)
                        assert wanted in found[0].reason
                    else:
                        assert found == {rule.field.name: wanted}
