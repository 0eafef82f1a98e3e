"""From the inside out: a record is written to an external system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

from hub import queue
from hub.errors import Conflict, NotFound, Transient
from hub.mapping import Mapping as FieldMapping
from hub.mapping import RecordFailed, Ref
from hub.queue import Claimed
from hub.spoke import Fetches, Receipt, Write, Writes
from hub.store import conflicts, entities, links, pending, records, sets
from hub.store.database import Database, Transaction
from hub.store.links import Link
from hub.store.records import Row
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Poll, Push, Refetch, request
from hub.sync.records import audience
from hub.sync.records.merge import plain
from hub.sync.stamps import with_stamp

PATIENT = 5
"""From this attempt on, some minutes later, a record is created without what never came."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """What a push has to say: our values by field, none if both sides agree.

    `heard` is what they will say of these fields from then on, in JSON's types.
    """

    mapping: FieldMapping
    link: Link | None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    refs: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    heard: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def data(self) -> dict[str, Any]:
        """Their record's fields by path; raises `RecordFailed`."""
        return self.mapping.outward(self.values, self.refs) if self.values else {}


def unsent(tx: Transaction, connection: Connection, job: Push) -> Unsent:
    """What a push would send now. Raises `Transient` while they lack a record that it refers to.

    Only fields that differ from what both sides agreed on last are sent. A record that they do
    not have is created only by a mapping with a `stamp`, so that we know our own creation again.
    A field on which a person has to decide is left alone until then.
    """
    mapping = next(m for m in connection.mappings[job.stream] if m.table == job.table)
    row = records.read(tx, entities.find(job.table), [job.sys_id]).get(job.sys_id)
    link = _linked(tx, job)
    values = {} if row is None else to_send(mapping, row, link)
    if values and _asks_people(mapping):
        held = conflicts.held(tx, job.connection, job.table, job.sys_id)
        values = {name: value for name, value in values.items() if name not in held}
    if not values or not (mapping.stamp if link is None else not link.deleted):
        return Unsent(mapping, link)
    refs = links.sources(tx, connection.name, _wanted(connection, mapping, values))
    _check(connection, mapping, values, refs)
    heard = _as_they_will_say_it(mapping, values, refs)
    values = {n: v for n, v in values.items() if not link or heard[n] != _agreed(link, n)}
    return Unsent(mapping, link, values, refs, heard)


def push(
    db: Database, connections: Connections, claimed: Claimed, job: Push,
    clock: Callable[[], float],
) -> None:  # fmt: skip
    """Write the record as it is now, which may be newer than when the push was queued."""
    connection = connections.of_job(job.connection, job.stream)
    with db.read() as tx:
        found = unsent(tx, connection, job)
        if claimed.attempt < PATIENT:
            _await_references(tx, found, job)
    receipt = _write(db, connection, job, found, clock) if found.values else None
    with db.write() as tx:
        if receipt is not None:  # a poll may have moved the link meanwhile
            link = _linked(tx, job)
            said = {name: found.heard[name] for name in found.values}
            links.save(tx, [_link(found.mapping, job, link, receipt, said)], now=clock())
            if link is None:
                here = [(job.table, job.sys_id)]
                told_on = audience.after_links(tx, connections, job.connection, here)
                queue.put(tx, told_on, now=clock())
        queue.done(tx, [claimed])


@lru_cache(maxsize=1024)
def _asks_people(mapping: FieldMapping) -> bool:
    """Whether a person has to decide on any field that is written."""
    return any(mapping.owner_of(name) == "manual" for name in mapping.writes)


def _await_references(tx: Transaction, found: Unsent, job: Push) -> None:
    """Raise `Transient` rather than create a record without what it refers to, which is to come."""
    if found.link is None and found.values:
        waiting = pending.fields(tx, job.table, job.sys_id) & found.mapping.writes
        for name in sorted(waiting):
            raise Transient(f"{found.mapping.place(name)}: {name}: waits for a record of theirs")


