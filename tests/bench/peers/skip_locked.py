"""The least that a durable queue does: claim a batch with SKIP LOCKED, do it, delete it.

No keys, no lanes, no connections, no priorities, no leases, no retries, no dead letters.
"""

from __future__ import annotations

from typing import Any

import psycopg

from tests.bench import fleet
from tests.bench.scene import Scene

CREATE = """
    CREATE TABLE job (id bigserial PRIMARY KEY, payload jsonb NOT NULL, taken boolean NOT NULL);
    CREATE INDEX ON job (id) WHERE NOT taken;
"""
PUT = """
    INSERT INTO job (payload, taken)
    SELECT jsonb_build_object('number', n), false FROM generate_series(1, %s) n
"""
CLAIM = """
    UPDATE job SET taken = true WHERE id IN (
        SELECT id FROM job WHERE NOT taken ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING id, payload
"""
DONE = "DELETE FROM job WHERE id = ANY(%s)"


def process(scene: Scene) -> None:
    """Drain a table of no-op jobs with two processes."""
    with psycopg.connect(scene.url, autocommit=True) as raw:
        raw.execute(CREATE)
        raw.execute(PUT, [scene.count])
        raw.execute("VACUUM ANALYZE job")
        options = {"url": scene.url, "batch": scene.options["batch"]}
        with (
            fleet.ready("tests.bench.peers.skip_locked:drain", options, 2) as workers,
            scene.timed("process", scene.count),
        ):
            done = workers.work()
        assert sum(each["jobs"] for each in done) == scene.count, done
        assert raw.execute("SELECT count(*) FROM job").fetchone() == (0,)


def drain(options: dict[str, Any], begin: fleet.Begin) -> dict[str, Any]:
    """One worker: until nothing is left."""
    jobs = 0
    with psycopg.connect(options["url"], autocommit=True) as raw:
        begin()
        while taken := raw.execute(CLAIM, [options["batch"]]).fetchall():
            for _, payload in taken:
                _do_nothing(payload)
            raw.execute(DONE, [[id for id, _ in taken]])
            jobs += len(taken)
    return {"jobs": jobs}


def _do_nothing(payload: dict[str, Any]) -> None:
    assert payload["number"]
