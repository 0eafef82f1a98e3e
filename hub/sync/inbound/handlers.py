"""From the outside in: polls and webhooks become changes of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hub import queue
from hub.errors import Permanent
from hub.queue import Claimed, LostLease
from hub.spoke import LISTED, Change, Fetches, Hint, Lapsed, Page, Receives, Webhook
from hub.store import cursors, deliveries, listings
from hub.store.cursors import Counts
from hub.store.database import Database, Transaction, Unavailable
from hub.store.listings import Listing
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.absorb import absorb, absorb_records
from hub.sync.inbound.ahead import one_ahead
from hub.sync.inbound.reconcile import Missing, begin, question
from hub.sync.jobs import Ingest, Poll, Refetch, Subscribe, label, request
from hub.sync.outbound import arrears
from hub.sync.reading import Record, records_in
from hub.sync.records import flows
from hub.sync.schema import drift

FETCH_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Inbound:
    """Everything that an inbound job needs. `clock` gives seconds since 1970."""

    db: Database
    connections: Connections
    clock: Callable[[], float]
    watch: Callable[[str, str, Counts], None] = lambda *_: None
    drift: drift.Watch = field(default_factory=drift.Watch)

    def ingest(self, claimed: Claimed, job: Ingest) -> None:
        """Read a stored webhook, fetch what it hints at, and absorb the lot at once."""
        connection = self.connections.of_job(job.connection)
        assert isinstance(connection.spoke, Receives)
        with self.db.read() as tx:
            delivery = deliveries.get(tx, job.delivery)
        if delivery is None:
            raise Permanent(f"delivery {job.delivery} was purged before it was read")
        told = list(connection.spoke.parse(Webhook(delivery.headers, delivery.body)))
        changes = [change for change in told if isinstance(change, Change)]
        changes += _fetched(connection, [hint for hint in told if isinstance(hint, Hint)])
        lapsed = _after_lapses(connection, [one for one in told if isinstance(one, Lapsed)])
        streams = dict.fromkeys(change.stream for change in changes)
        by_stream = {
            stream: self._not_held(connection, [one for one in changes if one.stream == stream])
            for stream in streams
        }
        with self.db.write() as tx:
            for stream, mine in by_stream.items():
                self._absorb(tx, connection, stream, mine, claimed)
            deliveries.settle(tx, job.delivery, "done")
            queue.put(tx, lapsed, now=self.clock())
            queue.done(tx, [claimed])

    def poll(self, claimed: Claimed, job: Poll) -> None:
        """Pull a stream from where it stopped; each page commits with its cursor."""
        connection = self.connections.of_job(job.connection, job.stream)
        with self.db.read() as tx:
            start, listing = listings.load(tx, connection.name, job.stream)
            waits = drift.held(tx, connection, job.stream)
        if waits or (listing is not None and listing.held):
            with self.db.write() as tx:  # a person's answer puts the next poll
                queue.done(tx, [claimed])
            return
        if start == LISTED and not (listing is not None and listing.accepted):
            with self.db.write() as tx:
                queue.fence(tx, claimed)
                start, listing = None, begin(tx, connection, job.stream, now=self.clock())
        run = _Run(self, claimed, connection, job.stream, start, listing)
        try:
            for page in one_ahead(connection.pull(job.stream, start)):
                if not run.commit(page):
                    return
        except LostLease:
            raise  # whoever has it now writes down how it went
        except Exception as error:
            with suppress(Unavailable):  # then nothing can be written down; the error says why
                run.fail(error)
            raise
        self.drift.flush(self.db, connection, job.stream, ended=True)
        run.settle()

    def refetch(self, claimed: Claimed, job: Refetch) -> None:
        """Read one record again; where none can be asked for, with everything else."""
        connection = self.connections.of_job(job.connection, job.stream)
        if not isinstance(connection.spoke, Fetches):
            with self.db.write() as tx:
                cursors.rewind(tx, connection.name, job.stream)
                queue.put(tx, [request(Poll(job.connection, job.stream))], now=self.clock())
                queue.done(tx, [claimed])
            return
        flows.check(job)
        changes = _fetched(connection, [Hint(job.stream, job.id)])
        with self.db.write() as tx:
            self._absorb(tx, connection, job.stream, changes, claimed, again=True, hops=job.hops)
            queue.done(tx, [claimed])

    def _not_held(self, connection: Connection, changes: Sequence[Change]) -> Sequence[Change]:
        """What of a stream's changes can be folded in: all, unless it waits for a person. Then its
        next poll brings them, but for what is gone: not every system lists that.
        """
        stream = changes[0].stream
        if stream not in connection.mappings:
            return changes
        waits = self.drift.look(self.db, connection, stream, changes, now=self.clock())
        self.drift.flush(self.db, connection, stream, after=drift.FLUSH_AFTER)
        if not waits and drift.holds(connection, stream):
            with self.db.read() as tx:
                waits = drift.held(tx, connection, stream)
        return [one for one in changes if one.data is None] if waits else changes

    def _absorb(
        self, tx: Transaction, connection: Connection, stream: str, changes: Sequence[Change],
        claimed: Claimed, *, again: bool = False, hops: int = 0,
    ) -> None:  # fmt: skip
        if stream not in connection.mappings:
            return
        now = datetime.fromtimestamp(self.clock(), UTC)
        counts = absorb(
            tx, self.connections, connection, stream, changes, now=now, job=label(claimed),
            again=again, hops=hops,
        )  # fmt: skip
        cursors.move(
            tx, connection.name, stream, None, counts, now=now.timestamp(), newest=_age(changes)
        )
        self.watch(connection.name, stream, counts)


@dataclass(slots=True)
class _Run:
    """One poll of one stream, page by page. `listing`: what it does not find is missing."""

    inbound: Inbound
    claimed: Claimed
    connection: Connection
    stream: str
    start: str | None
    listing: Listing | None
    total: Counts
    started: float
    cursor: str | None

    def __init__(
        self, inbound: Inbound, claimed: Claimed, connection: Connection, stream: str,
        start: str | None, listing: Listing | None,
    ) -> None:  # fmt: skip
        self.inbound, self.claimed, self.connection = inbound, claimed, connection
        self.stream, self.start, self.cursor, self.listing = stream, start, start, listing
        self.total, self.started = Counts(), inbound.clock()

    def commit(self, page: Page) -> bool:
        """Absorb a page and move the cursor in one transaction. False: the stream must wait."""
        if page.body is None and not page.changes:
            self.cursor = page.cursor
            return True  # only the cursor moves: `finish` does that
        now = self._now()
        first, *_ = self.connection.mappings[self.stream]
        records = records_in(page, self.stream, first)
        watch, db = self.inbound.drift, self.inbound.db
        if found := watch.look(db, self.connection, self.stream, records, now=now.timestamp()):
            self.wait(found)
            return False
        with self.inbound.db.write() as tx:
            counts = absorb_records(
                tx, self.inbound.connections, self.connection, self.stream, records,
                now=now, job=label(self.claimed), listed=self.listing is not None,
            )  # fmt: skip
            if self.listing is not None:
                ids = [record.id for record in records]
                owed = arrears.of_page(tx, self.connection, self.stream, ids)
                queue.put(tx, [request(push) for push in owed], now=now.timestamp())
            self._move(tx, page.cursor, counts, now.timestamp(), _age(records))
        self.cursor = page.cursor
        self.total += counts
        self.inbound.watch(self.connection.name, self.stream, counts)
        return True

    def wait(self, found: Sequence[drift.Finding]) -> None:
        """Leave it to a person whether what they send now is right, before it is folded in."""
        now = self.inbound.clock()
        with self.inbound.db.write() as tx:
            self._move(tx, self.cursor, Counts(), now, None)
            reason, _ = drift.question(self.connection.name, self.stream, found)
            self._record(tx, "held", now, reason)
            queue.done(tx, [self.claimed])

    def settle(self) -> None:
        """All is read. What a complete listing did not have is deleted, if that can be believed."""
        if self.listing is None:
            self.finish()
            return
        missing = Missing(self.inbound.db, self.connection, self.stream, self.listing)
        if many := missing.too_many():
            self.hold(*many)
        else:
            missing.delete(self._delete)
            self.finish()

    def finish(self) -> None:
        """Move the cursor past the end, write down the run, and remove the job: at once."""
        now = self.inbound.clock()
        with self.inbound.db.write() as tx:
            if self.listing is not None:
                listings.end(tx, self.connection.name, self.stream)
            if self.total.seen:
                self._record(tx, "done", now, None)
            else:
                queue.unhurried(tx)  # nothing is lost with it but that we have looked
            self._move(tx, self.cursor, Counts(), now, None)
            queue.done(tx, [self.claimed])

    def hold(self, missing: int, linked: int) -> None:
        """Leave it to a person whether so many records are gone."""
        assert self.listing is not None
        held = replace(self.listing, missing=missing, linked=linked)
        now = self.inbound.clock()
        with self.inbound.db.write() as tx:
            self._move(tx, self.cursor, Counts(), now, None)
            listings.hold(tx, self.connection.name, self.stream, missing=missing, linked=linked)
            self._record(tx, "held", now, question(self.connection.name, self.stream, held)[0])
            queue.done(tx, [self.claimed])

    def fail(self, error: Exception) -> None:
        """Write down a run that broke off; the pages before stay, the cursor is at the last."""
        with self.inbound.db.write() as tx:
            self._record(tx, "failed", self.inbound.clock(), f"{type(error).__name__}: {error}")

    def _delete(self, tx: Transaction, changes: Sequence[Change]) -> None:
        now = self._now()
        counts = absorb(
            tx, self.inbound.connections, self.connection, self.stream, changes,
            now=now, job=label(self.claimed),
        )  # fmt: skip
        self._move(tx, None, counts, now.timestamp(), None)
        self.total += counts

    def _now(self) -> datetime:
        """This moment; never before the listing began, whose clock may have been another."""
        began = self.listing.started_at if self.listing is not None else 0.0
        return datetime.fromtimestamp(max(self.inbound.clock(), began), UTC)

    def _move(
        self, tx: Transaction, cursor: str | None, counts: Counts, now: float,
        newest: float | None,
    ) -> None:  # fmt: skip
        ours = cursors.move(
            tx, self.connection.name, self.stream, cursor, counts, now=now, newest=newest,
            job=self.claimed.id, take=self.claimed.take,
        )  # fmt: skip
        if not ours:
            raise LostLease(f"{label(self.claimed)}: another worker has taken it over")

    def _record(self, tx: Transaction, state: str, now: float, error: str | None) -> None:
        cursors.record_run(
            tx, self.connection.name, self.stream, self.total, state=state, error=error,
            mode="listing" if self.listing else "delta" if self.start else "full", started_at=self.started, ended_at=now,
            cursor_from=self.start, cursor_to=self.cursor,
        )  # fmt: skip


def _fetched(connection: Connection, hints: Iterable[Hint]) -> list[Change]:
    """The authoritative copies of what was hinted at, each fetched once."""
    wanted: dict[str, dict[str, None]] = {}
    for hint in hints:
        if hint.stream in connection.mappings:
            wanted.setdefault(hint.stream, {})[hint.id] = None
    if not wanted:
        return []
    spoke = connection.spoke
    if not isinstance(spoke, Fetches):
        raise TypeError(f"{type(spoke).__name__} gives hints, so it must be able to fetch")
    return [
        change
        for stream, ids in wanted.items()
        for some in _portions(list(ids))
        for change in spoke.fetch(connection.stream(stream), some)
    ]


def _after_lapses(connection: Connection, lapsed: Sequence[Lapsed]) -> list[queue.Request]:
    """What they have stopped to tell us of is subscribed to again, and polled."""
    if not lapsed:
        return []
    polled = {stream.name for stream in connection.polled()}
    streams = sorted({one.stream for one in lapsed} & polled)
    polls = [request(Poll(connection.name, stream)) for stream in streams]
    return [request(Subscribe(connection.name)), *polls]


def _portions(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[i : i + FETCH_AT_ONCE] for i in range(0, len(ids), FETCH_AT_ONCE)]


def _age(changes: Sequence[Change | Record]) -> float | None:
    """Their clock at the newest of these changes, if versions are timestamps."""
    newest = max((change.version for change in changes), default="")
    try:
        moment = datetime.fromisoformat(newest)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None