def _linked(tx: Transaction, job: Push) -> Link | None:
    """The record's link to the job's stream; one that is alive, if there are several."""
    mine = [
        link
        for link in links.of_record(tx, job.table, job.sys_id)
        if (link.connection, link.stream) == (job.connection, job.stream)
    ]
    return min(mine, key=lambda link: link.deleted, default=None)


def _wanted(
    connection: Connection, mapping: FieldMapping, values: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """(stream, table, sys_id) of everything that the values refer to, in whatever table it is."""
    return [
        (stream, target.table, values[name])
        for name, stream in mapping.ref_streams.items()
        if values.get(name)
        for target in connection.mappings.get(stream, ())
    ]


def _check(
    connection: Connection, mapping: FieldMapping, values: Mapping[str, Any],
    refs: Mapping[tuple[str, str], str],
) -> None:  # fmt: skip
    """Raise `Transient` while they do not know a record yet that ours refers to."""
    for name, stream in mapping.ref_streams.items():
        if values.get(name) and (stream, values[name]) not in refs:
            raise Transient(
                f"{mapping.place(name)}: {name}: {values[name]} is not linked to "
                f"{connection.name}/{stream} yet"
            )


def to_send(mapping: FieldMapping, row: Row, link: Link | None) -> dict[str, Any]:
    ours = row | (row.get("hub_custom") or {})
    if link is None:
        return {name: ours[name] for name in mapping.writes if ours.get(name) is not None}
    base = link.base or {}
    return {
        name: ours.get(name) for name in mapping.writes if plain(ours.get(name)) != base.get(name)
    }


_NOTHING_AGREED = object()


def _agreed(link: Link, name: str) -> Any:
    """What both sides agreed on last, in JSON's types."""
    return (link.base or {}).get(name, _NOTHING_AGREED)


def _as_they_will_say_it(
    mapping: FieldMapping, values: Mapping[str, Any], refs: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    """Our values as they come back, in JSON's types: their words may be fewer than ours.

    Where two of our words are one of theirs, what they tell us later is no change of theirs. A
    reference comes back as it went: it is their id that is mapped, not ours.
    """
    heard = {name: plain(value) for name, value in values.items()}
    with suppress(RecordFailed):  # what cannot be read back by itself is taken as it was sent
        back = mapping.inward(mapping.outward(values, refs))
        heard |= {
            name: plain(value)
            for name, value in back.items()
            if name in values and not isinstance(value, Ref)
        }
    return heard


def _write(
    db: Database, connection: Connection, job: Push, found: Unsent, clock: Callable[[], float]
) -> Receipt | None:
    """Send it; None if their record is gone, which the next poll will explain."""
    spoke, link = connection.spoke, found.link
    assert isinstance(spoke, Writes)
    data = found.data()
    if link is None:
        assert found.mapping.stamp
        write = Write(None, with_stamp(data, found.mapping.stamp, job.sys_id), job.sys_id)
    else:
        key = f"{job.sys_id}/{sha256(sets.as_json(data)).hexdigest()[:16]}"
        write = Write(link.external_id, data, key, link.version)
    try:
        return spoke.upsert(connection.stream(job.stream), write)
    except NotFound:
        if link is None:
            raise
        return None
    except Conflict:
        with db.write() as tx:  # hear their side before we insist
            queue.put(tx, [request(_hearing(connection, job, link))], now=clock())
        raise


def _hearing(connection: Connection, job: Push, link: Link | None) -> Poll | Refetch:
    """What brings their side: a poll is blind to the last seconds, so the record itself is better."""
    if link is not None and isinstance(connection.spoke, Fetches):
        return Refetch(job.connection, job.stream, link.external_id)
    return Poll(job.connection, job.stream)


def _link(
    mapping: FieldMapping, job: Push, link: Link | None, receipt: Receipt,
    said: Mapping[str, Any],
) -> Link:  # fmt: skip
    base = dict(link.base or {}) if link else {}
    base |= said
    version = max(receipt.version, link.version) if link else receipt.version
    return Link(
        job.connection, job.stream, job.table, receipt.id, job.sys_id, version, b"",
        mapping.digest, base,
    )  # fmt: skip
