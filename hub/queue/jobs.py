"""Jobs in a table: put them in, take them out, and remove what is finished.

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
since 1970.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    Float,
    Integer,
    Row,
    Select,
    Update,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.sql.dml import ReturningDelete

from hub.queue.lanes import Lane, Offers, divide
from hub.queue.upsert import Upsert, insert_for
from hub.store.database import Transaction, ring
from hub.store.system import jobs, pauses

MOST_HEADS = 100  # (lane, connection) pairs that one claim looks at; SQLite unites at most 500
MOST = 1000  # jobs that one claim takes


@dataclass(frozen=True, slots=True)
class Request:
    """A job to put.

    `run_at` None means as soon as possible. `payload` is JSON-able.
    """

    kind: str
    key: str
    connection: str
    payload: dict[str, Any]
    lane: Lane
    run_at: float | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that its claimer runs now. `attempt` counts from 1 and includes this run.

    `take` is the fencing token; `crashes` tells how many workers died while they had this job.
    """

    id: int
    kind: str
    key: str
    connection: str
    payload: dict[str, Any]
    lane: Lane
    attempt: int
    crashes: int
    revision: int
    run_at: float
    put_at: float
    take: int

    def __str__(self) -> str:
        return f"job {self.id} ({self.kind} {self.key!r})"


class LostLease(Exception):
    """The job is no longer ours: another worker has it, or it is finished.

    Let it pass: the transaction in which it was raised must roll back.
    """


def put(tx: Transaction, requests: Sequence[Request], *, now: float, hurry: bool = False) -> None:
    """Ask for jobs, in one statement for any number.

    A request for a (kind, key) that waits already joins it: its payload replaces the waiting
    one's, and the earlier time and the more urgent lane count. One that runs already leaves one
    more run behind. A job that waits because it failed keeps waiting as long as it had to,
    whoever asks again, unless `hurry`: a person who has just mended something does not wait.
    """
    if not requests:
        return
    tx.execute(_joining(insert_for(tx, jobs), hurry), [_row(one, now) for one in requests])
    ring(tx)


def _row(request: Request, now: float) -> dict[str, Any]:
    return {
        "kind": request.kind,
        "key": request.key,
        "connection": request.connection,
        "payload": request.payload,
        "lane": int(request.lane),
        "run_at": now if request.run_at is None else request.run_at,
        "put_at": now,
    }


def _joining(insert: Upsert, hurry: bool) -> Upsert:  # noqa: FBT001 -- handed through
    new = insert.excluded
    sooner = case((new.run_at < jobs.c.run_at, new.run_at), else_=jobs.c.run_at)
    return insert.on_conflict_do_update(
        index_elements=["kind", "key"],
        index_where=~jobs.c.running,
        set_={
            "payload": new.payload,
            "connection": new.connection,
            "lane": case((new.lane < jobs.c.lane, new.lane), else_=jobs.c.lane),
            "revision": jobs.c.revision + 1,
            "run_at": sooner if hurry else case((jobs.c.attempt > 0, jobs.c.run_at), else_=sooner),
        },
    )


def claim(
    tx: Transaction,
    *,
    worker: str,
    most: int,
    now: float,
    lanes: Collection[Lane] = tuple(Lane),
    turn: int = 0,
) -> list[Claimed]:
    """Take up to `most` jobs that may run now, in the order in which they should start.

    Steps over paused connections, keys that run, and what is not due. The lanes share by weight,
    the connections within a lane evenly. `turn` is how many jobs the caller took before: see
    `lanes.divide`. Three statements, whose cost does not grow with the number of waiting jobs.
    """
    most = min(most, MOST)
    ids = divide(offers(tx, most=most, now=now, lanes=lanes, turn=turn), most, turn)
    if not ids:
        return []
    rows = tx.execute(_take(), {"ids": ids, "by": worker})
    taken = {row.id: claimed(row) for row in rows}
    return [taken[one] for one in ids if one in taken]


