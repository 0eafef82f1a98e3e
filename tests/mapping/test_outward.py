"""Our values become a record of theirs: the derived way back, and `out:`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hub.mapping import RecordFailed, explain
from tests.mapping.files import compiled, mapping_of

MAPS = "maps: {m: {New: new, Working: open, Escalated: open, '*': closed}, n: {A: 1, B: 2}}"
MOMENT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "expression", "value", "sent"),
    [
        ("number", "CaseNumber", "CS1", {"CaseNumber": "CS1"}),
        ("number", "a.b.c", "x", {"a": {"b": {"c": "x"}}}),
        ("number", 'this["urn:x"]["odd key"]', "x", {"urn:x": {"odd key": "x"}}),
        ("number", 'emails(type="work").value', "x", {"emails": [{"type": "work", "value": "x"}]}),
        ("number", 'a.b(x=1, y="z").c.d', "v", {"a": {"b": [{"x": 1, "y": "z", "c": {"d": "v"}}]}}),
        ("number", "A | trim | lower", " X ", {"A": " X "}),
        ("number", "A or B", "x", {"A": "x"}),
        ("number", "coalesce(A.x, B) | upper", "x", {"A": {"x": "x"}}),
        ("number", "(A | lower) or B", "x", {"A": "x"}),
        ("number", "A | split(';') | join(', ')", "a, b", {"A": "a;b"}),
        ("number", "A | join(',')", "a,b", {"A": ["a", "b"]}),
        ("state", "Status | map(m)", "10", {"Status": "Working"}),
        ("state", "Status", "18", {"Status": "awaiting_info"}),
        ("state", "Status | lower", "18", {"Status": "awaiting_info"}),
        ("reopen_count", "Grade | map(n)", 2, {"Grade": "B"}),
        ("account", "AccountId | ref(Account)", "a1", {"AccountId": "001"}),
        ("opened_at", "Created | datetime", MOMENT, {"Created": "2026-03-01T08:00:00Z"}),
        ("opened_at", 'Created | datetime("UTC")', MOMENT, {"Created": "2026-03-01T08:00:00Z"}),
        ("due_date", "Due | date", MOMENT, {"Due": "2026-03-01"}),
        ("reopen_count", "Amount | cents", 1250, {"Amount": 12.5}),
        ("total", "Amount | money", Decimal("12.5000"), {"Amount": "12.50"}),
        ("total", "Amount | money", Decimal("0.1234"), {"Amount": "0.1234"}),
        ("total", "Amount | money", Decimal("1E+3"), {"Amount": "1000.00"}),
        ("total", "Amount", Decimal("-3.0000"), {"Amount": "-3.00"}),
        ("active", "Live", False, {"Live": False}),
        ("reopen_count", "Count", 3, {"Count": 3}),
        ("extra", "Extra", {"a": [1]}, {"Extra": {"a": [1]}}),
    ],
)
def test_the_way_back_is_derived(field: str, expression: str, value: Any, sent: Any) -> None:
    used = [name for name in ("m", "n") if f"map({name})" in expression]
    maps = {"m": "{New: new, Working: open, Escalated: open, '*': closed}", "n": "{A: 1, B: 2}"}
    rest = "maps: {" + ", ".join(f"{name}: {maps[name]}" for name in used) + "}"
    mapping = mapping_of(field, expression, rest)
    assert mapping.writes == {field}
    assert mapping.outward({field: value}, {("Account", "a1"): "001"}) == sent
    assert mapping.outward({}, {}) == {}
    assert all(v is None for v in _leaves(mapping.outward({field: None}, {})))


def _leaves(value: Any) -> list[Any]:
    """What was written, selectors aside."""
    if isinstance(value, list):
        return [
            leaf
            for item in value
            for leaf in _leaves({k: v for k, v in item.items() if k in "vcd" or k == "value"})
        ]
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    return [value]


@pytest.mark.parametrize(
    ("field", "expression", "why"),
    [
        ("description", 'f"{a}"', "it is computed"),
        ("description", "a if b else c", "it is computed"),
        ("description", "a and b", "it is computed"),
        ("description", '"web"', "it is computed"),
        ("description", 'a | default("x")', "`default` has no inverse"),
        ("description", "a | first", "`first` has no inverse"),
        ("description", "a | html", "`html` has no inverse"),
        ("reopen_count", "a | int", "`int` has no inverse"),
        ("latitude", "a | number", "`number` has no inverse"),
        ("reopen_count", "a | round(2)", "`round` has no inverse"),
        ("description", "a[0].b", "an item of a list cannot be written by its number"),
        ("extra", "this", "it reads the whole record"),
        ("extra", 'a(type="x")', "a whole list entry cannot be written"),
        (
            "opened_at",
            'a | datetime("Europe/Berlin")',
            "without an offset cannot be written exactly",
        ),
    ],
)
def test_what_has_no_way_back_is_inward_only_and_says_why(
    field: str, expression: str, why: str
) -> None:
    mapping = mapping_of(field, expression)
    assert mapping.writes == frozenset()
    assert mapping.outward({field: "x"}, {}) == {}
    (line,) = explain(mapping)
    assert (line.arrow, line.expression, line.back) == ("→", expression, "")
    assert why in line.why


OUT = """
    mapping: acme/Case
    to: case
    key: Id
    fields:
      state: {in: Status | map(s), out: {Status: state, Closed__c: state == "closed"}}
      priority: {out: {Label: 'f"{priority}/{state}"'}}
      account: {in: AccountId | ref(Account), out: {Owner.Id: account | ref(Account)}}
      opened_at: {out: {Opened: opened_at, Money: total}}
      number: {in: CaseNumber, out: {}}
      description: {in: Text, owner: ours}
    maps: {s: {N: new, C: closed}}
