"""A JSON column takes any object or list that every database can keep."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hub.mapping import kinds
from hub.mapping.faults import Failure


def nested(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels - 1):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "value",
    [{}, [], {"a": [1, 2.5, None, True, "é😀"]}, nested(kinds.MAX_DEPTH)],
    ids=["object", "list", "values", "deep"],
)
def test_what_json_can_say_is_kept_as_it_is(value: Any) -> None:
    assert kinds.json(value) == value
    assert orjson.loads(orjson.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (nested(kinds.MAX_DEPTH + 1), "nested deeper than 100 levels"),
        (nested(3000), "nested deeper"),
        ({"a": {"b": 2**63}}, "more than 64 bits"),
        ([float("nan")], "no number that JSON has"),
        ([[float("inf")]], "no number that JSON has"),
        ({"a": "\x00"}, "NUL"),
        ({"\ud800": 1}, "half"),
        ("text", "neither an object nor a list"),
    ],
    ids=["too deep", "far too deep", "long", "nan", "inf", "nul", "half", "text"],
)
def test_anything_else_is_a_fault_of_its_field(value: Any, why: str) -> None:
    with pytest.raises(Failure, match=why):
        kinds.json(value)
