"""What a sync would do: done for real in a transaction that is undone, and read back before that.

    page ─▶ ⟦ absorb · read back: audit, links, letters, what would be sent on ⟧ ─▶ undone

There is no second way of deciding here, so a plan cannot say other than the sync does. A page is
undone before the next one: what a page creates is not there for those after it, and a reference
to it counts as one that waits.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from math import inf
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select

from hub.mapping import Mapping as FieldMapping
from hub.spoke import LISTED
from hub.store import audit, entities, links, listings, records
from hub.store.attachments import Rules
from hub.store.cursors import Counts
from hub.store.database import Database, Transaction
from hub.store.enclosed import KINDS
from hub.store.entities import sys_audit
from hub.store.records import Row
from hub.store.sys_ids import new_sys_id
from hub.store.system import dead_records
from hub.store.work import jobs
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.absorb import absorb_records
from hub.sync.inbound.reconcile import PORTION, looked_up
from hub.sync.insight.enclosures import Enclosures
from hub.sync.insight.steps import FieldStep, Send, Step
from hub.sync.jobs import Push, PushFiles, PushNotes
from hub.sync.outbound import arrears
from hub.sync.outbound.unsent import Unsent, tried, unsent
from hub.sync.reading import Record, identify, records_in, records_of
from hub.sync.records.amend import value_of
from hub.sync.replay.remap import portions
from hub.sync.replay.retrying import kept


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One page of a plan."""

    counts: Counts
    steps: Sequence[Step]


_PUSHES: dict[str, type[Push | PushNotes | PushFiles]] = {
    kind.kind: kind for kind in (Push, PushNotes, PushFiles)
}


class _Undone(Exception):
    """Everything was read; nothing is kept."""


