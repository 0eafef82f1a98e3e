"""Fold a page of external changes into the store: a fixed number of statements for any page.

    identify ─▶ look up links ─▶ drop what is old or known ─▶ map ─▶ resolve ─▶ amend ─▶ remember
       │                                                       │
       └──────────────── dead letters ◀────────────────────────┘

A record that cannot be read costs nobody else anything; what can be read of it waits with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from hub import queue
from hub.mapping import RecordFailed
from hub.spoke import Change, Writes
from hub.store import audit, dead, links, listings, matches, pending, remembered, seekers
from hub.store.cursors import Counts
from hub.store.database import Transaction
from hub.store.dead import DeadRecord
from hub.store.enclosed import KINDS
from hub.store.links import Known, Letter, Link
from hub.store.pending import Pending
from hub.sync import reading
from hub.sync.connection import Connection, Connections
from hub.sync.inbound import birth, deletion, enclosed, flows, relations, resolve
from hub.sync.inbound.resolve import Resolved
from hub.sync.inbound.wishes import patch_of
from hub.sync.jobs import Bind, request
from hub.sync.reading import Item, Record
from hub.sync.records import audience, matching
from hub.sync.records.amend import Amended, Origin, amend, value_of
from hub.sync.records.flows import untold
from hub.sync.records.merge import plain

UNKNOWN = Known()
UNDERWAY = 60.0  # seconds; no page is being written for longer


def absorb(
    tx: Transaction,
    connections: Connections,
    connection: Connection,
    stream: str,
    changes: Iterable[Change],
    *,
    now: datetime,
    job: str = "",
    again: bool = False,
    hops: int = 0,
) -> Counts:
    """Apply the changes of one stream. `again`: also those that we have seen just so before."""
    records = reading.records_of(changes)
    return absorb_records(
        tx, connections, connection, stream, records, now=now, job=job, again=again, hops=hops
    )


def absorb_records(
    tx: Transaction,
    connections: Connections,
    connection: Connection,
    stream: str,
    records: Sequence[Record],
    *,
    now: datetime,
    job: str = "",
    again: bool = False,
    listed: bool = False,
    by: str = "",
    hops: int = 0,
) -> Counts:
    """As `absorb`, for records as a page brings them; `listed`: of a complete listing.

    `by` is who says so in the connection's place: a person, of a record that they edited. `hops`
    are the flows between our own entities that a change has come through.
    """
    links.take_turn(tx, connection.name, stream)
    origin = Origin(by or connection.name, connection.name, job, stream=stream, hops=hops)
    page = _Page(tx, connections, connection, stream, now, job, again, origin)
    latest = reading.newest(records)
    page.identify(latest)
    if connection.ours:
        page.joined = flows.recognise(tx, connection, stream, page.items)
    if listed:
        page.mark()
    page.apply(page.opened())
    return page.counts(latest)


@dataclass(slots=True)
class _Page:
    """What one call of `absorb` gathers on its way."""

    tx: Transaction
    connections: Connections
    connection: Connection
    stream: str
    now: datetime
    job: str
    again: bool
    origin: Origin
    known: Mapping[str, Known] = field(default_factory=dict[str, Known])
    items: list[Item] = field(default_factory=list[Item])
    joined: Sequence[Item] = ()
    buried: dict[str, DeadRecord] = field(default_factory=dict[str, DeadRecord])
    outcome: dict[str, str] = field(default_factory=dict[str, str])

    def identify(self, records: Sequence[Record]) -> None:
        """Find the links of the records; leave out those that failed just so before."""
        items = reading.identify(records, self.connection.mappings[self.stream])
        ids = {item.key: None for item in items} | {item.record.id: None for item in items}
        if ids:
            self.known = links.lookup(self.tx, self.connection.name, self.stream, ids)
        if not self.known:
            self.items = items
            return
        for item in items:
            if item.key in self.known:
                item.link = self.known[item.key].links.get(item.mapping.table)
        died = {item.record.id for item in items if reading.died_so(item, self.letter_of(item))}
        self.items = [item for item in items if self.again or item.record.id not in died]

    def mark(self) -> None:
        """These are there: also those that are unchanged, or cannot be read."""
        there = [id for id, known in self.known.items() if known.links]
        if there:
            now = self.now.timestamp()
            listings.mark(self.tx, self.connection.name, self.stream, there, now=now)

    def known_of(self, item: Item) -> Known:
        return self.known.get(item.key, UNKNOWN)

    def letter_of(self, item: Item) -> Letter | None:
        return self.known.get(item.record.id, UNKNOWN).dead

    def opened(self) -> list[Item]:
        """The items that are news, and that their mapping could read and wants.

        A record of which one mapping fails is left to nobody else: it never half-applies.
        """
        news = [item for item in self.items if reading.is_news(item, again=self.again)]
        wanted, failures = reading.open_up(news)
        for item, error in failures:
            self._bury(item, error)
        if self.connection.remembers:
            self._remember(news)
        self.outcome = dict.fromkeys(self.buried, "failed")
        failed = {item.record.id for item, _ in failures}
        return [item for item in wanted if item.record.id not in failed] if failed else wanted

    def _bury(self, item: Item, error: RecordFailed) -> None:
        """Keep it with its faults, unless a newer version of it lies there already."""
        letter = self.letter_of(item)
        if letter is None or reading.overtakes(item, letter):
            buried = reading.buried(self.connection.name, self.stream, item, error)
            earlier = self.buried.get(item.record.id)
            self.buried[item.record.id] = reading.together(earlier, buried)

    def apply(self, opened: Sequence[Item]) -> None:
        """Resolve, create or amend, and remember what came of it."""
        if self._tells_what_belongs_to_records():
            opened = self._received(opened)
        items = [item for item in opened if not item.unseen]
        relate = relations.are_told(self.connection, self.stream)
        again = relations.as_new(items, self.known_of) if relate else ()
        found = self._resolved_items(items)
        items = found.items
        flows.agree(self.joined)
        born, others = relations.parted(items, again) if relate else (items, [])
        tombstones = [self._tombstone(item) for item in opened if item.unseen]
        binds = self._binds(items, found.waiting)
        if groups := birth.groups(born) if not tombstones else []:
            self._create(groups, binds)
            self.outcome |= {item.record.id: "created" for item in born}
            if others:
                self._amend(others, [], [])
        else:
            self._amend(items, tombstones, binds)
        if self.connection.ours:
            flows.keep(self.tx, self.connections, self.origin, items, self.joined, now=self.now)
        pending.save(self.tx, self._pending(items, found.waiting))
        letters = [*self.buried.values(), *self._resolved()]
        dead.save(self.tx, letters, now=self.now.timestamp())

    def _tells_what_belongs_to_records(self) -> bool:
        return any(m.table in KINDS for m in self.connection.mappings[self.stream])

    def _received(self, opened: Sequence[Item]) -> list[Item]:
        """Take in journal entries and files; the items that are neither."""
        for table in KINDS:
            items = [item for item in opened if item.layout.mapping.table == table]
            if items:
                told = enclosed.receive(
                    self.tx, self.connections, self.connection, self.stream, items, now=self.now
                )
                now = self.now.timestamp()
                links.save(self.tx, told.links, now=now)
                pending.save(self.tx, told.pending)
                audit.append(self.tx, told.audit, change_set=uuid4().hex, job=self.job, at=self.now)
                queue.put(self.tx, told.jobs, now=now)
                self.outcome |= told.outcome
        return [item for item in opened if item.layout.mapping.table not in KINDS]

    def _resolved_items(self, items: Sequence[Item]) -> Resolved:
        """Say which records they are; part those of which that is in doubt."""
        recheck = not all(mapping.creates for mapping in self.connection.mappings[self.stream])
        found = resolve.resolve(self.tx, self.connection.name, items, recheck=recheck)
        matches.note(self.tx, found.matches, now=self.now.timestamp())
        if recheck:
            matches.settle(self.tx, found.matches)
            seekers.remember(self.tx, self.connection.name, self.stream, found.sought)
        if found.doubtful:
            matching.doubt(self.tx, self.connections, self.connection, found.doubtful, now=self.now)
        return found

    def _remember(self, items: Sequence[Item]) -> None:
        """Keep what is new as it came, until it is gone; what could not be read, its letter has."""
        here = (self.tx, self.connection.name, self.stream)
        gone = {item.record.id for item in items if item.gone}
        not_this = gone | self.buried.keys()
        said = {item.record.id: item.record for item in items if item.record.id not in not_this}
        remembered.save(*here, said.values())
        remembered.forget(*here, sorted(gone))

    def _create(self, groups: Sequence[Sequence[Item]], jobs: list[queue.Request]) -> None:
        births = birth.Births(
            self.tx, self.connections, self.connection, self.stream, self.origin, self.now,
            change_set=uuid4().hex,
        )  # fmt: skip
        pushes = [push for items in groups for push in births.create(items)]
        queue.put(self.tx, [*jobs, *pushes], now=self.now.timestamp())

    def _amend(
        self, items: Sequence[Item], tombstones: Sequence[Link], jobs: list[queue.Request]
    ) -> None:
        before = deletion.undone(self.tx, self.connection.name, items)
        patches = [patch_of(item, before.get((item.sys_id, item.key), {})) for item in items]
        relations.close(self.connection, self.stream, patches, items)
        orphaned = relations.orphaned(self.tx, self.connection, items)
        every = [*patches, *relations.over(orphaned)]
        results = amend(self.tx, self.connections, every, self.origin, now=self.now, jobs=jobs)
        results = results[: len(items)]
        saved = [self._link(*each) for each in zip(items, results, strict=True)]
        saved = relations.kept(self.connection, self.stream, items, saved)
        links.save(self.tx, [*saved, *tombstones, *orphaned], now=self.now.timestamp())
        self._tell_on(items)
        self._note(items, results)

    def _tell_on(self, items: Sequence[Item]) -> None:
        """A record of ours that turned out to be one of theirs: they lack what was said about it."""
        adopted = [
            (item.mapping.table, item.sys_id)
            for item in items
            if item.link is None and not item.fresh
        ]
        told_on = audience.after_links(self.tx, self.connections, self.connection.name, adopted)
        queue.put(self.tx, told_on, now=self.now.timestamp())

    def _link(self, item: Item, result: Amended) -> Link:
        """What is known of a record now; of a field that they do not show, what we have."""
        old = item.link
        base = dict(old.base) if old and old.base else {}
        if self.connection.ours:
            base = untold(item.mapping) | base
        if isinstance(self.connection.spoke, Writes) and not item.gone:
            values = item.values()
            for name in item.mapping.writes & item.mapping.reads:
                if name in values:
                    base[name] = plain(values[name])
                elif name not in base:
                    base[name] = plain(value_of(result.row, name))
        return Link(
            self.connection.name, self.stream, item.mapping.table, item.key, item.sys_id,
            item.record.version or (old.version if old else ""),
            b"" if item.gone else item.record.digest, item.mapping.digest, base or None, item.gone,
        )  # fmt: skip

    def _tombstone(self, item: Item) -> Link:
        """What keeps a record that is gone from coming back by an older change of it."""
        return Link(
            self.connection.name, self.stream, item.mapping.table, item.key, "",
            item.record.version, deleted=True,
        )  # fmt: skip

    def _pending(self, items: Sequence[Item], waiting: Sequence[resolve.Waiting]) -> list[Pending]:
        """Fields that wait now, and those that waited and do not any more."""
        now_waiting = resolve.pending(self.connection.name, waiting)
        still = {(p.sys_id, p.field) for p in now_waiting}
        settled = [
            Pending(item.mapping.table, item.sys_id, field, self.connection.name, "", "", "")
            for item in items
            if self.known_of(item).awaits
            for field in _references(item)
            if (item.sys_id, field) not in still
        ]
        return [*now_waiting, *settled]

    def _binds(self, items: Sequence[Item], waiting: Iterable[resolve.Waiting]) -> list[Any]:
        """Who waited for these is bound; for whom these wait is looked at once more.

        The latter when nobody can be underway with them: who brings what we wait for, at this very
        moment, sees as little of us as we see of them. SQLite has one writer, who sees everything.
        """
        name, together = self.connection.name, self.tx.dialect.name != "sqlite"
        awaited = {ref.stream for _, _, ref in waiting} if together else set[str]()
        late = self.now.timestamp() + UNDERWAY
        binds = [request(Bind(name, one, late=True), run_at=late) for one in sorted(awaited)]
        arrived = any(
            self.known_of(item).awaited and (item.link is None or item.link.deleted)
            for item in items
            if not item.gone
        )
        return [*binds, request(Bind(name, self.stream))] if arrived else binds

    def _resolved(self) -> list[DeadRecord]:
        """The letters of records that have moved on, be it to their deletion."""
        well = {
            item.record.id for item in self.items if reading.overtakes(item, self.letter_of(item))
        }
        return [
            DeadRecord(self.connection.name, self.stream, each, resolved=True)
            for each in sorted(well - self.buried.keys())
        ]

    def _note(self, items: Sequence[Item], results: Sequence[Amended]) -> None:
        for item, result in zip(items, results, strict=True):
            if item.gone:
                what = "deleted"
            elif result.created:
                what = "created"
            else:
                what = "updated" if result.changed else "unchanged"
            if RANK[what] > RANK[self.outcome.get(item.record.id, "unchanged")]:
                self.outcome[item.record.id] = what

    def counts(self, records: Sequence[Record]) -> Counts:
        """One outcome per record, the most telling one where several mappings read it."""
        told = Counter(self.outcome.values())
        unchanged = len(records) - sum(told.values()) + told["unchanged"]
        return Counts(
            seen=len(records), created=told["created"], updated=told["updated"],
            unchanged=unchanged, deleted=told["deleted"], failed=told["failed"],
        )  # fmt: skip


RANK = {"unchanged": 0, "updated": 1, "created": 2, "deleted": 3, "failed": 4}


def _references(item: Item) -> list[str]:
    fields = item.layout.entity.shape.fields
    return [name for name in item.values() if name in fields and fields[name].kind == "reference"]
