"""A connection's own lines over a shipped mapping: added, replaced, removed, each in its place."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from hub.mapping import BadMapping, Mapping, RecordFailed, check_examples, load
from tests.mapping.files import shape_of

BASE = """\
mapping: acme/Case
to: case
key: Id
when: Kind != "internal"
owner: newest
stamp: Hub_Id
fields:
  short_description: Subject | trim
  description: {in: Text, out: {}}
  state: Status | map(state)
  priority: Priority | map(priority)
children:
  notes: {to: journal, each: Notes, key: Id, fields: {value: Body, element: Kind}}
maps:
  state: {New: new, Working: open, Closed: closed}
  priority: {High: high, Low: low}
examples:
  - name: a case
    given: {Id: 1, Subject: " a ", Text: t, Status: Working, Priority: High}
    want: {short_description: a, description: t, state: open, priority: high}
  - name: closed here
    back: {state: closed}
    want: {Status: Closed}
"""


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "mappings"
    (folder / "acme").mkdir(parents=True)
    (folder / "acme" / "Case.yaml").write_text(BASE)
    return folder


def laid(shipped: Path, text: str) -> list[Mapping]:
    own = shipped.parent / "Case.yaml"
    own.write_text(textwrap.dedent(text))
    return load(own, shape_of=shape_of, shown_as="config/mappings/crm/Case.yaml", shipped=shipped)


def one(shipped: Path, text: str) -> Mapping:
    (mapping,) = laid(shipped, "extends: acme/Case\n" + textwrap.dedent(text))
    return mapping


def refused(shipped: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(BadMapping) as caught:
        laid(shipped, text)
    return caught.value.faults


def test_lines_are_added_and_replaced_and_the_others_stay(shipped: Path) -> None:
    mapping = one(shipped, "fields: {u_region: Region__c, short_description: Title}")
    assert mapping.name == "acme/Case"
    assert mapping.columns == ("short_description", "description", "state", "priority", "u_region")
    record = {"Region__c": "EU", "Title": " t ", "Text": "x", "Status": "New"}
    assert mapping.inward(record) == {
        "short_description": " t ", "description": "x", "state": "1", "u_region": "EU",
    }  # fmt: skip
    assert mapping.outward({"u_region": "US"}, {}) == {"Region__c": "US"}


def test_each_line_says_in_which_file_it_stands(shipped: Path) -> None:
    mapping = one(
        shipped,
        """\
        fields:
          u_region: Region__c
          state: {owner: ours}
          priority: Urgency | map(priority)
        """,
    )
    assert mapping.place("u_region") == "config/mappings/crm/Case.yaml:3"
    assert mapping.place("priority") == "config/mappings/crm/Case.yaml:5"
    assert mapping.place("state") == "mappings/acme/Case.yaml:10", "there its expression stands"
    assert mapping.place("short_description") == "mappings/acme/Case.yaml:8"


def test_a_fault_is_told_where_its_line_stands(shipped: Path) -> None:
    text = """\
        extends: acme/Case
        fields:
          u_region: Region__c | trm
          state: {owner: me}
        maps:
          state: {Lost: lost}
        children:
          notes: {fields: {value: Body | nope}}
        examples:
          - {name: a, given: {}, want: {numbr: 1}}
        """
    faults = refused(shipped, text)
    assert sorted(fault.partition(" ")[0] for fault in faults) == [
        "config/mappings/crm/Case.yaml:10:33:",
        "config/mappings/crm/Case.yaml:3:25:",
        "config/mappings/crm/Case.yaml:4:11:",
        "config/mappings/crm/Case.yaml:6:17:",
        "config/mappings/crm/Case.yaml:8:34:",
    ]


def test_a_part_of_a_line_is_laid_over_the_part(shipped: Path) -> None:
    mapping = one(shipped, "fields: {description: {owner: ours}, state: {out: {Phase: state}}}")
    assert mapping.owner_of("description") == "ours"
    assert mapping.outward({"description": "x"}, {}) == {}, "its `out: {}` is kept"
    assert mapping.inward({"Text": "x"}) == {"description": "x"}
    assert mapping.outward({"state": "10"}, {}) == {"Phase": "open"}
    assert mapping.inward({"Status": "Working"}) == {"state": "10"}


def test_a_plain_line_replaces_all_parts(shipped: Path) -> None:
    mapping = one(shipped, "fields: {description: Body}")
    assert mapping.outward({"description": "x"}, {}) == {"Body": "x"}


def test_entries_of_maps_are_added_behind_and_replaced_where_they_are(shipped: Path) -> None:
    mapping = one(shipped, "maps: {state: {Parked: open, New: awaiting_info}}")
    assert [mapping.inward({"Status": word})["state"] for word in ("Parked", "New")] == ["10", "18"]
    assert mapping.outward({"state": "10"}, {}) == {"Status": "Working"}, "the first one listed"
    assert mapping.outward({"state": "18"}, {}) == {"Status": "New"}


def test_words_of_the_document_are_replaced(shipped: Path) -> None:
    mapping = one(shipped, 'when: Kind == "external"\nowner: theirs\nkey: Number\nversion: Changed')
    assert mapping.applies({"Kind": "external"})
    assert not mapping.applies({"Kind": "other"})
    assert mapping.owner == "theirs"
    assert mapping.key({"Number": 7}) == "7"
    assert mapping.version({"Changed": 1})
    assert mapping.stamp == "Hub_Id"


def test_children_are_laid_over_line_by_line(shipped: Path) -> None:
    mapping = one(
        shipped,
        """\
        children:
          notes: {each: Comments, fields: {sys_created_on: At | datetime}}
          more: {to: journal, each: More, key: Id, fields: {value: Body}}
        """,
    )
    record = {"Comments": [{"Id": 1, "Body": "b", "At": "2026-03-01T08:00:00Z"}], "More": []}
    children = mapping.children(record)
    assert children["more"] == []
    assert set(children["notes"][0].values) == {"value", "sys_created_on"}


def test_lines_are_removed(shipped: Path) -> None:
    mapping = one(
        shipped,
        "remove: [fields.priority, maps.priority, children.notes.fields.element, when, maps.state.New,"
        " examples.a case]",
    )
    assert "priority" not in mapping.reads
    assert mapping.applies({"Kind": "internal"})
    assert "element" not in {rule.field.name for rule in mapping.declaration.parts[0].rules}
    assert [example.name for example in mapping.declaration.examples] == ["closed here"]
    with pytest.raises(RecordFailed, match="no value for 'New'"):
        mapping.inward({"Status": "New"})


def test_what_is_removed_is_removed_first(shipped: Path) -> None:
    """So a map can be replaced as a whole, and the order of its entries changed."""
    mapping = one(
        shipped,
        """\
        remove: [maps.state]
        maps: {state: {Open: open, Working: open, Closed: closed}}
        """,
    )
    assert mapping.outward({"state": "10"}, {}) == {"Status": "Open"}


def test_examples_of_both_run_and_one_of_the_same_name_is_replaced(shipped: Path) -> None:
    text = """\
        fields: {short_description: Title}
        examples:
          - {name: a region, given: {Title: x}, want: {short_description: y}}
        """
    mapping = one(shipped, text)
    assert [fault.partition(": ")[0] for fault in check_examples(mapping)] == [
        "mappings/acme/Case.yaml:18",
        "config/mappings/crm/Case.yaml:4",
    ]
    mended = one(
        shipped,
        text.replace("a region", "a case").replace(
            "want: {short_description: y}", "want: {short_description: x}"
        ),
    )
    assert check_examples(mended) == []
    assert [example.name for example in mended.declaration.examples] == ["a case", "closed here"]
    places = [example.place for example in mended.declaration.examples]
    assert places == ["config/mappings/crm/Case.yaml:4", "mappings/acme/Case.yaml:21"]


def test_an_example_of_what_is_removed_is_told_with_both_places(shipped: Path) -> None:
    (fault,) = refused(shipped, "extends: acme/Case\nremove: [fields.priority, maps.priority]\n")
    assert fault == (
        "mappings/acme/Case.yaml:20:63: example 'a case': want: config/mappings/crm/Case.yaml:2:10"
        " removes priority; give an example of that name, or remove it as well: examples.a case"
    )


def test_the_digest_covers_both(shipped: Path) -> None:
    (base,) = load(shipped / "acme" / "Case.yaml", shape_of=shape_of)
    same, other = one(shipped, "owner: newest"), one(shipped, "fields: {u_region: Region__c}")
    assert base.digest == same.digest
    assert other.digest != base.digest
    changed = BASE.replace("Subject | trim", "Subject")
    (shipped / "acme" / "Case.yaml").write_text(changed)
    assert one(shipped, "fields: {u_region: Region__c}").digest != other.digest


def test_a_file_without_extends_replaces(shipped: Path) -> None:
    (mapping,) = laid(shipped, "mapping: acme/Case\nto: case\nkey: Id\nfields: {number: N}")
    assert mapping.columns == ("number",)


SECOND = BASE + "---\nmapping: acme/Case\nto: journal\nkey: Id\nfields: {value: Text}\n"


def test_a_document_is_laid_over_by_its_entity_and_the_others_stay(shipped: Path) -> None:
    (shipped / "acme" / "Case.yaml").write_text(SECOND)
    case, entry = laid(shipped, "extends: acme/Case\nto: journal\nfields: {element: Kind}\n")
    assert (case.to, entry.to) == ("case", "journal")
    assert "u_region" not in case.reads
    assert entry.columns == ("value", "element")
    assert case.place("state") == "mappings/acme/Case.yaml:10"


def test_documents_are_laid_over_each_by_its_own(shipped: Path) -> None:
    (shipped / "acme" / "Case.yaml").write_text(SECOND)
    text = "extends: acme/Case\nto: {}\nowner: ours\n"
    case, entry = laid(shipped, "---\n".join(text.format(to) for to in ("journal", "case")))
    assert (case.owner, entry.owner) == ("ours", "ours")


def test_a_document_can_be_added(shipped: Path) -> None:
    more = "mapping: acme/Case\nto: journal\nkey: Id\nfields: {value: Text}\n"
    case, entry = laid(shipped, f"extends: acme/Case\nowner: ours\n---\n{more}")
    assert (case.to, case.owner, entry.to) == ("case", "ours", "journal")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("extends: acme/Cse\n", "1:1: extends: no mapping 'acme/Cse' ships with the hub; did you mean"),
        ("extends: acme\n", "1:1: extends: 'acme' is not spoke/stream"),
        ("extends: ../../etc/passwd\n", "1:1: extends: '../../etc/passwd' is not spoke/stream"),
        ("extends: acme/../acme/Case\n", "1:1: extends: 'acme/../acme/Case' is not spoke/stream"),
        ("extends: {a: b}\n", "1:1: extends: {'a': 'b'} is not spoke/stream"),
        ("extends: acme/Case\nmapping: acme/Case\n", "2:1: mapping: `extends` names it already"),
        ("extends: acme/Case\nto: journal\n", "2:1: to: acme/Case has no document to 'journal'; known: case"),
        ("extends: acme/Case\nremove: fields.state\n", "2:1: remove: a list of lines belongs here"),
        ("extends: acme/Case\nremove: [5, fields]\n", "2:10: remove.0: there is no line 5 to remove"),
        ("extends: acme/Case\nremove: [fields.stte]\n", "did you mean 'fields.state'?"),
        ("extends: acme/Case\nfields: 5\n", "2:1: fields: a mapping of our fields to expressions"),
        ("extends: acme/Case\nmaps: {state: 5}\n", "2:8: maps.state: a value map belongs here"),
        ("extends: acme/Case\nwhen:\n", "2:1: when: is empty; give it a value or remove the line"),
        ("extends: acme/Case\nfeilds: {}\n", "2:1: feilds: unknown key; did you mean 'fields'?"),
        ("mapping: acme/Case\nremove: [when]\n", "2:1: remove: takes lines out of a mapping that"),
    ],
)  # fmt: skip
def test_what_cannot_be_laid_over_says_so(shipped: Path, text: str, told: str) -> None:
    assert any(told in fault for fault in refused(shipped, text)), refused(shipped, text)


def test_a_shipped_file_can_extend_neither_itself_nor_an_overlay(shipped: Path) -> None:
    own = shipped / "acme" / "Case.yaml"
    own.write_text("extends: acme/Case\n")
    with pytest.raises(BadMapping, match="extends: acme/Case is this file; remove the line"):
        load(own, shape_of=shape_of, shipped=shipped)
    assert "extends another; name that one" in refused(shipped, "extends: acme/Case\n")[0]
