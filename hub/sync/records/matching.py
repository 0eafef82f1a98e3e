"""What people say of matches: it is that record, it is not, it never was.

A rule that is certain adopts a record, and a person may undo that; one that is not proposes it, and
a person decides. What was rejected is never proposed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hub import queue
from hub.errors import NotFound
from hub.service.rules import Refused
from hub.store import audit, entities, links, matches, merges, records
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.links import Link
from hub.store.matches import Match
from hub.store.records import Row
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Refetch, request
from hub.sync.reading import Item
from hub.sync.records import duplicates
from hub.sync.records.amend import Origin, Patch, amend, value_of


def accept(
    tx: Transaction, connections: Connections, number: int, *, by: str, now: datetime
) -> Match:
    """The external record is the one proposed.

    The record that it has is merged with that; one that has none, because its mapping creates
    nothing, is linked to it and read again. Raises `NotFound`, `Refused`.
    """
    match = _in_state(tx, number, "waiting")
    entity = entities.find(match.table)
    found = links.lookup(tx, match.connection, match.stream, [match.external_id])
    link = found[match.external_id].links.get(match.table) if found else None
    candidate, merge = _where_it_went(tx, match.candidate), None
    if not _creates(connections, match):
        _join(tx, connections, match, candidate, link, by=by, now=now)
    elif link is None or not link.sys_id:
        raise NotFound(f"{match.connection}/{match.stream} {match.external_id} is gone meanwhile")
    elif link.sys_id != candidate:
        merge = duplicates.merge(tx, connections, entity, link.sys_id, candidate, by=by, now=now)
    matches.decide(tx, number, "accepted", by=by, now=now.timestamp(), merge=merge)
    matches.reject_others(tx, match, by=by, now=now.timestamp())
    return match


def reject(tx: Transaction, number: int, *, by: str, now: datetime) -> Match:
    """The external record is another one than that. Raises `NotFound`, `Refused`."""
    match = _in_state(tx, number, "waiting")
    matches.decide(tx, number, "rejected", by=by, now=now.timestamp())
    return match


def undo(
    tx: Transaction, connections: Connections, number: int, *, by: str, now: datetime
) -> Match:
    """The external record was never the one that it was taken for, by a rule or a person.

    What a person had merged is parted. What a rule had adopted gets back what the external record
    has overwritten since, and the external record is read again, as one of its own.
    Raises `NotFound`, `Refused`, `Permanent`.
    """
    match = _in_state(tx, number, "adopted", "accepted")
    if match.merge is not None:
        duplicates.undo(tx, connections, match.merge, by=by, now=now)
    elif match.state == "adopted" or not _creates(connections, match):
        kept = _where_it_went(tx, match.candidate)
        _release(tx, connections, match, {match.external_id: kept}, by=by, now=now)
    matches.decide(tx, number, "rejected", by=by, now=now.timestamp())
    return match


def _in_state(tx: Transaction, number: int, *states: str) -> Match:
    match = matches.find(tx, number)
    if match is None:
        raise NotFound(f"there is no match {number}; hub matches list shows them")
    if match.state not in states:
        raise Refused(f"match {number} is {match.state}, not {' or '.join(states)}")
    return match


def _where_it_went(tx: Transaction, sys_id: str) -> str:
    """The record that this one is now, if it was merged into another meanwhile."""
    while gone := merges.of_victim(tx, sys_id):
        sys_id = gone.survivor
    return sys_id


def doubt(
    tx: Transaction, connections: Connections, connection: Connection, items: Sequence[Item],
    *, now: datetime,
) -> None:  # fmt: skip
    """Part records that a rule took for ours and would not any more: they are read again."""
    by_table: dict[str, dict[str, str]] = {}
    for item in items:
        by_table.setdefault(item.mapping.table, {})[item.key] = item.sys_id
    for table, taken in by_table.items():
        stream = items[0].mapping.stream
        there = Match(connection.name, stream, "", table, "", "", "waiting")
        _release(tx, connections, there, taken, by=connection.name, now=now)


def _creates(connections: Connections, match: Match) -> bool:
    """Whether an external record that is none of ours becomes a new one, as far as is known."""
    connection = connections.get(match.connection)
    mappings = connection.mappings.get(match.stream, ()) if connection else ()
    return all(mapping.creates for mapping in mappings if mapping.table == match.table)


def _join(
    tx: Transaction, connections: Connections, match: Match, candidate: str, link: Link | None,
    *, by: str, now: datetime,
) -> None:  # fmt: skip
    """Link the external record to this one, in place of the one that it was taken for."""
    if link is not None and link.sys_id and link.sys_id != candidate:
        _release(tx, connections, match, {match.external_id: link.sys_id}, by=by, now=now)
    joined = Link(match.connection, match.stream, match.table, match.external_id, candidate)
    links.save(tx, [joined], now=now.timestamp())
    again = Refetch(match.connection, match.stream, match.external_id)
    queue.put(tx, [request(again)], now=now.timestamp())


def _release(
    tx: Transaction, connections: Connections, there: Match, taken: Mapping[str, str],
    *, by: str, now: datetime,
) -> None:  # fmt: skip
    """Part external records of a stream from those that they were `taken` for.

    Ours get back what was overwritten, theirs are read anew. As many statements for one as for many.
    """
    entity = entities.find(there.table)
    links.forget(tx, there.connection, there.stream, taken, there.table)
    rows = records.read(tx, entity, sorted(set(taken.values())))
    entries = audit.of_records(tx, entity.table.name, rows)
    patches = [
        Patch(entity, sys_id, _overwritten(entity, rows[sys_id], entries.get(sys_id, []), source))
        for external_id, sys_id in taken.items()
        if sys_id in rows and (source := (there.connection, external_id))
    ]
    again = [request(Refetch(there.connection, there.stream, id)) for id in taken]
    amend(tx, connections, patches, Origin(by), now=now, jobs=again)


def _overwritten(
    entity: Entity, row: Row, entries: Sequence[Mapping[str, Any]], source: tuple[str, str]
) -> dict[str, Any]:
    """What each field was before the external record changed it, where nobody has since."""
    first: dict[str, str | None] = {}
    last: dict[str, str | None] = {}
    for entry in entries:
        if (entry["hub_source"], entry["hub_external_id"]) == source:
            first.setdefault(entry["fieldname"], entry["oldvalue"])
            last[entry["fieldname"]] = entry["newvalue"]
        else:  # somebody else has decided since
            first.pop(entry["fieldname"], None)
            last.pop(entry["fieldname"], None)
    return {
        name: audit.read(entity.shape.fields.get(name), first[name])
        for name, value in last.items()
        if name != audit.WHOLE_RECORD and audit.spelled(value_of(row, name)) == value
    }
