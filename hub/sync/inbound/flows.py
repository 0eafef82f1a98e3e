"""What is particular to records of our own store that become other records of ours.

Who refers to a record by the stamp, or was made of it by a flow the other way round, is that
record; and what a flow makes, the record that it was made of refers to from then on: in one
transaction, for both are here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from hub import queue
from hub.store import entities, links
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.links import Link
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Push, request
from hub.sync.reading import Item
from hub.sync.records.amend import amend
from hub.sync.records.command import targets
from hub.sync.records.merge import plain
from hub.sync.records.patch import Origin, Patch
from hub.sync.stamps import stamped


def recognise(
    tx: Transaction, connection: Connection, stream: str, items: Iterable[Item]
) -> list[Item]:
    """Link the items that are a record of ours already; which they are. Two statements at most."""
    read = [item for item in items if not item.gone and item.fault is None]
    said = {id(item): (item.mapping.table, sys_id) for item in read if (sys_id := stamped(item))}
    there = targets(tx, set(said.values())) if said else {}
    unlinked = [item for item in read if item.link is None and said.get(id(item)) not in there]
    table = str(entities.find(stream).table.name)
    asked = [(item.mapping.to, table, item.key) for item in unlinked]
    back = links.sources(tx, connection.name, asked) if asked else {}
    joined = []
    for item in read:
        sys_id = there.get(said.get(id(item), ("", ""))) or ""
        if item.link is None:
            sys_id = sys_id or back.get((item.mapping.to, item.key), "")
        if sys_id and (item.link is None or item.link.sys_id != sys_id):
            item.link = Link(connection.name, stream, item.mapping.table, item.key, sys_id)
            joined.append(item)
    return joined


def agree(joined: Iterable[Item]) -> None:
    """Who joins a record hears what it says: nothing of ours is overruled by what they say now."""
    for item in joined:
        if item.link is not None:
            both = item.mapping.writes & item.mapping.reads
            said = {name: plain(value) for name, value in item.values().items() if name in both}
            item.link = item.link._replace(base=said)


def keep(
    tx: Transaction, connections: Connections, origin: Origin, items: Sequence[Item],
    joined: Sequence[Item], *, now: datetime,
) -> None:  # fmt: skip
    """Let the records that have become one of ours refer to it, and hear of it."""
    known = {id(item) for item in joined}
    new = [item for item in items if item.link is None or id(item) in known]
    entity = entities.find(origin.stream)
    for table in dict.fromkeys(item.mapping.table for item in new):
        patches = [_reference(entity, item) for item in new if _lacks_it(item, table)]
        if patches:
            amend(tx, connections, patches, replace(origin, back_from=table), now=now)
    told = [
        Push(origin.connection, origin.stream, item.mapping.table, item.sys_id, origin.hops + 1)
        for item in new
        if item.mapping.writes and id(item) in known
    ]
    queue.put(tx, [request(push) for push in told], now=now.timestamp())


def _lacks_it(item: Item, table: str) -> bool:
    """Whether the record shall refer to what it has become in this table, and does not."""
    mapping = item.mapping
    mine = mapping.table == table and mapping.stamp != "" and not item.gone
    return mine and stamped(item) != item.sys_id


def _reference(entity: Entity, item: Item) -> Patch:
    mapping = item.mapping
    return Patch(
        entity, item.key, {mapping.stamp: item.sys_id}, external_id=item.key,
        place_of=lambda _: mapping.declaration.places["stamp"],
    )  # fmt: skip
