"""What the tests of the sync layer share: a hub on a real file, and words to look into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select, text

from hub import queue
from hub.app import Hub
from hub.mapping import Mapping as FieldMapping
from hub.mapping import load
from hub.queue import Claimed
from hub.spoke import Change, Spoke
from hub.store import audit, dead, entities, journal, records
from hub.store.attachments import Files
from hub.store.cursors import Counts
from hub.store.database import Database, Transaction
from hub.store.records import Row
from hub.store.system import links
from hub.store.work import jobs as job_table
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.absorb import absorb, absorb_records
from hub.sync.jobs import Job, request
from hub.sync.reading import Record
from hub.sync.records.amend import Amended, Origin, Patch, amend
from tests.sync.elsewhere import EPOCH, STREAMS, Elsewhere, System

MAPPINGS = Path(__file__).parent / "mappings"
LATER = EPOCH.timestamp() + 86_400.0
"""When the tests happen: a day after everything that Elsewhere tells of."""


NO_FILES = Files(Path("no files are kept"))


@cache
def mapped(path: Path) -> tuple[FieldMapping, ...]:
    return tuple(load(path, shape_of=lambda name: entities.find(name).shape, shown_as=path.name))


def connected(
    name: str = "crm",
    *,
    spoke: Spoke | None = None,
    streams: tuple[str, ...] = STREAMS,
    **instead: tuple[FieldMapping, ...],
) -> Connection:
    """A connection with the mappings of this folder; `instead` are others, by stream."""
    mappings = {stream: mapped(MAPPINGS / f"{stream}.yaml") for stream in streams} | instead
    return Connection(name, spoke or Elsewhere.of(System()), mappings)


def altered(folder: Path, stream: str, old: str, new: str) -> tuple[FieldMapping, ...]:
    """The stream's mapping with a piece of its text replaced."""
    written = (MAPPINGS / f"{stream}.yaml").read_text()
    assert old in written
    file = folder / f"{stream}-{abs(hash((old, new)))}.yaml"
    file.write_text(written.replace(old, new))
    return mapped(file)


