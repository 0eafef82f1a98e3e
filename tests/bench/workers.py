"""Worker processes: what a second one adds, for work that keeps a processor busy."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from hub import queue
from hub.queue import Claimed, Lane, Request, Worker
from hub.store.database import Database
from tests.bench import cases, fleet
from tests.bench.goals import At, Bench, Faster, Goal, Side, Size
from tests.bench.mapping import BODIES, compiled, read_by_mapping
from tests.bench.queue import left, opened, settled
from tests.bench.scene import Scene


def share(scene: Scene) -> None:
    """Some worker processes share jobs, each of which reads a page of 2,000 records and maps it."""
    db, pages = opened(scene), cases.pages(scene.count)
    with db.write() as tx:
        jobs = [Request("map", f"page/{n}", "src", {"page": n}, Lane.POLL) for n in range(pages)]
        queue.put(tx, jobs)
    settled(db)
    options, size = {"url": scene.url}, scene.options["processes"]
    with (
        fleet.ready("tests.bench.workers:work", options, size) as workers,
        scene.timed("map", scene.count) as figures,
    ):
        done = workers.work()
    figures["most_share"] = max(each["jobs"] for each in done) / pages
    assert sum(each["jobs"] for each in done) == pages, done
    assert left(db) == 0
    db.close()


def work(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    """One worker process: until nothing is due."""
    db, mapping = Database(options["url"]), compiled()
    bodies = [cases.page(number, cases.PAGE * BODIES) for number in range(BODIES)]

    def map_page(job: Claimed) -> None:
        heads, rows = read_by_mapping(mapping, bodies[job.payload["page"] % BODIES])
        assert len(heads) == len(rows) == cases.PAGE

    read_by_mapping(mapping, bodies[0])  # warm
    with db.read() as tx:
        tx.execute(text("SELECT 1"))
    begin()
    return {"jobs": Worker(db=db, handlers={"map": map_page}, threads=2).run_until_idle()}


def benches(size: Size) -> list[Bench]:
    """The key `workers.scale2`."""
    count = size.of(1_000_000, 100_000, 4000)
    sides = {
        name: Side(
            "tests.bench.workers:share", "postgresql",
            {"count": count, "processes": processes, "source": False},
        )
        for name, processes in {"1 worker": 1, "2 workers": 2}.items()
    }  # fmt: skip
    faster = Faster([(At("2 workers", "map"), At("1 worker", "map"))], by="wall")
    return [
        Bench("workers", sides, [Goal("workers.scale2", faster, at_least=1.6)], size.of(3, 2, 1))
    ]
