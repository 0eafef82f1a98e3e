"""Reviving very many letters: foreseen, in portions, in order, and it can be stopped."""

from __future__ import annotations

import pytest

from hub import queue
from hub.queue import Which, revivals
from hub.store.database import Database
from tests.queue.world import START, Clock, ask, letters, put, rows, worker


def _bury(db: Database, many: int) -> None:
    put(db, *(ask(f"{number:03}", number) for number in range(many)))
    with db.write() as tx:
        for job in queue.claim(tx, worker="w", most=many, now=START):
            queue.bury(tx, job, "refused", "no", now=START)


def _start(db: Database, rate: float) -> int:
    with db.write() as tx:
        assert revivals.preview(tx, Which(reason="refused")) == 25
        return revivals.start(tx, Which(reason="refused"), by="ann", rate=rate, now=START)


def test_a_revival_goes_on_in_portions_until_all_are_revived(db: Database, clock: Clock) -> None:
    _bury(db, 25)
    _start(db, 10)
    seen: list[str] = []
    works = worker(db, lambda job: seen.append(job.key), clock, threads=1)
    for portion in (10, 20, 25):
        works.run_until_idle()
        assert len(seen) == portion
        clock.pass_(1)
    assert seen == [f"{number:03}" for number in range(25)]
    assert letters(db) == []
    with db.read() as tx:
        [told] = revivals.find(tx)
    assert (told.by, told.foreseen, told.revived) == ("ann", 25, 25)
    assert (told.started_at, told.ended_at) == (START, START + 2)


def test_a_revival_can_be_stopped(db: Database, clock: Clock) -> None:
    _bury(db, 25)
    number = _start(db, 10)
    works = worker(db, print, clock)
    works.run_until_idle()
    with db.write() as tx:
        assert revivals.cancel(tx, number, by="bob", now=START)
        assert not revivals.cancel(tx, number, by="eve", now=START)
    clock.pass_(1)
    works.run_until_idle()
    assert len(letters(db)) == 15
    assert rows(db) == []
    with db.read() as tx:
        [told] = revivals.find(tx)
    assert (told.cancelled_by, told.revived) == ("bob", 10)


def test_letters_that_die_later_are_not_meant(db: Database, clock: Clock) -> None:
    _bury(db, 25)
    _start(db, 1000)
    with db.write() as tx:
        queue.put(tx, [ask("later")], now=START)
        jobs = queue.claim(tx, worker="w", most=9, now=START, lanes=[queue.Lane.PUSH])
        queue.bury(tx, jobs[0], "refused", "no", now=START)
    worker(db, lambda _: None, clock).run_until_idle()
    assert [letter.key for letter in letters(db)] == ["later"]


def test_a_revival_without_a_rate_is_refused(db: Database) -> None:
    with db.write() as tx, pytest.raises(ValueError, match="positive rate"):
        revivals.start(tx, Which(), by="ann", rate=0, now=START)
