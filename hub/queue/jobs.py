"""Jobs in a table: put them in, and remove what is finished.

         put ──▶ waiting ──claim──▶ running ──done──▶ (gone)
                   ▲                   │
                   ├──retry, pause, ───┤
                   │  hand_back        │
                   │                   └──bury──▶ dead
                   └────────────revive──────────────┘

Of one (kind, key) at most one job waits and one runs, which gives order, coalescing and
uniqueness. Each claim gives the job a new `take`: who lost the job to another worker has an old
one, and cannot commit.

Every function works inside the caller's transaction, from `Database.write`. Times are seconds
since 1970 on the database's clock; a `now` that is given takes its place, for tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from sqlalchemy import CursorResult

from hub.queue.lanes import Lane
from hub.queue.words import array, as_driven, careful, in_words
from hub.store.database import Transaction, ring
from hub.store.sets import from_json


@dataclass(frozen=True, slots=True)
class Request:
    """A job to put.

    `run_at` None means as soon as possible. `payload` is JSON-able. Within its lane and
    connection a job of a smaller `priority` runs before all others that are due.
    """

    kind: str
    key: str
    connection: str
    payload: dict[str, Any]
    lane: Lane
    run_at: float | None = None
    priority: int = 0


class Claimed(msgspec.Struct, frozen=True):
    """A job that its claimer runs now. `attempt` counts from 1 and includes this run.

    `take` is the fencing token; `crashes` tells how many workers died while they had this job,
    `story` of its failures: [time, worker, error] each, the oldest first. (A struct and not a
    dataclass: a worker makes fifty thousand of them a second.)
    """

    id: int
    kind: str
    key: str
    connection: str
    payload: dict[str, Any]
    lane: Lane
    priority: int
    attempt: int
    crashes: int
    revision: int
    run_at: float
    put_at: float
    take: int
    worker: str
    story: list[list[Any]] | None = None

    def __str__(self) -> str:
        return f"job {self.id} ({self.kind} {self.key!r})"


COLUMNS = (
    "id, kind, key, connection, CAST(payload AS {text}), lane, priority, attempt, crashes, "
    "revision, run_at, put_at, take, story"
)
"""Of a running job, for `claimed`. (The driver's own reading of JSON costs as much as all else.)"""
_LANES = tuple(Lane)


def claimed(rows: Iterable[Sequence[Any]], worker: str) -> list[Claimed]:
    """Rows of `COLUMNS`, which this worker has in hand, as values."""
    loads = orjson.loads
    return [
        Claimed(
            id, kind, key, connection, loads(payload), _LANES[lane], priority, attempt + 1,
            crashes, revision, run_at, put_at, take, worker, story and from_json(story),
        )
        for (
            id, kind, key, connection, payload, lane, priority, attempt, crashes, revision,
            run_at, put_at, take, story,
        ) in rows
    ]  # fmt: skip


class LostLease(Exception):
    """The job is no longer ours: another worker has it, or it is finished.

    Let it pass: the transaction in which it was raised must roll back.
    """


def put(
    tx: Transaction, requests: Sequence[Request], *, now: float | None = None, hurry: bool = False
) -> None:
    """Ask for jobs, in one statement for any number.

    A request for a (kind, key) that waits already joins it: its payload replaces the waiting
    one's, and the earlier time, the more urgent lane and the smaller priority count. One that
    runs already leaves one more run behind. A job that waits because it failed keeps waiting as
    long as it had to, whoever asks again, unless `hurry`: a person who has just mended something
    does not wait.
    """
    if not requests:
        return
    values = {"now": now, "hurry": hurry}
    if tx.dialect.name == "sqlite":
        rows = [values | _request(one) for one in requests]
        tx.exec_driver_sql(as_driven(_PUT_ONE, tx), rows)
    else:
        tx.exec_driver_sql(as_driven(_PUT_SET, tx), values | _columns(requests))
    ring(tx)


def _request(one: Request) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "key": one.key,
        "connection": one.connection,
        "payload": orjson.dumps(one.payload, default=str).decode(),
        "lane": int(one.lane),
        "priority": one.priority,
        "run_at": one.run_at,
    }


