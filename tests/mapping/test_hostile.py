"""Nothing in a mapping can run code, reach an object or use up the machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.mapping import BadMapping, Fault, Mapping, RecordFailed
from hub.mapping.faults import BadExpression
from hub.mapping.language import walk
from hub.mapping.parse import parse
from tests.mapping.files import compiled, mapping_of, quoted, value_of

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
    # letters that look like others, or that Python takes for others (PEP 3131)
    "\ufb00", "Id.\ufb00", "\uff29\uff44", "Id | \uff54rim", "\uff54rim(Id)", "\uff4cen(Id)",
    "Id.\uff3f\uff3fclass\uff3f\uff3f", "\uff3f\uff3fbuiltins\uff3f\uff3f", "__\uff43lass__",
    "Id.__\uff43lass__", "Id(\uff54ype='x').y", "[\uff58 for \uff58 in Id]", "f'{\uff29d}'",
    "\u00b5", "\u212bngstr\u00f6m", "\u017felf", "this.\u1d62d", "Id\u200b", "Id\u00ad", "I\u2060d",
    "'\u202eabc'", "Id or '\u2066x\u2069'", "Id \u2228 Other", "Id\u2024name", "Id \uff5c trim", "E\u0301 or \u00c9",
    # pipes of a spoke, which are functions of ours and nothing else
    "Id | os.system", "Id | os.path", "Id | hub.store", "Id | builtins.eval", "Id | dynamics365.os",
    "Id | dynamics365.hub", "Id | dynamics365.in_minutes", "Id | dynamics365.__class__",
    "Id | dynamics365.MINUTE", "Id | dynamics365.minutes(2)", "Id | dynamics365.minutes(x=2)",
    "Id | dynamics365.minutes.inward", "Id | dynamics365['minutes']", "Id | (dynamics365.minutes)()()",
    "dynamics365.minutes(Id)", "Id | spokes.dynamics365.pipes", "Id | ..minutes", "Id | dynamics365.pipes",
    "Id | __main__.x", "Id | dynamics365/../x.y",
    # more ways to hide a call, an attribute or much work
    "Id.__init_subclass__", "Id['__globals__']", "this['__builtins__'].x", "Id.x.__reduce__",
    "f'{Id.__init__.__globals__}'", "f'{().__class__}'", "f'{lambda: 1}'", "f'{x:=1}'", "f'{x!s}'",
    "f'{f\"{x!a}\"}'", "f'{x:{y:{z}}}'", "f'{open(1)}'", "f'{Id()}'", "f'{await x}'",
    "f'{yield x}'", "f'{(x := 1)}'", "f'{[*x]}'", "[x for x in (y for y in z for w in v)]", "[*a, *b]", "(*a,)",
    "[x for x in Id if (y := x)]", "[lambda: x for x in Id]", "[[] for _ in [] for _ in []]",
    "{k: v for k, v in Id}", "[this for this in Id]", "[None for none in Id]", "[x for x[0] in Id]",
    "any(x for x in Id for y in Id)", "sum(sum(y for y in x) for x in Id)", "max(Id, key=len)",
    "min(Id, default=0)", "sum(Id, start=1)", "len()", "len(a, b)", "all(*a)", "coalesce(**a)",
    "Id if Id", "if Id", "Id else Id", "for x in Id", "not", "Id in", "1 < 2 < 3 < 4", "Id == 1 == 2",
    "9" * 5000, "-" + "9" * 20, "0x" + "f" * 40, "1e308 * 1e308", "1_0" + "0" * 30, "1 << 99", "10 ** 10 ** 10",
    "'a' 'b' * 9", "'%s' % Id", "('a',) * 10**9", "[0] * Id", "Id * '" + "x" * 600 + "'",
    "a" * 3000, "x." * 60 + "y", "x" + "[0]" * 60, "(" * 199 + ")" * 199, "[" * 150 + "]" * 150,
    "f'{" * 90 + "x" + "}'" * 90, "a if b else " * 60 + "c", "[a] + " * 400 + "[b]", "a | b | " * 40 + "trim",
    "~" * 50 + "a", "not(" * 100 + "a" + ")" * 100, "-(" * 100 + "1" + ")" * 100, "a and (" * 60 + "b" + ")" * 60,
    "Id\n;import os", "Id\\\nos", "Id\\x", "eval\t('1')",
    # what reads like something else
    "true", "null", "", "   ", "class", "a.class", "a.from", "Id\x00",
]  # fmt: skip


@pytest.mark.parametrize("expression", HOSTILE)
def test_a_hostile_expression_is_refused_at_load_with_its_place(expression: str) -> None:
    with pytest.raises(
        BadMapping, match=r"^mappings/acme/Case\.yaml:5:(1[6-9]|[2-9]\d|\d{3,4}): description: "
    ):
        mapping_of("description", expression.replace("\x00", "\\0"))


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) >= 230


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


# -- expressions made up by the grammar itself: what is compiled ends, and fails only as records fail

NAMES = st.sampled_from(
    [
        "Id",
        "a",
        "b",
        "lines",
        "x",
        "this",
        'this["odd key"]',
        "a.b.c",
        "lines[0].a",
        "l(type='w').v",
    ]
)
CONSTANTS = st.sampled_from(
    ["1", "-1", "1.5", "0", "''", "'x'", "True", "None", "10**9", "999999999999"]
)
PIPE_NAMES = st.sampled_from(
    ["trim", "lower", "int", "number", "round(2)", "cents", "money", "datetime", "date", "email", "phone", "html",
     "default(0)", "default('x')", "split(',')", "join(',')", "first", "map(m)", "string", "dynamics365.minutes"]
)  # fmt: skip


def _between(sign: str, pair: tuple[str, str]) -> str:
    return f"({pair[0]} {sign} {pair[1]})"


def _called(name: str, inner: str) -> str:
    return f"{name}({inner})"


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, PIPE_NAMES).map(lambda p: f"(({p[0]}) | {p[1]})"),
        st.tuples(inner, PIPE_NAMES).map(lambda p: f"{p[0]} | {p[1]}"),
        *(pair.map(partial(_between, sign)) for sign in
          ("or", "and", "+", "-", "*", "/", "==", "!=", "<", ">=", "in", "not in", "is", "**", "%")),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        inner.map(lambda one: f"not ({one})"),
        inner.map(lambda one: f"-({one})"),
        pair.map(lambda p: f"[{p[0]} for x in {p[1]} if x.a]"),
        pair.map(lambda p: f"[{p[0]}, {p[1]}]"),
        *(inner.map(partial(_called, name)) for name in ("len", "sum", "min", "max", "any", "all")),
        pair.map(lambda p: f"coalesce({p[0]}, {p[1]})"),
        inner.filter(lambda one: '"' not in one).map(lambda one: f'f"<{{{one}}}>"'),
    )  # fmt: skip


EXPRESSIONS = st.recursive(NAMES | CONSTANTS, _larger, max_leaves=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["2026-03-01T08:00:00Z", "12.5", "a@b.c", "x,y", "\x00", "\ud800", "<p>x", 10**400]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "b", "c", "v", "type", "odd key"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
RECORDS = st.dictionaries(st.sampled_from(["Id", "a", "b", "lines", "x", "l", "odd key"]), VALUES)
KINDS = st.sampled_from(
    ["description", "reopen_count", "total", "active", "extra", "latitude", "opened_at", "state"]
)


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(EXPRESSIONS, KINDS, RECORDS)
def test_what_is_compiled_ends_and_fails_only_as_records_fail(
    expression: str, field: str, record: dict[str, object]
) -> None:
    rest = "maps: {m: {x: '1', y: '2'}}" if "map(m)" in expression else ""
    try:
        mapping = mapping_of(field, expression, rest)
    except BadMapping:
        return
    for values in (record, {}):
        for fault in _faults(mapping, values):
            assert fault.field in {field, "record"}
            assert "does not fit (" not in fault.reason, "a bare Python error reached the reader"


def _faults(mapping: Mapping, record: dict[str, object]) -> Sequence[Fault]:
    try:
        mapping.inward(record)
    except RecordFailed as failed:
        return failed.faults
    return ()


@settings(max_examples=300)
@given(st.text(max_size=80) | EXPRESSIONS)
def test_a_parser_of_any_text_gives_a_tree_or_refuses(text: str) -> None:
    try:
        tree = parse(text)
    except BadExpression:
        return
    assert len(list(walk(tree))) <= len(text) + 1


# -- files that would use up the machine, or that YAML would run

BOMB = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a0: &a0 [x]\n{BOMB}", "more than"),
        ("a: &a [*a]", "stands inside what it names"),
        ("mapping: !!python/object/apply:os.system ['id']", "the tag .* is not allowed"),
        ("mapping: !!python/name:os.system", "the tag .* is not allowed"),
        ("fields: !!set {a: null}", "the tag .* is not allowed"),
        ("<<: {mapping: a}", "merge keys"),
        ("a: " + "[" * 200 + "]" * 200, "nested deeper"),
        ("a: " + "{a: " * 200 + "}" * 200, "nested deeper"),
        ("key: 1e+999", "too large"),
        ("? [a, b]\n: c", "a key must be a plain value"),
        ("a: 1\n" * 3, "stands here twice"),
        ("a: \x1b[2J", "is not allowed in YAML"),
    ],
)
def test_a_hostile_file_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(BadMapping, match=rf"^mappings/acme/Case\.yaml:[0-9]+:[0-9]+: .*{told}"):
        compiled(text)


@pytest.mark.timeout(20)  # the library's parser takes hours for some of them
@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a ",
        "<!--",
        "</",
        "&",
        "<![CDATA[",
        "<?",
        "<a x='",
        '<a x="',
        "<1",
        "<a '>",
        "<script>",
        "<div>",
    ],
)
@pytest.mark.parametrize("end", ["", ">", "-->'\""])
def test_markup_is_read_in_one_pass(piece: str, end: str) -> None:
    markup = piece * (400_000 // len(piece)) + end
    assert isinstance(value_of("x | html", {"x": markup}, "description"), str)


@pytest.mark.parametrize(
    ("expression", "record", "reason"),
    [
        ("[x for x in a if x in b]", {"a": ["x"], "b": ["y"] * 2_000}, "too long to look in"),
        ("[x for x in a]", {"a": [1] * 200_000}, "is longer than 100,000"),
        ("[(a * a) * (a * a)]", {"a": 10**30}, "too large to go on with"),
        ("[x | html for x in a]", {"a": ["<a " * 200_000]}, ""),
    ],
)
def test_work_that_grows_by_itself_is_bounded(
    expression: str, record: dict[str, object], reason: str
) -> None:
    mapping = mapping_of("extra", expression)
    if not reason:
        assert mapping.inward(record)
        return
    with pytest.raises(RecordFailed, match=reason):
        mapping.inward(record)
