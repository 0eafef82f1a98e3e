"""A real hub, on a SQLite file of its own, connected to the sandbox of a stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import select

from hub import queue
from hub.app import Hub
from hub.mapping import Mapping as FieldMapping
from hub.mapping import load
from hub.queue import Lane
from hub.spoke import LISTED, Webhook, Writes
from hub.store import cursors, dead, entities, records, schema, system, work
from hub.store.database import Database, Transaction
from hub.store.records import Row
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.intake import Intake, verified
from hub.sync.records.amend import Origin, Patch, amend
from hub.testing.stage import MANY, Stage, Subject, close

NAME = "sandbox"
PATIENCE = 60
"""How often the hub is given ten more minutes before it counts as never getting done."""
BESIDE = frozenset({"ours", "if_empty", "manual", "rank"})
"""Owners whose fields need not be what the other side says."""


class Held(NamedTuple):
    """One record of theirs, as the hub has it: its stream, its id there, and the table here."""

    stream: str
    id: str
    table: str


class Outlet(NamedTuple):
    """A text field of ours that is written to a field of theirs."""

    stream: str
    mapping: FieldMapping
    column: str


class Together:
    """A hub with one connection, whose time is the sandbox's."""

    def __init__(self, stage: Stage, folder: Path, before: bytes) -> None:
        """`before` is what its database holds to begin with."""
        file = folder / f"hub-{uuid4().hex[:8]}.db"
        file.write_bytes(before)
        self.stage, self.file = stage, file
        self.db = Database(f"sqlite:///{file}")
        self.connection = Connection(NAME, stage.spoke(), loaded(stage.subject))
        self.connections = Connections([self.connection])
        self.hub = Hub(self.db, self.connections, test_clock=self._seconds)

    @property
    def streams(self) -> list[str]:
        """The streams that the hub polls."""
        return [stream.name for stream in self.connection.polled()]

    # -- what the hub does -------------------------------------------------------------------------

    def poll(self) -> None:
        """Pull every stream, once; what fails waits for its time."""
        self._put_polls()
        self.work()

    def list_all(self, streams: Iterable[str]) -> None:
        """Have streams listed from the beginning, and what is not there any more deleted."""
        for stream in streams:
            self.hub.reconcile(NAME, stream)
        self.rest()

    def work(self) -> None:
        """Do what is due."""
        self.hub.worker(threads=1).run_until_idle()

    def rest(self) -> None:
        """Let time pass and work, until nothing waits any more; hear them before we insist."""
        for _ in range(PATIENCE):
            self.work()
            if not self.waiting():
                return
            self.stage.settle()
            self._put_polls()
            self.hub.worker(threads=1, lanes=[Lane.POLL]).run_until_idle()
        raise AssertionError(f"the hub never gets done; there wait: {', '.join(self.waiting())}")

    def settle(self) -> None:
        """Get done, and poll for what a pull sees only later."""
        for _ in range(2):
            self.rest()
            self.stage.settle()
            self.poll()
        self.rest()

    def waiting(self) -> list[str]:
        """The jobs that are not done, each with what went wrong last."""
        jobs = work.jobs
        with self.db.read() as tx:
            rows = tx.execute(select(jobs.c.kind, jobs.c.key, jobs.c.error)).all()
        return [f"{row.kind} {row.key}: {row.error or 'not tried'}" for row in rows]

    def receive(self, hooks: Iterable[Webhook]) -> None:
        """Take webhooks as the web server does; raises `Forged`."""
        batch = [verified(self.connection, hook) for hook in hooks]
        Intake(self.db, self._seconds).store(batch)

    # -- what people do ----------------------------------------------------------------------------

    def create(self, outlet: Outlet, template: Row, text: str) -> str:
        """A new record of ours like `template`, with this text; its sys_id."""
        values = {name: template[name] for name in outlet.mapping.writes if template.get(name)}
        sys_id = uuid4().hex
        self._amend(outlet, sys_id, values | {outlet.column: text}, fresh=True)
        return sys_id

    def change(self, outlet: Outlet, sys_id: str, text: str) -> None:
        self._amend(outlet, sys_id, {outlet.column: text}, fresh=False)

    def _amend(self, outlet: Outlet, sys_id: str, values: dict[str, Any], *, fresh: bool) -> None:
        patch = Patch(entities.find(outlet.mapping.table), sys_id, values, fresh=fresh)
        with self.db.write() as tx:
            amend(tx, self.connections, [patch], Origin("somebody"), now=self._now())

    # -- what there is -----------------------------------------------------------------------------

    def held(self, *, references: bool = True) -> dict[Held, dict[str, Any]]:
        """Every record of theirs that the hub has, with the values that are theirs to say.

        `references` wait for what they refer to: without them, all is as of the last answer.
        """
        rows = self._rows()
        with self.db.read() as tx:
            named = {row.sys_id: f"{row.stream}/{row.external_id}" for row in _links(tx)}
        told = {}
        for held, row in rows.items():
            known = row | (row.get("hub_custom") or {})
            columns = [
                name
                for mapping in self.connection.mappings[held.stream]
                if mapping.table == held.table
                for name in sorted(mapping.reads)
                if mapping.owner_of(name) not in BESIDE
                and (references or not _refers(mapping, name))
            ]
            told[held] = {c: named.get(str(known.get(c)), known.get(c)) for c in columns}
        return told

    def ids(self, stream: str) -> set[str]:
        """The external ids of a stream that the hub has."""
        with self.db.read() as tx:
            return {row.external_id for row in _links(tx) if row.stream == stream}

    def linked(self, outlet: Outlet) -> dict[str, Row]:
        """Our records of an outlet's table that are also theirs, by external id."""
        return {
            held.id: row
            for held, row in self._rows().items()
            if (held.stream, held.table) == (outlet.stream, outlet.mapping.table)
        }

    def lists(self, stream: str) -> bool:
        """Whether every poll lists all that there is."""
        with self.db.read() as tx:
            return cursors.load(tx, NAME, stream) == LISTED

    def picks(self, stream: str) -> bool:
        """Whether a mapping of the stream leaves some of its records out."""
        return any("when" in m.declaration.accessors for m in self.connection.mappings[stream])

    def unreadable(self, stream: str) -> set[str]:
        """The external ids of the records that no mapping could read."""
        with self.db.read() as tx:
            found = dead.find(tx, dead.Which(NAME, stream), most=MANY)
        return {row.external_id for row in found}

    def given_up(self) -> list[str]:
        """The jobs that were given up, and why."""
        with self.db.read() as tx:
            jobs = queue.dead(tx, queue.Which())
        return [f"{job.kind} {job.key}: {job.reason}: {job.error}" for job in jobs]

    def outlet(self) -> Outlet | None:
        """A text that the spoke writes, by its example: one field of theirs for one of ours."""
        told = self.stage.subject.example.write
        if told is None or not isinstance(self.connection.spoke, Writes):
            return None
        for mapping in self.connection.mappings.get(told.stream, ()):
            for column in sorted(mapping.writes & mapping.reads):
                if _is_written(mapping, column, told.update):
                    return Outlet(told.stream, mapping, column)
        return None

    def memory(self) -> bytes:
        """All that it knows, for another hub to begin with."""
        with self.db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return self.file.read_bytes()

    def close(self) -> None:
        close(self.connection.spoke)
        self.db.close()

    def _put_polls(self) -> None:
        for stream in self.streams:
            self.hub.poll_again(NAME, stream)

    def _rows(self) -> dict[Held, Row]:
        with self.db.read() as tx:
            found = {Held(r.stream, r.external_id, r.table_name): r.sys_id for r in _links(tx)}
            by_table: dict[str, Mapping[str, Row]] = {
                table: records.read(tx, entities.find(table), set(found.values()))
                for table in {held.table for held in found}
            }
        return {  # a relation that lacks an end has a link and no row
            held: by_table[held.table][sys_id]
            for held, sys_id in found.items()
            if sys_id in by_table[held.table]
        }

    def _seconds(self) -> float:
        return self.stage.sandbox.clock.now().timestamp()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._seconds(), UTC)