_COLUMNS = "kind, key, connection, payload, lane, priority, run_at, put_at, revision"
_JOIN = """
    ON CONFLICT (kind, key) WHERE running = {no} DO UPDATE SET
      payload = excluded.payload, connection = excluded.connection,
      lane = {least}(hub_job.lane, excluded.lane),
      priority = {least}(hub_job.priority, excluded.priority),
      revision = hub_job.revision + excluded.revision,
      run_at = CASE WHEN hub_job.attempt > 0 AND NOT CAST(:hurry AS BOOLEAN) THEN hub_job.run_at
        ELSE {least}(hub_job.run_at, excluded.run_at) END
"""
_PUT_ONE = f"""
    INSERT INTO hub_job ({_COLUMNS}, running, attempt, crashes, take)
    VALUES (:kind, :key, :connection, :payload, :lane, :priority,
      coalesce(:run_at, :now, {{clock}}), coalesce(:now, {{clock}}), 1, {{no}}, 0, 0, 0)
    {_JOIN}"""  # noqa: S608 -- no values in it
# Ids follow the order of the requests. The rows are written in the order of their keys, in which
# everybody does: who put the same keys at the same time wait for each other in a line, not a ring.
_PUT_SET = f"""
    INSERT INTO hub_job (id, {_COLUMNS}, running, attempt, crashes, take)
    SELECT s.id, s.kind, s.key, s.connection, CAST(s.payload AS json), s.lane, s.priority,
      least(s.run_at, CASE WHEN s.soon THEN s.now END), s.now, s.puts, false, 0, 0, 0
    FROM (
      SELECT nextval('hub_job_id_seq') AS id,
        (SELECT coalesce(CAST(:now AS double precision), {{clock}})) AS now, r.*
      FROM unnest(
        CAST(:kind AS text[]), CAST(:key AS text[]), CAST(:connection AS text[]),
        CAST(:payload AS text[]), CAST(:lane AS int[]), CAST(:priority AS int[]),
        CAST(:run_at AS double precision[]), CAST(:soon AS boolean[]), CAST(:puts AS int[])
      ) WITH ORDINALITY
        r(kind, key, connection, payload, lane, priority, run_at, soon, puts, place)
      ORDER BY r.place OFFSET 0
    ) s
    ORDER BY s.kind, s.key
    {_JOIN}"""  # noqa: S608 -- no values in it


