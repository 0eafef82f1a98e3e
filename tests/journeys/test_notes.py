"""Comments and work notes between two vendors, through the hub: each entry once, on every side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.mapping import load
from hub.store import entities
from hub.store.database import Database
from hub.store.entities import CASE
from hub.sync.jobs import Poll
from hub.sync.records.patch import Origin, Patch
from hub.testing.faults import Fault
from tests.journeys.two_vendors import MAPPINGS, SOMEBODY, TwoVendors, restarted, two_vendors


@pytest.fixture
def both(db: Database) -> Iterator[TwoVendors]:
    with two_vendors(db) as vendors:
        yield vendors


def everywhere(both: TwoVendors) -> list[tuple[str, str]]:
    """What was said, which must be the same on all three sides."""
    assert both.world.letters() == []
    assert both.world.dead() == []
    heard = both.heard()
    assert sorted(both.in_org()) == sorted(both.in_field()) == sorted(heard)
    return heard


def test_what_an_agent_writes_goes_to_both_public_and_internal_kept_apart(both: TwoVendors) -> None:
    both.say(comments="A technician comes today.")
    both.say(work_notes="The customer is angry.")
    both.settle()
    assert everywhere(both) == [
        ("comments", "A technician comes today."),
        ("work_notes", "The customer is angry."),
    ]


def test_what_is_said_in_one_is_told_in_the_other_and_never_sent_back(both: TwoVendors) -> None:
    both.say_in_org("It does not start.", public=True)
    both.say_in_field("Bring the long ladder.")
    both.settle()
    assert everywhere(both) == [
        ("comments", "It does not start."),
        ("work_notes", "Bring the long ladder."),
    ]
    assert len(both.in_org()) == len(both.in_field()) == 2


def test_fifty_rounds_of_quiet_write_nothing(both: TwoVendors) -> None:
    both.say(comments="One.", work_notes="Two.")
    both.say_in_org("Three.", public=False)
    both.say_in_field("*WEB* Four.")
    both.settle()
    assert len(everywhere(both)) == 4
    before = both.writes()
    both.round(times=50)
    assert both.writes() == before
    assert len(everywhere(both)) == 4


def test_the_entries_of_a_record_keep_their_order(both: TwoVendors) -> None:
    for number in range(12):
        both.say(work_notes=f"Note {number}.")
    both.settle()
    wanted = [("work_notes", f"Note {number}.") for number in range(12)]
    assert both.heard() == both.in_org() == both.in_field() == wanted


def test_the_same_words_twice_are_two_entries(both: TwoVendors) -> None:
    both.say(comments="ok")
    both.settle()
    both.say(comments="ok")
    both.settle()
    assert everywhere(both) == [("comments", "ok")] * 2


# -- lost answers


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"drop": "before"}, {"status": 503}])
def test_a_lost_answer_makes_no_second_entry(both: TwoVendors, fault: dict[str, Any]) -> None:
    both.org.faults.add(Fault("POST", "CaseComment", times=2, **fault))
    both.field.faults.add(Fault("PATCH", "annotations", times=2, **fault))
    both.say(comments="A technician comes today.")
    both.work()
    for _ in range(4):
        both.a_moment_later()
    both.settle()
    assert everywhere(both) == [("comments", "A technician comes today.")]


def test_a_poll_that_comes_before_our_link_adds_nothing(both: TwoVendors) -> None:
    both.org.faults.add(Fault("POST", "CaseComment", drop="after"))
    both.field.faults.add(Fault("PATCH", "annotations", drop="after"))
    both.say(comments="A technician comes today.")
    both.work()
    assert len(both.in_org()) == len(both.in_field()) == 1
    both.world.forget_jobs()  # the poll is all that can tell
    both.round()
    assert everywhere(both) == [("comments", "A technician comes today.")]
    both.say(work_notes="He came.")
    both.settle()
    assert len(everywhere(both)) == 2


def test_a_hub_that_is_restarted_in_the_middle_sends_only_what_is_missing(both: TwoVendors) -> None:
    for number in range(6):
        both.say(work_notes=f"Note {number}.")
    both.org.faults.add(Fault("POST", "CaseComment", skip=3, drop="after"))
    both.field.faults.add(Fault("PATCH", "annotations", skip=2, drop="after"))
    both.work()
    assert (len(both.in_org()), len(both.in_field())) == (4, 3)
    again = restarted(both)
    again.settle()
    wanted = [("work_notes", f"Note {number}.") for number in range(6)]
    assert again.in_org() == again.in_field() == again.heard() == wanted


def test_somebody_elses_same_words_are_not_taken_for_ours(both: TwoVendors) -> None:
    both.org.faults.add(Fault("POST", "CaseComment", drop="before"))
    both.say(comments="ok")
    both.work()
    both.say_in_org("ok", public=True)  # our own did not arrive
    both.a_moment_later()
    both.settle()
    assert len(both.in_org()) == len(everywhere(both)) == 2


# -- public and internal


HOSTILE = ["*WEB* for the customer", " *web* x", "a *WEB* in the middle", "\n*Web*", "*WEB*"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_makes_an_internal_note_public(both: TwoVendors, text: str) -> None:
    both.say(work_notes=text)
    both.settle()
    assert [element for element, _ in both.in_org()] == ["work_notes"]
    [note] = both.field.rows.of_name("annotation").rows.values()
    assert "*WEB*" not in note["notetext"].upper()
    assert [element for element, _ in both.heard()] == ["work_notes"]


def test_a_place_without_internal_notes_gets_none(both: TwoVendors, tmp_path: Path) -> None:
    """A mapping that says that everything is public, as a shop's timeline may be."""
    file = MAPPINGS / "salesforce" / "CaseComment.yaml"
    told = file.read_text().partition("examples:")[0]
    line = next(line for line in told.splitlines() if line.startswith("  element: "))
    (tmp_path / file.name).write_text(
        told.replace(line, """  element: {in: '"comments"', out: {}}""")
        .replace("CommentBody", "{in: CommentBody, out: {CommentBody: value, IsPublished: value is not None}}")
    )  # fmt: skip
    mapping = load(tmp_path / file.name, shape_of=lambda name: entities.find(name).shape)
    crm = both.world.connections["crm"]
    mappings = {**crm.mappings, "CaseComment": tuple(mapping)}
    both.world.connect(replace(crm, mappings=mappings), both.world.connections["field"])
    both.say(comments="For everybody.", work_notes="For us.")
    both.settle()
    assert both.in_org() == [("comments", "For everybody.")]
    assert len(both.in_field()) == 2
    assert both.world.letters() == []


