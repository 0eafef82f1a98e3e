"""A plan names the entries and files that a sync would bring, who may read them, and who gets them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.store.attachments import Files, Rules
from hub.store.database import Database
from hub.sync.insight.plan import Planner
from hub.sync.insight.steps import Step
from tests.journeys.two_vendors import SOMEBODY, TwoVendors, two_vendors

STREAMS = ("CaseComment", "ContentVersion", "annotations")


@pytest.fixture
def both(db: Database, tmp_path: Path) -> Iterator[TwoVendors]:
    files = Files(tmp_path / "files", Rules(most=1000))
    with two_vendors(db, streams=STREAMS, files=files) as vendors:
        yield vendors


def planner(both: TwoVendors, connection: str) -> Planner:
    connections = both.world.connections
    rules = both.world.files.rules
    return Planner(both.db, connections, connections[connection], both.world.clock, rules=rules)


def planned(both: TwoVendors, stream: str) -> list[Step]:
    """What a poll of the org would do that begins at the beginning; none sees the last seconds."""
    both.org.clock.advance(timedelta(minutes=10))
    return [step for page in planner(both, "crm").pull(stream, None) for step in page.steps]


def number(both: TwoVendors) -> str:
    return str(both.world.of("case", both.case)["number"])


def told(step: Step) -> dict[str, tuple[str | None, str | None]]:
    return {one.field: (one.old, one.new) for one in step.fields}


def test_an_entry_that_would_come_with_who_may_read_it_and_who_gets_it(both: TwoVendors) -> None:
    both.say_in_org("It does not start.", public=True)
    both.say_in_org("He is angry.", public=False)
    before = both.writes()
    public, internal = planned(both, "CaseComment")
    assert (public.action, public.entity, public.audience) == ("create", "journal", "public")
    assert (public.number, internal.audience) == (number(both), "internal")
    assert told(public)["value"] == (None, "It does not start.")
    assert public.fields[0].place.endswith("CaseComment.yaml:12")
    [send] = public.sends
    assert (send.connection, send.stream, send.external_id) == ("field", "annotations", "")
    assert send.data["notetext"] == "*WEB* It does not start."
    assert internal.sends[0].data["notetext"] == "He is angry."
    assert both.heard() == []
    assert both.writes() == before
    assert both.world.waiting("push_notes") == []


def test_an_edit_with_the_text_that_was_and_whose_copy_is_mended(both: TwoVendors) -> None:
    id = both.say_in_org("It does not strat.", public=True)
    both.settle()
    edit = {"CommentBody": "It does not start.", "IsPublished": False}
    both.org.mutate({"do": "update", "stream": "CaseComment", "id": id, "data": edit})
    [step] = planned(both, "CaseComment")
    assert (step.action, step.audience, step.external_id) == ("update", "internal", id)
    assert told(step) == {
        "element": ("comments", "work_notes"),
        "value": ("It does not strat.", "It does not start."),
    }
    [send] = step.sends
    [theirs] = both.field.rows.of_name("annotation").rows
    assert (send.external_id, send.data) == (theirs, {"notetext": "It does not start."})
    assert both.heard() == [("comments", "It does not strat.")]


def test_what_waits_to_be_sent_entry_by_entry(both: TwoVendors) -> None:
    both.say(comments="A technician comes today.", work_notes="The customer is angry.")
    steps = list(planner(both, "crm").waiting("CaseComment"))
    assert {(one.action, one.audience, one.number) for one in steps} == {
        ("send", "public", number(both)), ("send", "internal", number(both)),
    }  # fmt: skip
    assert {one.sends[0].data["IsPublished"] for one in steps} == {True, False}
    both.settle()
    assert list(planner(both, "crm").waiting("CaseComment")) == []


def test_a_file_that_would_come_and_one_that_nobody_would_get(both: TwoVendors) -> None:
    for name, content in (("small.txt", b"hello"), ("film.mp4", b"x" * 1001)):
        data = {
            "FirstPublishLocationId": both.theirs, "PathOnClient": name,
            "CreatedById": SOMEBODY, "VersionData": b64encode(content).decode(),
        }  # fmt: skip
        both.org.mutate({"do": "create", "stream": "ContentVersion", "data": data})
    small, film = planned(both, "ContentVersion")
    assert (small.action, small.entity, small.number) == ("create", "attachment", number(both))
    assert told(small)["file_name"] == (None, "small.txt")
    assert [(one.connection, one.fault) for one in small.sends] == [("field", "")]
    assert "attachments.max_size" in film.sends[0].fault
    assert list(both.world.files.folder.rglob("*")) == []  # nothing was fetched


def test_an_entry_whose_record_is_not_here_yet(both: TwoVendors) -> None:
    case = both.org.mutate({"do": "create", "stream": "Case", "data": {"Subject": "Till 9"}})
    said = {"ParentId": case, "CommentBody": "It burns.", "CreatedById": SOMEBODY}
    both.org.mutate({"do": "create", "stream": "CaseComment", "data": said})
    [step] = planned(both, "CaseComment")
    assert (step.number, list(step.sends)) == ("", [])
    assert step.fields[-1].reason == f"waits for crm/Case {case}"
