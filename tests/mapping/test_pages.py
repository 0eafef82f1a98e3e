"""A page's bytes become heads and rows as its records would one by one, whatever is in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.mapping import ABSENT, BadMapping, Head, Mapping, RecordFailed, Ref, split
from hub.mapping.faults import FAILURES
from hub.mapping.reasons import whole
from tests.mapping.files import compiled, mapping_of, quoted

CASE = compiled(
    """
    mapping: acme/Case
    to: case
    key: Id
    version: Stamp
    deleted: Gone
    when: Kind != "Internal"
    fields:
      u_city: Address.city
      short_description: Subject | trim
      account: AccountId | ref(Account)
      opened_at: Created | datetime
      state: Status | map(state)
      active: {out: {}}
    maps:
      state: {New: new, Working: open}
    """
)
GOOD = {
    "Id": "1", "Stamp": "2026", "Gone": False, "Kind": "Case", "Address": {"city": "Bonn"}, "Subject": " a ",
    "AccountId": "001", "Created": "2026-03-01T10:00:00.000+0200", "Status": "New", "Unread": [1, {"x": None}],
}  # fmt: skip
ROW = ("Bonn", "a", Ref("Account", "001"), datetime(2026, 3, 1, 8, tzinfo=UTC), "1")


def raw(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def told(heads: Sequence[Head | RecordFailed]) -> list[tuple[str, str, bool]]:
    """What heads say; of a record that failed, nothing."""
    return [(h.key, h.version, h.deleted) for h in heads if not isinstance(h, RecordFailed)]


def test_a_row_has_the_values_of_the_columns_in_their_order() -> None:
    assert CASE.columns == ("u_city", "short_description", "account", "opened_at", "state")
    assert CASE.rows([raw()]) == [ROW]
    assert told(CASE.heads([raw(), raw(Gone=1)])) == [("1", "2026", False), ("1", "2026", True)]


def test_what_is_absent_is_not_what_is_null() -> None:
    rows = CASE.rows([b"{}", b'{"Address": null}', b'{"Address": {}}', raw(Address={"city": None})])
    assert rows[0] == (ABSENT,) * 5
    assert rows[1] == (None, *(ABSENT,) * 4)
    assert rows[2] == (ABSENT,) * 5
    assert rows[3] == (None, *ROW[1:])


def test_what_when_leaves_out_is_no_row() -> None:
    assert CASE.rows([raw(), raw(Kind="Internal", Status="Exploded")]) == [ROW, None]


def test_a_record_that_cannot_be_read_is_given_with_all_its_faults() -> None:
    good, bad, other = CASE.rows([raw(), raw(Status="Exploded", Created="soon"), raw()])
    assert good == other == ROW
    assert isinstance(bad, RecordFailed)
    assert [fault.field for fault in bad.faults] == ["opened_at", "state"]
    assert "no value for 'Exploded'" in str(bad)
    assert bad.record == "1"
    assert bad.__traceback__ is None
    head, failed = CASE.heads([raw(), raw(Id=None, Stamp=[])])
    assert told([head]) == [("1", "2026", False)]
    assert isinstance(failed, RecordFailed)
    assert [fault.field for fault in failed.faults] == ["key", "version"]


def test_what_is_no_json_is_a_fault_of_the_record() -> None:
    for found in (*CASE.heads([b'{"Id": ']), *CASE.rows([b'{"Id": '])):
        assert isinstance(found, RecordFailed)
        assert found.faults[0].reason.startswith("the record is no JSON: ")
        assert found.faults[0].place == "mappings/acme/Case.yaml"


@pytest.mark.parametrize(
    "record", [b"[]", b"7", b"null", b'"Id"', b'{"Address": "Bonn"}', b'{"Address": [1]}']
)
def test_what_stands_where_an_object_should_costs_only_its_record(record: bytes) -> None:
    first, odd, last = CASE.rows([raw(), record, raw()])
    assert first == last == ROW
    assert isinstance(odd, RecordFailed)


def test_a_page_of_odd_records_keeps_its_order() -> None:
    """Numbers for texts, missing keys and half a character: each takes another way."""
    ways = [raw(Subject=7), b'{"Id": "2"}', raw(Subject="\ud800"), raw(Unread="\ud800"), raw()]
    rows = CASE.rows([ways[n % 5] for n in range(500)])
    assert len(rows) == 500
    for n, row in enumerate(rows):
        if n % 5 == 2:
            assert isinstance(row, RecordFailed)
        else:
            wanted = ["Bonn", "7" if n % 5 == 0 else "a", *ROW[2:]] if n % 5 != 1 else [ABSENT] * 5
            assert row == tuple(wanted)


def test_a_text_that_no_database_keeps_is_a_fault() -> None:
    for text in ("a\0", "x" * 1_000_001, "\ud800"):
        (row,) = CASE.rows([raw(Subject=text)])
        assert isinstance(row, RecordFailed)
        assert [fault.field for fault in row.faults] == ["short_description"]


def test_a_record_may_be_read_whole() -> None:
    mapping = compiled("mapping: acme/Case\nto: case\nkey: Id\nfields: {extra: this}")
    assert mapping.rows([raw(), b'{"a": [1.0, 2]}']) == [(GOOD,), ({"a": [1.0, 2]},)]


def test_records_are_read_from_any_bytes() -> None:
    page = b'{"records": [' + raw() + b"]}"
    for raws in (split(page, "records"), [memoryview(raw())], [raw()]):
        assert CASE.rows(raws) == [ROW]
        assert told(CASE.heads(raws)) == [("1", "2026", False)]


@pytest.mark.parametrize(
    ("body", "at", "found"),
    [
        (b'[{"a": 1.0}, null , "x"]', "", [b'{"a": 1.0}', b"null", b'"x"']),
        (b'{"next": [1], "records":[ {"a":  {}} ]}', "records", [b'{"a":  {}}']),
        (b'{"data": {"a b": {"items": [1, 2]}}}', "data.a b.items", [b"1", b"2"]),
        (b'{"r": [1], "r": [2]}', "r", [b"2"]),
        (b'{"r": []}', "r", []),
        (b'{"r": [{"x": NaN, "y": "\\ud800"}]}', "r", [b'{"x": NaN, "y": "\\ud800"}']),
        ('{"r": ["é"]}'.encode("utf-16"), "r", [b'"\\u00e9"']),
        (b'{"\\"": [1]}', '"', [b"1"]),
    ],
)
def test_a_page_is_split_where_its_records_are(body: bytes, at: str, found: list[bytes]) -> None:
    assert [bytes(record) for record in split(body, at)] == found


def test_split_leaves_records_as_they_came() -> None:
    (record,) = split(b'{"r": [{"b":1,  "a" : 2}]}', "r")
    assert isinstance(record, msgspec.Raw)
    assert bytes(record) == b'{"b":1,  "a" : 2}'


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1", b"[" * 100_000, b"\xff[]"])
def test_a_body_that_is_no_json_has_no_records(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        split(body, "")


@pytest.mark.parametrize("body", [b"{}", b'{"r": null}', b'{"r": {}}', b"[]", b'{"r": "[]"}'])
def test_a_page_without_its_list_says_what_stands_there(body: bytes) -> None:
    with pytest.raises(LookupError, match="at 'r' stands"):
        split(body, "r")


KEYS = (
    "Id", "a", "b", "class", "self", "get", "f0", "f1", "r", "a b", "a.b", "é", "𝄞", 'q"t', "b\\s",
    "new\nline", " ", "None", "__class", "_", "type",
)  # fmt: skip
"""What objects of theirs call their values; some clash with Python, with msgspec or with us."""
DATES = (
    "2026-03-01T10:00:00.000+0200", "2026-03-01T10:00:00.000+0000", "2026-03-01T10:00:00Z",
    "2026-03-01t10:00:00z", "2026-03-01 10:00:00.1234567Z", "2026-03-01T10:00:00.9999999+00:00",
    "2026-03-01T10:00:00.0000009Z", "2026-03-01T10:00:00", "2026-03-01", "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59.999999-01:00", "2026-W01-1T00:00:00Z", "2026-02-30T00:00:00Z", "",
    "2026-03-01T24:00:00Z", "2026-03-01T10:00:60Z", "2026-03-01T10:00:00.000000001+05:30:10",
)  # fmt: skip
ODD = (
    "null", "true", "false", "0", "-0", "-0.0", "1.0", "1e5", "1E400", "-1e400", "NaN", "Infinity",
    "123456789012345678901234567890", "LONG", "LONGER", "12.34", "0.1", "1e-7", "1e15",
    "123456789012345.67", "833347238771611.5", "99999999999.99995", "2147483648", '"\\ud800"', '"\\ud83d\\ude00"',
    '"\\u0000"', '"a\\nb"', '" x "', '"yes"', '"no"', '"12.50"', '"x@y.z"', '"X@Y@Z"', '"@x"', '"x@"', '"a b@c"',
    '";a; b ;"', '"\u017ftraße"', '"İ"', '"\\u2028"', '"<b>x</b> &amp; y"', "[]", "{}", "DEEP", "DEEPER",
)  # fmt: skip
LARGE = {
    "LONGER": "9" * 5_000, "LONG": "9" * 500, "DEEPER": "[" * 100_000 + "]" * 100_000, "DEEP": "[" * 150 + "]" * 150,
}  # fmt: skip
"""Written out only when used: Hypothesis prints what it draws."""
WRITTEN = st.sampled_from([*ODD, *map(json.dumps, DATES), *map(json.dumps, KEYS)])


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """A JSON object as text; keys may come twice, escaped, and between blanks."""
    pairs = draw(st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=9))
    ascii_only, blank = draw(st.booleans()), draw(st.sampled_from(["", " ", "\n\t"]))
    written = (f"{json.dumps(k, ensure_ascii=ascii_only)}{blank}:{blank}{v}" for k, v in pairs)
    return "{" + f",{blank}".join(written) + blank + "}"


LISTS = st.lists(WRITTEN, max_size=3).map(lambda items: f"[{','.join(items)}]")
VALUES = st.recursive(WRITTEN | LISTS, lambda inner: inner | objects(inner), max_leaves=6)
RECORDS = objects(VALUES) | VALUES


@st.composite
def paths(draw: st.DrawFn) -> str:
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3))
    end = draw(st.sampled_from(["", "", "", "", "[0]", '(type="x").a', "[1].b"]))
    return "this" + "".join(f"[{json.dumps(key, ensure_ascii=False)}]" for key in keys) + end


PIPES = (
    "trim", "lower", "upper", "string", "int", "number", "round(1)", "cents", "money", "datetime",
    'datetime("Europe/Berlin")', "date", "email", "phone", "html", 'default("x")', "default(7)",
    'split(";")', 'join(",")', 'split(";") | join(", ")', "first", "map(loose)", "map(strict)",
    "trim | lower", "lower | map(loose)", 'split(";") | first | trim',
)  # fmt: skip


@st.composite
def expressions(draw: st.DrawFn) -> str:
    form = draw(st.sampled_from(["{p}", "{p}", "({p}) | {f}", "({p}) | {f}", "({p}) | {f}", "{p} or {q}",
        "coalesce({p}, {q})", "({p} or {q}) | {f}", '"low" if {p} else "high"', "{p} if {q} else {p}",
        '"low" if {p} == "yes" else ({q} | {f})', "f\"{{{p}}}, {{{q}}}'\"", "{p} + 1", "{p} in ({q}, 1)",
        "[x | {f} for x in {p}]", "[x.a for x in {p} if x.b]", "len({p})", "this", "{p} < {q}", "not {p}",
    ]))  # fmt: skip
    return form.format(p=draw(paths()), q=draw(paths()), f=draw(st.sampled_from(PIPES)))


FIELDS = (
    "number", "short_description", "state", "account", "opened_at", "due_date", "active", "reopen_count",
    "latitude", "total", "watch_list", "extra", "u_one", "u_two",
)  # fmt: skip


MAPS = {
    "loose": "{yes: high, 1: low, true: low, '*': moderate}",
    "strict": "{yes: high, no: low}",
}


def maps_used(text: str) -> str:
    """The value maps that a mapping's text names; an unused one would be a fault."""
    used = [f"  {name}: {table}" for name, table in MAPS.items() if f"map({name})" in text]
    return "\n".join(["maps:", *used]) if used else ""


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    """One that loads; what it reads need not make sense."""
    lines = ["mapping: acme/Case", "to: case", "direction: in", f"key: {quoted(draw(paths()))}"]
    words = draw(st.sets(st.sampled_from(["version", "deleted", "when"])))
    lines += [f"{word}: {quoted(draw(expressions()))}" for word in sorted(words)]
    lines.append("fields:")
    for field in draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=6, unique=True)):
        text = draw(expressions()) if field != "account" else f"{draw(paths())} | ref(Account)"
        lines.append(f"  {field}: {quoted(text)}")
    try:
        return compiled("\n".join(lines) + "\n" + maps_used("\n".join(lines)))
    except BadMapping:
        assume(False)
        raise


