"""One record beside ours: what each line of a mapping makes of it, and what that would change.

The values are what the mapping's own functions give, the changes what a sync does in a transaction
that is undone (`hub.sync.insight.plan`), so neither can say other than the sync. Nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

from hub.errors import Permanent
from hub.mapping import ABSENT, Child, RecordFailed, Ref
from hub.mapping import Mapping as FieldMapping
from hub.mapping.faults import FAILURES, Fault
from hub.mapping.functions import at, getter, select
from hub.mapping.inverse import written
from hub.mapping.language import Select, Step, record_paths
from hub.shape import Field
from hub.spoke import Fetches, Pulls
from hub.store import audit, entities, links, records, sets
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.records import Row
from hub.store.types import Money
from hub.sync.insight.plan import Planner
from hub.sync.insight.steps import FieldStep, Send
from hub.sync.insight.steps import Step as Planned
from hub.sync.reading import Record, records_in, records_of
from hub.sync.records.amend import value_of

Change = Literal["new", "changed", "same", "kept", "absent", "fault"]


@dataclass(frozen=True, slots=True)
class Theirs:
    """A path of theirs that a line reads; `value` is JSON's, `absent` says that there is none."""

    path: str
    value: Any
    absent: bool


@dataclass(frozen=True, slots=True)
class Line:
    """What a line of a mapping, at `place`, makes of a record.

    `ours` is the value as we store it, `shown` as people read it: the name of a choice, what a
    record is called. `now` is what we have, `then` what we would have. `change`: `kept` is where
    ours stays against theirs, and `reason` says why, or what is wrong.
    """

    place: str
    field: str
    expression: str
    theirs: Sequence[Theirs]
    ours: str | None
    shown: str
    now: str | None
    then: str | None
    change: Change
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """One record under one mapping. `action`: create, update, unchanged, delete, dead or left out.

    `faults` are those that are no line's: of key, version, `when`, children. `children` are the
    records inside it, as they read, by their list; `inside` is what would become of them, and
    `sends` what would be sent on to others.
    """

    stream: str
    external_id: str
    mapping: str
    action: str
    entity: str
    number: str
    lines: Sequence[Line]
    faults: Sequence[str] = ()
    children: Mapping[str, Sequence[Mapping[str, str | None]]] = field(default_factory=dict)
    inside: Sequence[Planned] = ()
    sends: Sequence[Send] = ()


def sampled(planner: Planner, stream: str, *, id: str = "", most: int = 1) -> list[Record]:
    """The record of this id, or the first of a listing. Raises `Permanent`, or what the spoke raises."""
    connection = planner.connection
    spoke = connection.spoke
    if id:
        if not isinstance(spoke, Fetches):
            raise Permanent(
                f"{connection.name} cannot be asked for one record; --limit N takes the first N"
            )
        return records_of(spoke.fetch(connection.stream(stream), [id]))
    assert isinstance(spoke, Pulls)
    first, *_ = connection.mappings[stream]
    pages = (
        records_in(page, stream, first) for page in spoke.pull(connection.stream(stream), None)
    )
    there = (one for those in pages for one in those if one.raw is not None)
    return list(islice(there, most))


def preview(planner: Planner, stream: str, record: Record) -> list[Preview]:
    """A record under each mapping of its stream."""
    planned = planner.page(stream, [record]).steps
    with planner.db.read() as tx:
        return [
            _Reader(tx, planner, mapping, planned).preview(record)
            for mapping in planner.connection.mappings[stream]
        ]


