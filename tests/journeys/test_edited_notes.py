"""Entries that somebody edits over there: ours follow, and so do the copies that others have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

import hub
from hub.mapping import load
from hub.store import entities
from hub.store.database import Database
from hub.store.system import links
from hub.sync.insight.explain import explain
from hub.sync.outbound.notes import outward, rewritten
from hub.testing.faults import Fault
from tests.journeys.two_vendors import MAPPINGS, TwoVendors, two_vendors


@pytest.fixture
def both(db: Database) -> Iterator[TwoVendors]:
    with two_vendors(db) as vendors:
        yield vendors


def edit_in_org(both: TwoVendors, id: str, **values: object) -> None:
    both.org.mutate({"do": "update", "stream": "CaseComment", "id": id, "data": values})


def edit_in_field(both: TwoVendors, text: str) -> None:
    [id] = both.field.rows.of_name("annotation").rows
    told = {"id": id, "data": {"notetext": text}}
    both.field.mutate({"do": "update", "stream": "annotations", **told})


def in_org_only(both: TwoVendors) -> str:
    [id] = both.org.tables["CaseComment"].rows
    return str(id)


def everywhere(both: TwoVendors) -> list[tuple[str, str]]:
    """What was said, which must be the same on all three sides, and stay so."""
    assert both.world.letters() == both.world.dead() == []
    assert both.in_org() == both.in_field() == both.heard()
    before = both.writes()
    both.round(times=5)
    assert both.writes() == before
    assert both.in_org() == both.in_field() == both.heard()
    return both.heard()


def instead(
    both: TwoVendors, folder: Path, file: str, old: str, new: str, connection: str = "crm"
) -> None:
    """Have a mapping with a piece of its text replaced."""
    written = (MAPPINGS / file).read_text().partition("\n---")[0].partition("examples:")[0]
    assert old in written
    (folder / "changed.yaml").write_text(written.replace(old, new))
    mapping = load(folder / "changed.yaml", shape_of=lambda name: entities.find(name).shape)
    one = both.world.connections[connection]
    changed = replace(one, mappings={**one.mappings, mapping[0].stream: tuple(mapping)})
    others = [each for each in both.world.connections.values() if each.name != connection]
    both.world.connect(changed, *others)


def test_an_edit_is_followed_here_and_in_the_copies_of_others(both: TwoVendors) -> None:
    id = both.say_in_org("It does not strat.", public=True)
    both.say_in_field("Bring the ladder.")
    both.settle()
    before = both.writes()
    edit_in_org(both, id, CommentBody="It does not start.")
    both.settle()
    both.say(work_notes="Thank you.")  # which sends to each of them whatever it lacks
    both.settle()
    assert both.writes() == before + 1 + 2
    assert sorted(both.heard()) == sorted(both.in_org()) == sorted(both.in_field())
    assert ("comments", "It does not start.") in both.heard()
    assert len(both.heard()) == 3


def test_the_audit_keeps_the_text_that_was_and_explain_shows_it(both: TwoVendors) -> None:
    id = both.say_in_org("He is a nuisance.", public=True)
    both.settle()
    edit_in_org(both, id, CommentBody="He called twice.", IsPublished=False)
    both.settle()
    [note] = both.world.notes(both.case)
    was = {one["fieldname"]: one for one in both.world.audits("journal", note["sys_id"])}
    assert (was["value"]["oldvalue"], was["value"]["newvalue"]) == (
        "He is a nuisance.", "He called twice.",
    )  # fmt: skip
    assert (was["value"]["user"], was["value"]["hub_external_id"]) == ("crm", id)
    assert was["element"]["oldvalue"] == "comments"
    entity = entities.find("case")
    with both.db.read() as tx:
        row = both.world.of("case", both.case)
        [told] = explain(tx, both.world.connections, entity, row, only="work_notes")
    [said] = told.entries
    assert [(one.field, one.old, one.connection) for one in said.edits] == [
        ("element", "comments", "crm"), ("value", "He is a nuisance.", "crm"),
    ]  # fmt: skip
    assert everywhere(both) == [("work_notes", "He called twice.")]


def test_an_entry_of_ours_that_they_edit_is_edited_everywhere(both: TwoVendors) -> None:
    both.say(work_notes="The customer is angry.")
    both.settle()
    edit_in_field(both, "The customer is calm.")
    both.settle()
    assert everywhere(both) == [("work_notes", "The customer is calm.")]
    edit_in_org(both, in_org_only(both), CommentBody="The customer is happy.")
    both.settle()
    assert everywhere(both) == [("work_notes", "The customer is happy.")]


def test_blanks_and_ends_of_lines_are_no_edit(both: TwoVendors) -> None:
    both.say(comments="A technician\ncomes today.")
    both.settle()
    before = both.writes()
    edit_in_org(both, in_org_only(both), CommentBody="A technician\r\ncomes  today. ")
    edit_in_field(both, "*WEB* A technician\r\n\r\ncomes today.")
    both.settle()
    assert both.heard() == [("comments", "A technician\ncomes today.")]
    assert both.writes() == before


def test_what_they_make_of_our_words_is_no_edit(both: TwoVendors) -> None:
    """A work note may not begin with the mark: it goes as `* WEB *`, and comes back so."""
    both.say(work_notes="*WEB* is what he wrote")
    both.settle()
    both.round(times=2)
    assert both.heard() == both.in_org() == [("work_notes", "*WEB* is what he wrote")]


def test_the_form_in_which_they_keep_ours_is_no_edit(both: TwoVendors) -> None:
    both.say(comments="One <b>two</b>")
    both.work()
    [note] = both.field.rows.of_name("annotation").rows.values()
    note["notetext"] = "*WEB* <p>One two</p>"  # they have cleaned it, and call it the same version
    before = both.writes()
    both.settle()
    assert both.heard() == [("comments", "One <b>two</b>")]
    assert both.writes() == before


def test_entries_that_were_exchanged_before_an_upgrade_are_followed_as_well(
    both: TwoVendors,
) -> None:
    """Their links do not say yet what each side has."""
    id = both.say_in_org("It does not strat.", public=True)
    both.settle()
    with both.db.write() as tx:
        mine = links.c.table_name == "sys_journal_field"
        tx.execute(update(links).where(mine).values(base=None))
    edit_in_org(both, id, CommentBody="It does not start.")
    both.settle()
    assert everywhere(both) == [("comments", "It does not start.")]


def test_no_edit_makes_a_public_copy_of_an_internal_note(both: TwoVendors) -> None:
    both.say(work_notes="He is a nuisance.")
    both.settle()
    edit_in_field(both, "*WEB* He is a nuisance indeed.")
    both.settle()
    assert both.heard() == both.in_org() == [("work_notes", "He is a nuisance indeed.")]
    edit_in_org(both, in_org_only(both), CommentBody="*WEB* He is not.", IsPublished=True)
    both.settle()
    assert both.heard() == [("work_notes", "*WEB* He is not.")]
    assert both.in_field() == [("work_notes", "* WEB * He is not.")]


def test_what_is_not_published_any_more_is_not_in_the_copies_either(both: TwoVendors) -> None:
    id = both.say_in_org("His telephone number is 555-1234.", public=True)
    both.settle()
    assert both.in_field() == [("comments", "His telephone number is 555-1234.")]
    edit_in_org(both, id, IsPublished=False)
    both.settle()
    assert everywhere(both) == [("work_notes", "His telephone number is 555-1234.")]


def test_who_says_that_ours_stays_keeps_it(both: TwoVendors, tmp_path: Path) -> None:
    kept = "{in: CommentBody, owner: ours}"
    instead(
        both, tmp_path, "salesforce/CaseComment.yaml",
        "value:          CommentBody", f"value:          {kept}",
    )  # fmt: skip
    both.say(comments="A technician comes today.")
    both.settle()
    edit_in_org(both, in_org_only(both), CommentBody="Nobody comes.")
    both.settle()
    before = both.writes()
    both.round(times=3)
    assert both.heard() == both.in_field() == [("comments", "A technician comes today.")]
    assert both.in_org() == [("comments", "Nobody comes.")]
    assert both.writes() == before


def test_both_edit_at_once_and_all_sides_end_the_same(both: TwoVendors) -> None:
    id = both.say_in_org("One.", public=False)
    both.settle()
    edit_in_org(both, id, CommentBody="Two.")
    edit_in_field(both, "Three.")
    both.settle()
    both.settle()
    [(_, text)] = everywhere(both)
    assert text in {"Two.", "Three."}


def test_a_side_that_says_again_what_it_said_undoes_nobodys_edit(both: TwoVendors) -> None:
    id = both.say_in_org("One.", public=True)
    both.settle()
    edit_in_field(both, "*WEB* Two.")
    both.hear()  # it is not sent to the org yet
    edit_in_org(both, id, CommentBody="One.")  # its version has moved, and nothing else
    both.hear()
    both.settle()
    assert everywhere(both) == [("comments", "Two.")]


def test_what_a_poll_has_read_before_we_mended_theirs_is_no_edit(both: TwoVendors) -> None:
    id = both.say_in_org("One.", public=True)
    both.settle()
    crm = both.world.connections["crm"]
    assert isinstance(crm.spoke, hub.Fetches)
    [before] = crm.spoke.fetch(crm.stream("CaseComment"), [id])
    edit_in_field(both, "*WEB* Two.")
    both.round()
    assert both.in_org() == [("comments", "Two.")]
    both.world.absorb(before)
    both.settle()
    assert everywhere(both) == [("comments", "Two.")]


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"status": 503}])
def test_an_edit_whose_answer_is_lost_is_written_once_more(
    both: TwoVendors, fault: dict[str, object]
) -> None:
    id = both.say_in_org("One.", public=False)
    both.settle()
    both.field.faults.add(Fault("PATCH", "annotations", **fault))  # type: ignore[arg-type]
    edit_in_org(both, id, CommentBody="Two.")
    both.settle()
    for _ in range(3):
        both.a_moment_later()
    both.settle()
    assert everywhere(both) == [("work_notes", "Two.")]


def test_an_edit_after_the_copy_is_gone_there_is_no_news_to_them(both: TwoVendors) -> None:
    both.say(comments="Sorry.")
    both.settle()
    both.org.mutate({"do": "delete", "stream": "CaseComment", "id": in_org_only(both)})
    both.settle()
    before = both.writes()
    edit_in_field(both, "*WEB* Very sorry.")
    both.settle()
    assert both.writes() == before
    assert both.world.letters() == []
    assert both.in_org() == []
    assert both.heard() == both.in_field() == [("comments", "Very sorry.")]


# -- who said it


def test_an_edit_does_not_say_again_whose_the_entry_is_and_when_it_was_made(
    both: TwoVendors, tmp_path: Path
) -> None:
    old = "sys_created_by: {in: CreatedBy.Name, out: {}}"
    new = "sys_created_by: {in: CreatedBy.Name, out: {Author__c: sys_created_by}}"
    instead(both, tmp_path, "salesforce/CaseComment.yaml", old, new)
    [mapping] = both.world.connections["crm"].mappings["CaseComment"]
    both.say(comments="One.")
    [entry] = both.world.notes(both.case)
    refs = {("Case", both.case): both.theirs}
    assert "Author__c" in (outward(mapping, entry, refs) or {})
    assert rewritten(mapping, entry) == {"CommentBody": "One.", "IsPublished": True}


def test_an_entry_can_go_with_its_author_and_comes_back_without(
    both: TwoVendors, tmp_path: Path
) -> None:
    signed = """{in: CommentBody, out: {CommentBody: 'f"{sys_created_by}: {value}"'}}"""
    instead(
        both, tmp_path, "salesforce/CaseComment.yaml",
        "value:          CommentBody", f"value:          {signed}",
    )  # fmt: skip
    both.org.faults.add(Fault("POST", "CaseComment", drop="after"))
    both.say(comments="A technician comes today.")
    both.work()
    both.world.forget_jobs()  # a poll is all that can tell that it has arrived
    both.settle()
    author = both.world.notes(both.case)[0]["sys_created_by"]
    assert both.in_org() == [("comments", f"{author}: A technician comes today.")]
    assert both.heard() == [("comments", "A technician comes today.")]
    edit_in_org(both, in_org_only(both), CommentBody=f"{author}: He comes tomorrow.")
    both.settle()
    assert both.heard() == [("comments", "He comes tomorrow.")]
    edit = "*WEB* He comes on Monday."
    both.say(work_notes="x")  # which brings everything that is owed
    both.settle()
    assert both.in_field()[0] == ("comments", "He comes tomorrow.")
    [id, *_] = both.field.rows.of_name("annotation").rows
    both.field.mutate(
        {"do": "update", "stream": "annotations", "id": id, "data": {"notetext": edit}}
    )
    both.settle()
    assert both.in_org()[0] == ("comments", f"{author}: He comes on Monday.")


def test_the_author_of_theirs_is_the_author_here(both: TwoVendors) -> None:
    both.say_in_field("Bring the long ladder.")
    both.settle()
    [note] = both.world.notes(both.case)
    [row] = both.field.rows.of_name("annotation").rows.values()
    users = both.field.rows.of_name("systemuser").rows
    assert note["sys_created_by"] == users[row["createdby"]]["fullname"]
