"""From the outside in: polls and webhooks become changes of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from hub import queue
from hub.errors import Permanent
from hub.queue import Claimed, LostLease
from hub.spoke import Change, Fetches, Hint, Page, Pulls, Receives, Webhook
from hub.store import cursors, dead, deliveries
from hub.store.cursors import Counts
from hub.store.database import Database, Transaction, Unavailable
from hub.sync.absorb import absorb, absorb_records
from hub.sync.ahead import one_ahead
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Ingest, Poll, Reread, label
from hub.sync.reading import Record, records_in

FETCH_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Inbound:
    """Everything that an inbound job needs. `clock` gives seconds since 1970."""

    db: Database
    connections: Connections
    clock: Callable[[], float]
    watch: Callable[[str, str, Counts], None] = lambda *_: None

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
        with self.db.write() as tx:
            for stream in dict.fromkeys(change.stream for change in changes):
                mine = [change for change in changes if change.stream == stream]
                self._absorb(tx, connection, stream, mine, claimed)
            deliveries.settle(tx, job.delivery, "done")
            queue.done(tx, [claimed])

    def poll(self, claimed: Claimed, job: Poll) -> None:
        """Pull a stream from where it stopped; each page commits with its cursor."""
        connection = self.connections.of_job(job.connection, job.stream)
        spoke = connection.spoke
        assert isinstance(spoke, Pulls)
        with self.db.read() as tx:
            start = cursors.load(tx, connection.name, job.stream)
        run = _Run(self, claimed, connection, job.stream, start)
        try:
            for page in one_ahead(iter(spoke.pull(connection.stream(job.stream), start))):
                run.commit(page)
        except LostLease:
            raise  # whoever has it now writes down how it went
        except Exception as error:
            with suppress(Unavailable):  # then nothing can be written down; the error says why
                run.fail(error)
            raise
        run.finish()

    def reread(self, claimed: Claimed, job: Reread) -> None:
        """Read a dead record again from what was kept of it."""
        connection = self.connections.of_job(job.connection)
        with self.db.write() as tx:
            for row in dead.find(tx, id=job.dead):
                change = dead.change_of(row)
                self._absorb(tx, connection, change.stream, [change], claimed, again=True)
            queue.done(tx, [claimed])

    def _absorb(
        self, tx: Transaction, connection: Connection, stream: str, changes: Sequence[Change],
        claimed: Claimed, *, again: bool = False,
    ) -> None:  # fmt: skip
        if stream not in connection.mappings:
            return
        now = datetime.fromtimestamp(self.clock(), UTC)
        counts = absorb(
            tx, self.connections, connection, stream, changes, now=now, job=label(claimed),
            again=again,
        )  # fmt: skip
        cursors.move(
            tx, connection.name, stream, None, counts, now=now.timestamp(), newest=_age(changes)
        )
        self.watch(connection.name, stream, counts)


@dataclass(slots=True)
class _Run:
    """One poll of one stream, page by page."""

    inbound: Inbound
    claimed: Claimed
    connection: Connection
    stream: str
    start: str | None
    total: Counts
    started: float
    cursor: str | None

    def __init__(
        self, inbound: Inbound, claimed: Claimed, connection: Connection, stream: str,
        start: str | None,
    ) -> None:  # fmt: skip
        self.inbound, self.claimed, self.connection = inbound, claimed, connection
        self.stream, self.start, self.cursor = stream, start, start
        self.total, self.started = Counts(), inbound.clock()

    def commit(self, page: Page) -> None:
        """Absorb a page and move the cursor in one transaction."""
        if page.body is None and not page.changes:
            self.cursor = page.cursor
            return  # only the cursor moves: `finish` does that
        now = datetime.fromtimestamp(self.inbound.clock(), UTC)
        first, *_ = self.connection.mappings[self.stream]
        records = records_in(page, self.stream, first)
        with self.inbound.db.write() as tx:
            counts = absorb_records(
                tx, self.inbound.connections, self.connection, self.stream, records,
                now=now, job=label(self.claimed),
            )  # fmt: skip
            self._move(tx, page.cursor, counts, now.timestamp(), _age(records))
        self.cursor = page.cursor
        self.total += counts
        self.inbound.watch(self.connection.name, self.stream, counts)

    def finish(self) -> None:
        """Move the cursor past the end, write down the run, and remove the job: at once."""
        now = self.inbound.clock()
        with self.inbound.db.write() as tx:
            self._move(tx, self.cursor, Counts(), now, None)
            if self.total.seen:
                self._record(tx, "done", now, None)
            queue.done(tx, [self.claimed])

    def fail(self, error: Exception) -> None:
        """Write down a run that broke off; the pages before stay, the cursor is at the last."""
        with self.inbound.db.write() as tx:
            self._record(tx, "failed", self.inbound.clock(), f"{type(error).__name__}: {error}")

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
            mode="delta" if self.start else "full", started_at=self.started, ended_at=now,
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
