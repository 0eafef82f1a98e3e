"""Nothing in a mapping can run code, reach an object or use up the machine."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.mapping import BadMapping
from tests.mapping.files import compiled, mapping_of, quoted

HOSTILE = [
    # calls
    "__import__('os').system('id')", "open('/etc/passwd')", "eval('1')", "exec('1')",
    "print(Id)", "getattr(Id, 'x')", "globals()", "locals()", "vars()", "dir()", "type(Id)",
    "str(Id)", "Id()", "Id.strip()", "Id.format(x)", "'{0.__class__}'.format(Id)",
    "''.join(names)", "range(10)", "list(Id)", "dict(a=1)(b=2) | trim()()", "len(*Id)",
    "sum(x=1, *Id)", "len(Id, key=1)", "open(file='/etc/passwd').read()",
    "coalesce()", "min(a, b, c, d, e, f, g, h, i, j)",
    # attribute escapes and dunders
    "Id.__class__", "Id.__class__.__mro__[1].__subclasses__()", "__builtins__", "this.__dict__",
    "this['__class__']", "Id(__class__='x').y", "[x.__globals__ for x in Id]",
    "[__x__ for __x__ in Id]", "f'{Id.__class__}'", "(lambda: 1).__globals__", "().__class__",
    "''.__class__", "(1).real", "[a][0].b", "{'a': 1}['a']",
    # statements and other syntax
    "lambda: 1", "(x := 1)", "[y := x for x in Id]", "await Id", "yield Id", "*Id", "**Id",
    "x = 1", "import os", "del Id", "Id; Id", "Id if", "{**Id}", "{Id}", "{x for x in Id}",
    "{x: 1 for x in Id}", "b'bytes'", "...", "1j", "Id @ Id", "~Id", "+Id", "Id % 2", "Id // 2",
    "Id & 1", "Id ^ 1", "Id << 9", "Id >> 9", "Id[0:9]", "Id[-1]", "Id[x]", "Id[True]",
    "`id`", "$(id)", "Id #", "Id \\", "0777", "Id is 1", "1 is None", "a < b < c", "Id[99999]",
    # unbounded work
    "2 ** 99999999", "'x' * 1000000000", "[1] * 1000000000", "f'{Id}' * 99", "9" * 400,
    "1e400", "'" + "x" * 600 + "'", "(" * 300 + "Id" + ")" * 300, "-" * 500 + "1",
    "not " * 300 + "Id", "Id | trim" + " | trim" * 100, "a." * 200 + "b",
    "Id" + " or Id" * 2000, "[[y for y in x] for x in Id]", "[x for x in Id for y in x]",
    "[sum(y.a for y in x.b) for x in Id]", "[x async for x in Id]", "[x for x.y in Id]",
    "[x for (x, y) in Id]", "f'{Id!r}'", "f'{Id:>999999999}'", "f'{Id:{width}}'",
    # pipes
    "Id | os", "Id | trim | __import__('os')", "Id | trim.x", "Id | lambda x: x",
    "Id | split", "Id | split('')", "Id | split(Id)", "Id | round(999999)", "Id | round(-1)",
    "Id | default(open('x'))", "Id | default(Other)", "Id | default()", "Id | map", "Id | map(none)",
    "Id | ref", "Id | ref(A, on_missing='rm')", "Id | ref(A, on_mising='null')", "Id | trim(x=1)",
    "Id | ref(**Id)", "trim(Id)", "Id | datetime('Mars/Olympus')", "Id | datetime('../../etc/passwd')",
    "a or b | lower", "a | lower or b", "not a | lower", "a if b else c | trim", "a + b | number",
    "-a | number", "a | lower == 'x'", "f'{a or b | lower}'",
    # what reads like something else
    "true", "null", "", "   ", "class", "a.class", "a.from", "Id\x00",
]  # fmt: skip


@pytest.mark.parametrize("expression", HOSTILE)
def test_a_hostile_expression_is_refused_at_load_with_its_place(expression: str) -> None:
    with pytest.raises(BadMapping, match=r"^mappings/acme/Case\.yaml:5:3: description: "):
        mapping_of("description", expression.replace("\x00", "\\0"))


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) >= 130


def test_what_could_be_read_in_two_ways_says_where_to_put_brackets() -> None:
    with pytest.raises(BadMapping, match=r"`\|` beside `or` can be read in two ways; put brackets"):
        mapping_of("description", "a or b | lower")
    record = {"a": None, "b": "B"}
    assert mapping_of("description", "(a or b) | lower").inward(record) == {"description": "b"}
    assert mapping_of("description", "a or (b | lower)").inward(record) == {"description": "b"}


@pytest.mark.parametrize(
    "expression", ["({brace}", "x'; import os #", 'a"b', "\\", "{}", "{0}", "%s"]
)
def test_texts_of_the_file_stay_texts(expression: str) -> None:
    """Whatever a key, a literal, a stream or a separator holds, the source holds its repr."""
    text = repr(expression)
    mapping = mapping_of("description", f"this[{text}] | split({text}) | join({text})")
    assert mapping.inward({expression: "a"}) == {"description": "a"}
    assert mapping_of("description", text).inward({}) == {"description": expression}
    assert mapping_of("description", f"f'a' if x else {text}").inward({"x": 0}) == {
        "description": expression
    }
    ref = mapping_of("account", f"Id | ref({text})").inward({"Id": "1"})["account"]
    assert ref.stream == expression


GRAMMAR = st.lists(
    st.sampled_from(
        ["Id", "a", ".", "[", "]", "(", ")", "|", " or ", " and ", " not ", " if ", " else ", " for ",
         " in ", "x", "trim", "map", "ref", "split", "'", '"', "f'", "{", "}", "0", "1", ",", "=", "==",
         "<", "+", "-", "*", "/", "__class__", "this", "lambda", ":", "\\", "#", "\n", "é"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=400)
@given(st.text(max_size=60) | GRAMMAR)
@example("0 if 0else 1")
@example("'\\d'")
@example("\ud800")
def test_any_text_is_compiled_or_refused(text: str) -> None:
    try:
        mapping = mapping_of("description", text)
    except BadMapping:
        return
    assert mapping.reads == {"description"}


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["Id", "in", "case", "x | map(y)"]),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["mapping", "to", "key", "fields", "maps", "children", "examples", "match", "state",
                 "in", "out", "each", "given", "want", "y", 1, None, True]
            ),
            inner, max_size=6,
        ),
        max_leaves=20,
    )
)  # fmt: skip
def test_any_document_is_compiled_or_refused(data: object) -> None:
    text = (
        _flow({"mapping": "acme/Case", "to": "case", "key": "Id"} | data)
        if isinstance(data, dict)
        else _flow(data)
    )
    try:
        compiled(text)
    except BadMapping as error:
        refused = str(error)
    else:
        refused = "mappings/acme/Case.yaml"
    assert "mappings/acme/Case.yaml" in refused


def _flow(data: object) -> str:
    """As YAML's flow style."""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(value)}" for key, value in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(_flow, data)) + "]"
    if isinstance(data, str):
        return quoted(data)
    return {None: "null", True: "true", False: "false"}.get(data, str(data))  # type: ignore[call-overload, no-any-return]
