"""What people say of matches: it is that record, it is not, it never was.

A rule that is certain adopts a record, and a person may undo that; one that is not proposes it, and
a person decides. What was rejected is never proposed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hub import queue
from hub.errors import NotFound
from hub.service.rules import Refused
from hub.shape import Field
from hub.store import audit, entities, links, matches, merges, records
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.matches import Match
from hub.store.records import Row
from hub.sync import duplicates
from hub.sync.amend import Origin, Patch, amend, value_of
from hub.sync.connection import Connections
from hub.sync.jobs import Refetch, request


def accept(
    tx: Transaction, connections: Connections, number: int, *, by: str, now: datetime
) -> Match:
    """The external record is the one proposed: both are merged. Raises `NotFound`, `Refused`."""
    match = _in_state(tx, number, "waiting")
    entity = entities.find(match.table)
    found = links.lookup(tx, match.connection, match.stream, [match.external_id])
    link = found[match.external_id].links.get(match.table) if found else None
    if link is None or not link.sys_id:
        raise NotFound(f"{match.connection}/{match.stream} {match.external_id} is gone meanwhile")
    candidate = _where_it_went(tx, match.candidate)
    merge = None
    if link.sys_id != candidate:
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
    elif match.state == "adopted":
        _release(tx, connections, match, by=by, now=now)
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


def _release(
    tx: Transaction, connections: Connections, match: Match, *, by: str, now: datetime
) -> None:
    """Give the adopted record back what was overwritten, and read the external one anew."""
    entity, sys_id = entities.find(match.table), _where_it_went(tx, match.candidate)
    links.forget(tx, match.connection, match.stream, match.external_id, match.table)
    row = records.read(tx, entity, [sys_id]).get(sys_id)
    if row is not None:
        before = _overwritten(tx, entity, row, match)
        amend(tx, connections, [Patch(entity, sys_id, before)], Origin(by), now=now)
    again = Refetch(match.connection, match.stream, match.external_id)
    queue.put(tx, [request(again)], now=now.timestamp())


def _overwritten(tx: Transaction, entity: Entity, row: Row, match: Match) -> dict[str, Any]:
    """What each field was before the external record changed it, where nobody has since."""
    first: dict[str, str | None] = {}
    last: dict[str, str | None] = {}
    for entry in reversed(audit.of_record(tx, entity.table.name, row["sys_id"])):
        source = (entry["hub_source"], entry["hub_external_id"])
        if source == (match.connection, match.external_id):
            first.setdefault(entry["fieldname"], entry["oldvalue"])
            last[entry["fieldname"]] = entry["newvalue"]
        else:  # somebody else has decided since
            first.pop(entry["fieldname"], None)
            last.pop(entry["fieldname"], None)
    return {
        name: _read(entity.shape.fields.get(name), first[name])
        for name, value in last.items()
        if audit.spelled(value_of(row, name)) == value
    }


_KINDS: Mapping[str, Any] = {
    "integer": int,
    "number": float,
    "money": Decimal,
    "boolean": lambda text: text == "true",
    "instant": lambda text: datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC),
}


def _read(field: Field | None, text: str | None) -> Any:
    """A value as the audit spells it."""
    if text is None or field is None:
        return text
    return _KINDS.get(field.kind, str)(text)
