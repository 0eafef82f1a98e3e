"""The guide to the language has every word of it, and every example in it is one that holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hub import marked
from hub.mapping import Ref, check_examples, load
from hub.mapping.document import DIRECTIONS, OWNERS
from hub.mapping.overlay import WORDS
from hub.mapping.parse import FUNCTIONS
from hub.mapping.pipes import PIPES
from hub.mapping.reader import KEYS
from hub.shape import Shape
from hub.store import entities
from tests.mapping.files import mapping_of, value_of

GUIDE = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
FILES = [block for block in BLOCKS if re.search(r"^(mapping|extends):", block, re.MULTILINE)]
ROWS = re.findall(r"^\| `(.+?)` \| `(\{.*?\})` \| (.+?) \|$", GUIDE, re.MULTILINE)
WORDS_MAP = 'maps: {words: {N: new, "*": other}}'


def shape_of(name: str) -> Shape:
    return entities.find(name).shape


@pytest.mark.parametrize("text", FILES, ids=lambda text: text.partition("\n")[0])
def test_a_file_in_the_guide_loads_and_its_examples_hold(text: str, tmp_path: Path) -> None:
    file = tmp_path / "Case.yaml"
    file.write_text(text, encoding="utf-8")
    for mapping in load(file, shape_of=shape_of):
        assert mapping.declaration.examples
        assert check_examples(mapping) == []


@pytest.mark.parametrize(("expression", "record", "gives"), ROWS)
def test_an_expression_in_the_guide_gives_what_it_says(
    expression: str, record: str, gives: str
) -> None:
    expression = expression.replace("\\|", "|")
    given = json.loads(record)
    if "ref(" in expression:
        found = mapping_of("account", expression).inward(given)["account"]
        assert isinstance(found, Ref)
        assert (found.stream, found.id) == ("orgs", "o1")
    elif gives == "#":
        assert mapping_of("description", expression, _maps(expression)).inward(given) == {}
    else:
        wanted: Any = json.loads(gives.strip("`"))
        mapping = mapping_of("description", expression, _maps(expression))
        assert mapping.inward(given) == {"description": wanted}


def _maps(expression: str) -> str:
    return WORDS_MAP if "map(words)" in expression else ""


def test_there_is_an_example_of_every_pipe_and_every_function() -> None:
    shown = " ".join(expression for expression, _, _ in ROWS)
    assert not [name for name in PIPES if not re.search(rf"\| {name}\b", shown)]
    assert not [name for name in FUNCTIONS if f"{name}(" not in shown]
    assert len(ROWS) >= 50


@pytest.mark.parametrize("word", sorted({*KEYS["document"], *WORDS, *KEYS["child"]}))
def test_every_word_of_a_file_is_in_the_guide(word: str) -> None:
    assert re.search(rf"^\| .*`{word}`.* \|", GUIDE, re.MULTILINE), word


@pytest.mark.parametrize(
    "word", sorted({*KEYS["field"], *KEYS["match"], *KEYS["example"], *OWNERS, *DIRECTIONS})
)
def test_every_word_of_its_parts_is_in_the_guide(word: str) -> None:
    assert f"`{word}" in GUIDE or f"{word}:" in GUIDE


def test_fields_in_parts_are_as_the_guide_has_them() -> None:
    (parts,) = [block for block in BLOCKS if block.startswith("state:")]
    lines = "".join(f"  {line}\n" for line in parts.splitlines())
    text = f"mapping: acme/tickets\nto: case\nkey: id\nfields:\n{lines}maps: {{state: {{1: new, 2: closed}}}}\n"
    (document,) = marked.parse(text, "guide.yaml")
    assert set(document.data["fields"]) == {"state", "number", "close_notes"}


def test_moments_and_lists_have_columns_of_their_own() -> None:
    assert value_of("tags | split(';')", {"tags": "a; b;"}) == ["a", "b"]
    assert str(
        value_of("at | datetime", {"at": "2026-03-01T10:00:00+02:00"}, "opened_at")
    ).startswith("2026")
