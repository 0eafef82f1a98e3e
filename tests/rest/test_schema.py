"""The JSON Schema for editors says what the language says, and the documentation names every key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from hub.rest import schema
from hub.rest.language import OF_PAGES, Declaration

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "spokes").glob("*/spoke.yaml"))


def test_the_file_is_what_the_language_makes() -> None:
    file = ROOT / "spokes" / "spoke.schema.json"
    assert json.loads(file.read_text("utf-8")) == schema(), (
        "python -m hub.rest > spokes/spoke.schema.json"
    )


def test_every_reference_in_it_has_a_definition() -> None:
    text = json.dumps(schema())
    for part in text.split('"#/$defs/')[1:]:
        assert part.partition('"')[0] in schema()["$defs"]


def test_it_refuses_unknown_keys_everywhere() -> None:
    def objects(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            if "properties" in part and isinstance(part["properties"], dict):
                yield part
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                yield from objects(each)

    assert all(found["additionalProperties"] is False for found in objects(schema()))


def test_patterns_in_it_are_patterns() -> None:
    for pattern in re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(schema())):
        re.compile(json.loads(pattern))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_every_spoke_in_yaml_tells_editors_of_it(file: Path) -> None:
    first = file.read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../spoke.schema.json"


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from _models(field.annotation)
    for argument in get_args(kind):
        yield from _models(argument)


def test_the_documentation_names_every_key() -> None:
    text = (ROOT / "docs" / "rest.md").read_text("utf-8")
    words = set(
        re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`[^`]+`|```.*?```", text, re.DOTALL)))
    )
    keys = {name for model in _models(Declaration) for name in model.model_fields}
    assert keys - words == set()
    assert set(OF_PAGES) - words == set()
