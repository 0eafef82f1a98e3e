"""Two records of ours that are one: merged into the older one, and parted again when that was wrong.

The record that goes leaves its image. Its external records, its journal and everything that refers
to it belong to the one that stays; what that one does not know, it takes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hub import queue
from hub.errors import NotFound, Permanent
from hub.service.rules import Refused
from hub.store import audit, entities, links, merges, records
from hub.store.audit import Entry
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.merges import Image, Merge
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.jobs import Push, request
from hub.sync.records import seeking
from hub.sync.records.amend import Origin, Patch, amend

SYSTEMS = "sys_"
"""What columns that the store itself fills begin with."""


def merge(
    tx: Transaction, connections: Connections, entity: Entity, one: str, other: str,
    *, by: str, now: datetime,
) -> int:  # fmt: skip
    """Make two records one, the older (rule R40); the merge's number, which undoes it.

    Raises `NotFound`, `Refused`.
    """
    if one == other:
        raise Refused(f"{entity.name} {one} cannot be merged with itself")
    records.lock(tx, entity, [one, other])
    rows = records.read(tx, entity, [one, other])
    if missing := [id for id in (one, other) if id not in rows]:
        raise NotFound(f"{entity.table.name} has no record {missing[0]}")
    survivor, victim = sorted(rows.values(), key=lambda row: (row["sys_created_on"], row["sys_id"]))
    stays, goes = survivor["sys_id"], victim["sys_id"]
    filled = _taken_over(entity, survivor, victim)
    image = Image(
        row=victim,
        pointers=merges.point(tx, entity, goes, stays),
        links=merges.move_links(tx, entity.table.name, goes, stays),
        notes=merges.move_notes(tx, goes, stays),
        filled=filled,
    )
    merges.remove(tx, entity, goes)
    amend(tx, connections, [Patch(entity, stays, dict(filled))], Origin(by), now=now)
    _spread(tx, connections, entity, [stays], now=now)
    _told(tx, entity, stays, goes, "merged", by=by, now=now)
    return merges.keep(tx, entity, stays, image, by=by, now=now.timestamp())


def undo(
    tx: Transaction, connections: Connections, number: int, *, by: str, now: datetime
) -> Merge:
    """Part two records that were merged. What has changed since stays with the one that stayed.

    Raises `NotFound`, `Permanent` when it is undone already or the record that stayed is gone.
    """
    kept = merges.find(tx, number)
    if kept is None:
        raise NotFound(f"there was no merge {number}")
    if kept.undone:
        raise Permanent(f"merge {number} is undone already")
    entity = entities.find(kept.table)
    survivor = records.read(tx, entity, [kept.survivor]).get(kept.survivor)
    if survivor is None:
        raise Permanent(f"{kept.survivor} is gone: undo the merge in which it went first")
    records.write(tx, entity, [{**entity.blank, **kept.image.row}])
    merges.point_back(tx, kept.image.pointers, kept.survivor, kept.victim)
    merges.move_links_back(tx, kept.table, kept.image.links, kept.survivor, kept.victim)
    merges.move_notes_back(tx, kept.image.notes, kept.survivor, kept.victim)
    emptied = {
        name: None for name, value in kept.image.filled.items() if _value(survivor, name) == value
    }
    amend(tx, connections, [Patch(entity, kept.survivor, emptied)], Origin(by), now=now)
    _spread(tx, connections, entity, [kept.survivor, kept.victim], now=now)
    _told(tx, entity, kept.survivor, kept.victim, "parted", by=by, now=now)
    merges.undone(tx, number, by=by, now=now.timestamp())
    return kept


def _taken_over(entity: Entity, survivor: Row, victim: Row) -> dict[str, Any]:
    """What the survivor does not know and the other does, custom fields among them."""
    known = {
        name: value
        for name, value in victim.items()
        if _is_empty(survivor[name])
        and not _is_empty(value)
        and name in entity.shape.fields
        and not entity.shape.fields[name].read_only
        and not name.startswith(SYSTEMS)
        and name != "number"
    }
    mine, theirs = survivor.get("hub_custom") or {}, victim.get("hub_custom") or {}
    custom = {n: v for n, v in theirs.items() if _is_empty(mine.get(n)) and not _is_empty(v)}
    return known | custom


def _spread(
    tx: Transaction, connections: Connections, entity: Entity, sys_ids: Sequence[str],
    *, now: datetime,
) -> None:  # fmt: skip
    """Every external record that one of these is says what it says; who looks for it, looks again."""
    table = entity.table.name
    outlets = {(connection, stream) for connection, stream, _ in connections.outlets(table)}
    jobs = []
    for sys_id, row in records.read(tx, entity, sys_ids).items():
        of = {(link.connection, link.stream) for link in links.of_record(tx, table, sys_id)}
        jobs += [request(Push(*there, table, sys_id)) for there in sorted(of & outlets)]
        jobs += seeking.after_merge(tx, connections, table, row)
    queue.put(tx, jobs, now=now.timestamp())


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def _value(row: Row, name: str) -> Any:
    return (row.get("hub_custom") or {}).get(name) if name.startswith("u_") else row.get(name)


def _told(
    tx: Transaction, entity: Entity, stays: str, goes: str, what: str, *, by: str, now: datetime
) -> None:
    """One entry for each of the two."""
    table = entity.table.name
    entries = [
        Entry(table, stays, what, None, goes, by, reason=f"{what} with {goes}"),
        Entry(table, goes, what, None, stays, by, reason=f"{what} with {stays}"),
    ]
    audit.append(tx, entries, change_set="", job="", at=now)
