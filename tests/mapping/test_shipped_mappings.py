"""Every mapping that we ship loads against the store, passes its examples and keeps the law."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.mapping import Mapping, RecordFailed, Ref, check_examples, explain, load
from hub.shape import Shape
from hub.store import entities
from tests.mapping.round_trip import round_trips, two_way, values_of

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "mappings").glob("*/*.yaml"))
NAMES = [str(file.relative_to(ROOT)) for file in FILES]


def shape_of(name: str) -> Shape:
    return entities.find(name).shape


@cache
def mappings(name: str) -> list[Mapping]:
    return load(ROOT / name, shape_of=shape_of, shown_as=name)


def two_way_fields() -> list[tuple[str, int, str]]:
    return [
        (name, index, field)
        for name in NAMES
        for index, mapping in enumerate(mappings(name))
        for field in two_way(mapping)
    ]


def test_there_are_some() -> None:
    assert {"mappings/salesforce/Case.yaml", "mappings/shopify/orders.yaml"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_and_its_examples_hold(name: str) -> None:
    for mapping in mappings(name):
        assert check_examples(mapping) == []
        assert explain(mapping)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_named_after_its_file(name: str) -> None:
    spoke, stream = Path(name).parent.name, Path(name).stem
    assert {mapping.name for mapping in mappings(name)} == {f"{spoke}/{stream}"} or spoke == "hub"


@pytest.mark.parametrize("name", NAMES)
def test_it_has_three_examples_one_with_missing_and_empty_fields(name: str) -> None:
    for mapping in mappings(name):
        examples = mapping.declaration.examples
        assert len(examples) >= 3, mapping
        given = [example.data["given"] for example in examples if "given" in example.data]
        assert any(_has_an_empty_field(record) for record in given), mapping
        assert any(set(mapping.paths) - _paths_in(record) for record in given), mapping


def _has_an_empty_field(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_an_empty_field, value.values()))
    if isinstance(value, list):
        return any(map(_has_an_empty_field, value))
    return value is None or value == ""


def _paths_in(value: Any, above: str = "") -> set[str]:
    """Every dotted path that a record has, lists looked through."""
    found = {above.rstrip(".")}
    if isinstance(value, list):
        return found.union(*(_paths_in(item, above) for item in value))
    if isinstance(value, dict):
        return found.union(*(_paths_in(inner, f"{above}{key}.") for key, inner in value.items()))
    return found


@pytest.mark.parametrize(("name", "index", "field"), two_way_fields())
def test_what_is_written_reads_as_what_it_was(name: str, index: int, field: str) -> None:
    assert round_trips(mappings(name)[index], field) > 0, "no value of this field can be written"


class _Everybody(dict[tuple[str, str], str]):
    """Links of all records there are."""

    def get(self, key: tuple[str, str], _: Any = None) -> str:
        return key[1]


def two_way_mappings() -> list[tuple[str, int]]:
    return [
        (name, index)
        for name in NAMES
        for index, mapping in enumerate(mappings(name))
        if two_way(mapping)
    ]


@pytest.mark.parametrize(("name", "index"), two_way_mappings())
def test_whole_records_that_are_written_read_as_what_they_were(name: str, index: int) -> None:
    """Fields that share objects, lists and places of theirs do not get into each other's way."""
    mapping = mappings(name)[index]
    fields = two_way(mapping)

    @settings(
        max_examples=40, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        st.fixed_dictionaries({}, optional={field: values_of(mapping, field) for field in fields})
    )
    def law(values: dict[str, Any]) -> None:
        ours = {field: value for field, value in values.items() if _goes_out(mapping, field, value)}
        once = _there_and_back(mapping, ours)
        assert _there_and_back(mapping, once) == once
        exact = {
            rule.field.name
            for rule in mapping.declaration.rules
            if rule.inverse and rule.inverse.exact
        }
        assert {field: once[field] for field in once.keys() & exact} == {
            field: ours[field] for field in ours.keys() & exact
        }

    law()


def _goes_out(mapping: Mapping, field: str, value: Any) -> bool:
    try:
        mapping.outward({field: value}, _Everybody())
    except RecordFailed:
        return False  # it has no counterpart there
    return True


def _there_and_back(mapping: Mapping, values: dict[str, Any]) -> dict[str, Any]:
    sent = mapping.outward(values, _Everybody())
    again = {field: mapping.inward_alone(field, sent)[field] for field in values}
    return {field: value.id if isinstance(value, Ref) else value for field, value in again.items()}


def test_there_are_mappings_of_both_kinds() -> None:
    assert len(two_way_mappings()) >= 15
