"""The kinds of job. Nothing else is ever queued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from hub.queue import Claimed, Lane, Request


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

    kind: ClassVar[str] = "push"
    lane: ClassVar[Lane] = Lane.PUSH

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}/{self.table}/{self.sys_id}"


@dataclass(frozen=True, slots=True)
class Bind:
    """Fill the references that waited for records of a stream."""

    connection: str
    stream: str

    kind: ClassVar[str] = "bind"
    lane: ClassVar[Lane] = Lane.PUSH

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}"


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
    """Read a dead record again, from the raw data that was kept."""

    connection: str
    dead: int

    kind: ClassVar[str] = "reread"
    lane: ClassVar[Lane] = Lane.BACKFILL

    @property
    def key(self) -> str:
        return str(self.dead)


@dataclass(frozen=True, slots=True)
class Refetch:
    """Read one external record again as it is now."""

    connection: str
    stream: str
    id: str

    kind: ClassVar[str] = "refetch"
    lane: ClassVar[Lane] = Lane.PUSH

    @property
    def key(self) -> str:
        return f"{self.connection}/{self.stream}/{self.id}"


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
    """Forget deliveries that are older than anybody would repeat them."""

    connection: ClassVar[str] = ""
    kind: ClassVar[str] = "sweep"
    lane: ClassVar[Lane] = Lane.BACKFILL
    key: ClassVar[str] = "sweep"


Job = Ingest | Push | Bind | Poll | Reread | Refetch | Remap | Subscribe | Sweep
KINDS: dict[str, type[Job]] = {
    kind.kind: kind for kind in (Ingest, Push, Bind, Poll, Reread, Refetch, Remap, Subscribe, Sweep)
}


def request(job: Job, *, run_at: float | None = None) -> Request:
    """The job as the queue keeps it."""
    payload: dict[str, Any] = {name: getattr(job, name) for name in job.__slots__}
    return Request(job.kind, job.key, job.connection, payload, job.lane, run_at)


def read(claimed: Claimed) -> Job:
    """The job that was put."""
    return KINDS[claimed.kind](**claimed.payload)


def label(claimed: Claimed) -> str:
    """How audit entries name a job."""
    return f"{claimed.kind}/{claimed.id}"
