"""What they were never told, though nothing waits to tell them: records of ours that say something else.

A push may have been dropped by a person, or lost with a database that was restored. A complete
listing finds such records, a page at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import select

from hub.spoke import Writes
from hub.store import entities, links, records
from hub.store.database import Transaction
from hub.store.work import jobs
from hub.sync.connection import Connection
from hub.sync.jobs import Push
from hub.sync.outbound.unsent import Unsent, to_send, unsent


def of_page(tx: Transaction, connection: Connection, stream: str, ids: Iterable[str]) -> list[Push]:
    """The pushes that are owed for these external records of a stream, and do not wait."""
    if not isinstance(connection.spoke, Writes):
        return []
    differing = list(_differing(tx, connection, stream, ids))
    waiting = _waiting(tx, differing)
    silent = [one for one in differing if one.key not in waiting]
    found = unsent(tx, connection, silent) if silent else []
    return [push for push, one in zip(silent, found, strict=True) if _owed(one)]


def _differing(
    tx: Transaction, connection: Connection, stream: str, ids: Iterable[str]
) -> Iterator[Push]:
    """The records whose fields are not what both sides agreed on last. Two statements a table."""
    known = links.lookup(tx, connection.name, stream, ids)
    for mapping in connection.mappings[stream]:
        mine = [known[id].links[mapping.table] for id in known if mapping.table in known[id].links]
        alive = {link.sys_id: link for link in mine if not link.deleted}
        if mapping.writes and alive:
            rows = records.read(tx, entities.find(mapping.table), alive)
            for sys_id, row in rows.items():
                if to_send(mapping, row, alive[sys_id]):
                    yield Push(connection.name, stream, mapping.table, sys_id)


def _waiting(tx: Transaction, pushes: Sequence[Push]) -> set[str]:
    keys = [push.key for push in pushes]
    mine = select(jobs.c.key).where(jobs.c.kind == Push.kind, jobs.c.key.in_(keys))
    return set(tx.execute(mine).scalars()) if keys else set()


def _owed(found: Unsent | Exception) -> bool:
    """Whether they would hear anything new; a value that they cannot be told is owed as well."""
    return bool(found.values) if isinstance(found, Unsent) else True
