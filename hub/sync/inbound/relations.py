"""Relations, such as who is in which group: rows that are there, or not, and never half there.

    told ─▶ both ends here? ─┬─ yes ─▶ a row
                             └─ no ──▶ no row, but a link with what came: read again when they are
    told to be over, or one end gone ─▶ no row any more, unless another connection says otherwise

What ends is audited as it was. Its link becomes a tombstone; told again, there is a row again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from hub.mapping import ABSENT
from hub.spoke import JsonObject
from hub.store import entities, links, relations, sets
from hub.store.database import Transaction
from hub.store.links import Known, Link
from hub.store.pending import Pending
from hub.sync.connection import Connection
from hub.sync.inbound.resolve import HEIRS
from hub.sync.reading import Item, Record, digested
from hub.sync.records.ended import ENDED, TABLES
from hub.sync.records.patch import Patch


def _referring() -> dict[str, dict[str, str]]:
    """For each table that relations refer to: their tables, and by which column."""
    found: dict[str, dict[str, str]] = {}
    for table, ends in TABLES.items():
        fields = entities.find(table).shape.fields
        for column in ends:
            target = fields[column].reference
            for one in (target, HEIRS.get(target, target)):
                found.setdefault(one, {})[table] = column
    return found


REFERRING = _referring()


def are_told(connection: Connection, stream: str) -> bool:
    """Whether any record of the stream is a relation."""
    return any(mapping.table in TABLES for mapping in connection.mappings[stream])


def as_new(items: Iterable[Item], known_of: Callable[[Item], Known]) -> set[str]:
    """Look for what has waited, or is back, as if it were new; the keys of those.

    Another connection may have told of it meanwhile, and then there is a row.
    """
    again = set()
    for item in items:
        if item.mapping.table in TABLES and (known_of(item).awaits or item.restored):
            again.add(item.key)
            item.link = item.link if item.gone else None
    return again


class Parted(NamedTuple):
    """`born` can be created as columns, if all of them are new; of the `others` no row comes.

    Unless there are rows of `others` to change: then `born` is empty, and `others` are all.
    """

    born: Sequence[Item]
    others: Sequence[Item]


def parted(items: Sequence[Item], again: Collection[str]) -> Parted:
    half = [item for item in items if item.mapping.table in TABLES and _lacks_an_end(item)]
    if again or not all(item.fresh for item in half):
        return Parted([], items)
    without = {id(item) for item in half}
    return Parted([item for item in items if id(item) not in without], half)


def close(
    connection: Connection, stream: str, patches: Iterable[Patch], items: Iterable[Item]
) -> None:
    """Say of each patch whether its relation is over, or not there yet."""
    if not are_told(connection, stream):
        return
    for patch, item in zip(patches, items, strict=True):
        if item.mapping.table in TABLES:
            over = item.gone and item.mapping.marks_deletions
            patch.ends = over or _lacks_an_end(item)


def kept(
    connection: Connection, stream: str, items: Iterable[Item], saved: list[Link]
) -> list[Link]:
    """The links as they are to be stored: that of a relation which waits has what came of it."""
    if not are_told(connection, stream):
        return saved
    return [
        link._replace(base=_what_came(item)) if item.mapping.table in TABLES else link
        for item, link in zip(items, saved, strict=True)
    ]


def _what_came(item: Item) -> JsonObject | None:
    """In place of what both sides agree on: there is nothing yet that they could."""
    return sets.from_json_text(item.record.raw or b"null") if _lacks_an_end(item) else None


def _lacks_an_end(item: Item) -> bool:
    return not item.gone and any(_lacks(item, name) for name in TABLES[item.mapping.table])


def _lacks(item: Item, name: str) -> bool:
    """Whether there is nobody at this end; what they do not say leaves a row as it is."""
    at = item.layout.positions.get(name)
    if at is not None and item.row[at] is not ABSENT:
        return item.row[at] is None
    return item.link is None or item.link.base is not None


def orphaned(tx: Transaction, connection: Connection, items: Iterable[Item]) -> list[Link]:
    """What the connection said of relations to records that are gone now, as tombstones.

    One statement per entity; none if nothing is gone, or the connection tells of no relations.
    """
    tables = {m.table for those in connection.mappings.values() for m in those}
    if tables.isdisjoint(TABLES):
        return []
    gone: dict[str, dict[str, list[str]]] = {}
    for item in items:
        for table, column in REFERRING.get(item.mapping.table, {}).items() if item.gone else ():
            gone.setdefault(table, {}).setdefault(column, []).append(item.sys_id)
    return [
        link
        for table, ends in gone.items()
        for link in relations.of_ends(tx, entities.find(table), connection.name, ends)
    ]


def over(those: Iterable[Link]) -> list[Patch]:
    """Patches that end these."""
    return [
        Patch(
            entities.find(link.table), link.sys_id, {}, external_id=link.external_id, ends=True,
            reason=f"{ENDED}: the record at one end is gone",
        )
        for link in those
    ]  # fmt: skip


# -- when an end has come


def arrived(
    tx: Transaction, connection: Connection, those: Iterable[Pending]
) -> dict[str, list[Record]]:
    """What came of relations that waited, by stream; nobody folds in anything newer meanwhile."""
    wanted = {(one.table, one.sys_id) for one in those}
    if not wanted:
        return {}
    for stream in sorted(s for s in connection.mappings if are_told(connection, s)):
        links.take_turn(tx, connection.name, stream)
    found = relations.waiting(tx, connection.name, sorted(wanted))
    return {
        stream: [digested(Record(id, version, sets.as_json(said))) for id, version, said in those]
        for stream, those in found.items()
        if stream in connection.mappings
    }
