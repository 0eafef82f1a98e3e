"""From the inside out: what was said about a record is told elsewhere, entry by entry.

The oldest first, each once: an entry that has gone there has a link, one of which the answer was
lost is looked for before it is sent again. A refused entry holds nobody else up.

Public and internal are kept apart by reading what would be sent with the mapping that wrote it:
an entry goes nowhere where it would be read as the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub import queue
from hub.errors import Permanent, SyncError
from hub.mapping import Mapping as FieldMapping
from hub.queue import Claimed
from hub.spoke import Writes
from hub.store import enclosed, links
from hub.store.database import Database, Transaction
from hub.store.enclosed import NOTES
from hub.store.journal import INTERNAL
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.jobs import PushNotes
from hub.sync.outbound.sender import REFUSED, Sender, mapping_of, named

PLAIN = "A text."
"""What stands for any text in the question which entries a mapping is for."""


@dataclass(frozen=True, slots=True)
class Unsaid:
    """What a connection lacks of what was said about a record, and the way to send it.

    `refs` has what they call the record; without it they do not have it yet.
    """

    mapping: FieldMapping
    entries: list[Row]
    refs: Mapping[tuple[str, str], str]


def unsaid(tx: Transaction, connections: Connections, job: PushNotes) -> Unsaid:
    """What a job would send now. Raises `Permanent` if nothing is configured to send it."""
    connections.of_job(job.connection, job.stream)
    mapping = mapping_of(connections, job, NOTES)
    stream = mapping.ref_streams[NOTES.of_record]
    refs = links.sources(tx, job.connection, [(stream, job.table, job.sys_id)])
    entries = enclosed.unsent(tx, NOTES, job.connection, job.stream, job.table, job.sys_id)
    return Unsaid(mapping, entries if refs else [], refs)


def push(
    db: Database, connections: Connections, claimed: Claimed, job: PushNotes,
    clock: Callable[[], float],
) -> None:  # fmt: skip
    """Send the entries that they lack. Raises what went wrong with the first that was refused."""
    connection = connections.of_job(job.connection, job.stream)
    with db.read() as tx:
        found = unsaid(tx, connections, job)
    sender = Sender(db, connection, connection.stream(job.stream), found.mapping, claimed, clock)
    spoke, refused = connection.spoke, list[SyncError]()
    assert isinstance(spoke, Writes)
    for entry in found.entries:
        try:
            data = outward(found.mapping, entry, found.refs)
            if data is not None:
                sender.send(entry["sys_id"], data, spoke.upsert)
        except REFUSED as error:
            what = f"{entry['element']} of {entry['sys_created_on']} ({entry['sys_id']})"
            refused.append(named(error, what))
    if refused:
        raise refused[0]
    with db.write() as tx:
        queue.done(tx, [claimed])


def outward(
    mapping: FieldMapping, entry: Row, refs: Mapping[tuple[str, str], str]
) -> dict[str, Any] | None:
    """What to send for an entry; None if the place is not for entries of its kind.

    Raises `Permanent` for a text that would make an internal entry a public one, or the reverse;
    `RecordFailed` for one that cannot be written.
    """
    values = {name: entry[name] for name in mapping.writes if entry.get(name) is not None}
    data = mapping.outward(values, refs)
    read = mapping.inward(data).get("element")
    if read == entry["element"]:
        return data
    plain = mapping.inward(mapping.outward(values | {"value": PLAIN}, refs)).get("element")
    if plain != entry["element"]:
        return None
    kind = "an internal" if entry["element"] == INTERNAL else "a public"
    raise Permanent(f"its text would make {kind} entry a {read} over there: write it otherwise")
