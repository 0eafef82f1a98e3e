"""Every mapping that we ship loads against the store, passes its examples and keeps the law."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hub.mapping import Mapping, check_examples, explain, load
from hub.shape import Shape
from hub.store import entities
from tests.mapping.round_trip import round_trips, two_way

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
