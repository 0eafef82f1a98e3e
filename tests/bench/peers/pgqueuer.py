"""PgQueuer, the fastest queue in Python that keeps its jobs in PostgreSQL (QUEUE.md).

With asyncpg, its fastest driver, and the batch size at which it was fastest here.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from importlib import import_module
from typing import Any

from sqlalchemy import make_url

from tests.bench import fleet
from tests.bench.scene import Scene


def process(scene: Scene) -> None:
    """Drain a table of no-op jobs with two processes."""
    asyncio.run(_put(scene))
    options = {"url": scene.url, "batch": scene.options["batch"]}
    with (
        fleet.ready("tests.bench.peers.pgqueuer:drain", options, 2) as workers,
        scene.timed("process", scene.count),
    ):
        done = workers.work()
    assert sum(each["jobs"] for each in done) == scene.count, done
    assert asyncio.run(_left(scene)) == 0


async def _put(scene: Scene) -> None:
    queries = import_module("pgqueuer.queries")
    connection = await _connected(scene.url)
    some = queries.Queries(import_module("pgqueuer.db").AsyncpgDriver(connection))
    await some.install()
    for start in range(0, scene.count, 5000):
        numbers = range(start, min(start + 5000, scene.count))
        await some.enqueue(
            ["noop"] * len(numbers), [f'{{"number": {n}}}'.encode() for n in numbers],
            [0] * len(numbers),
        )  # fmt: skip
    await connection.execute("VACUUM ANALYZE pgqueuer")
    await connection.close()


async def _left(scene: Scene) -> int:
    connection = await _connected(scene.url)
    left: int = await connection.fetchval("SELECT count(*) FROM pgqueuer")
    await connection.close()
    return left


async def _connected(url: str) -> Any:
    found = make_url(url)
    return await import_module("asyncpg").connect(
        user=found.username, database=found.database, host=found.query["host"]
    )


def drain(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    """One worker: until nothing is left."""
    return asyncio.run(_drain(options, begin))


async def _drain(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    pgqueuer, types = import_module("pgqueuer"), import_module("pgqueuer.types")
    queue = pgqueuer.PgQueuer.from_asyncpg_connection(await _connected(options["url"]))
    jobs = 0

    async def do_nothing(job: Any) -> None:
        nonlocal jobs
        assert job.payload
        jobs += 1

    queue.entrypoint("noop")(do_nothing)
    begin()
    await queue.qm.run(
        batch_size=options["batch"],
        dequeue_timeout=timedelta(seconds=1),
        mode=types.QueueExecutionMode.drain,
    )
    return {"jobs": jobs}