def test_a_mapping_that_would_publish_some_texts_refuses_those_only(
    both: TwoVendors, tmp_path: Path
) -> None:
    """As the shipped one would, if it let the mark stand."""
    file = MAPPINGS / "dynamics365" / "annotations.yaml"
    told = file.read_text().partition("---")[0].partition("examples:")[0]
    (tmp_path / file.name).write_text(told.replace("(value | dynamics365.harmless)", "value"))
    mapping = load(tmp_path / file.name, shape_of=lambda name: entities.find(name).shape)
    field = both.world.connections["field"]
    mappings = {**field.mappings, "annotations": tuple(mapping)}
    both.world.connect(both.world.connections["crm"], replace(field, mappings=mappings))
    both.say(work_notes="One.")
    both.say(work_notes="*WEB* Two.")
    both.say(work_notes="Three.")
    both.settle()
    assert both.in_field() == [("work_notes", "One."), ("work_notes", "Three.")]
    [letter] = both.world.letters()
    assert "would make an internal entry a comments over there" in letter.error


def test_what_they_publish_no_longer_is_internal_here(both: TwoVendors) -> None:
    id = both.say_in_org("His telephone number is 555-1234.", public=True)
    both.settle()
    assert both.heard() == [("comments", "His telephone number is 555-1234.")]
    both.org.mutate(
        {"do": "update", "stream": "CaseComment", "id": id, "data": {"IsPublished": False}}
    )
    both.settle()
    assert both.heard() == [("work_notes", "His telephone number is 555-1234.")]