@dataclass
class Clock:
    """Seconds since 1970 that pass when a test says so."""

    now: float = LATER

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class World:
    """A hub, its clock, and what is in its store."""

    db: Database
    connections: Connections = field(default_factory=lambda: Connections([connected()]))
    clock: Clock = field(default_factory=Clock)
    files: Files = NO_FILES

    @property
    def hub(self) -> Hub:
        return Hub(self.db, self.connections, self.clock, files=self.files)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def connect(self, *connections: Connection) -> None:
        self.connections = Connections(connections)

    def system(self, connection: str = "crm") -> System:
        spoke = self.connections[connection].spoke
        assert isinstance(spoke, Elsewhere)
        return spoke._system

    # -- what happens

    def absorb(self, *changes: Change, connection: str = "crm", again: bool = False) -> Counts:
        """Take in one page, all of one stream."""
        [stream] = {change.stream for change in changes}
        with self.db.write() as tx:
            return absorb(
                tx, self.connections, self.connections[connection], stream, changes,
                now=self.now, again=again,
            )  # fmt: skip

    def absorb_records(self, stream: str, records: list[Record]) -> Counts:
        """Take in a page as its body brings it."""
        with self.db.write() as tx:
            return absorb_records(
                tx, self.connections, self.connections["crm"], stream, records, now=self.now
            )

    def amend(self, *patches: Patch, origin: Origin | None = None) -> list[Amended]:
        with self.db.write() as tx:
            return amend(tx, self.connections, patches, origin or COMMAND, now=self.now)

    def edit(self, entity: str, sys_id: str, **values: Any) -> None:
        """As a person in the hub."""
        self.amend(Patch(entities.find(entity), sys_id, values))

    def put(self, *wanted: Job) -> None:
        with self.db.write() as tx:
            queue.put(tx, [request(job) for job in wanted], now=self.clock())

    def claim(self) -> Claimed:
        with self.db.write() as tx:
            [job] = queue.claim(tx, worker="test", most=1, now=self.clock())
        return job

    def run(self, job: Job) -> None:
        """Do one job in this thread; what it raises comes out."""
        self.put(job)
        self.hub.handle(self.claim())

    def work(self) -> int:
        """Do everything that is due."""
        return self.hub.worker(threads=1).run_until_idle()

    # -- what there is

    def row(self, entity: str, id: str, connection: str = "crm") -> Row:
        """The record that is this external one."""
        return self.of(entity, self.sys_id(entity, id, connection))

    def of(self, entity: str, sys_id: str) -> Row:
        found = entities.find(entity)
        with self.db.read() as tx:
            return records.read(tx, found, [sys_id])[sys_id]

    def sys_id(self, entity: str, id: str, connection: str = "crm") -> str:
        with self.db.read() as tx:
            return str(self._link(tx, entity, id, connection).sys_id)

    def link(self, entity: str, id: str, connection: str = "crm") -> Any:
        with self.db.read() as tx:
            return self._link(tx, entity, id, connection)

    def _link(self, tx: Transaction, entity: str, id: str, connection: str) -> Any:
        return tx.execute(
            select(links).where(
                links.c.connection == connection,
                links.c.table_name == entities.find(entity).table.name,
                links.c.external_id == id,
            )
        ).one()

    def rows(self, entity: str) -> list[Row]:
        table = entities.find(entity).table
        with self.db.read() as tx:
            return [dict(row._mapping) for row in tx.execute(select(table))]

    def lines(self, order: str) -> dict[str, Row]:
        """The lines of an order by their external id."""
        sys_id = self.sys_id("order", order)
        mine = [row for row in self.rows("order_line") if row["order"] == sys_id]
        return {row["external_id"]: row for row in mine}

    def count(self, table: str) -> int:
        with self.db.read() as tx:
            return int(tx.execute(select(func.count()).select_from(text(table))).scalar_one())

    def audits(self, entity: str, sys_id: str) -> list[dict[str, Any]]:
        """Oldest first."""
        with self.db.read() as tx:
            return audit.of_record(tx, entities.find(entity).table.name, sys_id)[::-1]

    def notes(self, sys_id: str) -> list[dict[str, Any]]:
        """Oldest first."""
        with self.db.read() as tx:
            return journal.of_record(tx, sys_id)[::-1]

    def dead(self) -> list[Any]:
        with self.db.read() as tx:
            return dead.find(tx)

    def read_again(self, *letters: int) -> None:
        """Have dead records read again, all of them if none is named, as a person does."""
        which = dead.Which(ids=letters or None)
        with self.db.write() as tx:
            queue.revivals.start(tx, which, by="ann", rate=queue.revivals.AT_ONCE, now=self.clock())
        self.work()

    def waiting(self, kind: str = "") -> list[str]:
        """The keys of the jobs that wait."""
        query = select(job_table).where(~job_table.c.running)
        with self.db.read() as tx:
            found = [row for row in tx.execute(query) if not kind or row.kind == kind]
        return [row.key for row in found]

    def letters(self) -> list[queue.Dead]:
        with self.db.read() as tx:
            return queue.dead(tx)

    def forget_jobs(self) -> None:
        with self.db.write() as tx:
            tx.execute(job_table.delete())

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """The statements that are sent; see `statements_of`."""
        with statements_of(self.db) as sent:
            yield sent


@contextmanager
def statements_of(db: Database) -> Iterator[list[str]]:
    """The statements that are sent; BEGIN and COMMIT are none.

    Nor are the two with which PostgreSQL waits for others, where SQLite lets in one writer: for a
    stream's turn, and for the rows of an entity that somebody else is changing.
    """
    sent: list[str] = []

    def listen(_: Any, __: Any, sql: str, *___: Any) -> None:
        if not (sql.startswith("BEGIN") or "advisory_xact_lock" in sql or "FOR UPDATE) r" in sql):
            sent.append(sql)

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)


COMMAND = Origin("ann", command=True)