def offers(
    tx: Transaction, *, most: int, now: float, lanes: Collection[Lane], turn: int = 0
) -> Offers:
    """The oldest jobs that may run now, up to `most` of each lane and connection."""
    found: dict[Lane, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    if most < 1 or not lanes:
        return found
    heads = tx.execute(_heads(tuple(sorted(set(lanes)))), {"now": now}).all()
    if not heads:
        return found
    first = turn % len(heads) if len(heads) > MOST_HEADS else 0
    heads = [*heads[first:], *heads[:first]][:MOST_HEADS]
    values: dict[str, Any] = {"now": now, "most": most}
    for place, head in enumerate(heads):
        values |= {f"lane{place}": head.lane, f"connection{place}": head.connection}
    rows = tx.execute(_candidates(len(heads)), values).all()
    for row in sorted(rows, key=lambda row: (row.run_at, row.id)):
        found[Lane(row.lane)][row.connection].append(row.id)
    return found


@cache
def _heads(lanes: tuple[Lane, ...]) -> Select[Any]:
    """The (lane, connection) pairs that have a job due, and are not paused."""
    heads, now = pairs(lanes), bindparam("now", type_=Float)
    due_at = (
        select(func.min(jobs.c.run_at))
        .where(~jobs.c.running, jobs.c.lane == heads.c.lane)
        .where(jobs.c.connection == heads.c.connection)
        .scalar_subquery()
    )
    held = or_(pauses.c.until.is_(None), pauses.c.until > now)
    return (
        select(heads.c.lane, heads.c.connection)
        .where(heads.c.connection.is_not(None), due_at <= now)
        .where(heads.c.connection.not_in(select(pauses.c.connection).where(held)))
    )


def pairs(lanes: tuple[Lane, ...]) -> CTE:
    """The (lane, connection) pairs that have a waiting job; the last of each lane is null.

    Walks from one pair to the next in the index, so that it meets every pair and not every job.
    """
    numbers = (select(literal_column(str(int(lane)), Integer).label("lane")) for lane in lanes)
    all_lanes = union_all(*numbers).cte("lanes")
    first = select(all_lanes.c.lane, _next_connection(all_lanes.c.lane).label("connection"))
    heads = first.cte("heads", recursive=True)
    following = _next_connection(heads.c.lane, jobs.c.connection > heads.c.connection)
    step = select(heads.c.lane, following).where(heads.c.connection.is_not(None))
    return heads.union_all(step)


def _next_connection(lane: Any, *more: Any) -> Any:
    names = select(func.min(jobs.c.connection)).where(~jobs.c.running, jobs.c.lane == lane, *more)
    return names.scalar_subquery()


@cache
def _candidates(heads: int) -> Select[Any]:
    running = jobs.alias("other")
    runs = exists().where(
        running.c.running, running.c.kind == jobs.c.kind, running.c.key == jobs.c.key
    )
    parts = (
        select(jobs.c.id, jobs.c.lane, jobs.c.connection, jobs.c.run_at)
        .where(~jobs.c.running, jobs.c.lane == bindparam(f"lane{place}"))
        .where(jobs.c.connection == bindparam(f"connection{place}"))
        .where(jobs.c.run_at <= bindparam("now"), ~runs)
        .order_by(jobs.c.run_at, jobs.c.id)
        .limit(bindparam("most"))
        .subquery()
        for place in range(heads)
    )
    return select(union_all(*(select(part) for part in parts)).subquery())


@cache
def _take() -> Update:
    return (
        update(jobs)
        .where(jobs.c.id.in_(bindparam("ids", expanding=True)), ~jobs.c.running)
        .values(running=True, worker=bindparam("by"), take=jobs.c.take + 1)
        .returning(jobs)
    )


def claimed(row: Row[Any]) -> Claimed:
    """A row of a running job, as a value."""
    return Claimed(
        id=row.id,
        kind=row.kind,
        key=row.key,
        connection=row.connection,
        payload=row.payload,
        lane=Lane(row.lane),
        attempt=row.attempt + 1,
        crashes=row.crashes,
        revision=row.revision,
        run_at=row.run_at,
        put_at=row.put_at,
        take=row.take,
    )


def done(tx: Transaction, finished: Sequence[Claimed]) -> None:
    """Remove finished jobs, in the transaction that holds their effects. One statement.

    Raises `LostLease` when one of them is no longer ours: then the effects must not stay.
    """
    _all_ours(finished, sweep(tx, finished))


def sweep(tx: Transaction, finished: Sequence[Claimed]) -> set[int]:
    """Remove those of the jobs that are still there and ours; their ids."""
    if not finished:
        return set()
    return set(tx.scalars(_remove(), {"ids": _ids(finished), "takes": _takes(finished)}))


def fence(tx: Transaction, *held: Claimed) -> None:
    """Raise `LostLease` unless all of the jobs are ours until `tx` ends. One statement.

    For every commit in the middle of a job: a page, a batch.
    """
    rows = tx.scalars(_held(), {"ids": _ids(held), "takes": _takes(held)})
    _all_ours(held, set(rows))


def still_ours(tx: Transaction, job: Claimed) -> bool:
    """Whether `fence` would let the job pass."""
    return bool(tx.scalars(_held(), {"ids": [job.id], "takes": _takes([job])}).all())


@cache
def _remove() -> ReturningDelete[Any]:
    return delete(jobs).where(*_ours()).returning(jobs.c.id)


@cache
def _held() -> Select[Any]:
    return select(jobs.c.id).where(*_ours()).with_for_update()


def _ours() -> Any:
    pairs_held = tuple_(jobs.c.id, jobs.c.take).in_(bindparam("takes", expanding=True))
    return jobs.c.id.in_(bindparam("ids", expanding=True)), pairs_held, jobs.c.running


def _ids(held: Sequence[Claimed]) -> list[int]:
    return [job.id for job in held]


def _takes(held: Sequence[Claimed]) -> list[tuple[int, int]]:
    return [(job.id, job.take) for job in held]


def _all_ours(held: Sequence[Claimed], ours: set[int]) -> None:
    for job in held:
        if job.id not in ours:
            raise LostLease(f"{job} is no longer ours: another worker has it, or it is finished")
