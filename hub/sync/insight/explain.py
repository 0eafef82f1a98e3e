"""Why a field has the value that it has: who gave it, what that overruled, and where it goes next.

Read back from what is kept anyway: the audit, the links, the conflicts, and the mappings as they
are now. Of a record that came whole, the mapping of its connection says which line gave what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from hub.mapping import Mapping as FieldMapping
from hub.mapping.language import read_paths
from hub.service import rules
from hub.store import audit, conflicts, journal, links, listing
from hub.store.conflicts import Conflict
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.journal import JOURNALS
from hub.store.links import Link
from hub.store.records import Row
from hub.store.system import pending_refs
from hub.sync.connection import Connections, Flow
from hub.sync.records.disputes import by_field
from hub.sync.records.merge import EMPTY, plain

Giver = Literal["connection", "person", "rule", "default", "hub", "nobody"]
"""`rule`: it follows from other values; `default`: nobody has said anything; `hub`: the store's
own, as a number; `nobody`: it is empty."""

OWN = frozenset({"number"})
SYSTEMS = "sys_"
"""What columns that the store itself fills begin with."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """A system that shows the field. `state`: in step, waits to be sent, held back, ...

    `read`: nothing is sent; it is another record of ours that a flow makes of this one.
    """

    connection: str
    stream: str
    external_id: str
    place: str
    owner: str
    two_way: bool
    state: str
    read: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """What an entry said before somebody edited it over there; `field` is `value` or `element`."""

    field: str
    old: str
    at: datetime
    connection: str
    external_id: str
    place: str


@dataclass(frozen=True, slots=True)
class Said:
    """A journal entry, where it came from, and its edits, the oldest first."""

    at: datetime
    by: str
    text: str
    connection: str
    external_id: str
    edits: Sequence[Edit] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """One field's present value. `value` is in JSON's types, `display` what people read for it.

    `previous` is what it overruled, as the audit spells it. `mapping_changed`: the mapping is not
    the one any more that gave it; `place` may be another line by now. `awaits` is the external
    record that a reference waits for.
    """

    field: str
    value: Any
    display: str | None
    giver: Giver
    by: str = ""
    connection: str = ""
    external_id: str = ""
    place: str = ""
    owner: str = ""
    mapping_digest: str = ""
    mapping_changed: bool = False
    job: str = ""
    at: datetime | None = None
    previous: str | None = None
    reason: str = ""
    awaits: str = ""
    conflicts: Sequence[Conflict] = ()
    outlets: Sequence[Outlet] = ()
    entries: Sequence[Said] = ()


def explain(
    tx: Transaction, connections: Connections, entity: Entity, row: Row, *, only: str = ""
) -> list[Explained]:
    """Every field that has a value or waits for one; or `only` one, which must exist.

    Eight statements at most, however many fields there are; one more for each flow that reads it.
    """
    table, sys_id = entity.table.name, row["sys_id"]
    notes = journal.of_record(tx, sys_id)
    waiting = _waiting(tx, table, sys_id)
    facts = _Facts(
        connections, entity, row,
        entries=audit.of_record(tx, table, sys_id),
        links=links.of_record(tx, table, sys_id),
        conflicts=conflicts.of_record(tx, table, sys_id),
        waiting=waiting,
        displays=_displays(tx, entity, row),
        notes=notes,
        edits=journal.edits(tx, sys_id) if notes else {},
        flows=_flows(tx, connections, table, sys_id),
    )  # fmt: skip
    names = [only] if only else facts.filled()
    return [facts.journal(name) if name in JOURNALS else facts.of(name) for name in names]


def _waiting(tx: Transaction, table: str, sys_id: str) -> dict[str, str]:
    """What each field waits for, as `connection/stream id`."""
    c = pending_refs.c
    mine = (c.table_name == table, c.sys_id == sys_id, c.external_id != "")
    rows = tx.execute(select(c.field, c.connection, c.stream, c.external_id).where(*mine))
    return {name: f"{connection}/{stream} {id}" for name, connection, stream, id in rows}


def _flows(
    tx: Transaction, connections: Connections, table: str, sys_id: str
) -> list[tuple[Flow, str]]:
    """What flows have made of the record: the sys_id, empty for what they would make."""
    found = []
    for flow in connections.flows(table):
        known = links.lookup(tx, flow.connection, flow.stream, [sys_id]).get(sys_id)
        link = known.links.get(flow.mapping.table) if known else None
        found.append((flow, link.sys_id if link else ""))
    return found


def _displays(tx: Transaction, entity: Entity, row: Row) -> dict[str, str | None]:
    """What people read in place of a choice's code and of a reference."""
    fields = entity.shape.fields
    meant = {
        name: (known.reference, str(row[name]))
        for name, known in fields.items()
        if known.kind == "reference" and row.get(name)
    }
    named = listing.named(tx, meant.values())
    shown = {name: named[key].display for name, key in meant.items() if key in named}
    for name, known in fields.items():
        codes = {code: word for word, code in known.choices.items()}
        if known.kind == "choice" and str(row.get(name)) in codes:
            shown[name] = codes[str(row[name])]
    return shown


