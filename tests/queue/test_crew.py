"""Dead workers: others take over, and a job that kills is found out."""

from __future__ import annotations

from sqlalchemy import select

from hub import queue
from hub.queue.crew import DEAD_AFTER
from hub.store.database import Database
from hub.store.work import workers
from tests.queue.world import (
    START,
    ask,
    claim,
    claim_one,
    claim_suspect,
    letters,
    put,
    rows,
    statements,
)


def _beat(db: Database, name: str, now: float) -> None:
    with db.write() as tx:
        queue.beat(tx, name, now)


def _rescue(db: Database, now: float) -> int:
    with db.write() as tx:
        return queue.rescue(tx, now)


def _crew(db: Database) -> list[str]:
    with db.read() as tx:
        return sorted(tx.scalars(select(workers.c.name)))


def test_jobs_of_a_silent_worker_go_to_others_and_are_counted(db: Database) -> None:
    put(db, ask("a"), ask("b"))
    _beat(db, "w1", START)
    taken = claim(db, 2, worker="w1")
    assert _rescue(db, START + DEAD_AFTER) == 0
    assert _rescue(db, START + DEAD_AFTER + 0.1) == 2
    again = [claim_suspect(db, worker=name) for name in ("w2", "w3")]
    assert claim(db, 2) == [], "suspects are not taken beside others"
    assert [(job.key, job.crashes, job.attempt) for job in again] == [("a", 1, 1), ("b", 1, 1)]
    assert all(new.take != old.take for new, old in zip(again, taken, strict=True))


def test_a_worker_that_beats_keeps_its_jobs_however_long_they_take(db: Database) -> None:
    put(db, ask("a"))
    claim(db, worker="w1")
    for minute in range(60):
        _beat(db, "w1", START + 60 * minute)
        assert _rescue(db, START + 60 * minute + 14) == 0


def test_who_claims_says_that_it_lives(db: Database) -> None:
    put(db, ask("a"))
    claim(db, worker="ghost")
    assert _crew(db) == ["ghost"]
    assert _rescue(db, START + DEAD_AFTER) == 0
    assert _rescue(db, START + DEAD_AFTER + 0.1) == 1


def test_a_job_that_kills_three_workers_is_poison(db: Database) -> None:
    put(db, ask("pill", "x"), ask("innocent"))
    for death in (1, 2, 3):
        take = claim_suspect if death > 1 else claim_one
        job = take(db, worker=f"w{death}")
        assert (job.key, job.crashes) == ("pill", death - 1)
        assert _rescue(db, START + 60) == 1
    [letter] = letters(db)
    assert (letter.reason, letter.key, letter.payload) == ("poison", "pill", {"is": "x"})
    assert letter.error == "3 workers died while they ran it; the last was w3"
    assert claim_one(db).key == "innocent"


def test_the_next_run_of_the_key_inherits_the_deaths(db: Database) -> None:
    put(db, ask("pill", "old"))
    claim(db)
    put(db, ask("pill", "new"))
    _rescue(db, START + 60)
    job = claim_suspect(db)
    assert (job.payload, job.crashes) == ({"is": "new"}, 1)


def test_a_request_made_while_the_pill_ran_is_not_blamed_for_it(db: Database) -> None:
    put(db, ask("pill", "old"))
    for take in (claim_one, claim_suspect, claim_suspect):
        take(db)
        if rows(db)[0].crashes == 2:
            put(db, ask("pill", "new"))
        _rescue(db, START + 60)
    assert [letter.payload for letter in letters(db)] == [{"is": "old"}]
    job = claim_one(db)
    assert (job.payload, job.crashes) == ({"is": "new"}, 0)


def test_the_dead_are_struck_from_the_list_and_so_are_those_who_leave(db: Database) -> None:
    _beat(db, "dead", START)
    _beat(db, "gone", START + 60)
    _beat(db, "alive", START + 60)
    with db.write() as tx:
        queue.leave(tx, "gone")
    _rescue(db, START + 60)
    assert _crew(db) == ["alive"]


def test_a_rescue_reads_what_runs_and_not_what_waits(db: Database) -> None:
    put(db, *(ask(str(number)) for number in range(2_000)))
    claim(db, 3)
    with db.write() as tx:
        with statements(db) as sql:
            assert queue.rescue(tx, START + 60) == 3
        if not db.sqlite:
            tx.exec_driver_sql("ANALYZE hub_job")
        assert sql.plans(tx)
        assert sql.scans(tx, "hub_job") == []
    assert len(rows(db)) == 2_000
