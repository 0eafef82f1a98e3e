"""What a spoke is. Spoke authors need this module, as `import hub`, and no other.

A spoke is a settings model (its fields) plus what it can do (its bases):

    class Acme(hub.Spoke, hub.Pulls, hub.Receives, hub.Writes): ...

The hub never asks a spoke for anything that its bases do not promise. A spoke never sleeps,
retries, logs and continues, or reads the clock; it raises what went wrong (`hub.errors`).
One spoke object serves many threads: keep nothing on it that changes.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, model_validator

from hub.errors import (
    AuthFailed,
    Conflict,
    CursorLost,
    MappingFailed,
    NotFound,
    Permanent,
    RateLimited,
    SyncError,
    Transient,
)
from hub.http import (
    Auth,
    Basic,
    Bearer,
    Client,
    ClientCredentials,
    HeaderKey,
    JwtBearer,
    MemoryTokens,
    Quota,
    Rate,
    RefreshToken,
    Response,
    Take,
    Tokens,
    Transport,
    check_address,
)
from hub.keyset import LISTED, Cursor, Keyset, Window
from hub.webhook import Forged, Greeting, Webhook

JsonObject = dict[str, Any]
Secret = SecretStr


@dataclass(frozen=True, slots=True)
class Stream:
    """A named collection of records in the external system.

    `every` is how often it is polled unless the connection says otherwise. `wants` lists the
    paths that the mappings read (`Id`, `Account.Name`); empty means everything. The engine
    fills it in, so that a spoke can ask for no more than is used.

    `complete`: a pull without a cursor lists every record that exists, so that one that is not in
    it is gone. Not so where they show no more than, say, the orders of the last 60 days.

    `by_time`: a pull's cursors are a `Keyset`'s, so that it can be asked since any moment.
    """

    name: str
    every: timedelta = timedelta(minutes=5)
    wants: tuple[str, ...] = ()
    complete: bool = True
    by_time: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One external record as it is now. `data` is None once the record is deleted.

    `version` sorts by age as text (an ISO timestamp in UTC, a zero-padded counter): a change
    with an older version than we saw is ignored. Empty means that they have no such thing.
    """

    stream: str
    id: str
    data: JsonObject | None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """Something happened to this record: `fetch` it to learn what."""

    stream: str
    id: str


@dataclass(frozen=True, slots=True)
class Lapsed:
    """They say that they stop, or have stopped, to tell us of a stream's changes.

    The hub subscribes again, and polls for what it was not told.
    """

    stream: str


@dataclass(frozen=True, slots=True)
class Page:
    """What is stored together with the cursor to resume after it.

    Either `changes`, or the answer as it came: `body` is JSON and `at` the dotted path of the
    list of records in it (`"records"`, `"data.orders.nodes"`). Then the mapping says what id and
    version each record has, and no Python object is made that nobody reads.
    """

    changes: Sequence[Change] = ()
    cursor: Cursor = ""
    body: bytes | None = None
    at: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """A record to store.

    `id` is None to create it. `key` is the same on every repetition of one write; for a creation
    it is our record's sys_id, so it can serve as the external key on their side. `data` holds
    only what changed, except for a creation. `version` is theirs when we last saw the record.
    """

    id: str | None
    data: JsonObject
    key: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the external system calls the record that we wrote, and its version if it says."""

    id: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What they call their promise to tell us of a stream's changes, and when it ends.

    `expires` is None for one that has no end.
    """

    id: str
    stream: str
    expires: datetime | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 -- the one edge at which spokes meet the clock


