"""Files both ways, by reference: content is fetched when somebody wants it, and kept by digest.

theirs ─▶ a row that says where it is          (hub/sync/inbound/enclosed.py)
who wants it ─▶ content: here? else fetched from where the row came from, counted and hashed
to everybody else ─▶ sent from the folder, in chunks, each file once
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub import queue
from hub.abilities import Attaches
from hub.abilities import Content as Outgoing
from hub.errors import Permanent, SyncError, Transient
from hub.mapping import Mapping as FieldMapping
from hub.queue import Claimed
from hub.spoke import Receipt, Stream, Write
from hub.store import attachments, enclosed, links
from hub.store.attachments import Content, Files, Kept, safe_name
from hub.store.database import Database, Transaction
from hub.store.enclosed import FILES
from hub.store.entities import ATTACHMENT
from hub.store.records import Row
from hub.store.sys_ids import new_sys_id
from hub.sync.connection import Connections
from hub.sync.jobs import PushFiles
from hub.sync.outbound.sender import REFUSED, Sender, mapping_of, named
from hub.sync.records import audience


def add(
    db: Database, connections: Connections, files: Files, of: tuple[str, str], name: str,
    chunks: Iterable[bytes], *, by: str, now: datetime, content_type: str = "",
) -> str:  # fmt: skip
    """Attach a file to the record `of` (table, sys_id), as a person does; its sys_id.

    Raises `attachments.Refused` for a file that the hub does not take.
    """
    name = safe_name(name)
    kind = content_type or type_of(name)
    files.rules.check(name, kind, None)
    kept = files.keep(chunks, name)
    sys_id = new_sys_id()
    row = ATTACHMENT.blank | {
        "sys_id": sys_id, "table_name": of[0], "table_sys_id": of[1], "file_name": name,
        "content_type": kind, "size_bytes": kept.size, "hash": kept.digest, "state": "available",
        "sys_created_on": now, "sys_created_by": by, "hub_source": "", "hub_external_id": sys_id,
    }  # fmt: skip
    with db.write(durable=True) as tx:
        enclosed.insert(tx, FILES, [row])
        queue.put(tx, audience.after_files(connections, [row]), now=now.timestamp())
    return sys_id


def type_of(name: str) -> str:
    """What a file's name says of its content; it is never believed when the file is served."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def kind_of(row: Row) -> str:
    """The type of a file: what they say, or else what its name does."""
    return row["content_type"] or type_of(safe_name(row["file_name"]))


def content(
    db: Database, connections: Connections, files: Files, sys_id: str
) -> tuple[Row, Content]:
    """A file's row and content, fetched now if it is not here.

    Raises `Permanent` where it can be had from nobody, `Refused` if it breaks a rule, and what the
    other system's spoke raises.
    """
    with db.read() as tx:
        row = attachments.get(tx, sys_id)
    if row is None:
        raise Permanent(f"there is no attachment {sys_id!r}")
    held = files.find(row["hash"] or "") if row["state"] == "available" else None
    if held is not None:
        return row, held
    kept = _fetched(db, connections, files, row)
    with db.write() as tx:
        attachments.note(tx, sys_id, kept)
    held = files.find(kept.digest)
    assert held is not None
    return row | {"hash": kept.digest, "size_bytes": kept.size, "state": "available"}, held


def _fetched(db: Database, connections: Connections, files: Files, row: Row) -> Kept:
    """Content from where the row came from; a digest that is known already must be the same."""
    name, source = safe_name(row["file_name"]), row["hub_source"] or ""
    files.rules.check(name, kind_of(row), row["size_bytes"])
    with db.read() as tx:
        place = _place(tx, row)
    connection = connections.get(source)
    if connection is None or place is None or not isinstance(connection.spoke, Attaches):
        raise Permanent(
            f"{name} ({row['sys_id']}): its content is not here, and {source or 'nobody'} "
            "cannot be asked for it"
        )
    with closing(
        _generated(connection.spoke.open(connection.stream(place[0]), place[1]))
    ) as chunks:
        kept = files.keep(chunks, name)
    if row["size_bytes"] is not None and kept.size != row["size_bytes"]:
        raise Transient(f"{name}: {kept.size:,} bytes came of {row['size_bytes']:,}")
    if row["hash"] and kept.digest != row["hash"]:
        raise Transient(f"{name}: what came is another content than before: {kept.digest}")
    return kept


