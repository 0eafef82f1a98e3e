"""YAML whose values know where they stand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import marked


def test_every_value_knows_its_line_and_column() -> None:
    (document,) = marked.parse("a: 1\nb:\n  - x\n  - {c: yes, d: true}\n", "f.yaml")
    assert document.data == {"a": 1, "b": ["x", {"c": "yes", "d": True}]}
    assert document.at("b", 1, "d") == "f.yaml:4:14"
    assert document.at("b", 1, "missing", "deeper") == "f.yaml:4:5"
    assert document.at() == "f.yaml:1:1"


def test_a_file_has_many_documents_each_with_its_places(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text("a: 1\n---\na: 2\n")
    one, two = marked.read(file, shown_as="mappings/two.yaml")
    assert one.at("a") == "mappings/two.yaml:1:1"
    assert two.at("a") == "mappings/two.yaml:3:1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("y", "y"), ("true", True), ("False", False), ("~", None),
        ("007", "007"), ("12", 12), ("-3", -3), ("1.5", 1.5), ("1e3", "1e3"), ("1e+3", 1000.0),
        ("500A", "500A"), ("12:30", "12:30"), ("0x1F", "0x1F"), ("1_000", "1_000"), (".inf", ".inf"),
        ('"12"', "12"), ("'null'", "null"), ("2026-03-01", date(2026, 3, 1)),
        ("2026-03-01T08:00:00Z", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01 10:00:00 +02:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_plain_values_are_what_they_look_like(text: str, value: object) -> None:
    (document,) = marked.parse(f"a: {text}", "f.yaml")
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


BILLION_LAUGHS = "a: &a [1,2,3,4,5,6,7,8,9]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n\tb: 1", "f.yaml:2:1: .*tab: indent with spaces"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: the key 'a' stands here twice"),
        ("a: 1\ntrue: 2\n1: 2", "f.yaml:3:1: the key '1' stands here twice"),
        ("a: !!python/object/apply:os.system [x]", "f.yaml:1:4: the tag .* is not allowed"),
        ("a: !!str 1", "the tag .* is not allowed"),
        ("a: &x [*x]", "stands inside what it names"),
        ("a: *nobody", "f.yaml:1:4: the alias \\*nobody names no anchor|undefined alias"),
        ("<<: {a: 1}", "merge keys"),
        ("? [a]\n: b", "a key must be a plain value"),
        ("a: b: c", "f.yaml:1:5: "),
        ("a: [1, 2", "f.yaml:2:1: |f.yaml:1:9: "),
        ("[" * 10_000, "deeper than 50 levels"),
        ("a: x\x00y", r"f.yaml:1:5: the character U\+0000"),
        ("a: 2026-02-30", "f.yaml:1:4: '2026-02-30' looks like a number or a date.*quote it"),
        ("a: " + "9" * 5000, "quote it"),
        ("a: 1e+999", "it is too large"),
        (BILLION_LAUGHS, "more than 500,000 values"),
        ("a: &a x\nb: [" + "*a," * 1001 + "]", "more than 1,000 aliases"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(marked.BadYaml, match=message):
        marked.parse(text, "f.yaml")


def test_an_alias_is_read_where_it_stands() -> None:
    (document,) = marked.parse("a: &x {b: 1}\nc: *x\n", "f.yaml")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.at("c", "b") == "f.yaml:2:1"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(marked.BadYaml, match=r"none\.yaml: cannot be read: No such file"):
        marked.read(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: Köln".encode("latin-1"))
    with pytest.raises(marked.BadYaml, match=r"latin\.yaml:2:5: is not UTF-8"):
        marked.read(tmp_path / "latin.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * (marked.MAX_BYTES + 1))
    with pytest.raises(marked.BadYaml, match="larger than 2,000,000 bytes"):
        marked.read(tmp_path / "huge.yaml")


@given(st.text(max_size=200) | st.text(alphabet="ab:{}[]-&*!?|>'\"#%@,\n\t 12", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        marked.parse(text, "f.yaml")
    except marked.BadYaml as error:
        refused = str(error)
    else:
        refused = "f.yaml:"
    assert refused.startswith("f.yaml:")
