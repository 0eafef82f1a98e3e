"""From the inside out: a record is written to an external system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from hub import queue
from hub.errors import Conflict, NotFound
from hub.mapping import Mapping as FieldMapping
from hub.queue import Claimed
from hub.spoke import Receipt, Write, Writes
from hub.store import entities, links, records
from hub.store.database import Database
from hub.store.links import Link
from hub.store.records import Row
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Poll, Push, request
from hub.sync.merge import plain
from hub.sync.reading import canonical


def push(
    db: Database, connections: Connections, claimed: Claimed, job: Push,
    clock: Callable[[], float],
) -> None:  # fmt: skip
    """Write the record as it is now, which may be newer than when the push was queued.

    Only fields that differ from what both sides agreed on last are sent. A record that they do
    not have is created only by a mapping with a `stamp`, so that we know our own creation again.
    """
    connection = connections[job.connection]
    assert isinstance(connection.spoke, Writes)
    mapping = next(m for m in connection.mappings[job.stream] if m.table == job.table)
    with db.read() as tx:
        entity = entities.find(job.table)
        row = records.read(tx, entity, [job.sys_id]).get(job.sys_id)
        link = next((one for one in links.of_record(tx, job.table, job.sys_id) if _is(one, job)), None)
        values = {} if row is None else _to_send(mapping, row, link)
        refs = links.sources(
            tx, connection.name,
            [
                (stream, entity.shape.fields[name].reference, values[name])
                for name, stream in mapping.ref_streams.items()
                if values.get(name)
            ],
        )  # fmt: skip
    receipt = None
    if values and (link is None and mapping.stamp or link and not link.deleted):
        receipt = _write(db, connection, mapping, job, link, values, refs, clock)
    with db.write() as tx:
        if receipt is not None:
            saved = _link(connection, mapping, job, link, receipt, values)
            links.save(tx, [saved], now=clock())
        queue.done(tx, [claimed])


def _is(link: Link, job: Push) -> bool:
    return link.connection == job.connection and link.stream == job.stream


def _to_send(mapping: FieldMapping, row: Row, link: Link | None) -> dict[str, Any]:
    ours = row | (row.get("hub_custom") or {})
    if link is None:
        return {name: ours[name] for name in mapping.writes if ours.get(name) is not None}
    base = link.base or {}
    return {
        name: ours.get(name)
        for name in mapping.writes
        if plain(ours.get(name)) != base.get(name)
    }


def _write(
    db: Database, connection: Connection, mapping: FieldMapping, job: Push, link: Link | None,
    values: Mapping[str, Any], refs: Mapping[tuple[str, str], str], clock: Callable[[], float],
) -> Receipt | None:  # fmt: skip
    """Send it; None if their record is gone, which the next poll will explain."""
    spoke = connection.spoke
    assert isinstance(spoke, Writes)
    data = mapping.outward(values, refs)
    if link is None:
        assert mapping.stamp
        data[mapping.stamp] = job.sys_id
        write = Write(None, data, job.sys_id)
    else:
        key = f"{job.sys_id}/{sha256(canonical(data)).hexdigest()[:16]}"
        write = Write(link.external_id, data, key, link.version)
    try:
        return spoke.upsert(connection.stream(job.stream), write)
    except NotFound:
        if link is None:
            raise
        return None
    except Conflict:
        with db.write() as tx:  # hear their side before we insist
            queue.put(tx, [request(Poll(job.connection, job.stream))], now=clock())
        raise


def _link(
    connection: Connection, mapping: FieldMapping, job: Push, link: Link | None,
    receipt: Receipt, values: Mapping[str, Any],
) -> Link:  # fmt: skip
    base = dict(link.base or {}) if link else {}
    base |= {name: plain(value) for name, value in values.items()}
    return Link(
        connection.name, job.stream, job.table, receipt.id, job.sys_id,
        receipt.version or (link.version if link else ""), b"", mapping.digest, base,
    )  # fmt: skip
