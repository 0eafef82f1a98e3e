"""A page of nothing but new records is created as columns, and ends as if each had come alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound

import hub
from hub.mapping import Mapping as FieldMapping
from hub.store import links
from hub.store.database import Database
from hub.store.metadata import metadata
from hub.store.system import pending_refs
from hub.store.work import jobs
from tests.sync.elsewhere import gone, there
from tests.sync.world import World, connected, mapped, statements_of

PLAIN = """
mapping: elsewhere/cases
to: case
key: Id
version: Version
deleted: IsDeleted
match: [correlation_id]
when: Kind != "private"
fields:
  correlation_id:    Ticket
  short_description: Subject
  state:             Status | map(state)
  impact:            Impact
  urgency:           Urgency
  priority:          Priority
  account:           AccountId | ref(accounts)
  parent:            ParentId | ref(cases)
  opened_at:         Opened | datetime
  closed_at:         Closed | datetime
  resolved_at:       Solved | datetime
  comments:          Remark
  u_region:          Region
  u_size:            Size
maps: {state: {New: new, Open: open, Solved: resolved, Closed: closed}}
"""


@pytest.fixture
def plain(tmp_path: Path) -> tuple[FieldMapping, ...]:
    """Cases that are one row each."""
    file = tmp_path / "plain.yaml"
    file.write_text(PLAIN, encoding="utf-8")
    return mapped(file)


@pytest.fixture
def world(db: Database, plain: tuple[FieldMapping, ...]) -> World:
    """Two systems that tell the same, and a third to which everything is written."""
    world = World(db)
    world.connect(*(connected(name, cases=plain) for name in ("crm", "erp", "log")))
    return world


def values(*examples: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(examples)


MOMENTS = values(None, "2026-02-01T10:00:00+02:00", "2025-12-31T23:59:59Z")
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "Kind": values("private", "public", None),
    "Subject": st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20),
    "Status": values("New", "Open", "Solved", "Closed"),
    "Impact": values("1", "2", "3"),
    "Urgency": values("1", "2", "3", None),
    "Priority": values("1", "4", None),
    "AccountId": values("a1", "a2", "nobody", None),
    "ParentId": values("c0", "c1", "c9", "late", None),
    "Opened": MOMENTS,
    "Closed": MOMENTS,
    "Solved": MOMENTS,
    "Remark": values("Please call back", "", None),
    "Region": values("north", "süd", None),
    "Size": values(1, 2.5, True, None, {"a": [1]}),
}
RECORDS = st.lists(st.fixed_dictionaries({}, optional=FIELDS), min_size=1, max_size=8)
REFERENCES = ("account", "parent")
COLUMNS_OF_THEIR_OWN = {"sys_id", "number", "sys_created_by", "sys_updated_by", *REFERENCES}


def told(records: list[dict[str, Any]]) -> list[hub.Change]:
    return [there("cases", f"c{n}", 1, **record) for n, record in enumerate(records)]


class State:
    """What one system has brought about, in words that do not depend on which one it was."""

    def __init__(self, world: World, connection: str, count: int) -> None:
        self.cases, self.audits, self.notes, self.links = {}, {}, {}, {}
        of = {row["sys_id"]: row for row in world.rows("case")}
        numbers = set()
        for n in range(count):
            found = self.link(world, connection, f"c{n}")
            if found is None:
                continue
            row = of[found.sys_id]
            numbers.add(row["number"])
            own = {name: v for name, v in row.items() if name not in COLUMNS_OF_THEIR_OWN}
            refs = [self.external(world, connection, row[name]) for name in REFERENCES]
            self.cases[n] = (own, refs)
            base = {name: v for name, v in found.base.items() if name not in REFERENCES}
            assert all(found.base[name] == row[name] for name in REFERENCES)
            self.links[n] = (found.version, found.digest, found.mapping_digest, base)
            self.audits[n] = [
                [e[c].replace(connection, "X") for c in ("fieldname", "user", "hub_source")]
                + [e["hub_external_id"], e["sys_created_on"]]
                for e in world.audits("case", found.sys_id)
            ]
            self.notes[n] = [(note["element"], note["value"]) for note in world.notes(found.sys_id)]
        assert len(numbers) == len(self.cases), "each has a number of its own"
        self.waiting = self.of_table(world, pending_refs, connection)

    def link(self, world: World, connection: str, id: str) -> Any:
        try:
            return world.link("case", id, connection)
        except NoResultFound:  # the mapping left it out
            return None

    def external(self, world: World, connection: str, sys_id: str | None) -> str | None:
        if sys_id is None:
            return None
        with world.db.read() as tx:
            for table in ("customer_account", "sn_customerservice_case"):
                for link in links.of_record(tx, table, sys_id):
                    if link.connection == connection:
                        return link.external_id
        return None

    def of_table(self, world: World, table: Any, connection: str) -> list[Any]:
        with world.db.read() as tx:
            rows = tx.execute(select(table).where(table.c.connection == connection)).all()
        return sorted((row.field, row.stream, row.external_id) for row in rows)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS)
def test_it_ends_as_if_each_had_come_among_others(world: World, records: list[Any]) -> None:
    empty(world)
    for name in ("crm", "erp"):
        world.absorb(there("accounts", "a1"), there("accounts", "a2"), connection=name)
    new = told(records)
    world.absorb(*new, connection="crm")
    # A record that nobody knew and that is gone takes the page the long way.
    world.absorb(*new, gone("cases", "never", 1), connection="erp")
    short, long = State(world, "crm", len(new)), State(world, "erp", len(new))
    assert short.cases == long.cases
    assert short.links == long.links
    assert short.audits == long.audits
    assert short.notes == long.notes
    assert short.waiting == long.waiting


def empty(world: World) -> None:
    with world.db.write() as tx:
        for table in metadata.sorted_tables:
            if table.name not in ("sys_number", "sys_choice"):
                tx.execute(table.delete())


def test_others_are_told_of_each_new_record(world: World) -> None:
    counts = world.absorb(*told([{"Subject": "Till"}, {"Kind": "private"}, {}]))
    assert (counts.created, counts.unchanged) == (2, 1)
    with world.db.read() as tx:
        keys = tx.scalars(select(jobs.c.key).where(jobs.c.kind == "push")).all()
    told_of = {tuple(key.split("/")[::3]) for key in keys if "/cases/" in key}
    ours = {row["sys_id"] for row in world.rows("case")}
    assert told_of == {(name, sys_id) for name in ("erp", "log") for sys_id in ours}


def test_two_that_claim_to_be_the_same_record_become_one(world: World) -> None:
    twice = [hub.Change("cases", id, {"Id": "c1", "Subject": id}, "1") for id in ("x", "y")]
    world.absorb(*twice)
    assert world.link("case", "c1").external_id == "c1"


def test_records_are_found_again_after_they_were_created(world: World) -> None:
    page = told([{"Subject": f"Till {n}"} for n in range(50)])
    world.absorb(*page)
    assert world.absorb(*page).unchanged == 50
    assert world.count("sn_customerservice_case") == 50


def test_a_page_of_new_records_costs_no_more_statements_than_any_other(world: World) -> None:
    world.absorb(there("accounts", "a1"))
    page = [{"Subject": f"Till {n}", "AccountId": "a1", "Remark": "Hello"} for n in range(200)]
    with statements_of(world.db) as sent:
        assert world.absorb(*told(page)).created == 200
    assert len(sent) <= 9, "\n".join(sql[:80] for sql in sent)


def test_records_of_the_page_refer_to_each_other(world: World) -> None:
    world.absorb(*told([{"ParentId": "c1"}, {"ParentId": "c0"}]))
    first, second = (world.row("case", id) for id in ("c0", "c1"))
    assert (first["parent"], second["parent"]) == (second["sys_id"], first["sys_id"])
    assert world.count("hub_pending_ref") == 0
