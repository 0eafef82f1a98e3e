"""Who has to be told what belongs to a record: every connection that shows its entries or files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hub import queue
from hub.store import enclosed
from hub.store.database import Transaction
from hub.store.enclosed import FILES, KINDS, NOTES, Kind
from hub.store.journal import Note
from hub.store.pending import Pending
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.jobs import PushFiles, PushNotes, request


def after_notes(connections: Connections, notes: Iterable[Note]) -> list[queue.Request]:
    """Jobs for whoever shows the entries that were written about records."""
    said = [
        {NOTES.of_table: n.table, NOTES.of_record: n.sys_id, "hub_source": n.source} for n in notes
    ]
    return list(told_on(connections, NOTES, said))


def after_files(connections: Connections, rows: Iterable[Row]) -> list[queue.Request]:
    """Jobs for whoever shows the files that were added to records."""
    return list(told_on(connections, FILES, rows))


def after_links(
    tx: Transaction, connections: Connections, connection: str, linked: Iterable[tuple[str, str]]
) -> list[queue.Request]:
    """Jobs for what belongs to records that a connection has got now: (table, sys_id) of each."""
    jobs: list[queue.Request] = []
    shown = [one for one in linked if connections.enclosing(one[0], connection)]
    for kind in KINDS.values() if shown else ():
        having = enclosed.any_of(tx, kind, [sys_id for _, sys_id in shown])
        for table, sys_id in shown:
            for name, stream, mapping in connections.enclosing(table, connection):
                if sys_id in having and mapping.table == kind.table.name:
                    jobs.append(_push(kind, name, stream, table, sys_id))
    return jobs


def settle(
    tx: Transaction, connections: Connections, known: Sequence[tuple[Pending, str, str]]
) -> list[queue.Request]:
    """Give rows that waited for their record its (table, sys_id); jobs for who is to be told."""
    jobs: list[queue.Request] = []
    for kind in KINDS.values():
        mine = [one for one in known if one[0].table == kind.table.name]
        enclosed.settle(tx, kind, [(p.sys_id, table, sys_id) for p, table, sys_id in mine])
        said = [
            {kind.of_table: table, kind.of_record: sys_id, "hub_source": p.connection}
            for p, table, sys_id in mine
        ]
        jobs += told_on(connections, kind, said)
    return jobs


def told_on(connections: Connections, kind: Kind, rows: Iterable[Row]) -> Iterator[queue.Request]:
    """One job for each record and connection that shows such things, but where they came from."""
    jobs = {}
    for row in rows:
        table = row[kind.of_table]
        for connection, stream, mapping in connections.enclosing(table) if table else ():
            if mapping.table == kind.table.name and connection != row["hub_source"]:
                job = _push(kind, connection, stream, table, row[kind.of_record])
                jobs[job.key] = job
    yield from jobs.values()


def _push(kind: Kind, connection: str, stream: str, table: str, sys_id: str) -> queue.Request:
    job = PushNotes if kind is NOTES else PushFiles
    return request(job(connection, stream, table, sys_id))
