"""Entries that are edited over there: a page of them costs a fixed number of statements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hub
from hub.store import cursors, links
from hub.store.links import Link
from hub.sync.connection import Connection
from hub.sync.inbound.absorb import absorb
from tests.sync.elsewhere import Elsewhere, System, at
from tests.sync.world import World, mapped

FILE = Path(__file__).parents[2] / "mappings" / "salesforce" / "CaseComment.yaml"
CASES = Path(__file__).parents[2] / "mappings" / "salesforce" / "Case.yaml"
MOST = 12


class Org(Elsewhere):
    """Has cases, and comments on them."""

    streams = (hub.Stream("Case"), hub.Stream("CaseComment"))


def connected(name: str) -> Connection:
    return Connection(name, Org(), {"Case": mapped(CASES), "CaseComment": mapped(FILE)})


def comment(id: str, moment: int, text: str, **values: Any) -> hub.Change:
    told = {"Id": id, "ParentId": "case", "CommentBody": text, "IsPublished": True} | values
    return hub.Change("CaseComment", id, told, at(moment))


@pytest.mark.parametrize("portion", [2, 200])
def test_a_page_of_edits_costs_a_fixed_number_of_statements(world: World, portion: int) -> None:
    world.connect(connected("crm"), connected("erp"))
    case = Link("crm", "Case", "sn_customerservice_case", "case", "c" * 32)
    with world.db.write() as tx:
        links.save(tx, [case, case._replace(connection="erp")], now=0.0)
    each = range(portion)
    world.absorb(
        *(comment(f"{word}{i}", 1, "One.") for word in ("text", "hide", "same") for i in each)
    )
    page = [
        *(comment(f"text{i}", 2, "Two.") for i in each),
        *(comment(f"hide{i}", 2, "Two.", IsPublished=False) for i in each),
        *(comment(f"same{i}", 2, "One.") for i in each),
        *(comment(f"new{i}", 2, "New.") for i in each),
    ]  # fmt: skip
    connection = world.connections["crm"]
    with world.counted() as sent, world.db.write() as tx:
        counts = absorb(tx, world.connections, connection, "CaseComment", page, now=world.now)
        cursors.move(tx, "crm", "CaseComment", "x", counts, now=0.0, newest=None, job=1, take=1)
    assert (counts.updated, counts.created, counts.unchanged) == (2 * portion, portion, portion)
    assert len(sent) <= MOST, "\n".join(sql[:90] for sql in sent)


PUBLIC = """mapping: salesforce/CaseComment
to: journal
key: Id
stamp: Key
fields:
  element_id: ParentId | ref(Case)
  element:    '"comments"'
  value:      CommentBody
"""


def test_a_public_copy_that_cannot_become_internal_is_told_to_somebody(
    world: World, tmp_path: Path
) -> None:
    (file := tmp_path / "public.yaml").write_text(PUBLIC)
    erp = Connection("erp", Org.of(System()), {"Case": mapped(CASES), "CaseComment": mapped(file)})
    world.connect(connected("crm"), erp)
    case = Link("crm", "Case", "sn_customerservice_case", "case", "c" * 32)
    with world.db.write() as tx:
        links.save(tx, [case, case._replace(connection="erp")], now=0.0)
    world.absorb(comment("note", 1, "We lie."), comment("work", 1, "None.", IsPublished=False))
    world.work()
    assert [
        one["CommentBody"] for one in world.system("erp").table("CaseComment").values() if one
    ] == ["We lie."]
    assert world.letters() == []
    world.absorb(comment("note", 2, "We lie.", IsPublished=False))
    world.work()
    [letter] = world.letters()
    assert "it is internal now, and public over there for good" in letter.error
