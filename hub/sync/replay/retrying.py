"""Dead records, read again from what was kept of them: in portions, each stream in its turn.

A person asks for it (`hub dead retry`), or it begins by itself once the mapping that could not read
them is another: once for each change, for what fails again has died of the new mapping.

A record's order is kept. Whoever folds changes of a stream in has the stream's turn, and a letter
is looked at within it: one that a newer change has overtaken meanwhile is no letter any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from hub import queue
from hub.mapping import Mapping as FieldMapping
from hub.mapping import RecordFailed
from hub.queue import Claimed, LostLease, revivals
from hub.queue.revivals import Revival
from hub.store import cursors, dead, links
from hub.store.database import Database, Unavailable
from hub.store.dead import Which
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.absorb import absorb_records
from hub.sync.inbound.handlers import Inbound
from hub.sync.jobs import Reread, label
from hub.sync.reading import Record, digested, fate

BY_ITSELF = "the hub: a mapping has changed"
RATE = 500.0  # records per second of a revival that begins by itself
ELSEWHERE = 30.0  # seconds until a worker with the right mapping is looked for again ...
FOR_LONG = 900.0  # ... and after which there is none


def reread(inbound: Inbound, claimed: Claimed, job: Reread) -> None:
    """Read the next dead records of a revival; its progress commits last, with the job.

    After a crash some are read twice, which changes nothing.
    """
    db, now = inbound.db, inbound.clock()
    with db.read() as tx:
        found = revivals.portion(tx, job.revival)
    if found is None or not found[1]:
        with db.write() as tx:
            revivals.end(tx, claimed, now=now)
        return
    revival, those = found
    if not _is_ours(inbound.connections, revival):
        _leave(db, claimed, revival, now=now)
        return
    by_stream = sorted(those, key=lambda one: one[1:])
    for (name, stream), rows in groupby(by_stream, key=lambda one: one[1:]):
        connection = inbound.connections.get(name)
        if connection is not None and stream in connection.mappings:
            _read(inbound, claimed, connection, stream, [id for id, *_ in rows])
    with db.write() as tx:
        revivals.advance(
            tx, claimed, position=those[-1][0], revived=len(those),
            most=revivals.at_once(revival.rate), now=inbound.clock(),
        )  # fmt: skip


def _read(
    inbound: Inbound, claimed: Claimed, connection: Connection, stream: str, ids: Sequence[int]
) -> None:
    """All at once; one by one if that cannot be, so that one of them does not hold up the others.

    What fails by itself stays dead and says why: that is a bug of ours, or the database's.
    """
    try:
        _read_at_once(inbound, claimed, connection, stream, ids)
    except (LostLease, Unavailable):
        raise
    except Exception as error:  # noqa: BLE001 -- told where a person looks for it
        if len(ids) > 1:
            for id in ids:
                _read(inbound, claimed, connection, stream, [id])
        else:
            said = f"could not be read again: {type(error).__name__}: {error}"
            with inbound.db.write() as tx:
                dead.note(tx, ids[0], said, now=inbound.clock())


def _read_at_once(
    inbound: Inbound, claimed: Claimed, connection: Connection, stream: str, ids: Sequence[int]
) -> None:
    now = inbound.clock()
    with inbound.db.write() as tx:
        queue.fence(tx, claimed)
        links.take_turn(tx, connection.name, stream)
        letters = dead.find(tx, Which(ids=ids), most=len(ids))  # who had the turn may have moved on
        counts = absorb_records(
            tx, inbound.connections, connection, stream, kept(connection, stream, letters),
            now=datetime.fromtimestamp(now, UTC), job=label(claimed), again=True,
        )  # fmt: skip
        cursors.move(tx, connection.name, stream, None, counts, now=now, newest=None)
    inbound.watch(connection.name, stream, counts)


def kept(connection: Connection, stream: str, letters: Iterable[Any]) -> list[Record]:
    """The records of dead letters, just as they came."""
    first, *_ = connection.mappings[stream]
    return [record_of(letter, bytes(letter.raw), first) for letter in letters]


def record_of(letter: Any, raw: bytes, first: FieldMapping) -> Record:
    """A dead letter's record, said in other words if `raw` is not what was kept.

    What they sent last is what was kept: that is known when it comes again. A record whose version
    could not be read with its key may have one now.
    """
    record = digested(Record(letter.external_id, letter.version, bytes(letter.raw)))
    record.raw = raw
    if not record.version and record.id.startswith("?"):
        [head] = first.heads([raw])
        record.version = "" if isinstance(head, RecordFailed) else head.version
    return record


def begin_where_mappings_changed(
    db: Database, connections: Connections, *, now: float
) -> list[int]:
    """Revive the dead records of mappings that are others now; the numbers of what began.

    Once for each change, whoever asks and however often.
    """
    with db.read() as tx:
        changed = [one for one in dead.made_by(tx) if _target(connections, *one[:3])]
    begun = []
    for name, stream, old, latest in changed:
        which = Which(connection=name, stream=stream, made_by=old)
        once = f"{name}/{stream} {old} > {_target(connections, name, stream, old)}"
        with db.write() as tx:
            links.take_turn(tx, name, stream)  # two that look at once would both begin
            if not revivals.covered(tx, once, since=latest):
                number = revivals.start(tx, which, by=BY_ITSELF, rate=RATE, once=once, now=now)
                begun.append(number)
    return begun


def _target(connections: Connections, name: str, stream: str, old: str) -> str:
    """The mapping in the old one's place, if it is another; empty if nothing has changed."""
    connection = connections.get(name)
    if connection is None or stream not in connection.mappings:
        return ""
    now = {mapping.name: fate(mapping) for mapping in connection.mappings[stream]}
    if old in now.values():
        return ""
    return now.get(old.partition("@")[0]) or "+".join(sorted(now.values()))


def _is_ours(connections: Connections, revival: Revival) -> bool:
    """Whether this process knows the mapping that a revival began for.

    While processes are restarted one by one, some still have the old one.
    """
    which, once = revival.which, revival.once
    if not once or not isinstance(which, Which):
        return True
    target = _target(connections, which.connection, which.stream, which.made_by)
    return once.rpartition(" > ")[2] == target


def _leave(db: Database, claimed: Claimed, revival: Revival, *, now: float) -> None:
    with db.write() as tx:
        if now - revival.started_at > FOR_LONG:  # it has changed once more since
            revivals.end(tx, claimed, now=now)
        else:
            revivals.wait(tx, claimed, seconds=ELSEWHERE, now=now)


__all__ = ["begin_where_mappings_changed", "kept", "record_of", "reread"]
