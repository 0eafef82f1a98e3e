"""Fold a page of external changes into the store: a fixed number of statements for any page.

    identify ─▶ look up links ─▶ drop what is old or known ─▶ map ─▶ resolve ─▶ amend ─▶ remember
       │                                                       │
       └──────────────── dead letters ◀────────────────────────┘

A record that cannot be read costs nobody else anything; what can be read of it waits with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.mapping import RecordFailed
from hub.service.gone import BACK, GONE
from hub.spoke import Change, Writes
from hub.store import dead, entities, links, pending
from hub.store.cursors import Counts
from hub.store.database import Transaction
from hub.store.dead import DeadRecord
from hub.store.entities import Entity
from hub.store.links import Known, Letter, Link
from hub.store.pending import Pending
from hub.sync import reading, resolve
from hub.sync.amend import Amended, Origin, Patch, amend, value_of
from hub.sync.children import ChildList
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Bind, request
from hub.sync.merge import plain
from hub.sync.reading import Item

UNKNOWN = Known({})


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
) -> Counts:
    """Apply the changes of one stream. `again`: also those that we have seen just so before."""
    page = _Page(tx, connections, connection, stream, now, job, again)
    latest = reading.newest(changes)
    page.identify(latest)
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
    known: Mapping[str, Known] = field(default_factory=dict[str, Known])
    items: list[Item] = field(default_factory=list[Item])
    buried: dict[str, DeadRecord] = field(default_factory=dict[str, DeadRecord])
    outcome: dict[str, str] = field(default_factory=dict[str, str])

    def identify(self, changes: Sequence[Change]) -> None:
        """Find the links of the changes; leave out those that failed just so before."""
        items = reading.identify(changes, self.connection.mappings[self.stream])
        ids = dict.fromkeys(each for item in items for each in (item.key, item.change.id))
        if ids:
            self.known = links.lookup(self.tx, self.connection.name, self.stream, ids)
        for item in items:
            item.link = self.known_of(item).links.get(item.mapping.table)
        died = {item.change.id for item in items if reading.died_so(item, self.letter_of(item))}
        self.items = [item for item in items if self.again or item.change.id not in died]

    def known_of(self, item: Item) -> Known:
        return self.known.get(item.key, UNKNOWN)

    def letter_of(self, item: Item) -> Letter | None:
        return self.known.get(item.change.id, UNKNOWN).dead

    def opened(self) -> list[Item]:
        """The items that are news, and that their mapping could read and wants.

        A record of which one mapping fails is left to nobody else: it never half-applies.
        """
        wanted, failed = [], set()
        for item in self.items:
            try:
                if reading.is_news(item, again=self.again) and reading.open_up(item):
                    item.values = _said(item)
                    wanted.append(item)
            except RecordFailed as error:
                failed.add(item.change.id)
                self._bury(item, error)
        self.outcome = dict.fromkeys(self.buried, "failed")
        return [item for item in wanted if item.change.id not in failed]

    def _bury(self, item: Item, error: RecordFailed) -> None:
        """Keep it with its faults, unless a newer version of it lies there already."""
        letter = self.letter_of(item)
        if letter is None or reading.overtakes(item, letter):
            buried = reading.buried(self.connection.name, item, error)
            earlier = self.buried.get(item.change.id)
            self.buried[item.change.id] = reading.together(earlier, buried)

    def apply(self, opened: Sequence[Item]) -> None:
        """Resolve, amend, and remember what came of it."""
        items = [item for item in opened if not item.unseen]
        waiting = resolve.resolve(self.tx, self.connection.name, items)
        origin = Origin(self.connection.name, self.connection.name, self.job)
        patches = [self._patch(item) for item in items]
        results = amend(
            self.tx, self.connections, patches, origin, now=self.now, jobs=self._binds(items)
        )
        seconds = self.now.timestamp()
        saved = [self._link(*each) for each in zip(items, results, strict=True)]
        saved += [self._tombstone(item) for item in opened if item.unseen]
        links.save(self.tx, saved, now=seconds)
        pending.save(self.tx, self._pending(items, waiting))
        dead.save(self.tx, [*self.buried.values(), *self._resolved()], now=seconds)
        self._note(items, results)

    def _patch(self, item: Item) -> Patch:
        entity = entities.find(item.mapping.to)
        return Patch(
            entity,
            item.sys_id,
            _wished(item, entity),
            fresh=item.fresh,
            base=item.link.base if item.link and not (item.gone or item.restored) else None,
            owner_of=_owner(item, entity),
            version_at=_moment(item.change.version),
            external_id=item.key,
            place_of=item.mapping.place,
            children=_rows(item),
            notes=_notes(item),
        )

    def _link(self, item: Item, result: Amended) -> Link:
        """What is known of a record now; of a field that they do not show, what we have."""
        old = item.link
        base = dict(old.base) if old and old.base else {}
        if isinstance(self.connection.spoke, Writes) and not item.gone:
            for name in item.mapping.writes & item.mapping.reads:
                if name in item.values:
                    base[name] = plain(item.values[name])
                elif name not in base:
                    base[name] = plain(value_of(result.row, name))
        return Link(
            self.connection.name, self.stream, item.mapping.table, item.key, item.sys_id,
            item.change.version or (old.version if old else ""),
            b"" if item.gone else item.digest, item.mapping.digest, base or None, item.gone,
        )  # fmt: skip

    def _tombstone(self, item: Item) -> Link:
        """What keeps a record that is gone from coming back by an older change of it."""
        return Link(
            self.connection.name, self.stream, item.mapping.table, item.key, "",
            item.change.version, deleted=True,
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

    def _binds(self, items: Sequence[Item]) -> list[Any]:
        arrived = any(
            self.known_of(item).awaited and (item.link is None or item.link.deleted)
            for item in items
            if not item.gone
        )
        return [request(Bind(self.connection.name, self.stream))] if arrived else []

    def _resolved(self) -> list[DeadRecord]:
        """The letters of records that have moved on, be it to their deletion."""
        well = {
            item.change.id for item in self.items if reading.overtakes(item, self.letter_of(item))
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
            if RANK[what] > RANK[self.outcome.get(item.change.id, "unchanged")]:
                self.outcome[item.change.id] = what

    def counts(self, changes: Sequence[Change]) -> Counts:
        """One outcome per change, the most telling one where several mappings read it."""
        counts = Counts(seen=len(changes))
        for change in changes:
            what = self.outcome.get(change.id, "unchanged")
            setattr(counts, what, getattr(counts, what) + 1)
        return counts


RANK = {"unchanged": 0, "updated": 1, "created": 2, "deleted": 3, "failed": 4}


def _references(item: Item) -> list[str]:
    fields = entities.find(item.mapping.to).shape.fields
    return [name for name in item.values if name in fields and fields[name].kind == "reference"]


def _said(item: Item) -> dict[str, Any]:
    """Their values; null for a column that is never empty says nothing."""
    columns = entities.find(item.mapping.to).table.c
    return {
        name: value
        for name, value in item.values.items()
        if value is not None or name not in columns or columns[name].nullable
    }


def _wished(item: Item, entity: Entity) -> dict[str, Any]:
    """What the record shall say now."""
    if item.gone:
        return dict(GONE.get(entity.name, {}))
    return {**(BACK.get(entity.name, {}) if item.restored else {}), **item.values}


def _owner(item: Item, entity: Entity) -> Callable[[str], str]:
    """Who decides on each field. That a record is gone, or back, they alone know."""
    if not (item.gone or item.restored):
        return item.mapping.owner_of
    theirs = GONE.get(entity.name, {})
    return lambda field: "theirs" if field in theirs else item.mapping.owner_of(field)


def _rows(item: Item) -> dict[str, ChildList]:
    return {
        name: ChildList(
            entities.find(entity),
            [(child.key, child.values) for child in item.children[name]],
        )
        for name, entity in item.mapping.child_entities.items()
        if entity != "journal" and name in item.children
    }


def _notes(item: Item) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (child.key, child.values)
        for name, entity in item.mapping.child_entities.items()
        if entity == "journal"
        for child in item.children.get(name, ())
    ]


def _moment(version: str) -> datetime | None:
    """Their clock at this version, if it is a timestamp with an offset."""
    try:
        moment = datetime.fromisoformat(version)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