@contextmanager
def _undone(db: Database) -> Iterator[Transaction]:
    """A transaction that writes and is rolled back."""
    with suppress(_Undone), db.write() as tx:
        yield tx
        raise _Undone


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans for one connection. `clock` gives seconds since 1970; `rules` are those for files."""

    db: Database
    connections: Connections
    connection: Connection
    clock: Callable[[], float]
    label: str = field(default_factory=lambda: f"plan/{uuid4().hex[:12]}")
    rules: Rules = field(default_factory=Rules)

    def pull(self, stream: str, cursor: str | None) -> Iterator[Foreseen]:
        """What a pull would do that begins after `cursor`; None for the beginning."""
        if cursor == LISTED:
            yield from self.listing(stream)
            return
        for those in self._pulled(stream, cursor):
            yield self.page(stream, those)

    def listing(self, stream: str) -> Iterator[Foreseen]:
        """What a complete listing would do: as a pull, what they were never told, what is missing."""
        seen = array("Q")
        mappings = self.connection.mappings[stream]
        for those in self._pulled(stream, None):
            keys = {item.key for item in identify(those, mappings)}
            seen.extend(map(_hash, keys))
            yield self.page(stream, those)
            with self.db.read() as tx:
                owed = arrears.of_page(tx, self.connection, stream, keys)
                yield Foreseen(Counts(), self._waiting(tx, owed))
        seen = array("Q", sorted(seen))
        for ids in self._linked(stream):
            if missing := [id for id in ids if not _holds(seen, _hash(id))]:
                found = looked_up(self.connection, stream, missing)
                yield self.page(stream, records_of(found))

    def dead(self, stream: str) -> Iterator[Foreseen]:
        """What reading the dead records again would do."""
        t, after = dead_records.c, 0
        mine = (t.connection == self.connection.name, t.stream == stream, t.resolved_at.is_(None))
        while True:
            query = select(dead_records).where(*mine, t.id > after).order_by(t.id).limit(PORTION)
            with self.db.read() as tx:
                rows = list(tx.execute(query))
            if not rows:
                return
            yield self.page(stream, kept(self.connection, stream, rows), again=True)
            after = rows[-1].id

    def remembered(self, stream: str) -> Iterator[Foreseen]:
        """What reading all that is remembered would do, with the mapping as it is now."""
        for those in portions(self.db, self.connection, stream):
            yield self.page(stream, those)

    def _pulled(self, stream: str, cursor: str | None) -> Iterator[list[Record]]:
        first, *_ = self.connection.mappings[stream]
        for page in self.connection.pull(stream, cursor):
            if page.body is not None or page.changes:
                yield records_in(page, stream, first)

    def _linked(self, stream: str) -> Iterator[list[str]]:
        """All external ids that are linked and not gone, in order."""
        after = ""
        while True:
            with self.db.read() as tx:
                ids = listings.missing(
                    tx, self.connection.name, stream, since=inf, after=after, most=PORTION
                )
            if not ids:
                return
            yield ids
            after = ids[-1]

    def page(self, stream: str, those: Sequence[Record], *, again: bool = False) -> Foreseen:
        """What folding these records in would do."""
        now = datetime.fromtimestamp(self.clock(), UTC)
        with _undone(self.db) as tx:
            last, before = _last_entry(tx), new_sys_id()
            counts = absorb_records(
                tx, self.connections, self.connection, stream, those,
                now=now, job=self.label, again=again,
            )  # fmt: skip
            back = _ReadBack(self, tx, stream, now, last)
            steps = [*back.changed(), *back.enclosed(before), *back.dead(those)]
        return Foreseen(counts, steps)

    def waiting(self, stream: str) -> Iterator[Step]:
        """What the pushes to a stream that wait now would send."""
        t, after = jobs.c, 0
        mine = (
            t.kind.in_(_PUSHES),
            t.connection == self.connection.name,
            t.key.startswith(f"{self.connection.name}/{stream}/", autoescape=True),
        )
        while True:
            query = select(t.id, t.kind, t.payload).where(*mine, t.id > after)
            with self.db.read() as tx:
                found = tx.execute(query.order_by(t.id).limit(PORTION)).all()
                pushes = [_PUSHES[row.kind](**row.payload) for row in found]
                yield from self._waiting(tx, [one for one in pushes if isinstance(one, Push)])
                others = [one for one in pushes if not isinstance(one, Push)]
                yield from Enclosures(tx, self.connections, self.rules).waiting(others)
            if not found:
                return
            after = found[-1].id

    def _waiting(self, tx: Transaction, pushes: Sequence[Push]) -> list[Step]:
        steps = []
        for push in pushes:
            if sends := _sends(tx, self.connections, [push]):
                entity = entities.find(push.table)
                row = records.read(tx, entity, [push.sys_id]).get(push.sys_id, {})
                steps.append(
                    Step(
                        push.stream,
                        sends[0].external_id,
                        "send",
                        entity.name,
                        _number(row),
                        (),
                        sends,
                    )
                )
        return steps


@dataclass(frozen=True, slots=True)
class _ReadBack:
    """What a transaction has written, read in it."""

    planner: Planner
    tx: Transaction
    stream: str
    now: datetime
    last: int
    """The newest audit entry before it."""

    def changed(self) -> Iterator[Step]:
        """A step for each record of ours that was created or changed."""
        entries: dict[tuple[str, str], list[Any]] = {}
        query = select(sys_audit).where(
            sys_audit.c.id > self.last, sys_audit.c.hub_job_id == self.planner.label,
            sys_audit.c.tablename.not_in(KINDS),
        )  # fmt: skip
        for entry in self.tx.execute(query.order_by(sys_audit.c.id)):
            entries.setdefault((entry.tablename, entry.documentkey), []).append(entry)
        rows = self._rows(entries)
        for (table, sys_id), those in entries.items():
            if row := rows.get((table, sys_id)):
                yield self._step(table, row, those)
            else:
                yield self._ended(table, those)

    def enclosed(self, before: str) -> Iterator[Step]:
        """A step for each entry and file that came, or was edited."""
        found = Enclosures(self.tx, self.planner.connections, self.planner.rules)
        here = (self.planner.connection, self.stream)
        yield from found.came(*here, before)
        yield from found.edited(*here, self.last, self.planner.label)

    def _rows(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Row]:
        by_table: dict[str, list[str]] = {}
        for table, sys_id in keys:
            by_table.setdefault(table, []).append(sys_id)
        return {
            (table, sys_id): row
            for table, ids in by_table.items()
            for sys_id, row in records.read(self.tx, entities.find(table), ids).items()
        }

    def _step(self, table: str, row: Row, entries: Sequence[Any]) -> Step:
        external_id = entries[0].hub_external_id
        created = any(entry.fieldname == audit.WHOLE_RECORD for entry in entries)
        fields = [
            FieldStep(e.fieldname, e.oldvalue, e.newvalue, e.hub_mapping, e.reason or "")
            for e in entries
            if e.fieldname != audit.WHOLE_RECORD
        ]
        mine = next(
            (m for m in self.planner.connection.mappings[self.stream] if m.table == table), None
        )
        if created and mine is not None:
            fields = [*_filled(mine, row), *fields]
        action = "create" if created else "delete" if self._gone(table, row) else "update"
        told = {one.field for one in fields}
        sends = _sends(self.tx, self.planner.connections, self._pushes(table, row, told))
        return Step(
            self.stream, external_id, action, entities.find(table).name,
            "" if created else _number(row), fields, sends,
        )  # fmt: skip

    def _ended(self, table: str, entries: Sequence[Any]) -> Step:
        """Of a relation that is over nothing is left but what the audit says."""
        fields = [
            FieldStep(e.fieldname, e.oldvalue, e.newvalue, e.hub_mapping, e.reason or "")
            for e in entries
        ]
        entity = entities.find(table).name
        return Step(self.stream, entries[0].hub_external_id, "delete", entity, "", fields)

    def _gone(self, table: str, row: Row) -> bool:
        mine = [
            link for link in links.of_record(self.tx, table, row["sys_id"])
            if (link.connection, link.stream) == (self.planner.connection.name, self.stream)
        ]  # fmt: skip
        return bool(mine) and all(link.deleted for link in mine)

    def _pushes(self, table: str, row: Row, told: set[str]) -> Iterator[Push]:
        """As `amend` puts them."""
        for connection, stream, mapping in self.planner.connections.outlets(table):
            if connection != self.planner.connection.name and mapping.writes & told:
                yield Push(connection, stream, table, row["sys_id"])

    def dead(self, those: Sequence[Record]) -> Iterator[Step]:
        """A step for each record that could not be read."""
        t = dead_records.c
        query = select(dead_records).where(
            t.connection == self.planner.connection.name, t.stream == self.stream,
            t.failed_at == self.now.timestamp(), t.resolved_at.is_(None),
            t.external_id.in_([one.id for one in those]),
        )  # fmt: skip
        for letter in self.tx.execute(query):
            yield Step(self.stream, letter.external_id, "dead", fault=letter.error)


def _hash(external_id: str) -> int:
    """Eight bytes for an id: a listing's ids are kept in these, however many they are."""
    return int.from_bytes(blake2b(external_id.encode(), digest_size=8).digest(), "big")


