"""From the inside out: records are written to an external system, one or several in a call.

    ⟦ rows · links · references ⟧ ─▶ upsert, upsert_many ─▶ ⟦ jobs gone · links · who is told on ⟧

Each record has an outcome of its own. What becomes of those that failed is for the queue to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from hub import queue
from hub.abilities import WritesMany
from hub.errors import (
    AuthFailed,
    Conflict,
    MappingFailed,
    NotFound,
    Permanent,
    RateLimited,
    Transient,
)
from hub.queue import Claimed, LostLease
from hub.spoke import Receipt, Stream, Write, Writes
from hub.store import links, pending, sets
from hub.store.database import Database, Transaction
from hub.store.links import Link
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Poll, Push, Refetch, read, request
from hub.sync.outbound.hearing import hearing
from hub.sync.outbound.unsent import Unsent, tried, unsent
from hub.sync.records import audience
from hub.sync.stamps import with_stamp

PATIENT = 5
"""From this attempt on, some minutes later, a record is created without what never came."""
OF_ONE = (Conflict, MappingFailed, Permanent)
"""What can only be meant of one record, also where it is said of a call."""
OF_ALL = (AuthFailed, RateLimited)
"""After which nothing more is asked of the account."""

Answer = Receipt | Exception | None
"""What became of a write; None if there was nothing to say, or nobody left to say it to."""


def together(connections: Connections, claimed: Claimed) -> queue.Group:
    """Pushes to one stream go together, as many as its spoke writes in one call."""
    connection = connections.get(claimed.connection)
    most = _at_once(connection.spoke) if connection else 1
    return queue.Group(f"{claimed.connection}/{claimed.payload['stream']}/", most)


def push(
    db: Database, connections: Connections, claimed: Sequence[Claimed], clock: Callable[[], float]
) -> list[Exception | None]:
    """Write records as they are now, which may be newer than when their pushes were queued.

    They are all of one connection and stream. What went wrong with each, in their order.
    """
    jobs = [_push(one) for one in claimed]
    connection = connections.of_job(jobs[0].connection, jobs[0].stream)
    with db.read() as tx:
        found = unsent(tx, connection, jobs)
        found = _patient(tx, claimed, jobs, found)
    writes = [_write(*one) for one in zip(jobs, found, strict=True)]
    answers = _written(connection, jobs[0].stream, writes)
    ends = [_End(*one) for one in zip(claimed, jobs, found, answers, strict=True)]
    return _keep(db, connections, connection, ends, clock())


def _at_once(spoke: object) -> int:
    return spoke.at_once if isinstance(spoke, WritesMany) else 1


class _End(NamedTuple):
    """How a push ended over there."""

    claimed: Claimed
    job: Push
    found: Unsent | Exception
    answer: Answer


def _push(claimed: Claimed) -> Push:
    job = read(claimed)
    assert isinstance(job, Push)
    return job


def _patient(
    tx: Transaction, claimed: Sequence[Claimed], jobs: Sequence[Push],
    found: Sequence[Unsent | Exception],
) -> list[Unsent | Exception]:  # fmt: skip
    """No record is created without what it refers to, as long as that may still come."""
    new = {
        (job.table, job.sys_id)
        for one, job, it in zip(claimed, jobs, found, strict=True)
        if one.attempt < PATIENT and isinstance(it, Unsent) and it.values and it.link is None
    }
    waiting = pending.fields(tx, new) if new else {}
    return [
        _unless_waiting(it, waiting.get((job.table, job.sys_id), set()))
        for job, it in zip(jobs, found, strict=True)
    ]


def _unless_waiting(found: Unsent | Exception, waiting: set[str]) -> Unsent | Exception:
    if isinstance(found, Unsent):
        for name in sorted(waiting & found.mapping.writes):
            return Transient(f"{found.mapping.place(name)}: {name}: waits for a record of theirs")
    return found


def _write(job: Push, found: Unsent | Exception) -> Write | Exception | None:
    """What to ask of them; None if both sides agree."""
    if isinstance(found, Exception):
        return found
    return tried(partial(_asked, job, found)) if found.values else None


def _asked(job: Push, found: Unsent) -> Write:
    data, link = found.data(), found.link
    if link is None:
        assert found.mapping.stamp
        return Write(None, with_stamp(data, found.mapping.stamp, job.sys_id), job.sys_id)
    key = f"{job.sys_id}/{sha256(sets.as_json(data)).hexdigest()[:16]}"
    return Write(link.external_id, data, key, link.version)


def _written(
    connection: Connection, name: str, writes: Sequence[Write | Exception | None]
) -> list[Answer]:
    """Send what there is to send; what became of each. What is no write is its own answer."""
    spoke, stream = connection.spoke, connection.stream(name)
    assert isinstance(spoke, Writes)
    answers: list[Answer] = [None if isinstance(one, Write) else one for one in writes]
    over: Exception | None = None
    for some in _slices(writes, _at_once(spoke)):
        told = [over] * len(some) if over else _sent(spoke, stream, list(some.values()))
        over = over or next((one for one in told if isinstance(one, OF_ALL)), None)
        for (place, write), answer in zip(some.items(), told, strict=True):
            gone = write.id is not None and isinstance(answer, NotFound)
            answers[place] = None if gone else answer  # the next poll will explain
    return answers


def _slices(writes: Sequence[Write | Exception | None], most: int) -> list[dict[int, Write]]:
    """The writes by their places, so many in a call, and of no record two in one."""
    slices: list[tuple[set[str], dict[int, Write]]] = []
    for place, write in enumerate(writes):
        if isinstance(write, Write):
            record = write.id or write.key
            free = (one for one in slices if len(one[0]) < most and record not in one[0])
            mine = next(free, None)
            if mine is None:
                slices.append(mine := (set(), {}))
            mine[0].add(record)
            mine[1][place] = write
    return [those for _, those in slices]


def _sent(spoke: Writes, stream: Stream, writes: Sequence[Write]) -> Sequence[Answer]:
    """One call, unless they say of all what can only be meant of one: then each is asked alone."""
    if len(writes) == 1 or not isinstance(spoke, WritesMany):
        return [tried(partial(spoke.upsert, stream, one)) for one in writes]
    answers = tried(partial(_at_one_go, spoke, stream, writes))
    if isinstance(answers, OF_ONE):
        return [answer for one in writes for answer in _sent(spoke, stream, [one])]
    return [answers] * len(writes) if isinstance(answers, Exception) else answers


def _at_one_go(
    spoke: WritesMany, stream: Stream, writes: Sequence[Write]
) -> Sequence[Receipt | Exception]:
    answers = spoke.upsert_many(stream, writes)
    if len(answers) != len(writes):
        raise TypeError(
            f"{type(spoke).__name__}.upsert_many gave {len(answers)} answers to {len(writes)} writes"
        )
    return answers


def _keep(
    db: Database, connections: Connections, connection: Connection, ends: Sequence[_End],
    now: float,
) -> list[Exception | None]:  # fmt: skip
    """Write down what they made of it, and end the jobs; what went wrong with each."""
    over = [one for one in ends if not isinstance(one.answer, Exception)]
    heard = [_hearing(connection, one) for one in ends if isinstance(one.answer, Conflict)]
    lost = set[int]()
    if over or heard:
        with db.write() as tx:
            ours = _finished(tx, over)
            new = _linked(tx, connection, ours, now)
            told_on = audience.after_links(tx, connections, connection.name, new)
            queue.put(tx, [*map(request, heard), *told_on], now=now)
        lost = {one.claimed.id for one in over} - {one.claimed.id for one in ours}
    return [_outcome(one, lost) for one in ends]


def _hearing(connection: Connection, end: _End) -> Poll | Refetch:
    link = end.found.link if isinstance(end.found, Unsent) else None
    return hearing(connection, end.job.stream, link.external_id if link else None)


def _finished(tx: Transaction, over: Sequence[_End]) -> list[_End]:
    """End the jobs that are still ours: no effect of another may stay."""
    if sum(one.answer is not None for one in over) > 1:
        # A page of a poll writes links too, in an order of its own.
        links.take_turn(tx, over[0].job.connection, over[0].job.stream)
    ours = {job.id for job in queue.finish(tx, [one.claimed for one in over])}
    return [one for one in over if one.claimed.id in ours]


def _linked(
    tx: Transaction, connection: Connection, ends: Iterable[_End], now: float
) -> list[tuple[str, str]]:
    """Link what was written; (table, sys_id) of what they did not have."""
    written = [one for one in ends if isinstance(one.answer, Receipt)]
    if not written:
        return []
    keys = [(one.job.stream, one.job.table, one.job.sys_id) for one in written]
    known = links.of_records(tx, connection.name, keys)  # a poll may have moved them meanwhile
    made = [_link(one, known.get(key)) for one, key in zip(written, keys, strict=True)]
    links.save(tx, made, now=now)
    return [key[1:] for key in keys if key not in known]


def _link(end: _End, link: Link | None) -> Link:
    found, job, receipt = end.found, end.job, end.answer
    assert isinstance(found, Unsent)
    assert isinstance(receipt, Receipt)
    base = dict(link.base or {}) if link else {}
    base |= {name: found.heard[name] for name in found.values}
    version = max(receipt.version, link.version) if link else receipt.version
    return Link(
        job.connection, job.stream, job.table, receipt.id, job.sys_id, version, b"",
        found.mapping.digest, base,
    )  # fmt: skip


def _outcome(end: _End, lost: set[int]) -> Exception | None:
    if isinstance(end.answer, Exception):
        return end.answer
    if end.claimed.id in lost:
        return LostLease(f"{end.claimed} is no longer ours: another worker has it")
    return None
