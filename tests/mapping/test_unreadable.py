"""Files as somebody writes them who is new to YAML: each is told in one sentence, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.mapping import BadMapping, load
from hub.shape import Shape
from hub.store import entities

HEAD = "mapping: acme/tickets\nto: case\nkey: id\n"
WHOLE = f"{HEAD}fields:\n  number: no\n"


FIELDS = (
    "4:1: fields: a mapping of our fields to expressions belongs here,"
    " as in `short_description: subject`"
)
BEGINNING = "a mapping file, which begins with `mapping: spoke/stream`, `to:`, `key:`, `fields:`,"


def field(line: str) -> str:
    return f"{HEAD}fields:\n  {line}\n"


CASES: dict[str, tuple[str | bytes, str]] = {
    "a tab": (f"{HEAD}fields:\n\tnumber: no\n", "5:1: there is a tab: indent with spaces"),
    "a key twice": (field("number: no\n  number: id"), "6:3: the key 'number' stands here twice, first in line 5"),
    "a word twice": (f"{WHOLE}key: no\n", "6:1: the key 'key' stands here twice, first in line 3"),
    "indented too far": (
        field("number: no\n   state: s"),
        "6:9: a second colon in a line: indent it as the lines beside it, or put the value into quotes",
    ),
    "indented too little": (
        f"{HEAD}fields:\n    number: no\n  state: s\n",
        "6:3: is no `key: value`: indent it as the lines beside it, or put the whole value into quotes",
    ),
    "a colon in a text": (
        field('number: f"No: {no}"'),
        "5:15: a second colon in a line: indent it as the lines beside it, or put the value into quotes",
    ),
    "a value behind quotes": (
        field("number: 'no' | trim"),
        "5:16: what begins with | or > needs quotes around all of it",
    ),
    "quotes not closed": (field('number: "no\n  state: s'), "5:11: the quotation mark is not closed"),
    "a quotation mark not closed": (field("number: 'no"), "5:11: the quotation mark is not closed"),
    "an escape": (field(r'number: "a\d"'), r"5:13: no such escape; in single quotes \ is plain text"),
    "half a character": (field(r'number: "\ud83d"'), "5:14: no character has this code"),
    "a brace not closed": (f"{HEAD}fields: {{number: no\n", "5:1: a comma is missing before this, or the } to the { in line 4"),
    "no comma": (f"{HEAD}fields: {{number: no state: s}}\n", "4:26: a comma is missing before this, or the } to the { in line 4"),
    "a bracket not closed": (f"{WHOLE}match: [number\n", "7:1: a comma is missing before this, or the ] to the [ in line 6"),
    "two commas": (f"{HEAD}fields: {{number: no,, state: s}}\n", "4:21: a value is missing before this"),
    "an at sign": (field("number: @id"), "5:11: what begins with @ needs quotes"),
    "a percent sign": (field("number: %id"), "5:11: what begins with % needs quotes"),
    "backticks": (field("number: `id`"), "5:11: what begins with ` needs quotes"),
    "a star": (field("number: *"), "5:11: what begins with * needs quotes"),
    "an ampersand": (field("number: &"), "5:11: what begins with & needs quotes"),
    "an alias of nothing": (field("number: *no"), "5:11: the alias *no names no anchor above it"),
    "an exclamation mark": (
        field("active: !closed"),
        "5:11: the tag !closed is not allowed here: write plain YAML; what begins with ! needs quotes",
    ),
    "a tag": (field("number: !!str 7"), "5:11: the tag tag:yaml.org,2002:str is not allowed here: write plain YAML"),
    "a pipe ahead": (field("number: | trim"), "5:11: what begins with | or > needs quotes around all of it"),
    "a sign ahead": (field("active: > 5"), "5:11: what begins with | or > needs quotes around all of it"),
    "a template": (field("number: {{ no }}"), "5:12: a key must be a plain value; what begins with { needs quotes"),
    "a key in brackets": (field("? [a, b]\n  : no"), "5:5: a key must be a plain value"),
    "a merge key": (f"x: &x {{}}\n{field('<<: *x')}", "6:3: merge keys (<<) are not YAML 1.2: write the keys out"),
    "a number as a key": (field("1: no"), "5:3: 1: case has no such field; a custom field is called u_…, 62 letters at most"),
    "no blank behind a colon": (
        f"{HEAD}fields:\n  number:no\n",
        f"{FIELDS}; a blank belongs behind the colon",
    ),
    "fields as a list": (
        f"{HEAD}fields:\n  - number: no\n",
        FIELDS,
    ),
    "nothing below fields": (f"{HEAD}fields:\n", "4:1: fields: is empty; give it a value"),
    "a list as a key": (
        HEAD.replace("id", "[id, no]") + "fields: {number: no}\n",
        "3:1: key: a list is no expression: a path, as in address.city, is one",
    ),
    "two entities": (
        HEAD.replace("case", "[case, incident]") + "fields: {number: no}\n",
        "2:1: to: a list is not the name of an entity, as in `to: case`",
    ),
    "no for false": (f"{WHOLE}match: [number]\ncreates: no\n", "7:1: creates: 'no' is neither true nor false"),
    "a truth for a path": (f"{WHOLE}stamp: yes\nowner: true\n", "7:1: owner: true does not belong here; known: if_empty, manual, newest, ours, rank, theirs"),
    "in capitals": (WHOLE.replace("key", "Key"), "3:1: Key: unknown key; did you mean 'key'?"),
    "as people call it": (field("Short description: no"), "5:3: Short description: case has no such field; did you mean 'short_description'?"),
    "as programs call it": (field("shortDescription: no"), "5:3: shortDescription: case has no such field; did you mean 'short_description'?"),
    "as an address": (WHOLE.replace("acme/tickets", "https://acme.example/tickets"), "1:1: mapping: 'https://acme.example/tickets' is not spoke/stream, as in salesforce/Case"),
    "an example alone": (f"{WHOLE}examples: {{name: a}}\n", "6:1: examples: a list of examples belongs here, each of which begins with `- name:`"),
    "a date that is none": (field("opened_at: 2026-02-30"), "5:14: '2026-02-30' looks like a number or a date, but: day is out of range for month; quote it to make it text"),
    "a date": (field("opened_at: 2026-03-01T08:00:00Z"), "5:14: opened_at: 2026-03-01T08:00:00+00:00 is no expression; write '\"2026-03-01T08:00:00+00:00\" | datetime'"),
    "a number without end": (field(f"reopen_count: {'9' * 5000}"), f"5:17: '{'9' * 40}' looks like a number or a date, but: it has more than 1000 digits; quote it to make it text"),
    "a character that none may be": (f"{WHOLE}x: \x00\n", "6:4: the character U+0000 is not allowed in YAML; in a quoted string write it as an escape"),
    "a blank that is none": (f"{HEAD}fields:\n\u00a0\u00a0number: no\n", "5:1: U+00A0 looks like a blank and is none: indent with spaces"),
    "a merge of two versions": (f"<<<<<<< ours\n{WHOLE}=======\n{WHOLE}>>>>>>> theirs\n", "1:1: holds both sides of a merge that nobody has finished"),
    "Latin-1": (field("number: 'f\"Größe {no}\"'").encode("latin-1"), "5:16: is not UTF-8: byte 0xf6; save the file as UTF-8"),
    "UTF-16": (WHOLE.encode("utf-16"), "1:1: is UTF-16; save the file as UTF-8"),
    "too large": (f"{WHOLE}#{'x' * 10_000_000}\n", " is larger than 2,000,000 bytes"),
    "too deep": (f"{HEAD}fields: {'[' * 2000}", "4:59: is nested deeper than 50 levels"),
    "an alias of aliases": (
        "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
        ),
        "6:32: has more than 500,000 values, aliases followed",
    ),
    "another language": (
        "<mapping/>\n",
        f"1:1: {BEGINNING} belongs here, not '<mapping/>'",
    ),
    "nothing": ("# not yet\n", " holds no mapping"),
}  # fmt: skip


def shape_of(name: str) -> Shape:
    return entities.find(name).shape


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "tickets.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_says_where_and_what(case: str, tmp_path: Path) -> None:
    text, expected = CASES[case]
    with pytest.raises(BadMapping) as caught:
        load(written(tmp_path, text), shape_of=shape_of, shown_as="f.yaml")
    assert f"f.yaml:{expected}" in caught.value.faults
    others = [fault for fault in caught.value.faults if not fault.endswith("must be given")]
    assert others == [f"f.yaml:{expected}"]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + WHOLE,
        WHOLE.replace("\n", "\r\n"),
        WHOLE.replace("\n", "\r"),
        WHOLE.replace(": no", ":\t no \t"),
        WHOLE.replace("key", "? key\n").replace("? key\n:", "? key\n:"),
        f"---\n{WHOLE}...\n",
        '{"mapping": "acme/tickets", "to": "case", "key": "id", "fields": {"number": "no"}}',
        f"# <<<<<<< is no merge\n{WHOLE}",
    ],
    ids=[
        "BOM",
        "CRLF",
        "CR",
        "tabs behind colons",
        "explicit keys",
        "markers",
        "JSON",
        "a comment",
    ],
)
def test_what_is_only_unusual_is_read(text: str, tmp_path: Path) -> None:
    [mapping] = load(written(tmp_path, text), shape_of=shape_of)
    assert mapping.inward({"no": "7"}) == {"number": "7"}
