"""huey on SQLite: two worker processes, twice as fast as two threads, as durable as ours."""

from __future__ import annotations

import logging
import multiprocessing
import time
from importlib import import_module
from typing import Any

from tests.bench.scene import Scene


def process(scene: Scene) -> None:
    """Drain a file of no-op jobs with the consumer's two workers."""
    logging.disable(logging.CRITICAL)
    queue, done = _queue(scene), multiprocessing.Value("i", 0)

    def do_nothing(number: int) -> None:
        assert number >= 0
        with done.get_lock():
            done.value += 1

    task = queue.task()(do_nothing)
    _put(queue, [queue.serialize_task(task.s(number)) for number in range(scene.count)])
    queue.storage.close()  # processes that are forked must not share it
    consumer = queue.create_consumer(
        workers=2, worker_type="process", periodic=False, check_worker_health=False,
        initial_delay=0.001, backoff=1, max_delay=0.001,
    )  # fmt: skip
    with scene.timed("process", scene.count):
        consumer.start()
        while done.value < scene.count:
            time.sleep(0.001)
    assert not queue.storage.queue_size()
    consumer.stop_flag.set()


def _put(queue: Any, tasks: list[bytes]) -> None:
    """All in one transaction: putting is not what is measured."""
    with queue.storage.db(commit=True) as cursor:
        rows = [(queue.storage.name, task) for task in tasks]
        cursor.executemany("INSERT INTO task (queue, data, priority) VALUES (?, ?, 0)", rows)


def _queue(scene: Scene) -> Any:
    huey = import_module("huey")
    storage = import_module("huey.storage")

    class AsDurable(storage.SqliteStorage):  # type: ignore[misc,name-defined]
        """`synchronous` NORMAL, as ours; huey itself knows FULL and OFF."""

        def _create_connection(self) -> Any:
            raw = super()._create_connection()
            raw.execute("PRAGMA synchronous = NORMAL")
            return raw

    return huey.Huey(
        "bench", storage_class=AsDurable, filename=str(scene.file), results=False, utc=True
    )
