"""A file that cannot be used says everything that is wrong with it, where, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.mapping import BadMapping, load
from tests.mapping.files import compiled, shape_of

BAD = """\
mapping: Acme Case
too: case
to: case
key: Id
ownr: newest
owner: nobody
match: [nmber, [number, account], {by: numbr, when: a or b | lower, ask: maybe, of: x}, {ask: true}]
direction: inwards
when: a or b | lower
fields:
  number: CaseNumber
  shrt_description: Subject
  short_description: Subject | trm
  state: Status | map(stat)
  priority: Priority | map(priority)
  description: AccountId | ref(Account)
  account: AccountId
  opened_at: {inn: x, owner: me}
  due_date: '"soon"'
  reopen_count:
  sys_id: Id
  active: {out: {Live: actve, "a[0]": active, Done: 'state == "3"', Constant: '"x"'}}
  contact: {in: x | ref(C), out: x}
children:
  comments: {to: jurnal, each: a, key: Id, fields: {value: x}}
  notes: {to: journal, each: a, fields: {valu: x}}
maps:
  state: {New: new}
  priority: {High: hihg, Low: low}
examples:
  - {nam: x, given: {}}
  - 5
"""


def test_all_faults_come_at_once_with_places_and_suggestions(tmp_path: Path) -> None:
    file = tmp_path / "Case.yaml"
    file.write_text(BAD)
    with pytest.raises(BadMapping) as caught:
        load(file, shape_of=shape_of, shown_as="mappings/acme/Case.yaml")
    faults = {fault.removeprefix("mappings/acme/Case.yaml:") for fault in caught.value.faults}
    expected = {
        "2:1: too: unknown key; did you mean 'to'?",
        "5:1: ownr: unknown key; did you mean 'owner'?",
        "1:1: mapping: 'Acme Case' is not spoke/stream, as in salesforce/Case",
        ("6:1: owner: 'nobody' does not belong here"
        "; known: if_empty, manual, newest, ours, rank, theirs"),
        "7:9: match.0: 'nmber' is not a field that this mapping reads; did you mean 'number'?",
        "7:35: match.2: 'numbr' is not a field that this mapping reads; did you mean 'number'?",
        ("7:60: match.2.when: `|` beside `or` can be read in two ways; put brackets around the pipe or"
        " around the `or` in `a or b | lower`"),
        "7:69: match.2.ask: 'maybe' is neither true nor false",
        "7:81: match.2.of: unknown key; known: ask, by, through, when, where",
        "7:89: match.3: by must be given: the fields that are equal",
        "8:1: direction: 'inwards' does not belong here; known: both, in, out",
        ("9:14: when: `|` beside `or` can be read in two ways; put brackets around the pipe or around"
        " the `or` in `a or b | lower`"),
        "12:3: shrt_description: case has no such field; did you mean 'short_description'?",
        "13:32: short_description: there is no pipe 'trm'; did you mean 'trim'? in `Subject | trm`",
        "14:19: state: there is no map 'stat'; did you mean 'state'?",
        "16:28: description: `ref` is for references, and this field is a text",
        "17:12: account: is a reference: end it with `| ref(Stream)`",
        "17:3: account: description writes to AccountId as well; `out: {}` makes one inward only",
        "18:15: opened_at.inn: unknown key; did you mean 'in'?",
        "18:3: opened_at: needs `in:` or `out:`",
        ("18:23: opened_at.owner: 'me' does not belong here"
        "; known: if_empty, manual, newest, ours, rank, theirs"),
        "19:14: due_date: 'soon' is no moment: `| datetime` or `| date` makes it one",
        "20:3: reopen_count: is empty; for 'always null' write None",
        "21:3: sys_id: the store alone sets this field; remove the line",
        "22:24: active.out.Live: case has no field 'actve'; did you mean 'active'?",
        "22:31: active.out.a[0]: 'a[0]' cannot be written to: a path of names and selectors can",
        "22:63: active.out.Done: state is read by its names, and '3' is none; write 'closed'",
        "22:80: active.out.Constant: reads no field of ours",
        "23:29: contact.out: `out:` takes their paths and our values: {Reason: resolution_code}; {} for none",
        "25:14: children.comments.to: no entity is called 'jurnal'",
        "26:3: children.notes: key must be given",
        "26:42: children.notes.fields.valu: journal has no such field; did you mean 'value'?",
        "28:3: maps.state: no field uses this map; use it or remove it",
        "29:20: maps.priority.High: no value for 'hihg'; did you mean 'high'? (for the field priority)",
        "31:6: examples.0.nam: unknown key; did you mean 'name'?",
        "31:5: examples.0: name must be given",
        "31:5: examples.0: has given and want, given and error, back and want, or back and error",
        "32:5: examples.1: a mapping with name, given, refs, want, error, back belongs here, not 5",
    }  # fmt: skip
    assert faults == expected


def test_the_faults_of_all_documents_come_together(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text("mapping: a/b\nto: nothing\nkey: Id\nfields: {x: y}\n---\nkey: (\n")
    with pytest.raises(BadMapping) as caught:
        load(file, shape_of=shape_of, shown_as="m.yaml")
    assert caught.value.faults[0] == "m.yaml:2:1: to: no entity is called 'nothing'"
    assert "m.yaml:6:1: mapping and to and fields must be given" in caught.value.faults
    assert any(fault.startswith("m.yaml:6:6: key: cannot be read") for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no mapping"),
        ("a: [", "m.yaml:"),
        ("a:\n\tb: 1", "indent with spaces"),
        ("fields: {a: 1, a: 2}", "'a' stands here twice"),
        ("- a list", "a mapping file, which begins"),
        ("just text", "a mapping file, which begins"),
    ],
)
def test_a_file_that_is_no_mapping_says_so(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(text)
    with pytest.raises(BadMapping, match=message):
        load(file, shape_of=shape_of)
    with pytest.raises(BadMapping, match="cannot be read"):
        load(tmp_path / "none.yaml", shape_of=shape_of)


def test_two_fields_may_not_write_to_one_place() -> None:
    text = "mapping: a/b\nto: case\nkey: Id\nfields:\n  number: X\n  description: X | trim\n"
    with pytest.raises(
        BadMapping, match=r"6:3: description: number writes to X as well; `out: \{\}`"
    ):
        compiled(text)
    mapping = compiled(text.replace("X | trim", "{in: X | trim, out: {}}"))
    assert mapping.outward({"number": "1", "description": "2"}, {}) == {"X": "1"}


def test_a_null_in_a_map_is_explained() -> None:
    with pytest.raises(BadMapping, match=r"maps\.m: null passes every pipe; `\| default"):
        compiled(
            "mapping: a/b\nto: case\nkey: Id\nfields: {state: S | map(m)}\nmaps: {m: {null: new}}"
        )


def test_several_documents_map_one_record_to_several_entities(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    head = "mapping: acme/order\nkey: id\n"
    file.write_text(
        f"{head}to: case\nfields: {{number: a}}\n---\n{head}to: journal\nfields: {{value: b}}\n"
    )
    one, two = load(file, shape_of=shape_of)
    assert (one.to, two.to) == ("case", "journal")
    assert one.inward({"a": "1", "b": "2"}) == {"number": "1"}
    assert two.inward({"a": "1", "b": "2"}) == {"value": "2"}


def test_a_reference_leads_to_a_stream_that_the_spoke_has(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(
        "mapping: acme/Case\nto: case\nkey: Id\nfields:\n"
        "  account: AccountId | ref(Acount)\n"
        "  contact: Who | ref(Person, on_missing='create')\n"
    )
    streams = {"acme": ["Account", "Case"]}
    with pytest.raises(BadMapping) as caught:
        load(file, shape_of=shape_of, shown_as="m.yaml", streams_of=streams.get)
    assert caught.value.faults == (
        "m.yaml:5:24: account: acme has no stream 'Acount'; did you mean 'Account'?",
    )
    assert load(file, shape_of=shape_of, streams_of=lambda _: None), "who knows"