@contextmanager
def together(stage: Stage, folder: Path, before: bytes = b"") -> Iterator[Together]:
    """A hub beside the stage: a new, empty one, or one that knows what another knew `before`.

    Time stands still but where it is made to pass: what happens does not hang on how quick we are.
    """
    stage.sandbox.clock.freeze()
    hub = Together(stage, folder, before or _migrated())
    try:
        yield hub
    finally:
        hub.close()


def loaded(subject: Subject) -> dict[str, tuple[FieldMapping, ...]]:
    """The mappings that ship with the spoke, by stream. Raises `BadMapping`."""
    files = sorted(subject.mappings.glob("*.yaml")) if subject.mappings else []
    known = {stream.name for stream in subject.spoke.streams}
    return {
        file.stem: tuple(
            load(file, shape_of=lambda name: entities.find(name).shape, shown_as=file.name)
        )
        for file in files
        if file.stem in known
    }


def _refers(mapping: FieldMapping, name: str) -> bool:
    known = mapping.declaration.shape.fields.get(name)
    return known is not None and known.kind == "reference"


def _is_written(mapping: FieldMapping, column: str, sample: Mapping[str, Any]) -> bool:
    """Whether this field of ours is one of the sample's texts, and nothing else."""
    text = "Written by the hub"
    try:
        data = mapping.outward({column: text}, {})
    except Exception:  # noqa: BLE001 -- whatever it wants, it is no plain text
        return False
    return len(data) == 1 and all(
        value == text and isinstance(sample.get(name), str) for name, value in data.items()
    )


def _links(tx: Transaction) -> list[Any]:
    alive = select(system.links).where(system.links.c.deleted_at.is_(None))
    return list(tx.execute(alive))


@cache
def _migrated() -> bytes:
    """An empty database at the right schema, as a file's bytes."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        db = Database(f"sqlite:///{file}")
        try:
            schema.migrate(db)
        finally:
            db.close()
        return file.read_bytes()
