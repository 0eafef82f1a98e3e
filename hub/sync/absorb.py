"""Fold a page of external changes into the store: a fixed number of statements, whatever is in it.

    identify ─▶ look up links ─▶ drop what is old or known ─▶ map ─▶ resolve ─▶ amend ─▶ remember
       │                                                       │
       └──────────────── dead letters ◀────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from hub.store.links import Known, Link
from hub.store.pending import Pending
from hub.sync import reading, resolve
from hub.sync.amend import Amended, Origin, Patch, amend
from hub.sync.children import ChildList
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Bind, request
from hub.sync.merge import plain
from hub.sync.reading import Item

UNKNOWN = Known({}, dead="", awaited=False, awaits=False)


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
    items = page.identified(latest)
    news = page.opened([item for item in items if page.is_news(item)])
    page.apply(news)
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
    buried: list[DeadRecord] = field(default_factory=list[DeadRecord])
    outcome: dict[str, str] = field(default_factory=dict[str, str])

    def identified(self, changes: Sequence[Change]) -> list[Item]:
        """The items that have a key, with their links."""
        items = []
        mappings = self.connection.mappings[self.stream]
        for result in reading.identify(self.connection.name, changes, mappings):
            if isinstance(result, DeadRecord):
                self._bury(result)
            else:
                items.append(result)
        keys = dict.fromkeys(item.key for item in items)
        self.known = links.lookup(self.tx, self.connection.name, self.stream, keys) if keys else {}
        for item in items:
            item.link = self.known_of(item).links.get(item.mapping.table)
        return items

    def known_of(self, item: Item) -> Known:
        return self.known.get(item.key, UNKNOWN)

    def is_news(self, item: Item) -> bool:
        return reading.is_news(item, self.known_of(item), again=self.again)

    def opened(self, items: Sequence[Item]) -> list[Item]:
        """The items that their mapping could read and wants."""
        wanted = []
        for item in items:
            try:
                if item.gone or reading.open_up(item):
                    wanted.append(item)
            except RecordFailed as error:
                self._bury(
                    reading.buried(self.connection.name, item.change, item.mapping, error)
                )
        failed = {record.external_id for record in self.buried}
        return [item for item in wanted if item.change.id not in failed]

    def apply(self, items: Sequence[Item]) -> None:
        """Resolve, amend, and remember what came of it."""
        resolve.assign(items)
        waiting = resolve.references(self.tx, self.connection.name, items)
        for mapping in self.connection.mappings[self.stream]:
            mine = [item for item in items if item.mapping is mapping]
            if any(item.fresh for item in mine):
                resolve.adopt(self.tx, self.connection.name, mine)
        origin = Origin(self.connection.name, self.connection.name, self.job)
        patches = [self._patch(item) for item in items]
        results = amend(
            self.tx, self.connections, patches, origin, now=self.now, jobs=self._binds(items)
        )
        seconds = self.now.timestamp()
        links.save(self.tx, [self._link(item) for item in items], now=seconds)
        pending.save(self.tx, self._pending(items, waiting))
        dead.save(self.tx, [*self.buried, *self._resolved(items)], now=seconds)
        self._note(items, results)

    def _patch(self, item: Item) -> Patch:
        entity = entities.find(item.mapping.to)
        values = dict(item.values)
        if item.gone:
            values |= GONE.get(entity.name, {})
        elif item.link and item.link.deleted:
            values = {**BACK.get(entity.name, {}), **values}
        return Patch(
            entity,
            item.sys_id,
            values,
            fresh=item.fresh,
            base=item.link.base if item.link and not item.gone else None,
            owner_of=_theirs if item.gone else item.mapping.owner_of,
            version_at=_moment(item.change.version),
            external_id=item.key,
            place_of=item.mapping.place,
            children=_rows(item),
            notes=_notes(item),
        )

    def _link(self, item: Item) -> Link:
        old = item.link
        base = dict(old.base) if old and old.base else {}
        if isinstance(self.connection.spoke, Writes):
            for name in item.mapping.writes & item.values.keys():
                base[name] = plain(item.values[name])
        return Link(
            self.connection.name, self.stream, item.mapping.table, item.key, item.sys_id,
            item.change.version or (old.version if old else ""),
            b"" if item.gone else item.digest, item.mapping.digest, base or None, item.gone,
        )  # fmt: skip

    def _pending(
        self, items: Sequence[Item], waiting: Sequence[resolve.Waiting]
    ) -> list[Pending]:
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

    def _resolved(self, items: Sequence[Item]) -> list[DeadRecord]:
        well = {item.change.id for item in items if self.known_of(item).dead}
        return [
            DeadRecord(self.connection.name, self.stream, id, resolved=True) for id in sorted(well)
        ]

    def _bury(self, record: DeadRecord) -> None:
        self.buried.append(record)
        self.outcome[record.external_id] = "failed"

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
            what = self.outcome.get(reading.storable(change.id), "unchanged")
            setattr(counts, what, getattr(counts, what) + 1)
        return counts


RANK = {"unchanged": 0, "updated": 1, "created": 2, "deleted": 3, "failed": 4}


def _references(item: Item) -> list[str]:
    fields = entities.find(item.mapping.to).shape.fields
    return [name for name in item.values if name in fields and fields[name].kind == "reference"]


def _theirs(_: str) -> str:
    return "theirs"


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


