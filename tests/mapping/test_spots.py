"""A fault inside an expression is told with its own line and column, however YAML has the value.

The sign ▸ stands before the character that the place must name; it is taken out first.
"""

from __future__ import annotations

import re
import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub import marked
from hub.mapping import BadMapping
from hub.mapping.spots import place
from tests.mapping.files import compiled

HEAD = "mapping: acme/Case\nto: case\nkey: Id\n"

STYLES = {
    "plain": "fields:\n  number: Subject | ▸trm",
    "plain, behind an emoji": 'fields:\n  number: this["🎉 é 漢"] | ▸trm',
    "plain, over two lines": "fields:\n  number: Subject\n    | trim\n    | ▸trm",
    "plain, over lines with a gap": "fields:\n  number: Subject |\n\n\n    ▸trm",
    "in a flow mapping": "fields: {number: Subject | ▸trm}",
    "as a part of a line": "fields:\n  number: {out: {}, in: Subject | ▸trm}",
    "single quotes": "fields:\n  number: 'Subject | ▸trm'",
    "single quotes, with quotes": "fields:\n  number: 'f''it {Subject | ▸trm}'''",
    "single quotes, over two lines": "fields:\n  number: 'é or\n\n   ''🎉'' or\n   (a | ▸trm)'",
    "double quotes": 'fields:\n  number: "Subject | ▸trm"',
    "double quotes, with escapes": r'fields: {number: "\"\u00e9\x41\U0001F389\t\\n\/\" or\x20(a | ▸trm)"}',
    "double quotes, an escape itself": 'fields:\n  number: "Subject | ▸\\u0074rm"',
    "double quotes, over two lines": 'fields:\n  number: "Subject |\n    ▸trm"',
    "double quotes, joined lines": 'fields:\n  number: "Subject | \\\n    \\\n    ▸trm"',
    "literal block": "fields:\n  number: |\n    Subject\n    | ▸trm\n",
    "literal block, stripped": "fields:\n  number: |-  # why\n    this['🎉']\n\n      | ▸trm\n",
    "literal block, own indentation": "fields:\n  number: |2\n      Subject | ▸trm\n",
    "folded block": "fields:\n  number: >\n    Subject\n    | trim\n    | ▸trm\n",
    "folded block, indented more": "fields:\n  number: >-\n    Subject\n      | trim\n\n    | ▸trm\n",
    "at the end": "fields:\n  number: Subject |▸",
    "at the end of a block": "fields:\n  number: |\n    Subject |▸\n\n",
    "at the end of quotes": "fields:\n  number: 'Subject |▸ '",
    "an empty text": "fields:\n  number: ▸''",
    "behind an anchor": "fields:\n  number: &one Subject | ▸trm",
    "an alias has no place but its own": "when: &one Subject\nfields:\n  number: Subject\n  ▸state: *one",
    "a list in an f-string": "fields:\n  number: '\"é\" or f\"{a} {b} {c | ▸trm}\"'",
    "a condition": "when: Subject == 'é' ▸| lower\nfields: {number: a}",
    "a match rule": "match: [{by: number, when: é or ▸true}]\nfields: {number: a}",
    "outward": "fields: {number: {out: {A: 'active and ▸actve'}}}",
    "a child": "fields: {number: a}\nchildren:\n  notes: {to: journal, key: a, each: 'b | ▸trm', fields: {value: c}}",
    "a map's value": "fields: {state: a | map(s)}\nmaps: {s: {New: ▸nwe}}",
    "a constant": "fields: {active: ▸7}",
}  # fmt: skip


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("style", STYLES)
def test_the_place_is_that_of_the_character(style: str, ends: str) -> None:
    text = HEAD + STYLES[style]
    before = text[: text.index("▸")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    with pytest.raises(BadMapping) as caught:
        compiled(text.replace("▸", "").replace("\n", ends))
    found = {re.findall(r":(\d+):(\d+): ", fault)[0] for fault in caught.value.faults}
    assert found == {(str(line), str(column))}


@pytest.mark.parametrize(
    ("expression", "at"),
    [
        ("a.▸class", "a word of Python's"),
        ("a ▸&& b", "two signs"),
        ("  a | split(▸;)", "blanks before"),
        ("a + b ▸== c | lower", "a comparison"),
        ('emails(type="work", kind=▸other).value', "a selector"),
        ("lines[▸-1].sku", "an index"),
        ("[x.sku for x in lines if x.a ▸| lower == 'b']", "a list"),
        ("a if ▸__b__ else c", "a choice"),
        ("a and ▸'\u202eabc'", "a text"),
        ("a and b.▸\ufb00", "a name"),
        ("coalesce(a, b, ▸len())", "a call"),
        ("é ▸# why", "a comment"),
        ("a | default(▸x)", "an argument"),
        ("f'{a} é {f\"{b}\" | ▸trm}'", "an f-string"),
    ],
)
def test_it_is_the_part_that_is_wrong(expression: str, at: str) -> None:
    spot = expression.index("▸")
    if at in {"an argument", "a text"}:  # of a pipe its name, of a text its quotation mark
        spot = {"an argument": 4, "a text": spot + 1}[at]
    with pytest.raises(BadMapping) as caught:
        compiled(HEAD + "fields:\n  active: |2\n     " + expression.replace("▸", "") + "\n")
    first, *_ = caught.value.faults
    if at == "a comparison":
        spot = expression.replace("▸", "").index("|")
    assert first.startswith(f"mappings/acme/Case.yaml:6:{6 + spot}: active: "), first


TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs", "Cc"]),
        st.sampled_from(" \n\t\"'\\|>#:é🎉\u2028\u00a0"),
    ),
    min_size=1, max_size=120,
)  # fmt: skip


@given(
    text=TEXTS,
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    width=st.integers(5, 80),
    unicode=st.booleans(),
)
def test_each_character_is_found_in_whatever_yaml_writes(
    text: str, style: str | None, width: int, *, unicode: bool
) -> None:
    written = yaml.safe_dump(
        {"a": {"in": text}}, default_style=style, width=width, allow_unicode=unicode
    )
    (document,) = marked.parse(written, "f.yaml")
    if document.data != {"a": {"in": text}}:
        return  # a number, a date: not what we ask about
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", written)
    for spot, char in enumerate(text):
        if char.isspace():
            continue
        line, column = map(int, place(document, ("a",), spot).split(":")[1:])
        shown = lines[line - 1][column - 1 :]
        assert shown.startswith((char, "\\")), (written, spot)


def test_a_place_behind_a_byte_order_mark() -> None:
    text = textwrap.dedent(HEAD) + "fields: {number: a | trm}\n"
    with pytest.raises(BadMapping, match=r":4:22: number: there is no pipe"):
        compiled(text)
