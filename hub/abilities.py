"""What a spoke can do beyond pulling, fetching and writing: write many, count, carry files, recall.

Spokes have it as `import hub`, beside the rest of the contract (`hub.spoke`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from hub.errors import AuthFailed, RateLimited, SyncError
from hub.spoke import Receipt, Stream, Write, Writes


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes on their way out: `chunks` can be gone through more than once.

    `name` is safe to be written to a disk or a header; `digest` is SHA-256, in hex.
    """

    name: str
    type: str
    size: int
    digest: str
    chunks: Iterable[bytes]


class Attaches(ABC):
    """Can carry the content of files, of which its streams tell as records."""

    @abstractmethod
    def open(self, stream: Stream, id: str) -> Iterator[bytes]:
        """Yield the content of a file in chunks, none of which is large.

        The hub counts and may stop at any time. Raises `NotFound`, or `Transient` for what breaks
        off. From no address but the connection's own, whatever the record says.
        """

    @abstractmethod
    def attach(self, stream: Stream, write: Write, content: Content) -> Receipt:
        """Create a file with this content; safe to repeat with the same `write.key`.

        `write` is as for `upsert` and always a creation. Never hold the content whole.
        """


class Counts(ABC):
    """Can say how many records a stream has without listing them."""

    @abstractmethod
    def count(self, stream: Stream, since: datetime | None) -> int | None:
        """How many records a pull would bring, from the beginning or changed since a moment.

        About right is right enough. None for a stream of which they do not say. One call, or few.
        """


class WritesMany(Writes):
    """Can write several records in one call, each with an outcome of its own.

    `at_once` is how many writes one call takes.
    """

    at_once: ClassVar[int] = 25

    @abstractmethod
    def upsert_many(self, stream: Stream, writes: Sequence[Write]) -> Sequence[Receipt | SyncError]:
        """Each write as `upsert` does it: what it would return or raise, in the order of `writes`.

        One that fails leaves the others as they are. No record is in `writes` twice. Raises only
        what concerns the call as a whole; then each write may have happened or not.
        """


@dataclass(frozen=True, slots=True)
class Attempt:
    """One of many writes: `do` gives its receipt, or raises. It `asks` if it is not answered yet."""

    do: Callable[[], Receipt]
    asks: bool


def outcomes(attempts: Iterable[Attempt | SyncError]) -> list[Receipt | SyncError]:
    """What becomes of each write, as `upsert_many` returns it; what is an error already stays one.

    After a `RateLimited` or `AuthFailed` nothing more is asked: whoever would gets the same.
    """
    told: list[Receipt | SyncError] = []
    over: SyncError | None = None
    for attempt in attempts:
        if isinstance(attempt, SyncError):
            told.append(attempt)
        elif over is not None and attempt.asks:
            told.append(over)
        else:
            try:
                told.append(attempt.do())
            except SyncError as error:
                told.append(error)
                over = error if isinstance(error, RateLimited | AuthFailed) else over
    return told


class Recalls(ABC):
    """Can look for what it may have been asked to create, where they keep no key of ours.

    For streams in which nothing of ours can name a record: a creation whose answer was lost is
    looked for before it is sent again.
    """

    @abstractmethod
    def recall(self, stream: Stream, write: Write) -> Sequence[str]:
        """The ids of their records that were created by our user and say what `write` says.

        The oldest first; the hub takes one that it does not know yet. Nothing for a stream whose
        creations are repeatable by `write.key`.
        """


__all__ = ["Attaches", "Attempt", "Content", "Counts", "Recalls", "WritesMany", "outcomes"]
