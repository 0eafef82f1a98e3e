"""Back from a record of ours to those of our own store that it was made of, or that refer to it.

It is the push to another system, but for what both being here makes better: the change over there,
the link and the end of the job are one transaction, and every record that is this one hears it. The
rules hold as for a person. Of what is over a flow changes nothing, it may only leave a note; steps
that were skipped on the way to a state are made up for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hub import queue
from hub.mapping import Mapping as FieldMapping
from hub.mapping.inverse import written
from hub.mapping.kinds import coercion, string
from hub.queue import Claimed
from hub.service.rules import Refused
from hub.service.states import MACHINES
from hub.shape import Field
from hub.store import entities, links, records
from hub.store.database import Database, Transaction
from hub.store.entities import Entity
from hub.store.journal import JOURNALS
from hub.store.links import Link
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.jobs import Push, Refetch, label, request
from hub.sync.outbound.unsent import Unsent, unsent_to
from hub.sync.records import flows
from hub.sync.records.amend import amend
from hub.sync.records.patch import Origin, Patch
from hub.sync.records.version import version_of


def push(
    db: Database, connections: Connections, claimed: Claimed, job: Push,
    clock: Callable[[], float],
) -> None:  # fmt: skip
    """Write the record as it is now to all that are it. Raises `Refused` once the others are told,
    `RecordFailed` where the mapping has no word for a value.
    """
    flows.check(job)
    connection = connections.of_job(job.connection, job.stream)
    with db.write() as tx:
        links.take_turn(tx, job.connection, job.stream)
        back = _Back(tx, connections, job, label(claimed), datetime.fromtimestamp(clock(), UTC))
        refused = back.tell(unsent_to(tx, connection, job))
        if refused:
            queue.fence(tx, claimed)
        else:
            queue.done(tx, [claimed])
    if refused:
        raise refused[0]


class _Told(NamedTuple):
    """What one record shall hear: its row before, and the changes that say it, step by step."""

    found: Unsent
    link: Link
    row: Row
    over: bool
    patches: Sequence[Patch]


class _Back:
    """What the records of one job share."""

    def __init__(
        self, tx: Transaction, connections: Connections, job: Push, label: str, now: datetime
    ) -> None:
        self.tx, self.connections, self.job, self.now = tx, connections, job, now
        name = job.connection
        self.here = (name, job.stream)
        self.entity = entities.find(job.stream)
        self.origin = Origin(name, name, label, True, job.stream, job.hops, job.table)
        self.refused: list[Refused] = []

    def tell(self, those: Iterable[Unsent]) -> list[Refused]:
        """Write what the records have not heard, and remember that they have; what was refused.

        A fixed number of statements for any number of records, unless the rules refuse some.
        """
        owed = [
            (one, one.link, data) for one in those if one.link is not None and (data := one.data())
        ]
        ids = [link.external_id for _, link, _ in owed]
        records.lock(self.tx, self.entity, ids)
        rows = records.read(self.tx, self.entity, ids)
        told = []
        for found, link, data in owed:
            if row := rows.get(link.external_id):
                try:
                    told.append(self._told(found, link, row, data))
                except Refused as error:
                    self.refused.append(error)
        for over in (False, True):
            self._write([one for one in told if one.over == over], commanded=not over)
        return self.refused

    def _told(self, found: Unsent, link: Link, row: Row, data: Mapping[str, Any]) -> _Told:
        values = _read(self.entity, data)
        over, alone = _is_over(self.entity, row), _left_alone(found.mapping, values)
        values = {
            name: value
            for name, value in values.items()
            if name in JOURNALS or not (over or name in alone)
        }
        steps = () if over else _steps(self.entity, row, values)
        places = _places(found.mapping)
        patches = [
            Patch(
                self.entity, row["sys_id"], told, external_id=self.job.sys_id,
                place_of=lambda name: places.get(name, found.mapping.file),
            )
            for told in (*({"state": state} for state in steps), values)
        ]  # fmt: skip
        return _Told(found, link, row, over, patches)

    def _write(self, those: Sequence[_Told], *, commanded: bool) -> None:
        """All at once; one after the other where the rules refuse any."""
        if not those:
            return
        patches = [patch for one in those for patch in one.patches]
        origin = replace(self.origin, command=commanded)
        try:
            results = amend(self.tx, self.connections, patches, origin, now=self.now)
        except Refused as error:
            if len(those) > 1:
                for one in those:
                    self._write([one], commanded=commanded)
            else:
                self.refused.append(self._named(those[0], error))
            return
        now = {result.patch.sys_id: result.row for result in results}  # as the last step left it
        self._heard([(one, now[one.row["sys_id"]]) for one in those])

    def _named(self, told: _Told, error: Refused) -> Refused:
        mapping, row = told.found.mapping, told.row
        named = f"{self.job.connection}/{self.job.stream} {row.get('number') or row['sys_id']}"
        place = _places(mapping).get("state", mapping.file)
        return Refused(f"{place}: {named} refuses what the {mapping.to} says: {error}")

    def _heard(self, those: Iterable[tuple[_Told, Row]]) -> None:
        """Remember what they have heard.

        Who has read one before this must not take what it said then for a later word: it is old
        now, and what was new in it is read again. Till then its link has no digest.
        """
        heard, again = [], []
        for (found, link, row, over, _), now in those:
            said = found.values.keys() - (found.mapping.reads if over else set())
            base = dict(link.base or {}) | {name: found.heard[name] for name in said}
            unread = version_of(row) > link.version or not link.digest
            if unread:
                again.append(request(Refetch(*self.here, link.external_id, self.job.hops + 1)))
            heard.append(
                link._replace(
                    base=base, version=version_of(now), digest=b"" if unread else link.digest,
                    mapping_digest=found.mapping.digest,
                )
            )  # fmt: skip
        queue.put(self.tx, again, now=self.now.timestamp())
        links.save(self.tx, heard, now=self.now.timestamp())


def _read(entity: Entity, data: Mapping[str, Any]) -> dict[str, Any]:
    """What was written, as values of the entity's fields; raises `Refused` with every fault."""
    values: dict[str, Any] = {}
    faults = []
    for name, value in data.items():
        field = entity.shape.fields.get(name, Field(name, "string"))
        try:
            values[name] = _as_kept(field, value)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise Refused("; ".join(faults))
    return values