def sweep(db: Database, files: Files) -> tuple[int, int]:
    """Remove content that no file has any more; how many of them, and their bytes."""

    def named(digests: Collection[str]) -> set[str]:
        with db.read() as tx:
            return attachments.named(tx, digests)

    return files.sweep(named)


def _place(tx: Transaction, row: Row) -> tuple[str, str] | None:
    """(stream, external id) of a file where it came from."""
    for link in links.of_record(tx, str(FILES.table.name), row["sys_id"]):
        if link.connection == row["hub_source"] and not link.deleted:
            return link.stream, link.external_id
    return None


def _generated(chunks: Iterator[bytes]) -> Any:
    """A spoke's answer as something that can be closed before its end."""
    return chunks if hasattr(chunks, "close") else (chunk for chunk in chunks)


@dataclass(frozen=True, slots=True)
class Unsent:
    """The files of a record that a connection lacks, and the way to send them."""

    mapping: FieldMapping
    rows: Sequence[Row]
    refs: Mapping[tuple[str, str], str]

    def data(self, row: Row) -> dict[str, Any]:
        """What goes with a file's content; raises `RecordFailed`."""
        said = row | {"file_name": safe_name(row["file_name"])}
        given = {name: said[name] for name in self.mapping.writes if said.get(name) is not None}
        return self.mapping.outward(given, self.refs)


def unsent(tx: Transaction, connections: Connections, job: PushFiles) -> Unsent:
    """What a job would send now: nothing while they do not have the record.

    Raises `Permanent` if nothing is configured to send it.
    """
    connections.of_job(job.connection, job.stream)
    mapping = mapping_of(connections, job, FILES)
    stream = mapping.ref_streams[FILES.of_record]
    refs = links.sources(tx, job.connection, [(stream, job.table, job.sys_id)])
    of = (job.connection, job.stream, job.table, job.sys_id)
    return Unsent(mapping, enclosed.unsent(tx, FILES, *of) if refs else [], refs)


def push(
    db: Database, connections: Connections, files: Files, claimed: Claimed, job: PushFiles,
    clock: Callable[[], float],
) -> None:  # fmt: skip
    """Send the files of a record that they lack. Raises what the first refused one went wrong of."""
    connection = connections.of_job(job.connection, job.stream)
    with db.read() as tx:
        owed = unsent(tx, connections, job)
    sender = Sender(db, connection, connection.stream(job.stream), owed.mapping, claimed, clock)
    refused: list[SyncError] = []
    for row in owed.rows:
        try:
            _send(sender, db, connections, files, owed, row)
        except REFUSED as error:
            refused.append(named(error, f"{safe_name(row['file_name'])} ({row['sys_id']})"))
    if refused:
        raise refused[0]
    with db.write() as tx:
        queue.done(tx, [claimed])


def _send(
    sender: Sender, db: Database, connections: Connections, files: Files, owed: Unsent, row: Row
) -> None:
    spoke = sender.connection.spoke
    if not isinstance(spoke, Attaches):
        raise Permanent(f"{type(spoke).__name__} cannot carry files")
    row, held = content(db, connections, files, row["sys_id"])
    with db.read() as tx:
        twins = attachments.twins(tx, row, sender.connection.name, sender.stream.name)
    for twin in twins:
        with suppress(Permanent):  # of what nobody has any more nothing can be the same
            if content(db, connections, files, twin["sys_id"])[0]["hash"] == row["hash"]:
                return  # they have put the same bytes at the same record themselves
    name = safe_name(row["file_name"])
    going = Outgoing(name, kind_of(row), held.size, row["hash"], held)

    def create(stream: Stream, write: Write) -> Receipt:
        return spoke.attach(stream, write, going)

    sender.send(row["sys_id"], owed.data(row), create)


def known_twin(tx: Transaction, job: PushFiles, row: Row) -> bool:
    """Whether they are known to have the same bytes at the same record, without asking them."""
    twins = attachments.twins(tx, row, job.connection, job.stream) if row["hash"] else ()
    return any(twin["hash"] == row["hash"] for twin in twins)
