"""After a complete listing: what it did not have is gone, unless that is too much to believe.

A stream is listed completely when its cursor is lost, when a person asks for it, and every time
where they cannot say what changed (`hub.LISTED`). A record that was not in the listing is asked for
by its id where the spoke can do that: it may have come up while the listing went on. Where it
cannot, the listing is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub import queue
from hub.spoke import Change, Fetches
from hub.store import cursors, listings
from hub.store.database import Database, Transaction
from hub.store.listings import Listing
from hub.sync.connection import Connection
from hub.sync.jobs import Poll, request

MOST_SHARE, MOST = 0.05, 20
"""The guard: more than this share of the linked records, and more than so many, are not believed
to be gone just because a listing does not have them."""
PORTION = 500

Delete = Callable[[Transaction, Sequence[Change]], None]
"""Folds in what became of some of the missing; raises `LostLease` if that is not ours to do."""


def begin(
    tx: Transaction, connection: Connection, stream: str, *, now: float
) -> Listing | None:  # fmt: skip
    """Have the next poll start over, and what it does not find deleted.

    A stream that never lists everything just starts over: None.
    """
    cursors.rewind(tx, connection.name, stream)
    if not connection.stream(stream).complete:
        return None
    listings.begin(tx, connection.name, stream, now=now)
    return Listing(started_at=now)


@dataclass(frozen=True, slots=True)
class Missing:
    """The records that a complete listing of a connection's stream did not have."""

    db: Database
    connection: Connection
    stream: str
    listing: Listing

    def too_many(self) -> tuple[int, int] | None:
        """(missing, linked) if a person must decide; None if it is plausible, or decided."""
        if self.listing.accepted:
            return None
        with self.db.read() as tx:
            missing, linked = listings.count(
                tx, self.connection.name, self.stream, since=self.listing.started_at
            )
        many = missing > MOST and missing > linked * MOST_SHARE
        return (missing, linked) if many else None

    def delete(self, fold: Delete) -> None:
        """Have them deleted, a portion a transaction. Repeatable after a crash."""
        after = ""
        while ids := self._next(after):
            changes = looked_up(self.connection, self.stream, ids)
            with self.db.write() as tx:
                fold(tx, changes)
            after = ids[-1]

    def _next(self, after: str) -> list[str]:
        with self.db.read() as tx:
            return listings.missing(
                tx, self.connection.name, self.stream,
                since=self.listing.started_at, after=after, most=PORTION,
            )  # fmt: skip


def looked_up(connection: Connection, stream: str, ids: Sequence[str]) -> list[Change]:
    """What became of records that a listing did not have."""
    spoke = connection.spoke
    if isinstance(spoke, Fetches):
        return list(spoke.fetch(connection.stream(stream), ids))
    return [Change(stream, id, None) for id in ids]


def answer(db: Database, connection: Connection, stream: str, *, delete: bool, now: float) -> bool:
    """A person's word on what is missing: it is to be deleted, or it stays. The stream goes on.

    False if nobody was asked.
    """
    with db.write() as tx:
        _, listing = listings.load(tx, connection.name, stream)
        if listing is None or not listing.held:
            return False
        if delete:
            listings.accept(tx, connection.name, stream)
        else:
            listings.end(tx, connection.name, stream)
        queue.put(tx, [request(Poll(connection.name, stream))], now=now, hurry=True)
    return True


def question(connection: str, stream: str, listing: Listing) -> tuple[str, str]:
    """What ops are asked about a listing that is held, and how they answer."""
    reason = (
        f"{listing.missing} of {listing.linked} records were not in the complete listing: "
        "more than can be believed without a person's word"
    )
    step = (
        f"look whether the other system is well; then hub reconcile {connection}/{stream} "
        "--delete-missing, or --keep-missing"
    )
    return reason, step
