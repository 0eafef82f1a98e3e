"""Fill the references that waited, once the records that they mean have arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from hub import queue
from hub.queue import Claimed
from hub.store import cursors, entities, links, pending
from hub.store.database import Database, Transaction
from hub.store.enclosed import KINDS
from hub.store.pending import Pending
from hub.sync.connection import Connections
from hub.sync.inbound import relations
from hub.sync.inbound.absorb import absorb_records
from hub.sync.inbound.resolve import pick
from hub.sync.jobs import Bind, label
from hub.sync.records import audience
from hub.sync.records.amend import Origin, Patch, amend
from hub.sync.records.ended import TABLES

AT_ONCE = 500


def bind(
    db: Database, connections: Connections, claimed: Claimed, job: Bind,
    clock: Callable[[], float],
) -> None:  # fmt: skip
    """Fill them in portions, each committed by itself; the last one ends the job.

    Pushes nothing to where the reference came from: they know it already.
    """
    after, last = None, False
    while not last:
        now = datetime.fromtimestamp(clock(), UTC)
        with db.write() as tx:
            queue.fence(tx, claimed)
            found = pending.arrived(tx, job.connection, job.stream, after=after, most=AT_ONCE)
            belonging = [one for one in found if one[0].table in KINDS]
            found_here = [(waiting, *next(iter(ids.items()))) for waiting, ids in belonging]
            queue.put(tx, audience.settle(tx, connections, found_here), now=clock())
            related = [one[0] for one in found if one[0].table in TABLES and _meant(*one)]
            _tell_again(tx, connections, claimed, job, related, now)
            elsewhere = KINDS.keys() | TABLES.keys()
            of_records = [one for one in found if one[0].table not in elsewhere]
            known = [(waiting, id) for waiting, ids in of_records if (id := _meant(waiting, ids))]
            patches = [_patch(*one) for one in known]
            origin = Origin(job.connection, job.connection, label(claimed))
            amend(tx, connections, patches, origin, now=now)
            links.agree(
                tx, job.connection, [(one.table, one.sys_id, one.field, id) for one, id in known]
            )
            filled = [waiting for waiting, _ in [*known, *belonging]]
            pending.forget(tx, [*filled, *related])
            last = len(found) < AT_ONCE
            if last:
                queue.done(tx, [claimed])
        after = found[-1][0] if found else None


def _tell_again(
    tx: Transaction, connections: Connections, claimed: Claimed, job: Bind,
    related: Sequence[Pending], now: datetime,
) -> None:  # fmt: skip
    """Read relations again of which one end is here now: as records of their own streams."""
    connection = connections.get(job.connection)
    told = relations.arrived(tx, connection, related) if connection else {}
    for stream, those in told.items():
        counts = absorb_records(
            tx, connections, connections[job.connection], stream, those,
            now=now, job=label(claimed), again=True,
        )  # fmt: skip
        cursors.move(tx, job.connection, stream, None, counts, now=now.timestamp(), newest=None)


def _meant(waiting: Pending, ids: Mapping[str, str]) -> str | None:
    field = entities.find(waiting.table).shape.fields[waiting.field]
    return pick(ids, field.reference)


def _patch(waiting: Pending, target: str) -> Patch:
    return Patch(
        entities.find(waiting.table),
        waiting.sys_id,
        {waiting.field: target},
        owner_of=_if_empty,
        external_id=waiting.external_id,
        place_of=lambda _: waiting.place,
    )


def _if_empty(_: str) -> str:
    return "if_empty"