def _columns(requests: Sequence[Request]) -> dict[str, list[Any]]:
    """One row for each key: PostgreSQL refuses to touch a row twice in one statement."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in requests:
        new = _request(one) | {"soon": one.run_at is None, "puts": 1}
        old = rows.get((one.kind, one.key))
        rows[one.kind, one.key] = new if old is None else _joined(old, new)
    return {name: [row[name] for row in rows.values()] for name in next(iter(rows.values()))}


def _joined(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    times = [one["run_at"] for one in (old, new) if one["run_at"] is not None]
    return new | {
        "lane": min(old["lane"], new["lane"]),
        "priority": min(old["priority"], new["priority"]),
        "run_at": min(times, default=None),
        "soon": old["soon"] or new["soon"],
        "puts": old["puts"] + 1,
    }


def done(tx: Transaction, finished: Sequence[Claimed]) -> None:
    """Remove finished jobs, in the transaction that holds their effects. One statement.

    Raises `LostLease` when one of them is no longer ours: then the effects must not stay.
    """
    removed = "DELETE FROM hub_job {set} RETURNING hub_job.id, hub_job.take"
    _all_ours(finished, _ours(tx, removed, finished))


def finish(tx: Transaction, finished: Sequence[Claimed]) -> list[Claimed]:
    """Remove those of the jobs that are still ours; which those are. One statement.

    As `done`, for who runs several in one call: no effect but theirs may stay.
    """
    in_order = sorted(finished, key=lambda job: job.id)  # as whoever takes them over locks them
    removed = _ours(tx, "DELETE FROM hub_job {set} RETURNING hub_job.id, hub_job.take", in_order)
    return [job for job in finished if _token(job) in removed]


def sweep(tx: Transaction, finished: Sequence[Claimed]) -> int:
    """Remove those of the jobs that are still there and ours; how many."""
    return _held(tx, "DELETE FROM hub_job {set}", finished).rowcount if finished else 0


def fence(tx: Transaction, *held: Claimed) -> None:
    """Raise `LostLease` unless all of the jobs are ours until `tx` ends. One statement.

    For every commit in the middle of a job: a page, a batch.
    """
    _all_ours(held, _fenced(tx, held))


def ours(tx: Transaction, held: Sequence[Claimed]) -> list[Claimed]:
    """Those of the jobs that are ours, until `tx` ends. One statement."""
    fenced = _fenced(tx, held)
    return [job for job in held if _token(job) in fenced]


def _fenced(tx: Transaction, held: Sequence[Claimed]) -> set[tuple[int, int]]:
    lock = "" if tx.dialect.name == "sqlite" else " FOR UPDATE OF hub_job"
    held_now = "SELECT hub_job.id, hub_job.take FROM hub_job {set}"
    return _ours(tx, f"{held_now}{lock}", held)


def still_ours(tx: Transaction, job: Claimed) -> bool:
    """Whether `fence` would let the job pass."""
    return bool(_ours(tx, "SELECT hub_job.id, hub_job.take FROM hub_job {set}", [job]))


def _ours(tx: Transaction, statement: str, held: Sequence[Claimed]) -> set[tuple[int, int]]:
    """Run it for those of the jobs that are ours; their ids and takes."""
    return {(id, take) for id, take in _held(tx, statement, held)} if held else set()


def _held(
    tx: Transaction, statement: str, held: Sequence[Claimed]
) -> CursorResult[*tuple[Any, ...]]:
    if len(held) == 1:
        # Numbers in the text are planned for the table as it is now. A plan kept from when it was
        # empty would go through a long queue from end to end.
        one = f"WHERE id = {held[0].id:d} AND take = {held[0].take:d} AND running = true"
        return tx.exec_driver_sql(statement.replace("{set}", one))
    careful(tx)
    if tx.dialect.name == "sqlite":
        values: dict[str, Any] = {"held": orjson.dumps([_token(job) for job in held]).decode()}
        chosen = _IN_JSON
    else:
        values = {"ids": array(job.id for job in held), "takes": array(job.take for job in held)}
        chosen = ("," if statement.startswith("SELECT") else "USING") + _IN_ARRAYS
    return tx.execute(in_words(statement.replace("{set}", chosen), tx), values)


_IN_JSON = """
    WHERE id IN (SELECT value ->> 0 FROM json_each(:held)) AND running = 1
      AND (id, take) IN (SELECT value ->> 0, value ->> 1 FROM json_each(:held))"""
# A fence around each lookup: left to itself, PostgreSQL goes through all that runs, for each id.
# The row that was found is then taken by its place: to look for its id again costs as much.
_IN_ARRAYS = """
    unnest(CAST(:ids AS bigint[]), CAST(:takes AS int[])) s(id, take)
    CROSS JOIN LATERAL
      (SELECT j.ctid AS place, j.take, j.running FROM hub_job j WHERE j.id = s.id OFFSET 0) k
    WHERE hub_job.ctid = k.place AND hub_job.take = k.take AND k.take = s.take AND k.running"""


def _token(job: Claimed) -> tuple[int, int]:
    return job.id, job.take


def _all_ours(held: Sequence[Claimed], ours: set[tuple[int, int]]) -> None:
    for job in held:
        if _token(job) not in ours:
            raise LostLease(f"{job} is no longer ours: another worker has it, or it is finished")