def _holds(ordered: array[int], one: int) -> bool:
    at = bisect_left(ordered, one)
    return at < len(ordered) and ordered[at] == one


def _last_entry(tx: Transaction) -> int:
    found: int = tx.execute(select(func.coalesce(func.max(sys_audit.c.id), 0))).scalar_one()
    return found


def _filled(mapping: FieldMapping, row: Row) -> list[FieldStep]:
    """All that a new record says, in the order of the mapping."""
    values = [(name, value_of(row, name)) for name in mapping.columns]
    return [
        FieldStep(name, None, audit.spelled(value), mapping.place(name))
        for name, value in values
        if value is not None
    ]


def _number(row: Row) -> str:
    return str(row.get("number") or row.get("sys_id") or "")


def _sends(tx: Transaction, connections: Connections, pushes: Iterable[Push]) -> list[Send]:
    """What each push would write, without those that would write nothing."""
    found = []
    for push in pushes:
        [owed] = unsent(tx, connections[push.connection], [push])
        data = tried(owed.data) if isinstance(owed, Unsent) else owed
        if isinstance(data, Exception):  # a push may fail like this too: that is the plan
            found.append(Send(push.connection, push.stream, "", {}, str(data)))
        elif data and isinstance(owed, Unsent):
            known = owed.link.external_id if owed.link else ""
            found.append(Send(push.connection, push.stream, known, data))
    return found