@dataclass(frozen=True, slots=True)
class _Reader:
    tx: Transaction
    planner: Planner
    mapping: FieldMapping
    planned: Sequence[Planned]

    @property
    def entity(self) -> Entity:
        return entities.find(self.mapping.to)

    def preview(self, record: Record) -> Preview:
        value = None if record.raw is None else sets.from_json_text(bytes(record.raw))
        step = next((one for one in self.planned if one.entity == self.mapping.to), None)
        dead = next((one for one in self.planned if one.action == "dead"), None)
        faults, key = self._heads(value, record.id)
        row = self._row(key)
        over = value is None or (step is not None and step.action == "delete")
        lines = list(self._over(step) if over else self._lines(value, row, step))
        return Preview(
            self.mapping.stream, key, self.mapping.name,
            "dead" if dead or faults or any(one.change == "fault" for one in lines)
            else self._action(value, step),
            self.entity.name, str(row.get("number") or ""), lines, faults, self._children(value),
            [one for one in self.planned if one not in (step, dead)],
            step.sends if step else (),
        )  # fmt: skip

    def _action(self, value: Any, step: Planned | None) -> str:
        if step is not None:
            return step.action
        wanted = value is None or self.mapping.applies(value)
        return "unchanged" if wanted else "left out"

    def _heads(self, value: Any, id: str) -> tuple[list[str], str]:
        """What is wrong with the record apart from its lines, and what they call it."""
        faults, key = [], id
        if value is None:
            return [], key
        mapping = self.mapping
        for read in (mapping.key, mapping.version, mapping.deleted, mapping.applies,
                     mapping.children):  # fmt: skip
            try:
                found = read(value)
            except RecordFailed as error:
                faults += [_said(one) for one in error.faults]
                continue
            key = found if read == mapping.key and isinstance(found, str) else key
        return faults, key

    def _row(self, key: str) -> Row:
        """The record that we have of it; empty for none."""
        connection, table = self.planner.connection.name, self.mapping.table
        known = links.lookup(self.tx, connection, self.mapping.stream, [key]).get(key)
        link = known.links.get(table) if known else None
        if link is None or not link.sys_id:
            return {}
        return records.read(self.tx, self.entity, [link.sys_id]).get(link.sys_id, {})

    def _lines(self, value: Any, row: Row, step: Planned | None) -> Iterator[Line]:
        changes = {one.field: one for one in step.fields} if step else {}
        for rule in self.mapping.declaration.rules:
            if rule.read is None:
                continue
            theirs = [_theirs(value, path.steps) for path in record_paths(rule.read)]
            name = rule.field.name
            was = value_of(row, name) if row else None
            said: Any = ABSENT
            fault = ""
            try:
                said = self.mapping.inward_alone(name, value).get(name, ABSENT)
            except RecordFailed as error:
                fault = "; ".join(one.reason for one in error.faults)
            change, then, reason = _change(said, was, changes.get(name), fault, known=bool(row))
            then = _exact(rule.field, then)
            yield Line(
                rule.place, name, rule.text, theirs,
                None if said is ABSENT else self._stored(said, then),
                self._shown(rule.field, said, then), _exact(rule.field, audit.spelled(was)), then,
                change, reason,
            )  # fmt: skip

    def _over(self, step: Planned | None) -> Iterator[Line]:
        """What ours would say once theirs is deleted."""
        for one in step.fields if step else ():
            field = self.mapping.declaration.shape.fields.get(one.field, Field(one.field, "string"))
            shown = self._shown(field, one.new, one.new)
            yield Line(
                one.place, one.field, "on_delete", [], one.new, shown, one.old, one.new, "changed",
                one.reason,
            )  # fmt: skip

    def _children(self, value: Any) -> dict[str, list[dict[str, str | None]]]:
        try:
            found = {} if value is None else self.mapping.children(value)
        except RecordFailed:
            return {}  # its faults are told
        return {name: [_said_of(one) for one in those] for name, those in found.items()}

    def _stored(self, said: Any, then: str | None) -> str | None:
        """A value as it is stored; of a reference, the record that it leads to, if there is one."""
        return then if isinstance(said, Ref) else audit.spelled(said)

    def _shown(self, field: Field, said: Any, then: str | None) -> str:
        """A value as people read it."""
        if said is ABSENT:
            return ""
        if isinstance(said, Ref):
            there = self._called(field, then) if then else "not there yet"
            return f"{said.stream}/{said.id}: {there}"
        names = {code: name for name, code in field.choices.items()}
        text = audit.spelled(said)
        return "" if text is None else names.get(text, text)

    def _called(self, field: Field, sys_id: str) -> str:
        if not field.reference:
            return sys_id
        entity = entities.find(field.reference)
        row = records.read(self.tx, entity, [sys_id]).get(sys_id, {})
        named = dict.fromkeys([row.get("number"), row.get(entity.display)])
        return " ".join(str(one) for one in named if one) or sys_id


def _said(fault: Fault) -> str:
    return f"{fault.place}: {fault.field}: {fault.reason} in `{fault.expression}`"


def _said_of(child: Child) -> dict[str, str | None]:
    """The values of a record inside a record."""
    told: dict[str, str | None] = {"key": child.key}
    for name, said in child.values.items():
        told[name] = f"{said.stream}/{said.id}" if isinstance(said, Ref) else audit.spelled(said)
    return told


def _exact(field: Field, text: str | None) -> str | None:
    """An amount with as many decimals as it is stored with, whatever the database gave."""
    return str(Decimal(text).quantize(Money.SCALE)) if text and field.kind == "money" else text


def _change(
    said: Any, was: Any, planned: FieldStep | None, fault: str, *, known: bool
) -> tuple[Change, str | None, str]:
    """What becomes of a field: how that is called, what it says then, and why."""
    now = audit.spelled(was)
    if fault:
        return "fault", now, fault
    if said is ABSENT:
        return "absent", now, "its paths are not in the record: ours stays"
    if planned is None:
        same = not known or isinstance(said, Ref) or said == was or audit.spelled(said) == now
        return ("same" if same else "kept"), now, "" if same else "ours stays"
    if planned.old == planned.new:
        return "kept", planned.new, planned.reason
    return ("changed" if known else "new"), planned.new, planned.reason


def _theirs(record: Any, steps: Sequence[Step]) -> Theirs:
    """The value at a path of a record."""
    value = record
    try:
        for step in steps:
            if isinstance(step, str):
                value = getter(value)(step, ABSENT)
            elif isinstance(step, int):
                value = at(value, step)
            else:
                assert isinstance(step, Select)
                value = select(value, step.criteria)
    except FAILURES:
        value = ABSENT
    absent = value is ABSENT
    return Theirs(written(tuple(steps)) or "this", None if absent else value, absent)


def as_text(value: Any) -> str:
    """Their value as JSON has it."""
    return json.dumps(value, ensure_ascii=False, default=str)