def written_out(record: str) -> bytes:
    for word, value in LARGE.items():
        record = record.replace(word, value)
    return record.encode()


NO_JSON = object()


def one_by_one(mapping: Mapping, raw: bytes) -> tuple[Any, Any]:
    """The head and the row of a record by way of a dict; faults as texts."""
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return NO_JSON, NO_JSON
    return _head(mapping, record), _row(mapping, record)


def _head(mapping: Mapping, record: Any) -> Any:
    found: list[Any] = []
    faults: list[str] = []
    for read in (mapping.key, mapping.version, mapping.deleted):
        try:
            found.append(read(record))
        except RecordFailed as error:
            faults += map(str, error.faults)
    return faults or tuple(found)


def _row(mapping: Mapping, record: Any) -> Any:
    faults: list[str] = []
    try:
        if not mapping.applies(record):
            return None
    except RecordFailed as error:
        faults += map(str, error.faults)
    try:
        values = mapping.inward(record)
    except RecordFailed as error:
        return [*faults, *map(str, error.faults)]
    return faults or tuple(values.get(column, ABSENT) for column in mapping.columns)


def shown(result: Any) -> str:
    """A result so that 1, 1.0 and true differ, and NaN is itself."""
    if isinstance(result, RecordFailed):
        return repr(list(map(str, result.faults)))
    return repr(told([result])[0] if hasattr(result, "key") else result)


