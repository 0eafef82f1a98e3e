"""A person's word on what both sides changed: it is taken here, and it travels to everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError

from hub import queue
from hub.errors import NotFound
from hub.service.rules import Refused
from hub.service.typed import typed
from hub.store import audit, conflicts, entities, listing, merges, records
from hub.store.audit import Entry
from hub.store.conflicts import Conflict, How
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.jobs import Push, request
from hub.sync.records.amend import Origin, Patch, amend, value_of
from hub.sync.records.merge import unplain

Side = Literal["theirs", "ours"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One side's value, or another one: a `value` in JSON's types, as `typed` reads them."""

    side: Side | None = None
    value: Any = None

    @property
    def how(self) -> Literal["theirs", "ours", "value"]:
        return self.side or "value"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a choice. `value` is the record's now, in Python's types."""

    conflict: Conflict
    value: Any
    told: tuple[str, ...]  # connections that will be written to
    gone: bool = False


def take(
    tx: Transaction, connections: Connections, number: int, choice: Choice,
    *, by: str, now: datetime,
) -> Taken:  # fmt: skip
    """Decide one conflict, also one that was decided by its policy: what lost can be had back.

    Raises `NotFound`, `Refused` when a newer one of the same field waits, or for a value that
    does not fit (`BadValues`).
    """
    conflict = conflicts.find(tx, number)
    if conflict is None:
        raise NotFound(f"there is no conflict {number}; hub conflicts list shows them")
    if not conflict.open and (newer := _open_of_the_same(tx, conflict)):
        raise Refused(
            f"conflict {number} is over; {conflict.field} is now in conflict {newer}: decide that"
        )
    [taken] = take_all(tx, connections, [conflict], choice, by=by, now=now)
    return taken


def take_all(
    tx: Transaction, connections: Connections, chosen: Sequence[Conflict], choice: Choice,
    *, by: str, now: datetime,
) -> list[Taken]:  # fmt: skip
    """Decide several in the same way; what each came to, in their order."""
    by_table: dict[str, list[Conflict]] = {}
    for one in chosen:
        by_table.setdefault(one.table, []).append(one)
    made: dict[int, Taken] = {}
    for table, those in by_table.items():
        work = _Work(tx, connections, entities.find(table), choice, by, now)
        made |= {taken.conflict.id: taken for taken in work.take(those)}
    return [made[one.id] for one in chosen]


@dataclass(frozen=True, slots=True)
class _Work:
    """The choice that is made for conflicts of one table."""

    tx: Transaction
    connections: Connections
    entity: Entity
    choice: Choice
    by: str
    now: datetime

    def take(self, those: Sequence[Conflict]) -> list[Taken]:
        now, rows = self._where_now(those)
        there = [one for one in those if one.id in now]
        gone = [one for one in those if one.id not in now]
        self._resolve(there, self.choice.how)
        self._resolve(gone, "gone")
        values = self._values(there)
        patches = [
            Patch(
                self.entity, now[one.id], {one.field: values[one.id]},
                reason=f"conflict {one.id}: took {self.choice.how}",
            )
            for one in there
        ]  # fmt: skip
        origin = Origin(self.by, command=self.choice.side is None)
        try:
            results = amend(self.tx, self.connections, patches, origin, now=self.now)
        except IntegrityError as error:
            raise Refused(f"another record has this value already ({error.orig})") from error
        unchanged = [r.patch for r in results if not r.changed]
        self._tell(unchanged, rows)
        return [
            *(Taken(one, values[one.id], self._told(one)) for one in there),
            *(Taken(one, None, (), gone=True) for one in gone),
        ]

    def _where_now(self, those: Sequence[Conflict]) -> tuple[dict[int, str], dict[str, Row]]:
        """The record that each conflict is about now, if there is one; and the rows."""
        rows = self._rows({one.sys_id for one in those})
        went = {
            one.sys_id: _where_it_went(self.tx, one.sys_id)
            for one in those
            if one.sys_id not in rows
        }
        rows |= self._rows(set(went.values()))
        now = {one.id: went.get(one.sys_id, one.sys_id) for one in those}
        return {id: sys_id for id, sys_id in now.items() if sys_id in rows}, rows

    def _rows(self, sys_ids: set[str]) -> dict[str, Row]:
        return records.read(self.tx, self.entity, sys_ids) if sys_ids else {}

    def _resolve(self, those: Sequence[Conflict], how: How) -> None:
        if those:
            numbers = [one.id for one in those]
            conflicts.resolve(self.tx, numbers, how, by=self.by, at=self.now.timestamp())

    def _values(self, those: Sequence[Conflict]) -> dict[int, Any]:
        """What the record shall say, by conflict."""
        if self.choice.side is None:
            wished = {one.field: self.choice.value for one in those}
            read = typed(self.entity, wished, self._lookup)
            return {one.id: read[one.field] for one in those}
        said = {one.id: one.theirs if self.choice.side == "theirs" else one.ours for one in those}
        fields = self.entity.shape.fields
        return {one.id: unplain(fields.get(one.field), said[one.id]) for one in those}

    def _lookup(self, wanted: Any) -> Mapping[tuple[str, str], str]:
        return {key: found.sys_id for key, found in listing.named(self.tx, wanted).items()}

    def _tell(self, patches: Sequence[Patch], rows: Mapping[str, Row]) -> None:
        """Ours says so already: `amend` does nothing about these, but others must hear of it."""
        table, jobs, entries = self.entity.table.name, {}, []
        for patch in patches:
            [field] = patch.values
            mine = audit.spelled(value_of(rows[patch.sys_id], field))
            entries.append(
                Entry(table, patch.sys_id, field, mine, mine, self.by, reason=patch.reason)
            )
            for connection, stream in self._outlets(field):
                push = Push(connection, stream, table, patch.sys_id)
                jobs[push.key] = request(push)
        queue.put(self.tx, list(jobs.values()), now=self.now.timestamp())
        audit.append(self.tx, entries, change_set="", job="", at=self.now)

    def _told(self, one: Conflict) -> tuple[str, ...]:
        return tuple(dict.fromkeys(connection for connection, _ in self._outlets(one.field)))

    def _outlets(self, field: str) -> list[tuple[str, str]]:
        """(connection, stream) of everybody who shows a field."""
        outlets = self.connections.outlets(self.entity.table.name)
        return [(name, stream) for name, stream, mapping in outlets if field in mapping.writes]


def _open_of_the_same(tx: Transaction, conflict: Conflict) -> int:
    """The number of the conflict of the same field that is open; 0 for none."""
    those = conflicts.of_record(tx, conflict.table, conflict.sys_id)
    return next((one.id for one in those if one.open and one.of == conflict.of), 0)


def _where_it_went(tx: Transaction, sys_id: str) -> str:
    """The record that this one is now, if it was merged into another meanwhile."""
    while gone := merges.of_victim(tx, sys_id):
        sys_id = gone.survivor
    return sys_id
