"""Syncs: a first load, the same again, a little of it changed, an idle poll, and the memory."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import func, select

from hub import queue
from hub.app import Hub
from hub.mapping import load
from hub.running import at_work
from hub.store import cursors, entities, schema
from hub.store.database import Database
from hub.store.system import pending_refs
from hub.store.work import jobs
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Poll, request
from tests.bench.cases import CHANGED_ONE_IN, MAPPINGS
from tests.bench.goals import BACKENDS, At, Bench, Faster, Goal, Growth, Side, Size, Worst
from tests.bench.scene import Scene
from tests.bench.source import Prepared

STREAMS = ("Account", "Case")


@contextmanager
def hub_on(scene: Scene, db: Database, edition: str = "first") -> Iterator[Hub]:
    """A hub of one connection, which reads the prepared source."""
    spoke = Prepared(url=f"{scene.source}/{edition}", sandbox=True)
    mappings = {
        stream: tuple(
            load(MAPPINGS / f"{stream}.yaml", shape_of=lambda name: entities.find(name).shape)
        )
        for stream in STREAMS
    }
    with closing(spoke):
        yield Hub(db, Connections([Connection("src", spoke, mappings)]))


def opened(scene: Scene) -> Database:
    """The scene's database, migrated."""
    db = Database(scene.url)
    schema.migrate(db)
    return db


def into_hub(scene: Scene) -> None:
    """A first load through everything: queue, worker, map, links, references, audit, cursor.

    The stores that the cases refer to are there before. Then everything again, unchanged, and
    with one case in a hundred changed.
    """
    db = opened(scene)
    with hub_on(scene, db) as hub:
        _sync(hub, "Account")
    for edition, section in (("first", "full"), ("first", "unchanged"), ("changed", "changed")):
        with hub_on(scene, db, edition) as hub, scene.timed(section, scene.count):
            _sync(hub, "Case")
        _check(scene, db, edition)
        if scene.options.get("only_full"):
            break
    db.close()


def _sync(hub: Hub, stream: str) -> None:
    with hub.db.write() as tx:
        cursors.rewind(tx, "src", stream)
        queue.put(tx, [request(Poll("src", stream))])
    assert hub.worker(threads=1).run_until_idle() == 1


def _check(scene: Scene, db: Database, edition: str) -> None:
    """All rows are there, with references and audit, and the newer values where there are any."""
    case = entities.find("case").table
    changed = -(-scene.count // CHANGED_ONE_IN) if edition == "changed" else 0
    again = case.c.short_description.like("% again")
    with db.read() as tx:
        found = {
            "cases": tx.scalar(select(func.count()).select_from(case)),
            "with an account": tx.scalar(select(func.count(case.c.account))),
            "audited": tx.scalar(
                select(func.count(entities.sys_audit.c.documentkey.distinct())).where(
                    entities.sys_audit.c.tablename == case.name
                )
            ),
            "changed": tx.scalar(select(func.count()).select_from(case).where(again)),
            "pending": tx.scalar(select(func.count()).select_from(pending_refs)),
        }
    wanted = {
        "cases": scene.count, "with an account": scene.count, "audited": scene.count,
        "changed": changed, "pending": 0,
    }  # fmt: skip
    assert found == wanted, f"{found}, not {wanted}"


@dataclass(frozen=True)
class Heard(Hub):
    """A hub that tells when a job has been done."""

    done: threading.Event = field(default_factory=threading.Event)

    def handle(self, claimed: queue.Claimed) -> None:
        super().handle(claimed)
        self.done.set()


def idle_polls(scene: Scene) -> None:
    """Put a poll that will find nothing new to a running worker; how long until it is done."""
    db, polls = opened(scene), scene.options["polls"]
    with hub_on(scene, db) as plain:
        _sync(plain, "Account")
        _sync(plain, "Case")
        hub = Heard(db, plain.connections)
        with at_work(hub, threads=2), scene.timed("poll", polls) as figures:
            taken = [_poll(hub) for _ in range(polls)]
    with db.read() as tx:
        left = tx.execute(select(func.count()).select_from(jobs)).scalar_one()
    assert left == 0, f"{left} polls were not done"
    figures["idle_ms"] = statistics.median(taken)
    figures["p99_ms"] = statistics.quantiles(taken, n=100)[98]
    db.close()


def _poll(hub: Heard) -> float:
    """How many milliseconds one poll took, from before it is put, as the timetable puts it, until
    its last transaction is committed."""
    hub.done.clear()
    start = time.perf_counter()
    with hub.db.write() as tx:
        queue.unhurried(tx)
        queue.put(tx, [request(Poll("src", "Case"))])
    assert hub.done.wait(30), "the poll was not done"
    return (time.perf_counter() - start) * 1000


def benches(size: Size) -> list[Bench]:
    """The keys `sync.*`."""
    count = size.of(100_000, 20_000, 4000)
    sides: dict[str, Side] = {}
    for database in BACKENDS:
        sides[f"hub {database}"] = Side("tests.bench.sync:into_hub", database, {"count": count})
        sides[f"hand {database}"] = Side(
            f"tests.bench.hand:into_{database}", database, {"count": count}
        )
        sides[f"dlt {database}"] = Side(
            f"tests.bench.peers.dlt:into_{database}", database, {"count": count}, ("dlt",)
        )
    hubs = ("hub sqlite", "hub postgresql")

    def against(other: str, database: str) -> Faster:
        return Faster([(At(f"hub {database}", "full"), At(f"{other} {database}", "full"))])

    def against_full(section: str) -> Faster:
        return Faster([(At(hub, section), At(hub, "full")) for hub in hubs])

    return [
        Bench(
            "sync", sides,
            [
                Goal("sync.full.pg.vs_limit", against("hand", "postgresql"), at_least=0.8),
                Goal("sync.full.sqlite.vs_limit", against("hand", "sqlite"), at_least=0.8),
                Goal("sync.full.pg.vs_dlt", against("dlt", "postgresql"), at_least=5),
                Goal("sync.full.sqlite.vs_dlt", against("dlt", "sqlite"), at_least=5),
                Goal("sync.unchanged.vs_full", against_full("unchanged"), at_least=2),
                Goal("sync.changed1.vs_full", against_full("changed"), at_least=1.8),
            ],
            size.of(3, 2, 1),
        ),
        _polls(size),
        _memory(size),
    ]  # fmt: skip


def _polls(size: Size) -> Bench:
    run = "tests.bench.sync:idle_polls"
    options = {"count": 4000, "polls": size.of(500, 100, 10)}
    sides: dict[str, Side] = {name: Side(run, name, options) for name in BACKENDS}
    idle = Worst("idle_ms", [At(name, "poll") for name in sides])
    return Bench("sync.poll", sides, [Goal("sync.poll.idle_ms", idle, at_most=5)])


def _memory(size: Size) -> Bench:
    sides, pairs = {}, []
    counts = {"few": size.of(10_000, 10_000, 2000), "many": size.of(1_000_000, 100_000, 4000)}
    for database in BACKENDS:
        for name, count in counts.items():
            options = {"count": count, "only_full": True}
            sides[f"{name} {database}"] = Side("tests.bench.sync:into_hub", database, options)
        pairs.append((At(f"many {database}", "full"), At(f"few {database}", "full")))
    growth = Goal("sync.memory.growth", Growth("peak_mb", pairs), at_most=1.15)
    return Bench("sync.memory", sides, [growth])