EACH = (
    *(f"a | {pipe}" for pipe in PIPES), "a", "a or b", "coalesce(a, b)", '"low" if a else "high"', 'f"{a}-{b.c}"',
    "(a or b) | trim", "a[0] | trim", "b.c | datetime", '"low" if (a[0] | split(";") | join(",")) else "high"',
    "a | datetime | string", "a if (a | trim) == b.c else 'low'", 'a | trim | split("s") | join("\\0")', 'f"\\0{a}"', 'a or "\\0"',
)  # fmt: skip
"""Every pipe, and what has a shortcut of its own."""


@pytest.mark.parametrize("field", [f for f in FIELDS if f not in {"account", "extra"}])
@pytest.mark.parametrize("expression", EACH)
def test_every_value_takes_the_quick_way_or_the_plain_one_to_the_same(
    expression: str, field: str
) -> None:
    try:
        mapping = mapping_of(field, expression, maps_used(expression))
    except BadMapping:
        return  # a reference, or a text for a number
    for value in [*ODD, *map(json.dumps, DATES), '["\\u0000"]', '[";a; b ;", 1]']:
        given = f'{{"Id": "1", "a": {value}, "b": {{"c": "2026-03-01T10:00:00+01:00"}}}}'
        (row,) = mapping.rows([written_out(given)])
        assert shown(row) == plainly(mapping, written_out(given)), value