def _as_kept(field: Field, value: Any) -> Any:
    if field.kind == "instant" and isinstance(value, str):
        value = datetime.fromisoformat(value)
    return string(value) if field.kind == "reference" else coercion(field).call(value)


def _is_over(entity: Entity, row: Row) -> bool:
    """Whether the work on it has ended: nobody but a person takes it up again."""
    machine = MACHINES.get(entity.name)
    return machine is not None and row.get("state") in machine.over


def _left_alone(mapping: FieldMapping, values: Mapping[str, Any]) -> set[str]:
    """A state of which nothing is said, and what else the same rule has no value for then.

    Else every step over there would take from the record what somebody has filled in already.
    """
    if values.get("state") is not None:
        return set()
    written_to = [{written(out.target) for out in rule.outs} for rule in mapping.declaration.rules]
    alone = {"state"}.union(*(targets for targets in written_to if "state" in targets))
    return {name for name in alone if values.get(name) is None}


def _steps(entity: Entity, row: Row, values: Mapping[str, Any]) -> Sequence[str]:
    """The states between what it is in and what it shall be in, by the shortest way there is.

    A flow tells of a record as it is in the end: what lay between was not told.
    """
    machine, end = MACHINES.get(entity.name), values.get("state")
    if machine is None or end is None:
        return ()
    ways: list[list[str]] = [[row.get("state") or machine.first]]
    seen = set(ways[0])
    for way in ways:
        if way[-1] == end:
            return way[1:-1]
        for state in sorted(machine.next.get(way[-1], ())):
            plain = state == end or not (state in machine.over or machine.requires.get(state))
            if plain and state not in seen:
                seen.add(state)
                ways.append([*way, state])
    return ()  # the rules say what is wrong


def _places(mapping: FieldMapping) -> dict[str, str]:
    """`file:line` of what writes to each field."""
    places: dict[str, str] = {}
    for rule in mapping.declaration.rules:
        targets = [rule.inverse.target] if rule.inverse else [out.target for out in rule.outs]
        places |= {written(target): rule.place for target in targets}
    return places
