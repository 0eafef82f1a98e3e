"""Sends what belongs to a record, each once: what is about to be sent is on disk before it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hub import queue
from hub.abilities import Recalls
from hub.errors import Conflict, MappingFailed, NotFound, Permanent, SyncError
from hub.mapping import Mapping as FieldMapping
from hub.mapping import RecordFailed
from hub.queue import Claimed
from hub.spoke import Receipt, Stream, Write, Writes
from hub.store import enclosed, links, sets
from hub.store.database import Database
from hub.store.enclosed import KINDS, Kind, Outdated
from hub.store.links import Link
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import PushFiles, PushNotes, request
from hub.sync.outbound.hearing import hearing
from hub.sync.stamps import with_stamp

Create = Callable[[Stream, Write], Receipt]
"""What makes a record of theirs."""
REFUSED = (Permanent, RecordFailed, MappingFailed)
"""What one thing may fail of while others go on."""


def mapping_of(connections: Connections, job: PushNotes | PushFiles, kind: Kind) -> FieldMapping:
    """The mapping by which what belongs to a record goes to a stream; raises `Permanent`."""
    for _, stream, mapping in connections.enclosing(job.table, job.connection):
        if stream == job.stream and mapping.table == kind.table.name:
            return mapping
    raise Permanent(
        f"{job.connection}/{job.stream}: no mapping writes a {kind.name} of {job.table}; "
        "bring it back, or drop the job"
    )


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends what belongs to a record, each once, and writes down what it is called over there."""

    db: Database
    connection: Connection
    stream: Stream
    mapping: FieldMapping
    claimed: Claimed
    clock: Callable[[], float]

    def send(
        self, sys_id: str, data: dict[str, Any], create: Create,
        base: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Create it there unless it is there already, and link it; `base` is what they have then."""
        if self.mapping.stamp:
            data = with_stamp(data, self.mapping.stamp, sys_id)
        write = Write(None, data, sys_id)
        receipt = None if self.mapping.stamp else self._earlier(write)
        self._link(sys_id, receipt or self._created(create, write), base)

    def update(self, old: Outdated, data: dict[str, Any], base: Mapping[str, Any]) -> None:
        """Make theirs say what ours says, unless they have changed it meanwhile.

        Raises `Conflict` then, and has their side heard first. What is gone there stays so.
        """
        spoke, sys_id = self.connection.spoke, old.entry["sys_id"]
        assert isinstance(spoke, Writes)
        key = f"{sys_id}/{sha256(sets.as_json(data)).hexdigest()[:16]}"
        try:
            receipt = spoke.upsert(self.stream, Write(old.external_id, data, key, old.version))
        except NotFound:
            return
        except Conflict:
            with self.db.write() as tx:
                theirs = hearing(self.connection, self.stream.name, old.external_id)
                queue.put(tx, [request(theirs)], now=self.clock())
            raise
        with self.db.write() as tx:
            queue.fence(tx, self.claimed)
            version = max(receipt.version, old.version)
            link = self._as_linked(old.external_id, sys_id, version, base)
            links.save(tx, [link], now=self.clock())

    def _earlier(self, write: Write) -> Receipt | None:
        """What became of an earlier try whose answer was lost.

        That it is about to be sent is on disk before it is: otherwise nobody would know of a try.
        """
        here, spoke = (self.connection.name, self.stream.name), self.connection.spoke
        if not isinstance(spoke, Recalls):
            raise Permanent(
                f"{self.mapping.file}: it can be written only with a `stamp`, or by a spoke "
                "that can recall them: otherwise a lost answer would make two of one"
            )
        with self.db.write(durable=True) as tx:
            queue.fence(tx, self.claimed)
            tried = enclosed.set_out(tx, *here, write.key, now=self.clock())
        if not tried:
            return None
        found = spoke.recall(self.stream, write)
        with self.db.read() as tx:
            known = links.targets(tx, here[0], [(here[1], id) for id in found])
        taken = {id for (_, id, table), _ in known.items() if table == self.mapping.table}
        return next((Receipt(id) for id in found if id not in taken), None)

    def _created(self, create: Create, write: Write) -> Receipt:
        try:
            return create(self.stream, write)
        except NotFound as error:
            raise Permanent(f"what it belongs to is not there any more ({error})") from error

    def _link(self, sys_id: str, receipt: Receipt, base: Mapping[str, Any] | None) -> None:
        """They have it. A poll may have told us before: then nothing of what it said is lost."""
        name, stream, table = self.connection.name, self.stream.name, self.mapping.table
        with self.db.write() as tx:
            queue.fence(tx, self.claimed)
            known = links.lookup(tx, name, stream, [receipt.id]).get(receipt.id)
            told = known.links.get(table) if known else None
            if told is None or told.sys_id != sys_id:
                link = self._as_linked(receipt.id, sys_id, receipt.version, base)
                links.save(tx, [link], now=self.clock())
            if told is not None and told.sys_id not in {"", sys_id}:  # taken for one of theirs
                enclosed.drop(tx, KINDS[table], name, told.sys_id)
            enclosed.arrived(tx, name, stream, [sys_id])

    def _as_linked(
        self, external_id: str, sys_id: str, version: str, base: Mapping[str, Any] | None
    ) -> Link:
        """That they have it; what they make of it they have not told yet."""
        return Link(
            self.connection.name, self.stream.name, self.mapping.table, external_id, sys_id,
            version, b"", self.mapping.digest, base,
        )  # fmt: skip


def named(error: SyncError, what: str) -> SyncError:
    """The same error, saying of what."""
    kind = type(error) if isinstance(error, Permanent) else MappingFailed
    return kind(f"{what}: {error}")