def test_what_they_publish_later_stays_internal_elsewhere(both: TwoVendors) -> None:
    id = both.say_in_org("Not for customers.", public=False)
    both.settle()
    both.org.mutate(
        {"do": "update", "stream": "CaseComment", "id": id, "data": {"IsPublished": True}}
    )
    both.settle()
    assert both.heard() == both.in_field() == [("work_notes", "Not for customers.")]


# -- what else can happen


def test_a_refused_entry_holds_up_nobody(both: TwoVendors) -> None:
    both.say(work_notes="One.")
    both.say(work_notes="x" * 4001)
    both.say(work_notes="Three.")
    both.settle()
    assert both.in_org() == [("work_notes", "One."), ("work_notes", "Three.")]
    [letter] = both.world.letters()
    assert (letter.kind, letter.reason) == ("push_notes", "refused")
    assert "STRING_TOO_LONG" in letter.error
    assert len(both.in_field()) == 3


def test_a_deleted_entry_stays_here_and_is_not_sent_again(both: TwoVendors) -> None:
    both.say(comments="Sorry.")
    both.settle()
    [id] = both.org.tables["CaseComment"].rows
    both.org.mutate({"do": "delete", "stream": "CaseComment", "id": id})
    both.settle()
    both.say(comments="Never mind.")
    both.settle()
    assert both.in_org() == [("comments", "Never mind.")]
    assert len(both.heard()) == len(both.in_field()) == 2


def test_an_entry_that_comes_before_its_case_waits_for_it(both: TwoVendors) -> None:
    case = both.org.mutate({"do": "create", "stream": "Case", "data": {"Subject": "Till 9"}})
    said = {"ParentId": case, "CommentBody": "It burns.", "CreatedById": SOMEBODY}
    both.org.mutate({"do": "create", "stream": "CaseComment", "data": said})
    both.org.clock.advance(timedelta(minutes=10))
    both.world.put(Poll("crm", "CaseComment"))
    both.work()
    assert [row["element_id"] for row in both.world.rows("journal")] == [None]
    both.settle()
    assert both.world.notes(both.world.sys_id("case", case))[0]["value"] == "It burns."


def test_a_case_that_they_get_later_comes_with_all_that_was_said(both: TwoVendors) -> None:
    case = both.org.mutate({"do": "create", "stream": "Case", "data": {"Subject": "Till 9"}})
    said = {"ParentId": case, "CommentBody": "It burns.", "CreatedById": SOMEBODY}
    both.org.mutate({"do": "create", "stream": "CaseComment", "data": said})
    both.settle()  # the environment wants a customer of every case: it is refused there
    assert [letter.kind for letter in both.world.letters()] == ["push"]
    account = next(iter(both.field.rows.of_name("account").rows))
    theirs = both.field.mutate(
        {
            "do": "create",
            "stream": "incidents",
            "data": {
                "title": "Till 9",
                "csm_hubid": both.world.sys_id("case", case),
                "customerid_account@odata.bind": f"/accounts({account})",
            },
        }
    )
    both.settle()
    notes = both.field.rows.of_name("annotation").rows.values()
    assert [(note["objectid"], note["notetext"]) for note in notes] == [(theirs, "It burns.")]


def test_an_entry_inside_a_record_of_theirs_is_not_sent_back_as_one_of_ours(
    both: TwoVendors,
) -> None:
    """A list of comments in the record itself, as some mappings have it."""
    inside = Patch(CASE, both.case, {}, notes=[("c9", {"element": "comments", "value": "Hi."})])
    both.world.clock.now = both.org.clock.now().timestamp()
    both.world.amend(inside, origin=Origin("crm", "crm"))
    both.settle()
    assert both.in_org() == []
    assert both.in_field() == both.heard() == [("comments", "Hi.")]
