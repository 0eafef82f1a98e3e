"""What changes here is looked at by the flows that make another record of ours of it.

A change queues one job per record and entity, as it queues pushes to other systems, and nothing
where no flow reads what has changed. After a page of many, all are read at once, by a poll.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from hub.errors import Permanent
from hub.mapping import Mapping as FieldMapping
from hub.queue import Request
from hub.store import entities
from hub.sync.connection import Connections, Flow
from hub.sync.jobs import Poll, Push, Refetch, request
from hub.sync.records.merge import plain
from hub.sync.records.patch import Origin

MOST_ALONE = 20
"""Records of one page that are looked at one by one."""
SETTLED = timedelta(seconds=10)
"""After which a poll of our own store sees all that was written before."""
MOST_HOPS = 8
"""Flows that one change may go through. What goes on for longer goes round in a circle."""


class Changed(NamedTuple):
    """A record that changed, in which fields; `written` are those that somebody spoke of."""

    table: str
    sys_id: str
    fields: frozenset[str]
    written: Iterable[str]
    created: bool = False


def after_changes(
    connections: Connections, origin: Origin, changes: Iterable[Changed], *, now: datetime
) -> list[Request]:
    """Jobs for the flows that read what has changed.

    What a flow has written back does not go by that flow again.
    """
    told: dict[tuple[str, str], dict[str, None]] = {}
    for change in changes:
        for flow in connections.flows(change.table):
            news = change.fields
            if _is_by(flow, origin):
                news = news.difference(change.written)
            if change.created or (news & flow.reads if flow.reads else news):
                told.setdefault((flow.connection, flow.stream), {})[change.sys_id] = None
    alone = origin.connection in connections.own  # a poll would not know how far it has come
    return [
        job
        for place, ids in told.items()
        for job in _jobs(*place, list(ids), origin, now, alone=alone)
    ]


def after_births(
    connections: Connections, origin: Origin, table: str, sys_ids: Sequence[str], *, now: datetime
) -> list[Request]:
    """The same for new records."""
    places = {(flow.connection, flow.stream) for flow in connections.flows(table)}
    alone = origin.connection in connections.own
    return [
        job for place in sorted(places) for job in _jobs(*place, sys_ids, origin, now, alone=alone)
    ]


def untold(mapping: FieldMapping) -> dict[str, Any]:
    """What a new record says in the fields that are only told: it is no news to anybody."""
    blank = entities.find(mapping.to).blank
    return {name: plain(blank.get(name)) for name in mapping.writes - mapping.reads}


def check(job: Push | Refetch) -> None:
    """Raise `Permanent` for a change that never comes to rest."""
    if job.hops > MOST_HOPS:
        raise Permanent(
            f"{job.connection}/{job.stream}: a change has gone through {MOST_HOPS} flows, one "
            "after the other: they undo or add to what the others write; `hub mapping show "
            f"{job.connection}/{job.stream}` tells which fields go where: make one of them `out: {{}}`"
        )


def _is_by(flow: Flow, origin: Origin) -> bool:
    return (flow.connection, flow.stream, flow.mapping.table) == (
        origin.connection, origin.stream, origin.back_from,
    )  # fmt: skip


def _jobs(
    connection: str,
    stream: str,
    sys_ids: Sequence[str],
    origin: Origin,
    now: datetime,
    *,
    alone: bool,
) -> list[Request]:
    if len(sys_ids) > MOST_ALONE and not alone:
        return [request(Poll(connection, stream), run_at=(now + SETTLED).timestamp())]
    hops = origin.hops + 1
    return [request(Refetch(connection, stream, sys_id, hops)) for sys_id in sys_ids]