@dataclass(frozen=True, slots=True)
class _Facts:
    """All that is known of one record. `entries` are the newest first."""

    connections: Connections
    entity: Entity
    row: Row
    entries: Sequence[Mapping[str, Any]]
    links: Sequence[Link]
    conflicts: Sequence[Conflict]
    waiting: Mapping[str, str]
    displays: Mapping[str, str | None]
    notes: Sequence[Mapping[str, Any]]
    edits: Mapping[str, Sequence[Mapping[str, Any]]]
    flows: Sequence[tuple[Flow, str]]

    def filled(self) -> list[str]:
        """What an explanation of the whole record speaks of; what the store itself writes not."""
        known = by_field(self.row)
        there = [
            name
            for name, value in known.items()
            if (value not in EMPTY or name in self.waiting)
            and not name.startswith(SYSTEMS)
            and name != "hub_custom"
        ]
        said = {note["element"] for note in self.notes}
        return [*there, *(name for name in JOURNALS if name in said)]

    def journal(self, name: str) -> Explained:
        """A journal has entries, each with its own origin, and no value."""
        said = [
            Said(
                note["sys_created_on"], note["sys_created_by"], note["value"],
                note["hub_source"] or "",
                (note["hub_external_id"] or "") if note["hub_source"] else "",
                [_edit(entry) for entry in self.edits.get(note["sys_id"], ())],
            )
            for note in self.notes
            if note["element"] == name
        ]  # fmt: skip
        giver: Giver = "nobody" if not said else "person"
        if said and said[0].connection:
            giver = "connection"
        return Explained(
            name, len(said), None, giver, outlets=self._outlets(name), entries=said,
            by=said[0].by if said else "", connection=said[0].connection if said else "",
            external_id=said[0].external_id if said else "", at=said[0].at if said else None,
        )  # fmt: skip

    def of(self, name: str) -> Explained:
        entry = self._entry(name)
        source = (entry["hub_source"] or "") if entry else ""
        external_id = (entry["hub_external_id"] or "") if entry else ""
        mapping, link = self._mapping(source, external_id, name)
        giver = self._giver(name, entry, mapping)
        speaks = giver == "connection"
        whole = entry is not None and entry["fieldname"] == audit.WHOLE_RECORD
        place = mapping.place(name) if whole and mapping and speaks else ""
        return Explained(
            name,
            plain(by_field(self.row).get(name)),
            self.displays.get(name),
            giver,
            by=entry["user"] if entry and giver not in {"default", "nobody"} else "",
            connection=source,
            external_id=external_id,
            place=place or (entry["hub_mapping"] or "" if entry and speaks else ""),
            owner=mapping.owner_of(name) if mapping and speaks else "",
            mapping_digest=link.mapping_digest if link and speaks else "",
            mapping_changed=bool(
                speaks and link and mapping and link.mapping_digest != mapping.digest
            ),
            job=(entry["hub_job_id"] or "") if entry else "",
            at=entry["sys_created_on"] if entry else None,
            previous=entry["oldvalue"] if entry else None,
            reason=self._unsure(name) if whole and speaks else (entry or {}).get("reason") or "",
            awaits=self.waiting.get(name, ""),
            conflicts=[one for one in self.conflicts if one.field == name],
            outlets=self._outlets(name),
        )

    def _entry(self, name: str) -> Mapping[str, Any] | None:
        """What gave the field its value last: its own change, or the record's creation."""
        for entry in self.entries:
            changed = entry["fieldname"] == name and entry["oldvalue"] != entry["newvalue"]
            if changed or entry["fieldname"] == audit.WHOLE_RECORD:
                return entry
        return None

    def _mapping(
        self, source: str, external_id: str, name: str
    ) -> tuple[FieldMapping | None, Link | None]:
        """The mapping that reads this field of that external record, and the link."""
        connection = self.connections.get(source)
        mine = [one for one in self.links if one.connection == source]
        exact = [one for one in mine if one.external_id == external_id] or mine
        for link in exact:
            for mapping in connection.mappings.get(link.stream, ()) if connection else ():
                if mapping.table == self.entity.table.name and name in mapping.reads:
                    return mapping, link
        return None, (exact[0] if exact else None)

    def _giver(
        self, name: str, entry: Mapping[str, Any] | None, mapping: FieldMapping | None
    ) -> Giver:
        if name.startswith(SYSTEMS) or (name in OWN and mapping is None):
            return "hub"
        if entry is not None and entry["fieldname"] != audit.WHOLE_RECORD:
            return _teller(entry, mapping)
        value = by_field(self.row).get(name)
        unknown = entry is not None and entry["hub_source"] not in {None, "", *self.connections}
        if (mapping is not None or unknown) and value not in EMPTY:
            return "connection"
        if value == self.entity.blank.get(name):
            return "nobody" if value in EMPTY else "default"
        if self._follows(name):
            return "rule"
        return "person" if entry is not None and not entry["hub_source"] else "rule"

    def _unsure(self, name: str) -> str:
        """What else it may be, of a record that came whole: nobody has kept what they left out."""
        if self.row.get(name) == self.entity.blank.get(name, _NOTHING):
            return "a new record has this value as well: they may have said nothing of it"
        if self._follows(name):
            return "the rules give a new record this value as well: they may have said nothing"
        return ""

    def _follows(self, name: str) -> bool:
        """Whether the rules make this value of the others, when a record is new."""
        value = self.row.get(name)
        if value is None or name not in self.entity.blank:
            return False
        before = dict(self.row) | {name: self.entity.blank[name]}
        created = self.row["sys_created_on"]
        derived = rules.derive(
            self.entity.name, None, before, set(self.row) - {name}, now=created, reported=True
        )
        return bool(name in derived and derived[name] == value)

    def _outlets(self, name: str) -> list[Outlet]:
        """Every system that shows the field, and what becomes of it there."""
        found = [
            self._outlet(name, connection, stream, mapping)
            for connection, stream, mapping in self.connections.outlets(self.entity.table.name)
            if name in mapping.writes
        ]
        return [*(one for one in found if one is not None), *self._read_by_flows(name)]

    def _read_by_flows(self, name: str) -> list[Outlet]:
        """What becomes of the field in other records of ours."""
        return [
            Outlet(
                flow.connection, flow.stream, sys_id, rule.place,
                flow.mapping.owner_of(rule.field.name), rule.inverse is not None or bool(rule.outs),
                f"{flow.mapping.to}.{rule.field.name}"
                + ("" if sys_id else ", once the flow takes it"),
                read=True,
            )
            for flow, sys_id in self.flows
            for rule in flow.mapping.declaration.rules
            if rule.read is not None and (name,) in read_paths(rule.read)
        ]  # fmt: skip

    def _outlet(
        self, name: str, connection: str, stream: str, mapping: FieldMapping
    ) -> Outlet | None:
        """None for a stream that the record is no part of, and never will be."""
        mine = [one for one in self.links if (one.connection, one.stream) == (connection, stream)]
        link = min(mine, key=lambda one: one.deleted, default=None)
        if link is None and (not mapping.stamp or connection in self.connections.own):
            return None
        return Outlet(            connection, stream, link.external_id if link else "", mapping.place(name),
            mapping.owner_of(name), name in mapping.reads, self._state(name, link),
        )  # fmt: skip

    def _state(self, name: str, link: Link | None) -> str:
        if link is None:
            return "not there: it will be created"
        if link.deleted:
            return "gone there: nothing is sent"
        for one in self.conflicts:
            if one.open and one.field == name and one.connection == link.connection:
                held = one.stayed == "both"
                return f"{'held back by' if held else 'waits to be sent:'} conflict {one.id}"
        if name in JOURNALS:
            return "entries are sent"
        agreed = (link.base or {}).get(name, _NOTHING)
        return "in step" if agreed == plain(by_field(self.row).get(name)) else "waits to be sent"


_NOTHING = object()


def _edit(entry: Mapping[str, Any]) -> Edit:
    return Edit(
        entry["fieldname"], entry["oldvalue"] or "", entry["sys_created_on"],
        entry["hub_source"] or "", entry["hub_external_id"] or "", entry["hub_mapping"] or "",
    )  # fmt: skip


def _teller(entry: Mapping[str, Any], mapping: FieldMapping | None) -> Giver:
    """Who made a change that the audit has."""
    if entry["hub_mapping"] == audit.BY_RULE:
        return "rule"
    if not entry["hub_source"]:
        return "person"
    spoke_of_it = mapping is not None or ":" in (entry["hub_mapping"] or "")
    return "connection" if spoke_of_it else "rule"


def fields_of(entity: Entity, row: Row) -> Iterable[str]:
    """Every name that `explain` knows of this record."""
    names = dict.fromkeys([*entity.shape.fields, *by_field(row)])
    return [name for name in names if name != "hub_custom"]