class Spoke(BaseModel, ABC):
    """One external system. Its fields are the settings of a connection.

    `hosts` are the host suffixes that `url` may have: a setting never decides on its own to
    whom credentials are sent. `sandbox` allows a loopback address instead. `rate` is our own pace;
    `quota` is what they count: the time, and how many calls where their answers do not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: ClassVar[Literal["crm", "field_service", "identity", "commerce", "other"]] = "other"
    streams: ClassVar[tuple[Stream, ...]] = ()
    rate: ClassVar[Rate] = Rate(calls=10)
    quota: ClassVar[Quota | None] = None
    hosts: ClassVar[tuple[str, ...]] = ()

    url: str
    sandbox: bool = False
    ca_file: Path | None = None

    _transport: Transport | None = PrivateAttr(default=None)
    # A factory: pydantic would bind a plain function as if it were a method.
    _clock: Callable[[], datetime] = PrivateAttr(default_factory=lambda: _utc_now)
    _tokens: Tokens = PrivateAttr(default_factory=MemoryTokens)
    _take: Take | None = PrivateAttr(default=None)
    _sleep: Callable[[float], None] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _url_is_allowed(self) -> Self:
        check_address(self.url, hosts=self.hosts, loopback=self.sandbox)
        return self

    def auth(self) -> Auth | None:
        """How requests are signed; None for not at all."""
        return None

    def translate(self, response: Response) -> SyncError | None:
        """Read the vendor's own error out of any answer, also of a 200.

        None leaves it to the HTTP status. Called for every answer; must not raise.
        """
        del response
        return None

    @cached_property
    def http(self) -> Client:
        """A paced, authenticated, timed-out client that raises our errors."""
        return Client(
            self.url,
            auth=self.auth(),
            rate=self.rate,
            translate=self.translate,
            transport=self._transport,
            ca_file=self.ca_file,
            take=self._take,
            sleep=self._sleep,
            quota=self.quota,
        )

    def close(self) -> None:
        """Give up the client's connections, if there ever was a client."""
        if "http" in self.__dict__:  # a cached property: looking at it would make one
            self.http.close()

    def keyset(
        self,
        cursor: Cursor | None,
        read: Callable[[Window], Iterable[Sequence[Change]]],
        keys: Keyset | None = None,
    ) -> Iterator[Page]:
        """Pull by (version, id): see `Keyset`; the spoke supplies only `read`."""
        for changes, after in (keys or Keyset()).walk(cursor, read, now=self._clock()):
            yield Page(changes, after)

    def using(
        self,
        *,
        transport: Transport | None = None,
        clock: Callable[[], datetime] | None = None,
        tokens: Tokens | None = None,
        take: Take | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> Self:
        """The same spoke over another transport, clock or token store, with a shared rate, or with
        a `sleep` of seconds that waits otherwise.
        """
        other = self.model_copy()
        other.__dict__.pop("http", None)  # the copy opens a client of its own
        other._transport = transport or self._transport  # noqa: SLF001 -- another of our own kind
        other._clock = clock or self._clock  # noqa: SLF001
        other._tokens = tokens or self._tokens  # noqa: SLF001
        other._take = take or self._take  # noqa: SLF001
        other._sleep = sleep or self._sleep  # noqa: SLF001
        return other


class Pulls(ABC):
    """Can list what changed since a cursor."""

    @abstractmethod
    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """Yield pages, oldest change first; `cursor` is None the first time.

        A page is the unit of commit: whoever stops after any page resumes with its cursor and
        misses nothing. Pages are fetched only when asked for. Raises `CursorLost` when the
        cursor is no longer known to them; where nobody can say what changed, ends with `LISTED`.
        """

    def since(self, stream: Stream, moment: datetime) -> Cursor | None:
        """A cursor after which a pull brings at least all that changed from this moment on.

        None where they can only be asked from the beginning.
        """
        return Keyset.since(moment) if stream.by_time else None


class Fetches(ABC):
    """Can read single records."""

    @abstractmethod
    def fetch(self, stream: Stream, ids: Sequence[str]) -> Iterator[Change]:
        """Yield the authoritative copy of each record, `data=None` for one that is gone.

        `ids` has at most 500 entries; split it as the vendor requires.
        """


class Receives(ABC):
    """Can be told of changes by webhook."""

    @abstractmethod
    def verify(self, hook: Webhook) -> None:
        """Raise `Forged` unless the request is genuine. Runs before anything is stored."""

    @abstractmethod
    def parse(self, hook: Webhook) -> Iterable[Change | Hint | Lapsed]:
        """Read the changes out of a verified request.

        No I/O, and the same answer every time; an event that it does not know yields nothing.
        """

    def delivery(self, hook: Webhook) -> str:
        """What names this delivery, the same on every repetition; the body's digest by default."""
        return hashlib.sha256(hook.body).hexdigest()

    def handshake(self, hook: Webhook) -> Greeting | None:
        """The answer to a request that only asks whether this address is ours; None for others.

        Asked before `verify`, for GET too: a webhook that proves itself by a signature calls
        `verify` here. No I/O. Raises `Forged`.
        """
        del hook
        return None


class Subscribes(ABC):
    """Must be asked to send webhooks, and asked again before they stop."""

    @abstractmethod
    def subscribe(
        self, url: str, streams: Sequence[Stream], held: Sequence[Subscription]
    ) -> Sequence[Subscription]:
        """See to it that they tell `url` of the changes of these streams.

        `held` is what the last call returned. Renew what has less than half of its time left,
        create what is missing or was lost, and return what there is now. Safe to repeat: it is
        called every hour, and when something has `Lapsed`.
        """


class Writes(ABC):
    """Can be written to."""

    @abstractmethod
    def upsert(self, stream: Stream, write: Write) -> Receipt:
        """Create or update one record. Safe to repeat with the same `write.key`.

        Raises `Conflict` when `write.version` is no longer theirs, `Permanent` when they refuse
        the data.
        """

    @abstractmethod
    def delete(self, stream: Stream, id: str) -> None:
        """Delete one record; raises `NotFound` when there is none, which counts as done."""


__all__ = [
    "LISTED",
    "Auth",
    "AuthFailed",
    "Basic",
    "Bearer",
    "Change",
    "Client",
    "ClientCredentials",
    "Conflict",
    "Cursor",
    "CursorLost",
    "Fetches",
    "Forged",
    "Greeting",
    "HeaderKey",
    "Hint",
    "JsonObject",
    "JwtBearer",
    "Keyset",
    "Lapsed",
    "MappingFailed",
    "NotFound",
    "Page",
    "Permanent",
    "Pulls",
    "Quota",
    "Rate",
    "RateLimited",
    "Receipt",
    "Receives",
    "RefreshToken",
    "Response",
    "Secret",
    "Spoke",
    "Stream",
    "Subscribes",
    "Subscription",
    "SyncError",
    "Transient",
    "Transport",
    "Webhook",
    "Window",
    "Write",
    "Writes",
]
