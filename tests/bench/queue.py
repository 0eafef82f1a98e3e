"""The queue: throughput, a held snapshot, a deep backlog, and the latency of an idle one."""

from __future__ import annotations

import mmap
import random
import statistics
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import func, select, text

from hub import queue
from hub.queue import Claimed, Lane, Request, Worker
from hub.store import schema
from hub.store.database import Database
from hub.store.work import jobs
from tests.bench import fleet
from tests.bench.goals import BACKENDS, At, Bench, Faster, Goal, Growth, Side, Size, Worst
from tests.bench.scene import Scene

CONNECTIONS = 20
AT_ONCE = 2000  # jobs put in one transaction
BATCH = 500  # jobs claimed at once, by PgQueuer and the raw loop: their fastest
THREADS = 4
KEPT_WAITING = 20_000  # jobs, so that a worker whose work comes in steadily never runs dry


def requests(first: int, count: int) -> list[Request]:
    """Jobs of all lanes and several connections, each with a key of its own."""
    lanes = tuple(Lane)
    return [
        Request("noop", f"key/{n}", f"c{n % CONNECTIONS}", {"number": n}, lanes[n % len(lanes)])
        for n in range(first, first + count)
    ]


def opened(scene: Scene) -> Database:
    """The scene's database, migrated."""
    db = Database(scene.url)
    schema.migrate(db)
    return db


def put(db: Database, count: int, first: int = 0) -> None:
    """Put jobs, a few thousand in a transaction."""
    for start in range(first, first + count, AT_ONCE):
        with db.write() as tx:
            some = requests(start, min(AT_ONCE, first + count - start))
            queue.put(tx, some)


