"""What a spoke can do beyond pulling, fetching and writing records: carry files, recall creations.

Spokes have it as `import hub`, beside the rest of the contract (`hub.spoke`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hub.spoke import Receipt, Stream, Write


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


__all__ = ["Attaches", "Content", "Recalls"]