"""


def test_out_says_how_and_reads_choices_by_their_names() -> None:
    mapping = compiled(OUT)
    assert mapping.outward({"state": "3"}, {}) == {"Status": "closed", "Closed__c": True}
    assert mapping.outward({"state": "10"}, {}) == {"Status": "open", "Closed__c": False}
    assert mapping.outward({"account": "a1"}, {("Account", "a1"): "001"}) == {
        "Owner": {"Id": "001"}
    }
    assert mapping.outward({"opened_at": MOMENT, "total": Decimal("1.5")}, {}) == {
        "Opened": "2026-03-01T08:00:00Z",
        "Money": "1.5",
    }
    assert mapping.outward({"number": "1", "description": None}, {}) == {"Text": None}
    assert mapping.ref_streams == {"account": "Account"}
    assert mapping.writes == {"state", "priority", "account", "opened_at", "total", "description"}
    assert mapping.reads == {"state", "account", "number", "description"}


def test_out_writes_only_once_everything_that_it_reads_is_given() -> None:
    mapping = compiled(OUT)
    assert mapping.outward({"priority": "2"}, {}) == {}
    assert mapping.outward({"priority": "2", "state": "1"}, {})["Label"] == "high/new"


def test_explain_shows_both_ways() -> None:
    arrows = {line.field: (line.arrow, line.back or line.why) for line in explain(compiled(OUT))}
    assert arrows["state"] == ("⇄", 'Status = state; Closed__c = state == "closed"')
    assert arrows["priority"][0] == "←"
    assert arrows["number"] == ("→", "`out:` says so")
    assert arrows["description"] == ("⇄", "Text = description")


def test_direction_in_writes_nothing_and_direction_out_reads_nothing() -> None:
    inward = compiled(OUT.replace("key: Id", "key: Id\n    direction: in"))
    assert inward.writes == frozenset()
    assert inward.outward({"state": "3", "description": "x"}, {}) == {}
    outward = compiled(OUT.replace("key: Id", "key: Id\n    direction: out"))
    assert outward.reads == frozenset()
    assert outward.inward({"Status": "N"}) == {}
    assert outward.outward({"description": "x"}, {}) == {"Text": "x"}


def test_values_without_a_counterpart_fail_together() -> None:
    mapping = compiled(
        """
        mapping: acme/Case
        to: case
        key: Id
        fields:
          state: Status | map(s)
          account: AccountId | ref(Account)
          number: CaseNumber
        maps: {s: {N: new, "*": closed}}
        """
    )
    with pytest.raises(RecordFailed) as caught:
        mapping.outward({"state": "18", "account": "a1", "number": "1"}, {})
    assert [str(fault) for fault in caught.value.faults] == [
        "mappings/acme/Case.yaml:6: state: no value of theirs for 'awaiting_info' in `Status = state | map⁻¹(s)`",
        (
            "mappings/acme/Case.yaml:7: account: 'a1' is linked to no Account of theirs yet in"
            " `AccountId = account | ref⁻¹(Account)`"
        ),
    ]
    with pytest.raises(RecordFailed, match="no value of theirs for 'closed'"):
        mapping.outward({"state": "3"}, {})