@contextmanager
def waking(db: Database) -> Iterator[None]:
    """Wake workers of other processes after puts, as every process of a hub does."""
    stop = threading.Event()
    thread = threading.Thread(target=queue.wake_others, args=(db, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        with db.bell:
            db.bell.notify_all()
        thread.join(10)


def settled(db: Database) -> None:
    """What autovacuum will have done soon: statistics, and pages that are all visible."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as raw:
        raw.exec_driver_sql("ANALYZE" if db.sqlite else "VACUUM ANALYZE hub_job")


def left(db: Database) -> int:
    with db.read() as tx:
        return tx.execute(select(func.count()).select_from(jobs)).scalar_one()


# Throughput


def process(scene: Scene) -> None:
    """Drain a table of no-op jobs, with keys, lanes, connections and leases.

    On PostgreSQL with two processes; on SQLite with two threads of one, which is how a hub runs.
    """
    db = opened(scene)
    with scene.timed("put", scene.count):
        put(db, scene.count)
    settled(db)
    if db.sqlite:
        with scene.timed("process", scene.count):
            done = [drain_with(db, threads=2)]
    else:
        with (
            fleet.ready("tests.bench.queue:drain", {"url": scene.url}, 2) as workers,
            scene.timed("process", scene.count),
        ):
            done = workers.work()
    assert sum(each["jobs"] for each in done) == scene.count, done
    assert left(db) == 0
    db.close()


def drain(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    """One worker process: until nothing is due."""
    db = Database(options["url"])
    with db.read() as tx:
        tx.execute(text("SELECT 1"))
    begin()
    return drain_with(db, threads=THREADS)


def drain_with(db: Database, *, threads: int) -> dict[str, Any]:
    done = 0

    def do_nothing(job: Claimed) -> None:
        nonlocal done
        assert job.payload["number"] >= 0
        done += 1  # a thread may be interrupted between reading and writing: see `runs`

    runs = Worker(db=db, handlers={"noop": do_nothing}, threads=threads).run_until_idle()
    return {"jobs": runs, "counted": done}


# A session that holds a transaction open


def steady(scene: Scene) -> None:
    """Jobs come in as fast as one worker does them, for some seconds; perhaps with a snapshot held.

    A held snapshot keeps the database from removing the rows of finished jobs.
    """
    db = opened(scene)
    seconds = scene.options["seconds"]
    counter = scene.folder / "counter"
    counter.write_bytes(bytes(8))
    put(db, KEPT_WAITING)
    settled(db)
    options = {"url": scene.url, "seconds": seconds, "counter": str(counter)}
    hold = held(scene.url) if scene.options["held"] else nothing_held()
    with hold, waking(db), fleet.ready("tests.bench.queue:work_for", options, 1) as workers:
        with scene.timed("process", 0) as figures:
            workers.go()
            _keep_supplied(db, counter, seconds)
            (done,) = workers.done()
        figures["records"] = done["jobs"]
        figures["wall_s"] = done["seconds"]
        for number, jobs_then in enumerate(done["quarters"], start=1):
            figures[f"per_s_in_quarter_{number}"] = jobs_then / (done["seconds"] / 4)
    db.close()


@contextmanager
def held(url: str) -> Iterator[None]:
    """A transaction of another session, open as long as the block."""
    with psycopg.connect(url) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT count(*) FROM hub_job LIMIT 1")
        yield


@contextmanager
def nothing_held() -> Iterator[None]:
    yield


def _keep_supplied(db: Database, counter: Path, seconds: float) -> None:
    until, given = time.monotonic() + seconds, KEPT_WAITING
    with counter.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        while time.monotonic() < until:
            if given - struct.unpack("q", shared[:8])[0] < KEPT_WAITING:
                put(db, AT_ONCE, first=given)
                given += AT_ONCE
            else:
                time.sleep(0.002)


def work_for(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    """One worker process: for so many seconds, counting aloud."""
    db, stop, at = Database(options["url"]), threading.Event(), [0.0, 0]
    quarter = options["seconds"] / 4
    quarters = [0, 0, 0, 0, 0]
    with Path(options["counter"]).open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        done = 0

        def count(_: Claimed) -> None:
            nonlocal done
            done += 1
            shared[:8] = struct.pack("q", done)
            quarters[min(4, int((time.monotonic() - at[0]) / quarter))] += 1

        begin()
        at[0] = time.monotonic()
        threading.Timer(options["seconds"], stop.set).start()
        Worker(db=db, handlers={"noop": count}, threads=1, grace=5).run(stop)
    return {"jobs": sum(quarters[:4]), "seconds": options["seconds"], "quarters": quarters[:4]}


# A backlog


def claims(scene: Scene) -> None:
    """What it costs to claim a hundred jobs, with so many waiting: the median of many times.

    The jobs are done and as many put again between claims, which is not measured.
    """
    db, most, times = opened(scene), 100, scene.options["times"]
    _fill(db, scene.count)
    settled(db)
    taken: list[float] = []
    given = 10_000_000
    turn = 0
    for _ in range(times):
        start = time.perf_counter()
        with db.write() as tx:
            claimed = queue.claim(tx, worker="bench", most=most, turn=turn)
        taken.append((time.perf_counter() - start) * 1000)
        assert len(claimed) == most, f"{len(claimed)} of {most}"
        turn += most
        with db.write() as tx:
            queue.done(tx, claimed)
        put(db, most, first=given)
        given += most
    assert left(db) == scene.count
    scene.note(
        "claim", waiting=scene.count, jobs=most, ms=statistics.median(taken),
        p99_ms=statistics.quantiles(taken, n=100)[98],
    )  # fmt: skip
    db.close()


def _fill(db: Database, count: int) -> None:
    """So many waiting jobs: one that is put, and copies of its row."""
    put(db, 1)
    copied = {column.name: f"job.{column.name}" for column in jobs.columns if column.name != "id"}
    copied |= {
        "key": "'copy/' || n",
        "connection": f"'c' || (n % {CONNECTIONS})",
        "lane": f"n % {len(Lane)}",
        "run_at": "job.run_at - (n % 100000) * 0.01",
    }
    numbers = (
        "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :last) "
        if db.sqlite
        else "WITH series AS (SELECT generate_series(1, :last) AS n) "
    )
    names = ", ".join(f'"{name}"' for name in copied)
    copies = f"{numbers} SELECT {', '.join(copied.values())} FROM hub_job job CROSS JOIN series"
    with db.write() as tx:
        tx.execute(text(f"INSERT INTO hub_job ({names}) {copies}"), {"last": count - 1})


# Latency


def latency(scene: Scene) -> None:
    """From before a job is put to the start of its handler in another process, one at a time."""
    db, times = opened(scene), scene.options["times"]
    options = {"url": scene.url, "jobs": times}
    asked: dict[str, float] = {}
    with waking(db), fleet.ready("tests.bench.queue:note_starts", options, 1) as workers:
        workers.go()
        time.sleep(1)
        for n in range(times):
            time.sleep(random.uniform(0.005, 0.03))
            asked[f"key/{n}"] = time.monotonic()  # the same clock in all processes of a machine
            put(db, 1, first=n)
        (started,) = workers.done()
    taken = [(started["at"][key] - at) * 1000 for key, at in asked.items()]
    cuts = statistics.quantiles(taken, n=100)
    scene.note("start", p50_ms=cuts[49], p99_ms=cuts[98], most_ms=max(taken), jobs=times)
    db.close()


def note_starts(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    """One worker process: until so many jobs have been done."""
    db, stop, at = Database(options["url"]), threading.Event(), dict[str, float]()

    def note(job: Claimed) -> None:
        at[job.key] = time.monotonic()
        if len(at) == options["jobs"]:
            stop.set()

    begin()
    Worker(db=db, handlers={"noop": note}, threads=2).run(stop)
    return {"at": at}


def benches(size: Size) -> list[Bench]:
    """The keys `queue.*`."""
    return [_on_postgresql(size), _on_sqlite(size), _held(size), _backlog(size), _latency(size)]


def _on_postgresql(size: Size) -> Bench:
    options = {"count": size.of(100_000, 30_000, 400), "batch": BATCH, "source": False}
    peers = "tests.bench.peers"
    needs = ("pgqueuer", "asyncpg")
    sides = {
        "hub": Side("tests.bench.queue:process", "postgresql", options),
        "raw": Side(f"{peers}.skip_locked:process", "postgresql", options),
        "pgqueuer": Side(f"{peers}.pgqueuer:process", "postgresql", options, needs),
    }
    goals = [
        Goal("queue.process.pg.vs_pgqueuer", _against("pgqueuer"), at_least=2.5),
        Goal("queue.process.pg.vs_raw", _against("raw"), at_least=0.5),
    ]
    return Bench("queue.pg", sides, goals, size.of(3, 2, 1))


def _on_sqlite(size: Size) -> Bench:
    options = {"count": size.of(100_000, 30_000, 400), "source": False}
    sides = {
        "hub": Side("tests.bench.queue:process", "sqlite", options),
        "huey": Side("tests.bench.peers.huey:process", "sqlite", options, ("huey",)),
    }
    goal = Goal("queue.process.sqlite.vs_huey", _against("huey"), at_least=3)
    return Bench("queue.sqlite", sides, [goal], size.of(3, 2, 1))


def _against(side: str) -> Faster:
    return Faster([(At("hub", "process"), At(side, "process"))], by="wall")


def _held(size: Size) -> Bench:
    run = "tests.bench.queue:steady"
    seconds = {"free": size.of(60, 5, 1), "held": size.of(120, 15, 1)}
    sides = {
        name: Side(run, "postgresql", {"seconds": each, "held": name == "held"})
        for name, each in seconds.items()
    }
    kept = Faster([(At("held", "process"), At("free", "process"))], by="wall")
    return Bench("queue.held", sides, [Goal("queue.held_snapshot", kept, at_least=0.7)])


def _backlog(size: Size) -> Bench:
    sides, pairs = {}, []
    waiting = {"few": 1000, "many": size.of(2_000_000, 200_000, 2000)}
    for database in BACKENDS if size is Size.FULL else ("postgresql",):
        for name, count in waiting.items():
            options = {"count": count, "times": size.of(300, 100, 4), "source": False}
            sides[f"{name} {database}"] = Side("tests.bench.queue:claims", database, options)
        pairs.append((At(f"many {database}", "claim"), At(f"few {database}", "claim")))
    cost = Goal("queue.backlog.cost", Growth("ms", pairs), at_most=1.5)
    return Bench("queue.backlog", sides, [cost])


def _latency(size: Size) -> Bench:
    options = {"times": size.of(1000, 300, 10)}
    sides = {"idle": Side("tests.bench.queue:latency", "postgresql", options)}
    idle = [At("idle", "start")]
    goals = [
        Goal("queue.latency.p50_ms", Worst("p50_ms", idle), at_most=5),
        Goal("queue.latency.p99_ms", Worst("p99_ms", idle), at_most=20),
    ]
    return Bench("queue.latency", sides, goals)
