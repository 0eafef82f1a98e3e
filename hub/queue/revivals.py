"""Reviving very many dead letters: a job that does some each second, and that can be stopped.

`preview` counts, `start` writes down who wants what and puts the job, and each of its runs revives
the next portion and writes down how far it is: after a crash it goes on from there. The row of a
revival stays, as the record of who did it.

Dead jobs are revived here. Dead records are read again by `hub.sync.replay.retrying`, which takes a
portion by `portion` and settles it by `advance`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from hub.queue import words
from hub.queue.jobs import Claimed, Request, done, put
from hub.queue.lanes import Lane
from hub.queue.letters import MOST, Which, revive_these
from hub.store import dead
from hub.store.database import Database, Transaction
from hub.store.work import dead_jobs, revivals

KIND = "revive"
REREAD = "reread"  # the kind of job that revives records
EVERY = 1.0  # seconds from one portion to the next
RATE = 50.0  # letters per second, unless somebody asks for another
AT_ONCE = 0.0  # the rate of a revival of records that knows no pause
PAGE = 500  # records that are read again in one transaction

Wanted = Which | dead.Which
"""The dead jobs, or the dead records, that somebody means."""


@dataclass(frozen=True, slots=True)
class Revival:
    """How far one is. `foreseen` is how many letters there were when it began.

    `once` names what changed, of one that began by itself.
    """

    id: int
    which: Wanted
    by: str
    rate: float
    foreseen: int
    revived: int
    started_at: float
    ended_at: float | None
    cancelled_by: str | None
    once: str | None = None

    @property
    def what(self) -> str:
        """jobs | records"""
        return _what(self.which)


def preview(tx: Transaction, which: Wanted) -> int:
    """How many letters a revival would revive now."""
    if isinstance(which, dead.Which):
        return dead.count(tx, which)
    count = select(func.count()).select_from(dead_jobs).where(*which.conditions())
    return int(tx.execute(count).scalar_one())


def start(
    tx: Transaction,
    which: Wanted,
    *,
    by: str,
    rate: float = RATE,
    once: str | None = None,
    now: float | None = None,
) -> int:
    """Begin a revival, of letters that are dead by now; its number. `by` is who wants it.

    Raises ValueError for a rate that is not positive; of records it may be `AT_ONCE`.
    """
    records = isinstance(which, dead.Which)
    if not (rate > 0 or (records and rate == AT_ONCE)):
        raise ValueError(f"a revival needs a positive rate of letters per second, not {rate:g}")
    now = words.time(tx, now)
    newest = select(func.coalesce(func.max(dead_jobs.c.id), 0))
    row = {
        "what": _what(which),
        "which": asdict(which),
        "by": by,
        "rate": rate,
        "once": once,
        "newest": dead.newest(tx) if records else tx.execute(newest).scalar_one(),
        "foreseen": preview(tx, which),
        "started_at": now,
    }
    number = int(tx.execute(insert(revivals).returning(revivals.c.id), row).scalar_one())
    put(tx, [_request(_what(which), number)], now=now, hurry=True)
    return number


def covered(tx: Transaction, once: str, *, since: float) -> bool:
    """Whether one of this name is going on, or began after a moment."""
    named = select(revivals.c.id).where(revivals.c.once == once).limit(1)
    late = revivals.c.ended_at.is_(None) | (revivals.c.started_at >= since)
    return tx.execute(named.where(late)).first() is not None


def cancel(tx: Transaction, number: int, *, by: str, now: float | None = None) -> bool:
    """Stop a revival, whose next portion does not come; whether it was still going on."""
    going_on = revivals.c.id == number, revivals.c.ended_at.is_(None)
    end = update(revivals).where(*going_on)
    return bool(tx.execute(end.values(ended_at=words.time(tx, now), cancelled_by=by)).rowcount)


def find(tx: Transaction, *, limit: int = 100) -> list[Revival]:
    """The revivals, newest first."""
    rows = tx.execute(select(revivals).order_by(revivals.c.id.desc()).limit(limit))
    return [_revival(row) for row in rows]


def portion(tx: Transaction, number: int) -> tuple[Revival, list[tuple[int, str, str]]] | None:
    """(id, connection, stream) of the records that come next; None once it has ended."""
    row = tx.execute(select(revivals).where(revivals.c.id == number)).first()
    if row is None or row.ended_at is not None:
        return None
    one = _revival(row)
    assert isinstance(one.which, dead.Which)
    return one, dead.after(tx, one.which, row.position, row.newest, at_once(row.rate))


def at_once(rate: float) -> int:
    """How many letters a portion has."""
    return max(1, min(round(rate * EVERY), MOST)) if rate else PAGE


def advance(
    tx: Transaction, job: Claimed, *, position: int, revived: int, most: int, now: float
) -> None:
    """Settle a portion of records, of which `position` is the last, and ask for the next.

    One with fewer than the `most` that it may have was the last.
    """
    number = int(job.payload["revival"])
    one = revivals.c.id == number
    progress = {"position": position, "revived": revivals.c.revived + revived}
    tx.execute(update(revivals).where(one).values(**progress))
    if revived < most:
        end(tx, job, now=now)
        return
    rate = tx.execute(select(revivals.c.rate).where(one)).scalar_one()
    put(tx, [_request("records", number, now + (EVERY if rate else 0))], now=now)
    done(tx, [job])


def end(tx: Transaction, job: Claimed, *, now: float) -> None:
    """There are no more."""
    open_still = revivals.c.id == int(job.payload["revival"]), revivals.c.ended_at.is_(None)
    tx.execute(update(revivals).where(*open_still).values(ended_at=now))
    done(tx, [job])


def wait(tx: Transaction, job: Claimed, *, seconds: float, now: float) -> None:
    """Leave the portion to whoever asks later."""
    put(tx, [_request("records", int(job.payload["revival"]), now + seconds)], now=now)
    done(tx, [job])


def _revival(row: Row[Any]) -> Revival:
    return Revival(
        id=row.id,
        which=dead.Which(**row.which) if row.what == "records" else Which(**row.which),
        by=row.by,
        rate=row.rate,
        foreseen=row.foreseen,
        revived=row.revived,
        started_at=row.started_at,
        ended_at=row.ended_at,
        cancelled_by=row.cancelled_by,
        once=row.once,
    )


def handler(db: Database, clock: Callable[[], float]) -> Callable[[Claimed], None]:
    """Does one portion and asks for the next; every worker has it."""

    def revive_portion(job: Claimed) -> None:
        number = int(job.payload["revival"])
        with db.write() as tx:
            now = clock()
            if _revive_some(tx, number, now):
                put(tx, [_request("jobs", number, now + EVERY)], now=now)
            done(tx, [job])

    return revive_portion


def _revive_some(tx: Transaction, number: int, now: float) -> bool:
    """Whether there may be more."""
    row = tx.execute(select(revivals).where(revivals.c.id == number).with_for_update()).one()
    if row.ended_at is not None:
        return False
    most = at_once(row.rate)
    # In the order in which they died: of one key the older run goes first.
    chosen = (
        select(dead_jobs.c.id)
        .where(*Which(**row.which).conditions())
        .where(dead_jobs.c.id > row.position, dead_jobs.c.id <= row.newest)
        .order_by(dead_jobs.c.id)
        .limit(most)
    )
    ids = tx.scalars(chosen.with_for_update()).all()
    if ids:
        revive_these(tx, ids, now=now)
    more: bool = len(ids) == most
    progress = {"position": ids[-1] if ids else row.position, "revived": row.revived + len(ids)}
    progress |= {} if more else {"ended_at": now}
    tx.execute(update(revivals).where(revivals.c.id == number).values(**progress))
    return more


def _request(what: str, number: int, at: float | None = None) -> Request:
    kind = REREAD if what == "records" else KIND
    return Request(kind, str(number), "", {"revival": number}, Lane.BACKFILL, at)


def _what(which: Wanted) -> str:
    return "records" if isinstance(which, dead.Which) else "jobs"
