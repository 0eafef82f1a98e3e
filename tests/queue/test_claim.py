"""Taking jobs: what may run, in which order, and that a long backlog costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from hub import queue
from hub.queue import Lane, LostLease
from hub.queue.outlook import MOST_HEADS
from hub.store.database import Database, Transaction
from hub.store.work import jobs
from tests.databases import Databases
from tests.queue.world import (
    START,
    ask,
    claim,
    claim_one,
    claim_suspect,
    done,
    note,
    noted,
    put,
    rows,
    statements,
    with_effects,
)

BACKLOG = 100_000


def test_the_oldest_job_comes_first(db: Database) -> None:
    put(db, ask("late", run_at=START - 1), ask("early", run_at=START - 2))
    assert [job.key for job in claim(db, 2)] == ["early", "late"]


def test_a_job_waits_for_its_time(db: Database) -> None:
    put(db, ask("a", run_at=START + 10))
    assert claim(db, now=START + 9.9) == []
    assert claim_one(db, now=START + 10).key == "a"


def test_a_claimed_job_tells_its_history(db: Database) -> None:
    put(db, ask("a", "x", lane=Lane.POLL))
    job = claim_one(db)
    assert (job.kind, job.key, job.connection, job.payload) == ("push", "a", "acme", {"is": "x"})
    assert (job.lane, job.attempt, job.crashes) == (Lane.POLL, 1, 0)
    assert (job.put_at, job.run_at) == (START, START)


def test_a_paused_connection_is_held_and_the_others_go_on(db: Database) -> None:
    put(db, ask("a", connection="acme"), ask("b", connection="zen"))
    with db.write() as tx:
        queue.hold(tx, "acme", START + 60, "maintenance", now=START)
    assert [job.key for job in claim(db, 9)] == ["b"]
    assert [job.key for job in claim(db, 9, now=START + 60)] == ["a"]


def test_jobs_of_no_connection_run_too(db: Database) -> None:
    put(db, ask("sweep", connection=""), ask("a"))
    assert {job.key for job in claim(db, 9)} == {"sweep", "a"}


def test_only_the_lanes_asked_for_are_taken(db: Database) -> None:
    put(db, *(ask(lane.name, lane=lane) for lane in Lane))
    with db.write() as tx:
        taken = queue.claim(tx, worker="w", most=9, now=START, lanes=[Lane.POLL, Lane.WEBHOOK])
        assert queue.claim(tx, worker="w", most=9, now=START, lanes=[]) == []
    assert [job.key for job in taken] == ["WEBHOOK", "POLL"]


def test_a_claim_takes_from_every_lane_by_its_weight(db: Database) -> None:
    put(db, *(ask(f"{lane.name} {n}", lane=lane) for lane in Lane for n in range(40)))
    taken = Counter(job.lane for job in claim(db, 30))
    assert taken == {Lane.WEBHOOK: 16, Lane.PUSH: 8, Lane.POLL: 4, Lane.BACKFILL: 2}


def test_what_a_lane_leaves_over_goes_to_the_others(db: Database) -> None:
    put(db, ask("hook", lane=Lane.WEBHOOK))
    put(db, *(ask(f"old {n}", lane=Lane.BACKFILL) for n in range(40)))
    assert Counter(job.lane for job in claim(db, 30)) == {Lane.WEBHOOK: 1, Lane.BACKFILL: 29}


def test_no_lane_starves_when_jobs_are_taken_one_by_one(db: Database) -> None:
    put(db, *(ask(f"{lane.name} {n}", lane=lane) for lane in Lane for n in range(40)))
    taken: Counter[Lane] = Counter()
    for turn in range(30):
        with db.write() as tx:
            [job] = queue.claim(tx, worker="w", most=1, now=START, turn=turn)
            queue.done(tx, [job])
        taken[job.lane] += 1
    assert taken == {Lane.WEBHOOK: 16, Lane.PUSH: 8, Lane.POLL: 4, Lane.BACKFILL: 2}


def test_a_connection_with_a_flood_leaves_room_for_the_quiet_ones(db: Database) -> None:
    put(db, *(ask(f"flood {n}", connection="flood") for n in range(500)))
    put(db, ask("quiet 1", connection="quiet"), ask("shy 1", connection="shy"))
    assert {job.connection for job in claim(db, 3)} == {"flood", "quiet", "shy"}


def test_every_one_of_very_many_connections_has_its_turn(db: Database) -> None:
    many = MOST_HEADS * 3
    put(db, *(ask(f"{n}/{i}", connection=f"c{n:03}") for n in range(many) for i in range(9)))
    seen: set[str] = set()
    for turn in range(0, many * 4, 50):
        with db.write() as tx:
            taken = queue.claim(tx, worker="w", most=50, now=START, turn=turn)
            queue.done(tx, taken)
        seen |= {job.connection for job in taken}
    assert len(seen) == many


def test_a_batch_is_removed_together_with_its_effects(db: Database) -> None:
    put(db, *(ask(str(n)) for n in range(10)))
    taken = claim(db, 10)
    with db.write() as tx, statements(db) as sql:
        queue.done(tx, taken)
    assert len(sql.sent) == 1
    assert rows(db) == []


def test_who_lost_a_job_of_a_batch_cannot_commit_any_of_it(db: Database) -> None:
    put(db, ask("a"), ask("b"))
    taken = claim(db, 2)
    with db.write() as tx:
        queue.rescue(tx, START + 60)
    claim_suspect(db, worker="w2")  # takes one of the two again
    with pytest.raises(LostLease, match=r"job \d \(push '[ab]'\) is no longer ours"):
        _finish(db, taken)
    assert noted(db) == []
    assert len(rows(db)) == 2


def _finish(db: Database, taken: list[queue.Claimed]) -> None:
    with db.write() as tx:
        note(tx, "effect")
        queue.done(tx, taken)


def test_a_finished_job_cannot_be_finished_again(db: Database) -> None:
    put(db, ask("a"))
    job = claim_one(db)
    done(db, job)
    put(db, ask("a"))
    claim_one(db)
    with pytest.raises(LostLease):
        done(db, job)


def test_a_claim_that_a_crashed_server_forgot_does_not_pass_for_the_next(db: Database) -> None:
    put(db, ask("a"))
    [before] = rows(db)
    forgotten = claim_one(db, worker="w1")
    with db.write() as tx:
        tx.execute(update(jobs).values(running=False, worker=None, take=before.take))
    again = claim_one(db, worker="w1")
    with pytest.raises(LostLease):
        done(db, forgotten)
    done(db, again)


def test_the_fence_stands_in_the_middle_of_a_job(db: Database) -> None:
    put(db, ask("a"))
    job = claim_one(db)
    with db.write() as tx:
        queue.fence(tx, job)
        assert queue.still_ours(tx, job)
        queue.rescue(tx, START + 60)
        assert not queue.still_ours(tx, job)
        with pytest.raises(LostLease):
            queue.fence(tx, job)


def test_few_statements_whatever_the_size(db: Database) -> None:
    put(db, *(ask(str(n), connection=f"c{n % 9}", lane=Lane(n % 4)) for n in range(600)))
    with db.write() as tx, statements(db) as sql:
        assert len(queue.claim(tx, worker="w", most=500, now=START)) == 500
    assert len(sql.sent) <= 7  # each lane has fewer than its share: the others are asked again
    with db.write() as tx, statements(db) as sql:
        queue.claim(tx, worker="w", most=500, now=START - 1)
    assert len(sql.sent) <= 3, "nothing due costs a look"


def _fill(db: Database, many: int) -> None:
    """Most of the jobs belong to a paused connection or are not due."""
    names = ("held", "held", "later", "acme", "zen")
    for lane in Lane:
        due = {name: START + (9e9 if name == "later" else 0) for name in names}
        chosen = [names[number % 5] for number in range(many // 4)]
        requests = (
            ask(f"{lane.name} {number}", connection=name, lane=lane, run_at=due[name])
            for number, name in enumerate(chosen)
        )
        put(db, *requests)
    with db.write() as tx:
        queue.hold(tx, "held", None, "their token is dead", now=START)


@pytest.fixture(scope="module")
def long_queue(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    url = databases.migrated(tmp_path_factory.mktemp("long"))
    database = with_effects(url)
    _fill(database, BACKLOG)
    yield database
    database.close()
    databases.drop(url)


def _steps(tx: Transaction) -> int:
    """What a claim and its completion take: SQLite's instructions, PostgreSQL's pages."""
    if tx.dialect.name == "postgresql":
        return _pages(tx)
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    raw = tx.connection.driver_connection
    assert raw is not None
    raw.set_progress_handler(step, 1)
    try:
        taken = queue.claim(tx, worker="w", most=20, now=START + 60)
        queue.done(tx, taken)
    finally:
        raw.set_progress_handler(None, 1)
    assert len(taken) == 20
    return count


def _pages(tx: Transaction) -> int:
    """Pages of tables and indexes that were looked at."""
    hits = "SELECT pg_stat_get_xact_blocks_fetched(oid) FROM pg_class WHERE relname LIKE :name"
    del hits

    def seen() -> int:
        tx.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        read = r"""
        SELECT sum(pg_stat_get_xact_blocks_fetched(c.oid)) FROM pg_class c
        WHERE c.relname LIKE '%%hub\_job%%'"""
        return int(tx.exec_driver_sql(read).scalar_one())

    before = seen()
    taken = queue.claim(tx, worker="w", most=20, now=START + 60)
    queue.done(tx, taken)
    assert len(taken) == 20
    return seen() - before


@pytest.mark.parametrize("analyzed", [False, True])
def test_a_claim_searches_indexes_and_scans_nothing(
    long_queue: Database, *, analyzed: bool
) -> None:
    with long_queue.write() as tx:
        if analyzed:
            tx.exec_driver_sql("ANALYZE")
        with statements(long_queue) as sql:
            taken = queue.claim(tx, worker="w", most=20, now=START + 60)
            queue.fence(tx, *taken)
            queue.done(tx, taken)
        assert sql.plans(tx)
        assert sql.scans(tx, "hub_job") == []


def test_a_claim_costs_the_same_however_many_wait(db: Database, long_queue: Database) -> None:
    _fill(db, 1_000)
    with db.write() as tx:
        few = _steps(tx)
    with long_queue.write() as tx:
        many = _steps(tx)
    assert many < 1.2 * few
