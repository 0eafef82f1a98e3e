"""Records become values of our columns: absent, null, kinds, choices, children, keys."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from hub.mapping import Child, RecordFailed, Ref
from tests.mapping.files import compiled, mapping_of, value_of

CASE = """
    mapping: acme/Case
    to: case
    key: Id
    version: Stamp
    deleted: IsDeleted
    stamp: Hub_Id__c
    owner: theirs
    match: [number, [short_description, account]]
    when: RecordType.Name != "Internal"
    fields:
      number: CaseNumber
      short_description: Subject | trim
      description: Description or Subject
      state: Status | map(state)
      account: {in: AccountId | ref(Account), owner: ours}
      opened_at: Created | datetime
      u_city: Address.city
    children:
      comments:
        to: journal
        each: Comments.records
        key: Id
        fields: {value: Body | trim, element: 'Public | map(visibility)', sys_created_on: At | datetime}
    maps:
      state: {New: new, Working: open, Escalated: 10, 5: closed}
      visibility: {true: comments, false: work_notes}
"""


def test_a_path_that_is_absent_leaves_the_field_alone_and_null_clears_it() -> None:
    mapping = compiled(CASE)
    assert mapping.inward({}) == {}
    assert mapping.inward({"CaseNumber": None}) == {"number": None}
    assert mapping.inward({"Address": {}}) == {}
    assert mapping.inward({"Address": None}) == {"u_city": None}
    assert mapping.inward({"Address": {"city": None}}) == {"u_city": None}


def test_an_expression_is_absent_only_if_all_of_its_paths_are() -> None:
    mapping = compiled(CASE)
    assert mapping.inward({"Description": None}) == {"description": None}
    both = mapping.inward({"Subject": " a "})
    assert both == {"short_description": "a", "description": " a "}


def test_a_constant_is_always_there() -> None:
    assert mapping_of("state", "'new'").inward({}) == {"state": "1"}


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("description", "𝄞 Käse\n", "𝄞 Käse\n"), ("description", 12, "12"), ("description", True, "true"),
        ("description", 1.5, "1.5"), ("description", Decimal("1.50"), "1.50"), ("description", "", ""),
        ("description", datetime(2026, 3, 1, 8, tzinfo=UTC), "2026-03-01T08:00:00Z"),
        ("description", date(2026, 3, 1), "2026-03-01"), ("description", "x" * 1_000_000, "x" * 1_000_000),
        ("comments", "hello", "hello"), ("watch_list", "a,b", "a,b"), ("watch_list", ["a", "b"], "a,b"),
        ("reopen_count", 3, 3), ("reopen_count", "3", 3), ("reopen_count", 3.0, 3), ("reopen_count", -(2**31) + 1, 1 - 2**31),
        ("latitude", "48.5", 48.5), ("latitude", 48, 48.0), ("total", "19.9", Decimal("19.9")),
        ("total", 0.1, Decimal("0.1")), ("total", "1.00005", Decimal("1.0000")), ("total", 5, Decimal(5)),
        ("active", True, True), ("active", "false", False), ("active", "TRUE", True), ("active", 0, False), ("active", "1", True),
        ("opened_at", datetime(2026, 3, 1, 8, 0, 0, 999, UTC), datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("state", "awaiting_info", "18"), ("state", "18", "18"), ("state", 18, "18"),
        ("extra", {"a": [1, "𝄞"]}, {"a": [1, "𝄞"]}), ("extra", [], []),
    ],
)  # fmt: skip
def test_a_value_takes_the_form_of_its_column(field: str, given: Any, kept: Any) -> None:
    got = value_of("x", {"x": given}, field)
    assert got == kept
    assert type(got) is type(kept)


@pytest.mark.parametrize(
    ("field", "given", "reason"),
    [
        ("description", "a\x00b", "NUL"), ("description", "ä\x00", "NUL"), ("description", "\ud800", "half a character"),
        ("description", "x" * 1_000_001, "longer than 1,000,000"), ("description", {"a": 1}, "an object is no text"),
        ("description", [], "a list is no text"), ("reopen_count", "12x", "'12x' is no number"),
        ("reopen_count", 1.5, "no integer"), ("reopen_count", True, "no number"), ("reopen_count", 2**31, "does not fit"),
        ("reopen_count", "9" * 5000, "no number"), ("latitude", "inf", "no number"), ("latitude", "nan", "no number"),
        ("total", "lots", "no number"), ("total", 10**12, "too large for an amount"), ("active", "maybe", "neither true nor false"),
        ("active", 2, "neither true nor false"), ("active", [], "neither"), ("opened_at", "2026-03-01T08:00:00Z", "is no moment"),
        ("opened_at", datetime(2026, 3, 1), "has no time zone"), ("state", "Exploded", "no value for 'Exploded'"),  # noqa: DTZ001
        ("state", True, "no value for True"), ("state", {}, "no value for"),
        ("extra", "text", "neither an object nor a list"), ("extra", {"a": ["\x00"]}, "NUL"), ("extra", {"\x00": 1}, "NUL"),
    ],
)  # fmt: skip
def test_a_value_that_its_column_cannot_keep_fails_the_record(
    field: str, given: Any, reason: str
) -> None:
    with pytest.raises(RecordFailed, match=reason):
        value_of("x", {"x": given}, field)


def test_a_deeply_nested_value_does_not_exhaust_the_stack() -> None:
    nested: Any = []
    for _ in range(50_000):
        nested = [nested]
    with pytest.raises(RecordFailed, match="nested deeper than 100 levels"):
        value_of("x", {"x": nested}, "extra")
    with pytest.raises(RecordFailed, match="a list is no text"):
        value_of("x", {"x": nested}, "description")


def test_maps_match_what_yaml_read_and_what_json_has() -> None:
    mapping = compiled(CASE)
    for status, code in {"New": "1", "Working": "10", "Escalated": "10", 5: "3", "5": "3"}.items():
        assert mapping.inward({"Status": status}) == {"state": code}
    with pytest.raises(RecordFailed, match="no value for 'Exploded'"):
        mapping.inward({"Status": "Exploded"})


def test_a_star_is_what_everything_else_becomes() -> None:
    mapping = mapping_of("state", "x | map(m)", 'maps: {m: {New: new, "*": open}}')
    assert [mapping.inward({"x": x})["state"] for x in ("New", "?", 9, None)] == [
        "1",
        "10",
        "10",
        None,
    ]


def test_all_faults_of_a_record_come_together_each_with_its_place() -> None:
    mapping = compiled(CASE)
    with pytest.raises(RecordFailed) as caught:
        mapping.inward({"Id": "500A", "Status": "Exploded", "Created": "soon", "CaseNumber": "1"})
    assert str(caught.value) == (
        "mappings/acme/Case.yaml:15: state: no value for 'Exploded' in `Status | map(state)` (record 500A)\n"
        "mappings/acme/Case.yaml:17: opened_at: 'soon' is no ISO 8601 date and time in `Created | datetime`"
        " (record 500A)"
    )
    first, second = caught.value.faults
    assert (first.field, first.value, first.expression) == (
        "state",
        "'Exploded'",
        "Status | map(state)",
    )
    assert (second.place, second.reason) == (
        "mappings/acme/Case.yaml:17",
        "'soon' is no ISO 8601 date and time",
    )


def test_a_fault_shows_a_long_value_shortened_and_every_path() -> None:
    mapping = mapping_of("reopen_count", "a or b")
    with pytest.raises(RecordFailed) as caught:
        mapping.inward({"a": None, "b": "x" * 10_000})
    (fault,) = caught.value.faults
    assert fault.value.startswith("a=None, b='xxx")
    assert len(str(fault)) < 400


@pytest.mark.parametrize("record", [[], None, "text", 5])
def test_a_record_that_is_no_object_fails(record: Any) -> None:
    with pytest.raises(RecordFailed, match="the record is not an object"):
        compiled(CASE).inward(record)


def test_children_are_records_with_keys_of_their_own() -> None:
    mapping = compiled(CASE)
    assert mapping.child_entities == {"comments": "journal"}
    assert mapping.children({}) == {}
    assert mapping.children({"Comments": None}) == {"comments": []}
    records = [
        {"Id": 7, "Body": " hi ", "Public": True, "At": "2026-03-01T08:00:00Z"},
        {"Id": "c2", "Public": False},
    ]
    assert mapping.children({"Comments": {"records": records}}) == {
        "comments": [
            Child(
                "7",
                {
                    "value": "hi",
                    "element": "comments",
                    "sys_created_on": datetime(2026, 3, 1, 8, tzinfo=UTC),
                },
            ),
            Child("c2", {"element": "work_notes"}),
        ]
    }


def test_faults_of_all_children_come_together() -> None:
    records = [{"Id": "c1", "Public": 3, "At": "soon"}, {"Body": "x"}, "text", {"Id": ""}]
    with pytest.raises(RecordFailed) as caught:
        compiled(CASE).children({"Id": "500A", "Comments": {"records": records}})
    assert [(fault.field, fault.place[-2:]) for fault in caught.value.faults] == [
        ("comments[0].element", "24"), ("comments[0].sys_created_on", "24"),
        ("comments[1].key", "20"), ("comments[2].key", "20"), ("comments[3].key", "20"),
    ]  # fmt: skip
    with pytest.raises(RecordFailed, match=r"comments\.each: a list was expected, not 5"):
        compiled(CASE).children({"Comments": {"records": 5}})


@pytest.mark.parametrize(("given", "key"), [("500A", "500A"), (7, "7"), ("Käse", "Käse")])
def test_a_key_is_text(given: Any, key: str) -> None:
    assert compiled(CASE).key({"Id": given}) == key


@pytest.mark.parametrize(
    "record",
    [{}, {"Id": None}, {"Id": ""}, {"Id": 1.5}, {"Id": True}, {"Id": []}, {"Id": "\x00"}, []],
)
def test_a_record_without_a_key_fails(record: Any) -> None:
    with pytest.raises(RecordFailed, match=r"^mappings/acme/Case.yaml:4: key: "):
        compiled(CASE).key(record)


def test_versions_sort_by_age_as_text() -> None:
    text = compiled(CASE)
    assert text.version({"Stamp": "2026-03-01T08:00:00Z"}) == "2026-03-01T08:00:00Z"
    assert text.version({"Stamp": 9}) < text.version({"Stamp": 10})
    assert text.version({}) == text.version({"Stamp": None}) == ""
    with pytest.raises(RecordFailed, match=r"Case.yaml:5: version: a version is text"):
        text.version({"Stamp": [1]})
    moment = compiled(CASE.replace("version: Stamp", "version: Stamp | datetime"))
    assert moment.version({"Stamp": "2026-03-01T10:00:00+0200"}) == "2026-03-01T08:00:00.000000Z"


def test_a_record_says_that_it_is_deleted() -> None:
    mapping = compiled(CASE)
    assert mapping.deleted({"IsDeleted": True})
    assert not mapping.deleted({"IsDeleted": None})
    assert not mapping.deleted({})


def test_when_decides_and_absent_reads_as_null() -> None:
    mapping = compiled(CASE)
    assert mapping.applies({})
    assert mapping.applies({"RecordType": {"Name": "Retail"}})
    assert not mapping.applies({"RecordType": {"Name": "Internal"}})
    with pytest.raises(RecordFailed, match=r"Case\.yaml:10: when: an object was expected"):
        mapping.applies({"RecordType": "text"})


def test_a_mapping_tells_what_it_reads_and_writes() -> None:
    mapping = compiled(CASE)
    assert (mapping.name, mapping.stream, mapping.to, mapping.table) == (
        "acme/Case", "Case", "case", "sn_customerservice_case",
    )  # fmt: skip
    assert mapping.paths == (
        "Id", "Stamp", "IsDeleted", "RecordType.Name", "CaseNumber", "Subject", "Description", "Status",
        "AccountId", "Created", "Address.city", "Hub_Id__c", "Comments.records.Id", "Comments.records.Body",
        "Comments.records.Public", "Comments.records.At",
    )  # fmt: skip
    everything = {
        "number",
        "short_description",
        "description",
        "state",
        "account",
        "opened_at",
        "u_city",
    }
    assert mapping.reads == mapping.writes == everything
    assert [rule.fields for rule in mapping.match] == [
        ("number",),
        ("short_description", "account"),
    ]
    assert mapping.ref_streams == {"account": "Account"}
    assert mapping.place("state") == "mappings/acme/Case.yaml:15"
    assert (mapping.owner_of("state"), mapping.owner_of("account")) == ("theirs", "ours")
    assert mapping.stamp == "Hub_Id__c"


def test_paths_name_what_lists_and_selectors_read() -> None:
    listed = '([l.sku for l in lines.nodes] | join(","))'
    mapping = mapping_of("description", f'emails(type="work").value or {listed}')
    assert mapping.paths == ("Id", "emails.type", "emails.value", "lines.nodes.sku")
    assert mapping_of("extra", "this").paths == ()


def test_the_digest_changes_with_what_decides_and_not_with_the_examples() -> None:
    digest = compiled(CASE).digest
    assert len(digest) == 16
    assert compiled(CASE.replace("| trim", "| lower", 1)).digest != digest
    assert compiled(CASE + "    examples: [{name: x, given: {}, want: {}}]\n").digest == digest


def test_a_reference_inside_children_is_a_ref() -> None:
    ref = value_of("a.b | ref(orders)", {"a": {"b": "gid://shop/Order/1"}}, "account")
    assert ref == Ref("orders", "gid://shop/Order/1")
