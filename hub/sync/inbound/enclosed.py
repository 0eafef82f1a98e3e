"""Journal entries and files that come as records of their own.

    theirs ─▶ known? ─▶ an echo of ours? ─▶ else a new row ─▶ a push to everybody else

What they change later in an entry, `edited` follows. Of a file nothing is followed but that it is
there, and what is gone out there stays here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub import queue
from hub.mapping import Ref
from hub.spoke import Writes
from hub.store import enclosed, journal, links
from hub.store.audit import Entry
from hub.store.database import Transaction
from hub.store.enclosed import FILES, KINDS, NOTES, OURS, Kind
from hub.store.journal import INTERNAL
from hub.store.links import Link
from hub.store.pending import Pending
from hub.store.records import Row
from hub.store.sys_ids import new_sys_ids
from hub.sync import stamps
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.edited import Followed, follow
from hub.sync.reading import Item
from hub.sync.records import audience
from hub.sync.records.wording import as_they_say_it, plainly, words


@dataclass(slots=True)
class Received:
    """What a page of entries or files comes to."""

    links: list[Link] = field(default_factory=list[Link])
    pending: list[Pending] = field(default_factory=list[Pending])
    audit: list[Entry] = field(default_factory=list[Entry])
    jobs: list[queue.Request] = field(default_factory=list[queue.Request])
    outcome: dict[str, str] = field(default_factory=dict[str, str])


def receive(
    tx: Transaction, connections: Connections, connection: Connection, stream: str,
    items: Sequence[Item], *, now: datetime,
) -> Received:  # fmt: skip
    """Take in what a page tells of entries or files of one kind; the caller saves what it says."""
    kind = KINDS[items[0].layout.mapping.table]
    told = Received()
    here = _Here(tx, connections, connection, stream, kind, now)
    known = [item for item in items if item.link is not None and item.link.sys_id]
    fresh = [item for item in items if not item.gone and item not in known and _says(item, kind)]
    edits = follow(tx, connection.name, known) if kind is NOTES else Followed()
    told.audit = edits.audit
    told.links = [
        _linked(here, item, item.link.sys_id, edits.bases.get(item.key, item.link.base))
        for item in known
        if item.link
    ]
    told.links += [_linked(here, item, "") for item in items if item.unseen]
    changed = {row["sys_id"] for row in edits.rows}
    told.outcome = {
        item.record.id: "updated" for item in known if item.link and item.link.sys_id in changed
    }
    parents = here.parents(fresh)
    echoes = here.echoes(fresh, parents)
    rows = []
    for item, sys_id in zip(fresh, new_sys_ids(len(fresh)), strict=True):
        item.sys_id = echoes.get(item.key, sys_id)
        if item.key in echoes:
            base = words(item.value("element"), item.value("value")) if kind is NOTES else None
        else:
            rows.append(here.row(item, parents.get(item.key)))
            base = {OURS: rows[-1]["hub_hash"]} if kind is NOTES else None
            told.outcome[item.record.id] = "created"
            told.pending += here.waiting(item, parents)
        told.links.append(_linked(here, item, item.sys_id, base))
    enclosed.insert(tx, kind, rows)
    enclosed.arrived(tx, connection.name, stream, list(echoes.values()))
    news = [*rows, *(row | {"hub_source": connection.name} for row in edits.rows)]
    told.jobs = list(audience.told_on(connections, kind, news))
    return told


@dataclass(frozen=True, slots=True)
class _Here:
    """The page's surroundings."""

    tx: Transaction
    connections: Connections
    connection: Connection
    stream: str
    kind: Kind
    now: datetime

    def parents(self, items: Sequence[Item]) -> dict[str, tuple[str, str]]:
        """(table, sys_id) of the records that the items belong to, as far as they are here."""
        refs = {item.key: ref for item in items if (ref := self._ref(item)) is not None}
        if not refs:
            return {}
        wanted = {(ref.stream, ref.id) for ref in refs.values()}
        found: dict[tuple[str, str], dict[str, str]] = {}
        linked = links.targets(self.tx, self.connection.name, sorted(wanted))
        for (stream, id, table), sys_id in linked.items():
            found.setdefault((stream, id), {})[table] = sys_id
        known: dict[str, tuple[str, str]] = {}
        for key, ref in refs.items():
            tables = found.get((ref.stream, ref.id), {})
            for mapping in self.connection.mappings.get(ref.stream, ()):
                if mapping.table in tables:
                    known.setdefault(key, (mapping.table, tables[mapping.table]))
        return known

    def waiting(self, item: Item, parents: dict[str, tuple[str, str]]) -> Iterator[Pending]:
        """What has to come before we know whose it is."""
        ref = self._ref(item)
        if ref is not None and item.key not in parents:
            yield Pending(
                str(self.kind.table.name), item.sys_id, self.kind.of_record, self.connection.name,
                ref.stream, ref.id, item.mapping.place(self.kind.of_record),
            )  # fmt: skip

    def row(self, item: Item, parent: tuple[str, str] | None) -> Row:
        """A new row of the kind's table."""
        values = item.values()
        by = values.get("sys_created_by") or self.connection.name
        at = values.get("sys_created_on") or self.now
        table, sys_id = parent or (None, None)
        blank = item.layout.entity.blank
        row = blank | {name: value for name, value in values.items() if name in blank}
        row |= {"sys_id": item.sys_id, "sys_created_by": by, "sys_created_on": at}
        row |= {self.kind.of_table: table, self.kind.of_record: sys_id}
        row |= {"hub_source": self.connection.name, "hub_external_id": item.key}
        if self.kind is NOTES:
            row["element"] = row["element"] or INTERNAL
            row["hub_hash"] = journal.digest(row["element"], by, at, row["value"])
        return row

    def echoes(self, items: Sequence[Item], parents: dict[str, tuple[str, str]]) -> dict[str, str]:
        """Those that are ours, by their key: they have come before we knew what they call them."""
        mine = [item for item in items if item.mapping.writes]
        if not mine or not isinstance(self.connection.spoke, Writes):
            return {}
        stamped = {item.key: id for item in mine if (id := stamps.stamped(item))}
        found: dict[str, str] = {}
        if stamped:
            there = enclosed.unlinked(
                self.tx, self.kind, self.connection.name, self.stream, stamped.values()
            )
            found = {key: id for key, id in stamped.items() if id in there}
        if any(not item.mapping.stamp for item in mine):
            sent = enclosed.on_their_way(self.tx, self.kind, self.connection.name, self.stream)
            for item in mine if sent else ():
                alike = (row for row in sent if self._is_echo(item, row, parents))
                if item.key not in found and (row := next(alike, None)) is not None:
                    found[item.key] = row["sys_id"]
                    sent.remove(row)
        return found

    def _is_echo(self, item: Item, row: Row, parents: dict[str, tuple[str, str]]) -> bool:
        of = (row[self.kind.of_table], row[self.kind.of_record])
        if item.mapping.stamp or parents.get(item.key) != of:
            return False
        heard = as_they_say_it(item.mapping, row)
        return all(plainly(item.value(n)) == plainly(heard.get(n)) for n in _TELLING[self.kind])

    def _ref(self, item: Item) -> Ref | None:
        value = item.value(self.kind.of_record)
        return value if isinstance(value, Ref) else None


_TELLING = {NOTES: ("element", "value"), FILES: ("file_name", "size_bytes")}
"""The fields by which an echo is known where they keep no key of ours."""


def _says(item: Item, kind: Kind) -> bool:
    """Whether there is anything in it."""
    return bool(item.value("value" if kind is NOTES else "file_name"))


def _linked(here: _Here, item: Item, sys_id: str, base: Mapping[str, Any] | None = None) -> Link:
    old, record = item.link, item.record
    return Link(
        here.connection.name, here.stream, item.mapping.table, item.key, sys_id,
        record.version or (old.version if old else ""),
        b"" if item.gone else record.digest, item.mapping.digest, base, deleted=item.gone,
    )  # fmt: skip
