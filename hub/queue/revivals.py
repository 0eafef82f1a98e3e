"""Reviving very many dead letters: a job that does some each second, and that can be stopped.

`preview` counts, `start` writes down who wants what and puts the job, and each of its runs revives
the next portion in one transaction with its own progress: after a crash it goes on from there. The
row of a revival stays, as the record of who did it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from sqlalchemy import func, insert, select, update

from hub.queue import words
from hub.queue.jobs import Claimed, Request, done, put
from hub.queue.lanes import Lane
from hub.queue.letters import MOST, Which, revive_these
from hub.store.database import Database, Transaction
from hub.store.system import dead_jobs, revivals

KIND = "revive"
EVERY = 1.0  # seconds from one portion to the next
RATE = 50.0  # letters per second, unless somebody asks for another


@dataclass(frozen=True, slots=True)
class Revival:
    """How far one is. `foreseen` is how many letters there were when it began."""

    id: int
    which: Which
    by: str
    rate: float
    foreseen: int
    revived: int
    started_at: float
    ended_at: float | None
    cancelled_by: str | None


def preview(tx: Transaction, which: Which) -> int:
    """How many letters a revival would revive now."""
    count = select(func.count()).select_from(dead_jobs).where(*which.conditions())
    return int(tx.execute(count).scalar_one())


def start(
    tx: Transaction, which: Which, *, by: str, rate: float = RATE, now: float | None = None
) -> int:
    """Begin a revival, of letters that are dead by now; its number. `by` is who wants it.

    Raises ValueError for a rate that is not positive.
    """
    if not rate > 0:
        raise ValueError(f"a revival needs a positive rate of letters per second, not {rate:g}")
    now = words.time(tx, now)
    newest = tx.execute(select(func.coalesce(func.max(dead_jobs.c.id), 0))).scalar_one()
    row = {
        "which": asdict(which),
        "by": by,
        "rate": rate,
        "newest": newest,
        "foreseen": preview(tx, which),
        "started_at": now,
    }
    number = int(tx.execute(insert(revivals).returning(revivals.c.id), row).scalar_one())
    put(tx, [_request(number)], now=now)
    return number


def cancel(tx: Transaction, number: int, *, by: str, now: float | None = None) -> bool:
    """Stop a revival, whose next portion does not come; whether it was still going on."""
    going_on = revivals.c.id == number, revivals.c.ended_at.is_(None)
    end = update(revivals).where(*going_on)
    return bool(tx.execute(end.values(ended_at=words.time(tx, now), cancelled_by=by)).rowcount)


def find(tx: Transaction, *, limit: int = 100) -> list[Revival]:
    """The revivals, newest first."""
    rows = tx.execute(select(revivals).order_by(revivals.c.id.desc()).limit(limit))
    return [
        Revival(
            id=row.id,
            which=Which(**row.which),
            by=row.by,
            rate=row.rate,
            foreseen=row.foreseen,
            revived=row.revived,
            started_at=row.started_at,
            ended_at=row.ended_at,
            cancelled_by=row.cancelled_by,
        )
        for row in rows
    ]


def handler(db: Database, clock: Callable[[], float]) -> Callable[[Claimed], None]:
    """Does one portion and asks for the next; every worker has it."""

    def portion(job: Claimed) -> None:
        with db.write() as tx:
            now = clock()
            if _revive_some(tx, int(job.payload["revival"]), now):
                put(tx, [_request(int(job.payload["revival"]), now + EVERY)], now=now)
            done(tx, [job])

    return portion


def _revive_some(tx: Transaction, number: int, now: float) -> bool:
    """Whether there may be more."""
    row = tx.execute(select(revivals).where(revivals.c.id == number).with_for_update()).one()
    if row.ended_at is not None:
        return False
    most = max(1, min(round(row.rate * EVERY), MOST))
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


def _request(number: int, at: float | None = None) -> Request:
    return Request(KIND, str(number), "", {"revival": number}, Lane.BACKFILL, at)
