"""What a plan says of journal entries and files: which would come, and to whom each would go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from hub.mapping import Mapping as FieldMapping
from hub.store import entities, records
from hub.store.attachments import Rules, safe_name
from hub.store.audit import spelled
from hub.store.database import Transaction
from hub.store.enclosed import FILES, KINDS, NOTES, Kind
from hub.store.entities import sys_audit
from hub.store.journal import INTERNAL
from hub.store.records import Row
from hub.store.system import pending_refs
from hub.sync.connection import Connection, Connections
from hub.sync.insight.steps import FieldStep, Send, Step
from hub.sync.jobs import PushFiles, PushNotes
from hub.sync.outbound import attachments
from hub.sync.outbound.notes import unsaid
from hub.sync.outbound.unsent import tried

TOLD = {NOTES: ("value", "sys_created_by"), FILES: ("file_name", "content_type", "size_bytes")}
"""What a plan shows of one."""


@dataclass(frozen=True, slots=True)
class Enclosures:
    """Reads, in a transaction, what would be told of entries and files.

    `rules` are those for files. What a record's entries would send is looked at once.
    """

    tx: Transaction
    connections: Connections
    rules: Rules
    _sends: dict[PushNotes | PushFiles, dict[str, Send]] = field(
        default_factory=dict[PushNotes | PushFiles, dict[str, Send]]
    )

    def came(self, connection: Connection, stream: str, after: str) -> Iterator[Step]:
        """A step for each that came from a connection, and is younger than the sys_id `after`."""
        for kind in KINDS.values():
            it = kind.table.c
            query = select(it.sys_id).where(it.sys_id > after, it.hub_source == connection.name)
            ids = list(self.tx.execute(query.order_by(it.sys_id)).scalars())
            rows, waits = self._rows(kind, ids), self._waits(kind, ids)
            numbers = self._numbers(kind, rows.values(), after)
            for sys_id in ids:
                row = rows[sys_id]
                fields = _filled(kind, row, _mapping(connection, stream, kind), waits.get(sys_id))
                yield self._step(stream, kind, row, "create", numbers, fields, connection.name)

    def edited(self, connection: Connection, stream: str, last: int, job: str) -> Iterator[Step]:
        """A step for each entry of which the audit has more than its entry `last`."""
        query = select(sys_audit).where(
            sys_audit.c.id > last, sys_audit.c.hub_job_id == job,
            sys_audit.c.tablename == str(NOTES.table.name),
        )  # fmt: skip
        entries: dict[str, list[Any]] = {}
        for entry in self.tx.execute(query.order_by(sys_audit.c.id)):
            entries.setdefault(entry.documentkey, []).append(entry)
        rows = self._rows(NOTES, list(entries))
        numbers = self._numbers(NOTES, rows.values())
        for sys_id, those in entries.items():
            fields = [FieldStep(e.fieldname, e.oldvalue, e.newvalue, e.hub_mapping) for e in those]
            row = rows[sys_id] | {"hub_external_id": those[0].hub_external_id}
            yield self._step(stream, NOTES, row, "update", numbers, fields, connection.name)

    def waiting(self, pushes: Iterable[PushNotes | PushFiles]) -> Iterator[Step]:
        """A step for each entry or file that a push would send now."""
        for push in pushes:
            kind = NOTES if isinstance(push, PushNotes) else FILES
            sends = self._sent(push)
            if fault := sends.get(""):
                yield Step(push.stream, "", "send", kind.name, sends=[fault])
                continue
            rows = self._rows(kind, list(sends))
            numbers = self._numbers(kind, rows.values())
            for sys_id, row in rows.items():
                yield _step(
                    push.stream, sends[sys_id].external_id, "send", kind, row, numbers,
                    _shown(kind, row, None), [sends[sys_id]],
                )  # fmt: skip

    def _step(
        self, stream: str, kind: Kind, row: Row, action: str, numbers: Mapping[str, str],
        fields: Sequence[FieldStep], source: str,
    ) -> Step:  # fmt: skip
        sends = list(self._going(kind, row, source))
        return _step(
            stream, row["hub_external_id"] or "", action, kind, row, numbers, fields, sends
        )

    def _going(self, kind: Kind, row: Row, source: str) -> Iterator[Send]:
        """To whom one goes, other than where it came from: as `audience` puts the jobs."""
        table = row[kind.of_table]
        for connection, stream, mapping in self.connections.enclosing(table) if table else ():
            if mapping.table == kind.table.name and connection != source:
                job = PushNotes if kind is NOTES else PushFiles
                sends = self._sent(job(connection, stream, table, row[kind.of_record]))
                if send := sends.get(row["sys_id"]) or sends.get(""):
                    yield send

    def _sent(self, push: PushNotes | PushFiles) -> dict[str, Send]:
        """What a push would send, by the sys_id of the entry or file; of none: it fails whole."""
        if push not in self._sends:
            found = tried(lambda: dict(self._looked_at(push)))
            self._sends[push] = found if isinstance(found, dict) else {"": _send(push, "", found)}
        return self._sends[push]

    def _looked_at(self, push: PushNotes | PushFiles) -> Iterator[tuple[str, Send]]:
        return self._notes(push) if isinstance(push, PushNotes) else self._files(push)

    def _notes(self, push: PushNotes) -> Iterator[tuple[str, Send]]:
        for entry, old, written in unsaid(self.tx, self.connections, push).sends():
            if data := tried(written):
                yield entry["sys_id"], _send(push, old.external_id if old else "", data)

    def _files(self, push: PushFiles) -> Iterator[tuple[str, Send]]:
        owed = attachments.unsent(self.tx, self.connections, push)
        for row in owed.rows:
            name, known = safe_name(row["file_name"]), attachments.kind_of(row)
            fault = tried(lambda: self.rules.check(name, known, row["size_bytes"]))  # noqa: B023
            if fault is not None:
                yield row["sys_id"], _send(push, "", fault)
            elif not attachments.known_twin(self.tx, push, row):
                yield row["sys_id"], _send(push, "", tried(lambda: owed.data(row)))  # noqa: B023

    def _rows(self, kind: Kind, sys_ids: Sequence[str]) -> dict[str, Row]:
        if not sys_ids:
            return {}
        found = records.read(self.tx, entities.find(kind.name), sys_ids)
        return {sys_id: found[sys_id] for sys_id in sys_ids if sys_id in found}

    def _numbers(self, kind: Kind, rows: Iterable[Row], after: str = "g") -> dict[str, str]:
        """How people call the records that these belong to; not those that come just now."""
        by_table: dict[str, set[str]] = {}
        for row in rows:
            if row[kind.of_table] and row[kind.of_record] <= after:
                by_table.setdefault(row[kind.of_table], set()).add(row[kind.of_record])
        return {
            sys_id: str(row.get("number") or sys_id)
            for table, ids in by_table.items()
            for sys_id, row in records.read(self.tx, entities.find(table), ids).items()
        }

    def _waits(self, kind: Kind, sys_ids: Sequence[str]) -> dict[str, str]:
        """What record of theirs each of these waits for, as people read it."""
        c = pending_refs.c
        mine = (c.table_name == str(kind.table.name), c.sys_id.in_(sys_ids), c.external_id != "")
        query = select(c.sys_id, c.connection, c.stream, c.external_id).where(*mine)
        found = self.tx.execute(query) if sys_ids else ()
        return {id: f"waits for {there}/{stream} {key}" for id, there, stream, key in found}


def _step(
    stream: str, external_id: str, action: str, kind: Kind, row: Row, numbers: Mapping[str, str],
    fields: Sequence[FieldStep], sends: Sequence[Send],
) -> Step:  # fmt: skip
    audience = "" if kind is FILES else "internal" if row["element"] == INTERNAL else "public"
    number = numbers.get(row[kind.of_record] or "", "")
    return Step(
        stream, external_id, action, kind.name, number, fields, sends, audience=audience
    )  # fmt: skip


def _send(push: PushNotes | PushFiles, known: str, data: dict[str, Any] | Exception) -> Send:
    if isinstance(data, Exception):
        return Send(push.connection, push.stream, known, {}, str(data))
    return Send(push.connection, push.stream, known, data)


def _filled(
    kind: Kind, row: Row, mapping: FieldMapping | None, waits: str | None
) -> list[FieldStep]:
    """What a new one says; and what it waits for."""
    shown = _shown(kind, row, mapping)
    place = mapping.place(kind.of_record) if mapping else ""
    return [*shown, FieldStep(kind.of_record, None, None, place, waits)] if waits else shown


def _shown(kind: Kind, row: Row, mapping: FieldMapping | None) -> list[FieldStep]:
    return [
        FieldStep(name, None, spelled(row[name]), mapping.place(name) if mapping else "")
        for name in TOLD[kind]
        if row[name] is not None
    ]


def _mapping(connection: Connection, stream: str, kind: Kind) -> FieldMapping | None:
    """The mapping that reads such records; none for the lists inside a record."""
    those = connection.mappings.get(stream, ())
    return next((one for one in those if one.table == kind.table.name), None)
