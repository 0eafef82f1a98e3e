"""What the JSON Schema allows and the language does not is told in one sentence, with its place.

The first line of each file in `wrong/` is what is said of it; `*` is a number, of a line in a file that ships.
"""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hub import marked
from hub.mapping import BadMapping, load
from hub.mapping.schema import schema
from hub.shape import Shape
from hub.store import entities

WRONG = sorted((Path(__file__).parent / "wrong").glob("*.yaml"))
MAPPINGS = Path(__file__).parents[2] / "mappings"
SCHEMA = Draft202012Validator(json.loads((MAPPINGS / "mapping.schema.json").read_text("utf-8")))
LONGEST = 260  # characters: more is no sentence


def shape_of(name: str) -> Shape:
    return entities.find(name).shape


def expected(file: Path) -> str:
    return file.read_text("utf-8").partition("\n")[0].removeprefix("# ")


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_one_sentence_says_where_and_what(file: Path) -> None:
    with pytest.raises(BadMapping) as caught:
        load(file, shape_of=shape_of, shown_as=file.name)
    (told,) = caught.value.faults
    assert told == expected(file) or _like(expected(file)).fullmatch(told)


def _like(sentence: str) -> re.Pattern[str]:
    return re.compile(re.escape(sentence).replace(r":\*", ":[0-9]+"))


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_the_schema_allows_it(file: Path) -> None:
    for document in marked.read(file):
        assert [error.message for error in SCHEMA.iter_errors(_as_json(document.data))] == []


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_the_sentence_begins_with_file_line_and_column(file: Path) -> None:
    told = expected(file)
    found = re.match(r"(?:mappings/\w+/)?\w+\.yaml:([0-9]+|\*):([0-9]+|\*): [^ ].+", told)
    assert found, told
    assert len(told) <= LONGEST


def test_there_are_enough_of_them_and_no_two_alike() -> None:
    told = {re.sub(r"^[^ ]+ [^ ]+ ", "", expected(file)) for file in WRONG}
    assert len(WRONG) >= 150
    assert len(told) >= 130


@pytest.mark.parametrize("file", sorted(MAPPINGS.glob("*/*.yaml")), ids=lambda file: file.stem)
def test_the_schema_allows_what_ships(file: Path) -> None:
    for document in marked.read(file):
        assert [error.message for error in SCHEMA.iter_errors(_as_json(document.data))] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "mapping: a/b\nto: case\nkey: id",
        "mapping: a/b\nto: case\nkey: id\nfields: {}",
        "mapping: a/b\nto: case\nkey: id\nfields: {number: {owner: ours}}",
        "mapping: a/b\nto: case\nkey: id\nfields: {number: n}\nremove: [when]",
        "mapping: a/b\nextends: a/b",
        "extends: case",
        "mapping: a/b\nto: case\nkey: id\nfields: {number: n}\ndirection: inwards",
        "mapping: a/b\nto: case\nkey: id\nfields: {number: n}\non_delete: cancel",
        "mapping: a/b\nto: case\nkey: id\nfields: {number: n}\non_delete: {}",
        "mapping: a/b\nto: case\nkey: id\nfields: {number: n}\nchildren: {a: {to: journal}}",
    ],
)
def test_the_schema_refuses_what_it_can(wrong: str) -> None:
    (document,) = marked.parse(wrong, "m.yaml")
    assert not SCHEMA.is_valid(document.data)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)
    Draft202012Validator.check_schema(schema(one.shape for one in entities.ALL))


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _as_json(inner) for key, inner in value.items()}
    if isinstance(value, date):
        return value.isoformat()
    return [_as_json(item) for item in value] if isinstance(value, list) else value
