"""The laws of MAPPING: what is written back reads as what it was; the same input, the same output."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.mapping import Mapping, RecordFailed, Ref
from tests.mapping.files import STATES, compiled
from tests.mapping.round_trip import round_trips, values_of

EVERYTHING = compiled(
    """
    mapping: acme/Case
    to: case
    key: Id
    fields:
      number: CaseNumber
      short_description: Subject | trim
      description: coalesce(this["odd key"].text, Subject)
      state: Status | lower | map(state)
      priority: Priority
      account: AccountId | ref(Account)
      contact: people(type="contact").id | ref(Contact)
      opened_at: Created | datetime
      due_date: Due | date
      active: Live
      reopen_count: Count | cents
      latitude: Geo.lat
      total: Amount | money
      watch_list: Watchers | join(",")
      extra: Extra
      u_tags: Tags | split(";") | join(", ")
      u_mail: people(type="mail", primary=True).value | email
      u_grade: Grade | map(grade)
    maps:
      state: {new: new, working: open, escalated: open, closed: closed}
      grade: {2: two, true: yes, x: two}
    """
)


@pytest.mark.parametrize("field", sorted(EVERYTHING.writes))
def test_what_is_written_reads_as_what_it_was(field: str) -> None:
    assert round_trips(EVERYTHING, field) > 0


def test_all_of_these_fields_go_both_ways() -> None:
    assert EVERYTHING.writes == EVERYTHING.reads
    assert len(EVERYTHING.writes) == 18


@given(st.data())
def test_all_fields_together_read_as_what_they_were(data: st.DataObject) -> None:
    """Fields that share objects and lists of theirs do not get into each other's way."""
    fields = [f for f in sorted(EVERYTHING.writes) if f not in {"description", "u_tags"}]
    chosen = data.draw(st.lists(st.sampled_from(fields), unique=True))
    drawn = {field: data.draw(values_of(EVERYTHING, field)) for field in chosen}
    sent = _sent(EVERYTHING, drawn)
    once = EVERYTHING.inward(sent)
    back = {name: value.id if isinstance(value, Ref) else value for name, value in once.items()}
    again = EVERYTHING.inward(_sent(EVERYTHING, {name: back[name] for name in chosen}))
    assert {name: again[name] for name in chosen} == {name: once[name] for name in chosen}


class _Everybody(dict[tuple[str, str], str]):
    """Links of all records there are."""

    def get(self, key: tuple[str, str], _: Any = None) -> str:
        return key[1]


def _sent(mapping: Mapping, values: dict[str, Any]) -> dict[str, Any]:
    try:
        return mapping.outward(values, _Everybody())
    except RecordFailed:
        assume(False)
        raise


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["new", "2026-03-01T08:00:00Z", "12.5", "\x00", "x@y.z"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "id", "value", "lat", "text", "contact"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
RECORDS = st.dictionaries(
    st.sampled_from(
        ["Id", "CaseNumber", "Subject", "odd key", "Status", "Priority", "AccountId", "people", "Created",
         "Due", "Live", "Count", "Geo", "Amount", "Watchers", "Extra", "Tags", "Grade"]
    ),
    JSON,
)  # fmt: skip


@settings(max_examples=300)
@given(RECORDS)
def test_any_record_is_mapped_whole_or_fails_with_reasons(record: dict[str, Any]) -> None:
    before = copy.deepcopy(record)
    try:
        values = EVERYTHING.inward(record)
    except RecordFailed as error:
        faults = error.faults
    else:
        faults = ()
        assert values == EVERYTHING.inward(copy.deepcopy(record))
        assert values.get("state") in {None, *STATES.values()}
    for fault in faults:
        assert fault.field in EVERYTHING.reads
        assert fault.place.startswith("mappings/acme/Case.yaml:")
        assert fault.reason
        assert "does not fit (" not in fault.reason, "a bare Python error reached the reader"
    assert record == before


@given(st.integers() | st.none() | st.lists(st.integers()) | st.text())
def test_what_is_no_record_fails(record: Any) -> None:
    with pytest.raises(RecordFailed):
        EVERYTHING.inward(record)
    with pytest.raises(RecordFailed):
        EVERYTHING.key(record)