def plainly(mapping: Mapping, raw: bytes) -> str:
    """What the functions without shortcuts make of a record, shown; of what is no JSON, no matter."""
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return shown(mapping.rows([raw])[0])
    try:
        values = mapping._inward.plainly(record)
    except FAILURES as error:
        faults = mapping._inward.faults(record)
        return shown(RecordFailed(faults or [whole(mapping.file, error)]))
    return shown(tuple(values.get(column, ABSENT) for column in mapping.columns))


@settings(max_examples=150)
@given(mappings(), st.lists(RECORDS, max_size=5))
def test_a_page_reads_as_its_records_do(mapping: Mapping, records: list[str]) -> None:
    raws = [written_out(record) for record in records]
    wanted = [one_by_one(mapping, raw) for raw in raws]
    assert len(mapping.heads(raws)) == len(mapping.rows(raws)) == len(raws)
    for (head, row), mine, ours in zip(
        wanted, mapping.heads(raws), mapping.rows(raws), strict=True
    ):
        if head != NO_JSON:  # where nobody reads what `json.loads` refuses, nobody need refuse it
            assert shown(mine) == shown(head)
            assert shown(ours) == shown(row)


@settings(max_examples=150)
@given(mappings(), st.lists(RECORDS, max_size=5))
def test_every_quick_way_gives_what_the_plain_one_gives(
    mapping: Mapping, records: list[str]
) -> None:
    for record in records:
        try:
            given = json.loads(written_out(record))
            wanted = mapping._inward.plainly(given)
        except (*FAILURES, RecursionError):
            continue
        for read in (mapping._inward.read, mapping._inward.quickly):
            try:
                assert repr(read(given)) == repr(wanted)
            except FAILURES:
                continue
