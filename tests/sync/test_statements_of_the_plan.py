"""The mapping that the language's own example shows (numbers of theirs, a stamp, a match rule,
references, comments as journal entries) keeps to twelve statements, whatever is in its page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import hub
from hub.mapping import load
from hub.store import cursors, entities
from hub.store.cursors import Counts
from hub.store.database import Database
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.absorb import absorb
from tests.sync.world import statements_of

MOST = 12
MAPPING = """
mapping: acme/Case
to: case
key: Id
version: Version
deleted: IsDeleted
stamp: Hub_Id
match: [number]
fields:
  number: CaseNumber
  short_description: Subject
  state: Status | map(state)
  account: AccountId | ref(Account)
children:
  comments: {to: journal, each: Comments, key: Id, fields: {value: Body, element: '"comments"'}}
maps: {state: {New: new, Closed: closed}}
"""


class Acme(hub.Spoke, hub.Pulls, hub.Writes):
    """A system that nobody calls here."""

    streams = (hub.Stream("Case"),)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        del stream, cursor
        yield from ()

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        del stream
        return hub.Receipt(write.key)

    def delete(self, stream: hub.Stream, id: str) -> None:
        del stream, id


@pytest.fixture
def connections(tmp_path: Path) -> Connections:
    """Two systems, so that what one tells is pushed to the other."""
    file = tmp_path / "Case.yaml"
    file.write_text(MAPPING, encoding="utf-8")
    mapping = tuple(load(file, shape_of=lambda name: entities.find(name).shape))
    spoke = Acme(url="http://127.0.0.1:1", sandbox=True)
    return Connections([Connection(name, spoke, {"Case": mapping}) for name in ("one", "other")])


def case(id: str, version: str, **values: Any) -> hub.Change:
    record = {
        "Id": id, "Version": version, "CaseNumber": f"X{id}", "Subject": "s", "Status": "New",
        "AccountId": "never", "Comments": [{"Id": f"{id}/{version}", "Body": "hello"}],
    }  # fmt: skip
    return hub.Change("Case", id, record | values, version)


def page(db: Database, connections: Connections, changes: list[hub.Change]) -> Counts:
    with db.write() as tx:
        counts = absorb(tx, connections, connections["one"], "Case", changes, now=NOW)
        cursors.move(tx, "one", "Case", "next", counts, now=NOW.timestamp(), newest=None)
    return counts


NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_page_with_everything_in_it_costs_twelve(db: Database, connections: Connections) -> None:
    ids = range(100)
    page(db, connections, [case(f"u{i}", "1") for i in ids])
    page(db, connections, [case(f"well{i}", "1", Status="Melted") for i in ids])
    everything = [
        *(case(f"u{i}", "2", Subject="other") for i in ids),
        *(case(f"well{i}", "2") for i in ids),
        *(case(f"new{i}", "2", CaseNumber="Xu1") for i in ids),  # a number that another has
        *(case(f"bad{i}", "2", Status="Melted") for i in ids),
        *(case(f"late{i}", "2", AccountId=f"late{i}") for i in ids),
    ]
    with statements_of(db) as sent:
        counts = page(db, connections, everything)
    assert (counts.created, counts.updated, counts.failed) == (300, 100, 100)
    assert len(sent) <= MOST, "\n".join(sql[:100] for sql in sent)
