"""What each expression of the language makes of a record."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hub.mapping import RecordFailed, Ref
from tests.mapping.files import mapping_of, value_of

RECORD: dict[str, Any] = {
    "name": "Ann", "empty": "", "void": None, "n": 3, "price": "19.95", "odd key": "odd", "yes": True,
    "account": {"region": {"name": "North"}, "none": None},
    "emails": [{"type": "home", "value": "h@x.y"}, {"type": "work", "primary": True, "value": "w@x.y"}],
    "lines": [{"sku": "A", "q": 2, "p": {"v": 1.5}}, {"sku": None, "q": 1, "p": None}],
    "words": ["a", "b"], "nothing": [],
    "urn:x:y": {"department": "Service"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        # paths
        ("name", "Ann"), ("account.region.name", "North"), ('this["odd key"]', "odd"),
        ('this["urn:x:y"].department', "Service"), ('account["region"].name', "North"),
        ("emails[0].value", "h@x.y"), ("emails[9].value", None), ("words[1]", "b"),
        ('emails(type="work").value', "w@x.y"), ('emails(type="work", primary=True).value', "w@x.y"),
        ('emails(type="fax").value', None), ("account.none.deeper", None),
        # literals
        ('"web"', "web"), ("12", "12"), ("True", "true"), ("None", None), ("-1.5", "-1.5"),
        # texts
        ('f"{name}: {account.region.name}!"', "Ann: North!"), ('f"{void}-{n}-{missing}"', "-3-"),
        ('f"{{{name}}}"', "{Ann}"),
        # or, and, not, conditional
        ("void or empty or name", "Ann"), ("name and n", "3"), ("not void", "true"),
        ('"a" if n > 2 else "b"', "a"), ('"a" if missing or void else "b"', "b"),
        ('"a" if yes and name == "Ann" else "b"', "a"), ("coalesce(void, empty, name)", ""),
        # comparisons
        ("n == 3", "true"), ("n != 3", "false"), ("n >= 3", "true"), ("n < 3", "false"),
        ("void < 3", "false"), ("void > 3", "false"), ("void is None", "true"),
        ("name is not None", "true"), ('name in ("Ann", "Bob")', "true"), ('"nn" in name', "true"),
        ('"x" in void', "false"), ('"a" not in words', "false"), ("n in name", "false"),
        # lists
        ("len(lines)", "2"), ("len(void)", None), ("sum(l.q for l in lines)", "3"),
        ("sum([l.p.v for l in lines])", "1.5"), ("max(l.q for l in lines)", "2"), ("min(n, 2, 9)", "2"),
        ("max(void, n)", "3"), ("min(nothing)", None), ('any(l.sku == "A" for l in lines)', "true"),
        ("all(l.sku for l in lines)", "false"), ("any(void)", None),
        ('[l.sku for l in lines if l.sku] | join(",")', "A"), ("[l.q for l in void] | first", None),
        ('[f"{l.sku} {name}" for l in lines] | join("/")', "A Ann/ Ann"), ("[w for w in words] | first", "a"),
        # numbers
        ("n + 1", "4"), ("n - 1", "2"), ("n * 2", "6"), ("n / 2", "1.5"), ("void + 1", None),
        ("(price | number) * 2", "39.9"), ("(price | money) * n", "59.8500"), ("-n", "-3"),
        ("round_me | round(1)", "2.2"),
    ],
)  # fmt: skip
def test_an_expression_of_the_language(expression: str, value: object) -> None:
    record = {**RECORD, "round_me": 2.25}
    assert value_of(expression, record, "description") == value


@pytest.mark.parametrize(
    ("pipes", "given", "value"),
    [
        ("trim", " x ", "x"), ("lower", "Ab", "ab"), ("upper", "Ab", "AB"), ("trim | lower", " A ", "a"),
        ("string", 12, "12"), ("string", 1.5, "1.5"), ("int", "12", "12"), ("int", 12.0, "12"),
        ("number", "1.50", "1.5"), ("round(0)", 2.5, "2"), ("round", 3.5, "4"), ("round(2)", "2.345", "2.34"),
        ("cents", 12.5, "1250"), ("cents", "0.29", "29"), ("cents", 1.005, "100"), ("cents", 19, "1900"),
        ("cents", 1e15, "100000000000000000"), ("money", "12.5", "12.5000"),
        ("date", "2026-03-01T23:30:00-05:00", "2026-03-01"), ("date", "2026-03-01", "2026-03-01"),
        ("date", "", None), ("datetime", "", None), ("email", " Jo@X.COM ", "jo@x.com"), ("email", "", None),
        ("phone", "+49 (170) 12-34", "+491701234"), ("phone", "(785) 241-6200 ext. 12", "7852416200 x12"),
        ("phone", "  ", None), ("split(';') | first", "a; b", "a"), ("split(',') | join('+')", "a, ,b", "a+b"),
        ("join(',')", ["a", None, 2], "a,2"), ("first", [], None), ('default("x")', "", ""),
        ("html", "<p>Hi&nbsp;you<br>there</p><script>x()</script><ul><li>a</li></ul>", "Hi you\nthere\na"),
        ("html", "<b>a</b> &lt; b", "a < b"), ("html", "<a href='javascript:x'>", ""),
        ("html", "5 < 6 and 7 > 3", "5 < 6 and 7 > 3"), ("html", "<p title='a>b'>x</p>", "x"),
        ("html", "<!-- a > b -->x<!-- never", "x"), ("html", "<?xml version='1'?><!DOCTYPE x>y", "y"),
        ("html", "<STYLE>p{}</STYLE>a<br/>b", "a\nb"), ("html", "<head><title>t</title></head>b", "b"),
        ("html", "a <b", "a <b"), ("html", "<a title='it>x", "x"), ("html", "<script>if (a<b) x()", ""),
    ],
)  # fmt: skip
def test_a_pipe_converts(pipes: str, given: object, value: object) -> None:
    assert value_of(f"x | {pipes}", {"x": given}, "description") == value


@pytest.mark.parametrize(
    "pipe",
    ["trim", "lower", "upper", "string", "int", "number", "round(2)", "cents", "money", "datetime",
     "date", "email", "phone", "html", "split(',')", "join(',')", "first", "map(m)"],
)  # fmt: skip
def test_null_passes_every_pipe_but_default(pipe: str) -> None:
    field = "extra" if "split" in pipe else "description"
    mapping = mapping_of(field, f"x | {pipe}", "maps: {m: {a: b}}" if "map" in pipe else "")
    assert mapping.inward({"x": None}) == {field: None}
    assert mapping.inward({}) == {}


def test_default_stops_null_but_not_absence() -> None:
    mapping = mapping_of("description", 'x | default("none") | upper')
    assert mapping.inward({"x": None}) == {"description": "NONE"}
    assert mapping.inward({}) == {}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T10:00:00.000+0200", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01T08:00:00Z", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01T08:00:00.999Z", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-10-25T02:30:00-05:00", datetime(2026, 10, 25, 7, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_utc_in_whole_seconds(text: str, moment: datetime) -> None:
    assert value_of("x | datetime", {"x": text}, "opened_at") == moment


def test_a_time_without_an_offset_needs_its_zone() -> None:
    with pytest.raises(RecordFailed, match="has no time zone"):
        value_of("x | datetime", {"x": "2026-07-01T10:00:00"}, "opened_at")
    berlin = value_of('x | datetime("Europe/Berlin")', {"x": "2026-07-01T10:00:00"}, "opened_at")
    assert berlin == datetime(2026, 7, 1, 8, tzinfo=UTC)


def test_a_day_is_its_midnight_in_utc() -> None:
    day = value_of("x | date", {"x": "2026-03-01"}, "due_date")
    assert day == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_reference_names_its_stream_and_what_to_do_without_it() -> None:
    assert value_of("x | ref(Account)", {"x": "001"}, "account") == Ref("Account", "001", "defer")
    assert value_of("x | ref(Account)", {"x": 7}, "account") == Ref("Account", "7")
    assert value_of("x | ref(Account)", {"x": "Käse"}, "account") == Ref("Account", "Käse")
    assert value_of("x | ref(Account)", {"x": ""}, "account") is None
    for way in ("defer", "create", "null"):
        expression = f'x | ref("work orders", on_missing="{way}")'
        assert value_of(expression, {"x": "1"}, "account") == Ref("work orders", "1", way)


@pytest.mark.parametrize(
    ("expression", "record", "reason"),
    [
        ("a.b", {"a": "text"}, "an object was expected, not 'text'"),
        ("a[0]", {"a": {}}, "a list was expected"),
        ("a(type='x').b", {"a": 5}, "a list was expected, not 5"),
        ("[x.b for x in a]", {"a": {}}, "a list was expected"),
        ("[x.b for x in a] | first", {"a": ["text"]}, "an object was expected, not 'text'"),
        ("a | trim", {"a": []}, r"\[\] is no text"),
        ("a | int", {"a": "12x"}, "'12x' is no number"),
        ("a | int", {"a": 1.5}, "1.5 is no integer"),
        ("a | int", {"a": "1e999999"}, "is no integer"),
        ("a | number", {"a": "nan"}, "'nan' is no number"),
        ("a | number", {"a": "1_000"}, "is no number"),
        ("a | number", {"a": True}, "True is no number"),
        ("a | round(2)", {"a": "1e99"}, "too large to round"),
        ("a | datetime", {"a": "soon"}, "'soon' is no ISO 8601 date and time"),
        ("a | datetime", {"a": 5}, "5 is no ISO 8601 date and time"),
        ("a | date", {"a": "soon"}, "'soon' is no ISO 8601 date"),
        ("a | email", {"a": "jo at x"}, "is no e-mail address"),
        ("a | phone", {"a": "call me"}, "is no telephone number"),
        ("a | join(',')", {"a": "x"}, "'x' is no list"),
        ("a | first", {"a": "x"}, "'x' is no list"),
        ("a + 1", {"a": "1"}, r"'1' is no number: `\| number` makes it one"),
        ("a * b", {"a": "x", "b": 10**9}, "'x' is no number"),
        ("a * b", {"a": [1], "b": 10**9}, "is no number"),
        ("1 / a", {"a": 0}, "division by zero"),
        ("a < 1", {"a": "x"}, "'x' and 1 cannot be compared by <"),
        ("1 in a", {"a": 5}, "5 is neither a list nor a text"),
        ("len(a)", {"a": 5}, "5 has no length"),
        ("sum(a)", {"a": ["x"]}, "'x' is no number"),
        ("f'{a}'", {"a": []}, "a list is no text"),
    ],
)
def test_a_value_that_does_not_fit_says_so(expression: str, record: Any, reason: str) -> None:
    with pytest.raises(RecordFailed, match=reason):
        value_of(expression, record, "extra" if expression[0] == "[" else "description")


def test_an_exact_amount_stays_exact_in_arithmetic() -> None:
    total = value_of("(a | money) + 0.1", {"a": "0.2"}, "total")
    assert total == Decimal("0.3")
