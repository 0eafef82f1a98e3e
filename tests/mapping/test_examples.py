"""The examples of a file are its tests: they fail when the mapping is wrong, and say where."""

from __future__ import annotations

import pytest

from hub.mapping import check_examples
from tests.mapping.files import compiled

GOOD = """\
mapping: acme/Case
to: case
key: Id
when: kind != "internal"
fields:
  short_description: Subject | trim
  state: Status | map(state)
  account: AccountId | ref(Account)
  opened_at: Created | datetime
  total: Amount | money
children:
  comments: {to: journal, each: Comments, key: Id, fields: {value: Body, sys_created_on: At | datetime}}
maps:
  state: {New: new, Working: open, "*": closed}
examples:
  - name: everything
    given: {Subject: " a ", Status: Working, AccountId: 001A, Created: 2026-03-01T10:00:00+02:00, Amount: 12.5,
            Comments: [{Id: 7, Body: hi, At: "2026-03-01T08:00:00Z"}]}
    refs: {Account: {001A: a1}}
    want: {short_description: a, state: open, account: a1, opened_at: 2026-03-01T08:00:00Z, total: "12.50",
           comments: [{key: 7, value: hi, sys_created_on: "2026-03-01 08:00:00"}]}
  - name: missing and empty
    given: {Subject: "", Status: null}
    want: {short_description: "", state: null}
  - name: left out
    given: {kind: internal}
    want: null
  - name: broken
    given: {Created: soon}
    error: {opened_at: no ISO 8601}
  - name: back
    back: {state: open, account: a1, total: 12.5, opened_at: 2026-03-01T08:00:00Z}
    refs: {Account: {001A: a1}}
    want: {Status: Working, AccountId: 001A, Amount: "12.50", Created: "2026-03-01T08:00:00Z"}
  - name: no way back
    back: {state: closed}
    error: {state: no value of theirs for 'closed'}
"""


def test_good_examples_hold() -> None:
    assert check_examples(compiled(GOOD)) == []


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("state: open, account: a1, opened", "state: new, account: a1, opened", "16: example 'everything': state: want '1', got '10'"),
        ('account: a1, opened_at: 2026-03-01T08:00:00Z, total: "12', 'account: a2, opened_at: 2026-03-01T08:00:00Z, total: "12', "account: want 'a2', got 'a1'"),
        ("value: hi, sys", "value: ho, sys", "comments[0].value: want 'ho', got 'hi'"),
        ("key: 7", "key: 8", "comments[0].key: want 8, got '7'"),
        ("comments: [{key: 7", "comments: [{}, {key: 7", "comments: want 2 entries, got 1"),
        ("state: null}", "state: null, total: 1}", "22: example 'missing and empty': total: want Decimal('1.0000'), got nothing: its paths are absent"),
        ("state: null}", "state: opne}", "what is wanted does not fit the field: no value for 'opne'; did you mean 'open'?"),
        ("{kind: internal}", "{kind: retail}", "`when` should leave this record out, and does not"),
        ('given: {Subject: ""', 'given: {kind: internal, Subject: ""', "`when` leaves this record out"),
        ("Created: soon", "Created: null", "opened_at: should fail with 'no ISO 8601', and does not"),
        ("no ISO 8601}", "no number}", "opened_at: fails with \"'soon' is no ISO 8601 date and time\", not with 'no number'"),
        ("want: {Status: Working", "want: {Status: New", "31: example 'back': want {'Status': 'New'"),
        ("back: {state: closed}", "back: {state: open}", "should fail with {'state': \"no value of theirs for 'closed'\"}, and sends"),
        ("no value of theirs", "something else", "no value of theirs for 'closed'"),
        ("Status: null}", "Status: null, Amount: lots}", "total: 'lots' is no number"),
    ],
)  # fmt: skip
def test_a_wrong_expectation_is_found_with_its_place(right: str, wrong: str, fault: str) -> None:
    assert right in GOOD
    (found, *_) = check_examples(compiled(GOOD.replace(right, wrong, 1)))
    assert found.startswith("mappings/acme/Case.yaml:")
    assert fault in found


def test_a_value_that_cannot_be_read_again_is_found() -> None:
    """A day is written without a time, and `datetime` then asks for its zone."""
    mapping = compiled(
        """
        mapping: acme/Case
        to: case
        key: Id
        fields: {due_date: A | datetime | date}
        examples: [{name: x, given: {A: "2026-03-01T10:00:00Z"}, want: {due_date: 2026-03-01}}]
        """
    )
    (found,) = check_examples(mapping)
    assert "example 'x': round trip: {'A': '2026-03-01'} cannot be read again" in found


def test_a_value_that_comes_back_as_another_is_found() -> None:
    mapping = compiled(
        """
        mapping: acme/Case
        to: case
        key: Id
        fields: {description: A | map(m) | lower}
        maps: {m: {x: Y, z: y, y: q}}
        examples: [{name: x, given: {A: x}, want: {description: y}}, {name: q, given: {A: y}, want: {description: q}}]
        """
    )
    assert check_examples(mapping) == []
    shifted = compiled(
        """
        mapping: acme/Case
        to: case
        key: Id
        fields: {description: A.b or A.c, u_other: A.c}
        examples: [{name: x, given: {A: {b: "", c: ""}}, want: {description: ""}}]
        """
    )
    (found,) = check_examples(shifted)
    assert "round trip: description: '' comes back as None" in found


@pytest.mark.parametrize(
    ("want", "faults"),
    [
        ("{state: closed, u_left: 'true'}", []),
        ("{state: open}", ["state: want '10', got '3'"]),
        ("{number: '7'}", ["number: want '7', got nothing"]),
    ],
)
def test_an_example_of_a_deletion_is_what_on_delete_sets(want: str, faults: list[str]) -> None:
    mapping = compiled(f"""\
        mapping: acme/Case
        to: case
        key: Id
        deleted: Gone
        on_delete: {{state: closed, u_left: true}}
        fields: {{number: Number}}
        examples:
          - name: gone
            given: {{Id: 1, Number: 7, Gone: true}}
            want: {want}
          - name: there
            given: {{Id: 1, Number: 7, Gone: false}}
            want: {{number: "7"}}
        """)
    told = check_examples(mapping)
    assert len(told) == len(faults)
    assert all(fault in line for fault, line in zip(faults, told, strict=True))
