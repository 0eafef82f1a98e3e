"""From the inside out: what was said about a record is told elsewhere, entry by entry.

The oldest first, each once: an entry that has gone there has a link, one of which the answer was
lost is looked for before it is sent again. One that they have in older words is mended there. A
refused entry holds nobody else up.

Public and internal are kept apart by reading what would be sent with the mapping that wrote it:
an entry goes nowhere where it would be read as the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hub import queue
from hub.errors import Permanent, SyncError
from hub.mapping import Mapping as FieldMapping
from hub.queue import Claimed
from hub.spoke import Writes
from hub.store import enclosed, links
from hub.store.database import Database, Transaction
from hub.store.enclosed import NOTES, Outdated
from hub.store.journal import INTERNAL
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.jobs import PushNotes
from hub.sync.outbound.sender import REFUSED, Sender, mapping_of, named
from hub.sync.records.wording import PLAIN, as_they_say_it, words

SAYS = frozenset({"element", "value"})
"""What of an entry may change."""


@dataclass(frozen=True, slots=True)
class Unsaid:
    """What a connection lacks of what was said about a record, and the way to send it.

    `outdated` is what they have in older words. `refs` has what they call the record; without it
    they do not have it yet.
    """

    mapping: FieldMapping
    entries: list[Row]
    outdated: list[Outdated]
    refs: Mapping[tuple[str, str], str]

    def sends(self) -> Iterator[tuple[Row, Outdated | None, Callable[[], dict[str, Any] | None]]]:
        """Each entry, what they have of it, and what gives what to send, as `outward` does."""
        for entry in self.entries:
            yield entry, None, partial(outward, self.mapping, entry, self.refs)
        for old in self.outdated:
            yield old.entry, old, partial(rewritten, self.mapping, old.entry)


def unsaid(tx: Transaction, connections: Connections, job: PushNotes) -> Unsaid:
    """What a job would send now. Raises `Permanent` if nothing is configured to send it."""
    connections.of_job(job.connection, job.stream)
    mapping = mapping_of(connections, job, NOTES)
    stream = mapping.ref_streams[NOTES.of_record]
    refs = links.sources(tx, job.connection, [(stream, job.table, job.sys_id)])
    of = (job.connection, job.stream, job.table, job.sys_id)
    entries = enclosed.unsent(tx, NOTES, *of) if refs else []
    outdated = enclosed.outdated(tx, *of) if mapping.writes & SAYS else []
    return Unsaid(mapping, entries, outdated, refs)


def push(
    db: Database, connections: Connections, claimed: Claimed, job: PushNotes,
    clock: Callable[[], float],
) -> None:  # fmt: skip
    """Send the entries that they lack. Raises what went wrong with the first that was refused."""
    connection = connections.of_job(job.connection, job.stream)
    with db.read() as tx:
        found = unsaid(tx, connections, job)
    sender = Sender(db, connection, connection.stream(job.stream), found.mapping, claimed, clock)
    refused = list[SyncError]()
    for entry, old, written in found.sends():
        try:
            if data := written():
                _send(sender, entry, old, data)
        except REFUSED as error:
            what = f"{entry['element']} of {entry['sys_created_on']} ({entry['sys_id']})"
            refused.append(named(error, what))
    if refused:
        raise refused[0]
    with db.write() as tx:
        queue.done(tx, [claimed])


def _send(sender: Sender, entry: Row, old: Outdated | None, data: dict[str, Any]) -> None:
    heard = as_they_say_it(sender.mapping, entry)
    base = words(entry["element"], heard.get("value"), entry["hub_hash"])
    spoke = sender.connection.spoke
    assert isinstance(spoke, Writes)
    if old is None:
        sender.send(entry["sys_id"], data, spoke.upsert, base)
    else:
        sender.update(old, data, base)


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


def rewritten(mapping: FieldMapping, entry: Row) -> dict[str, Any] | None:
    """What to write to an entry that they have in older words; None and errors as of `outward`.

    Nothing of what an edit does not change, as its record, its author and its time. Raises
    `Permanent` also for one that has become internal, where all that they have is public.
    """
    said = {name: value for name, value in entry.items() if name not in mapping.ref_streams}
    data = outward(mapping, said, {})
    if data is None and entry["element"] == INTERNAL:
        raise Permanent("it is internal now, and public over there for good: remove it there")
    if data is None:
        return None
    others = {name: said[name] for name in mapping.writes & said.keys() - SAYS}
    unchanged = mapping.outward({n: v for n, v in others.items() if v is not None}, {})
    return {path: value for path, value in data.items() if path not in unchanged}
