"""The kinds of job. Nothing else is ever queued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from hub.queue import Claimed, Lane, Request
from hub.queue.revivals import REREAD


@dataclass(frozen=True, slots=True)
class Ingest:
    """Read a stored webhook."""

    connection: str
    delivery: int

    kind: ClassVar[str] = "ingest"
    lane: ClassVar[Lane] = Lane.WEBHOOK

    @property
    def key(self) -> str:
        return str(self.delivery)


@dataclass(frozen=True, slots=True)
class Push:
    """Make an external record say what ours says."""

    connection: str
    stream: str
    table: str
    sys_id: str
    hops: int = 0  # through flows between our own entities

    kind: ClassVar[str] = "push"
    lane: ClassVar[Lane] = Lane.PUSH

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}/{self.table}/{self.sys_id}"


@dataclass(frozen=True, slots=True)
class PushNotes:
    """Send what was said about a record, and what they have not got, entry by entry."""

    connection: str
    stream: str
    table: str  # of the record
    sys_id: str

    kind: ClassVar[str] = "push_notes"
    lane: ClassVar[Lane] = Lane.PUSH

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}/{self.table}/{self.sys_id}"


@dataclass(frozen=True, slots=True)
class PushFiles:
    """Send the files of a record that they have not got, one by one."""

    connection: str
    stream: str
    table: str  # of the record
    sys_id: str

    kind: ClassVar[str] = "push_files"
    lane: ClassVar[Lane] = Lane.PUSH

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}/{self.table}/{self.sys_id}"


@dataclass(frozen=True, slots=True)
class Bind:
    """Fill the references that waited for records of a stream.

    `late`: once all that was written at the same time as they were is there to be seen.
    """

    connection: str
    stream: str
    late: bool = False

    kind: ClassVar[str] = "bind"
    lane: ClassVar[Lane] = Lane.PUSH

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}{'/late' if self.late else ''}"


@dataclass(frozen=True, slots=True)
class Poll:
    """Pull what changed in a stream."""

    connection: str
    stream: str

    kind: ClassVar[str] = "poll"
    lane: ClassVar[Lane] = Lane.POLL

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}"


@dataclass(frozen=True, slots=True)
class Reread:
    """Read the next dead records of a revival again, from the raw data that was kept."""

    revival: int

    connection: ClassVar[str] = ""
    kind: ClassVar[str] = REREAD
    lane: ClassVar[Lane] = Lane.BACKFILL

    @property
    def key(self) -> str:
        return str(self.revival)


@dataclass(frozen=True, slots=True)
class Refetch:
    """Read one external record again as it is now."""

    connection: str
    stream: str
    id: str
    hops: int = 0  # through flows between our own entities

    kind: ClassVar[str] = "refetch"
    lane: ClassVar[Lane] = Lane.PUSH

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}/{self.id}"


@dataclass(frozen=True, slots=True)
class Backfill:
    """Go on reading a stream from its beginning, or since a moment, beside its polls."""

    connection: str
    stream: str

    kind: ClassVar[str] = "backfill"
    lane: ClassVar[Lane] = Lane.BACKFILL

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}"


@dataclass(frozen=True, slots=True)
class Remap:
    """Read what is remembered of a stream's records again, with the mapping as it is now."""

    connection: str
    stream: str

    kind: ClassVar[str] = "remap"
    lane: ClassVar[Lane] = Lane.BACKFILL

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}"


@dataclass(frozen=True, slots=True)
class Subscribe:
    """See to it that a connection's webhooks are sent to us."""

    connection: str

    kind: ClassVar[str] = "subscribe"
    lane: ClassVar[Lane] = Lane.POLL

    @property
    def key(self) -> str:
        return self.connection


@dataclass(frozen=True, slots=True)
class Sweep:
    """Forget what nobody will ask for any more: deliveries, settled conflicts, content of files."""

    connection: ClassVar[str] = ""
    kind: ClassVar[str] = "sweep"
    lane: ClassVar[Lane] = Lane.BACKFILL
    key: ClassVar[str] = "sweep"


Job = (
    Backfill
    | Ingest
    | Push
    | PushNotes
    | PushFiles
    | Bind
    | Poll
    | Reread
    | Refetch
    | Remap
    | Subscribe
    | Sweep
)
KINDS: dict[str, type[Job]] = {
    kind.kind: kind
    for kind in (
        Backfill,
        Ingest,
        Push,
        PushNotes,
        PushFiles,
        Bind,
        Poll,
        Reread,
        Refetch,
        Remap,
        Subscribe,
        Sweep,
    )
}


def request(job: Job, *, run_at: float | None = None) -> Request:
    """The job as the queue keeps it."""
    payload: dict[str, Any] = {name: getattr(job, name) for name in job.__slots__}
    if not payload.get("hops", True):  # of nearly all that there are
        del payload["hops"]
    return Request(job.kind, job.key, job.connection, payload, job.lane, run_at)


def read(claimed: Claimed) -> Job:
    """The job that was put."""
    return KINDS[claimed.kind](**claimed.payload)


def label(claimed: Claimed) -> str:
    """How audit entries name a job."""
    return f"{claimed.kind}/{claimed.id}"
