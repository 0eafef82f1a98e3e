"""The JSON Schema that editors use says the same as the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.mapping.document import DIRECTIONS, OWNERS
from hub.mapping.overlay import WORDS
from hub.mapping.reader import KEYS

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "mappings" / "mapping.schema.json").read_text("utf-8"))
OBJECTS = {
    "document": SCHEMA,
    "child": SCHEMA["properties"]["children"]["additionalProperties"],
    "example": SCHEMA["properties"]["examples"]["items"],
    "field": SCHEMA["$defs"]["field"],
    "match": SCHEMA["$defs"]["match"],
}


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_it_has_the_keys_that_the_loader_accepts(kind: str) -> None:
    schema = OBJECTS[kind]
    overlaid = WORDS - {"to"} if kind == "document" else set()
    assert set(schema["properties"]) == {*KEYS[kind], *overlaid}
    assert schema["additionalProperties"] is False


def test_it_has_the_words_that_the_loader_accepts() -> None:
    assert tuple(SCHEMA["$defs"]["owner"]["enum"]) == OWNERS
    assert tuple(SCHEMA["properties"]["direction"]["enum"]) == DIRECTIONS


def test_every_reference_in_it_has_a_definition() -> None:
    text = json.dumps(SCHEMA)
    for part in text.split('"#/$defs/')[1:]:
        assert part.partition('"')[0] in SCHEMA["$defs"]


@pytest.mark.parametrize("file", sorted((ROOT / "mappings").glob("*/*.yaml")), ids=lambda f: f.name)
def test_every_shipped_mapping_tells_editors_of_it(file: Path) -> None:
    first = file.read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../mapping.schema.json"
