"""A job that is not done: it waits again, its connection is held, or it is dead."""

from __future__ import annotations

import pytest

from hub import queue
from hub.queue import Claimed, Lane, LostLease, Which
from hub.store.database import Database
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


def _retry(db: Database, job: Claimed, at: float, error: str = "boom") -> None:
    with db.write() as tx:
        queue.retry(tx, job, at, error, now=START)


def test_a_retry_costs_an_attempt_and_waits_its_time(db: Database) -> None:
    put(db, ask("a", "x"))
    first = claim_one(db)
    _retry(db, first, START + 16)
    assert claim(db, now=START + 15) == []
    again = claim_one(db, now=START + 16)
    assert (again.attempt, again.payload) == (2, {"is": "x"})
    assert (again.id, again.take != first.take) == (first.id, True)
    assert rows(db)[0].error == "boom"


def test_a_waiting_job_of_the_key_inherits_attempt_time_and_error(db: Database) -> None:
    put(db, ask("a", "old", lane=Lane.WEBHOOK))
    job = claim_one(db)
    put(db, ask("a", "new", lane=Lane.BACKFILL), now=START + 1)
    _retry(db, job, START + 16)
    [heir] = rows(db)
    assert (heir.payload, heir.attempt, heir.run_at) == ({"is": "new"}, 1, START + 16)
    assert (heir.lane, heir.put_at, heir.error) == (Lane.WEBHOOK, START, "boom")


def test_a_pause_holds_the_connection_and_costs_no_attempt(db: Database) -> None:
    put(db, ask("a"), ask("b"), ask("c", connection="zen"))
    [job] = [job for job in claim(db, 3) if job.key == "a"]
    with db.write() as tx:
        queue.pause(tx, job, START + 60, "429", now=START)
    put(db, ask("later"))
    assert claim(db, 9, now=START + 59) == []
    again = claim(db, 9, now=START + 60)
    assert [(job.key, job.attempt) for job in again] == [("a", 1), ("later", 1)]


def test_a_pause_without_end_lasts_until_somebody_acts(db: Database) -> None:
    put(db, ask("a"))
    with db.write() as tx:
        [job] = queue.claim(tx, worker="w", most=1, now=START)
        queue.pause(tx, job, None, "invalid_grant", now=START)
    assert claim(db, now=START + 9e9) == []
    with db.read() as tx:
        [pause] = queue.paused(tx, now=START + 5)
    assert pause == queue.Pause("acme", None, "invalid_grant", START)
    with db.write() as tx:
        assert queue.resume(tx, "acme")
        assert not queue.resume(tx, "acme")
    assert claim_one(db).attempt == 1


@pytest.mark.parametrize(
    ("first", "second", "held_until"),
    [(60, 30, 60), (30, 60, 60), (None, 60, None), (60, None, None)],
)
def test_of_two_pauses_the_longer_counts(
    db: Database, first: float | None, second: float | None, held_until: float | None
) -> None:
    with db.write() as tx:
        queue.hold(tx, "acme", first, "first", now=1)
        queue.hold(tx, "acme", second, "second", now=2)
        [pause] = queue.paused(tx, now=3)
    assert pause.until == held_until
    assert pause.since == 1


def test_a_pause_that_is_over_does_not_count(db: Database) -> None:
    with db.write() as tx:
        queue.hold(tx, "acme", 10, "first", now=1)
        assert queue.paused(tx, now=10) == []
        queue.hold(tx, "acme", 30, "second", now=20)
        assert queue.paused(tx, now=21) == [queue.Pause("acme", 30, "second", 20)]


def test_jobs_handed_back_lose_no_attempt(db: Database) -> None:
    put(db, ask("a"), ask("b"), ask("c"))
    taken = claim(db, 3)
    put(db, ask("b", "new", run_at=START + 99))
    with db.write() as tx, statements(db) as sql:
        queue.hand_back(tx, taken)
        queue.hand_back(tx, [])
    assert len(sql.sent) == 2
    again = claim(db, 9)
    assert [(job.key, job.attempt, job.payload["is"]) for job in again] == [
        ("a", 1, None),
        ("c", 1, None),
        ("b", 1, "new"),
    ]


def test_a_buried_job_keeps_all_that_a_person_needs(db: Database) -> None:
    put(db, ask("a", "x", lane=Lane.WEBHOOK))
    _retry(db, claim_one(db), START)
    job = claim_one(db)
    with db.write() as tx:
        queue.bury(tx, job, "refused", "Permanent: name is too long", now=START + 7)
    assert rows(db) == []
    [letter] = letters(db)
    assert letter == queue.Dead(
        id=letter.id,
        lane=Lane.WEBHOOK,
        kind="push",
        key="a",
        connection="acme",
        payload={"is": "x"},
        put_at=START,
        died_at=START + 7,
        attempt=2,
        reason="refused",
        error="Permanent: name is too long",
        puts=1,
        worker="w1",
        story=[[START, "w1", "boom"], [START + 7, "w1", "Permanent: name is too long"]],
    )


def test_a_burial_leaves_the_next_run_of_the_key_alone(db: Database) -> None:
    put(db, ask("a", "old"))
    job = claim_one(db)
    put(db, ask("a", "new"))
    with db.write() as tx:
        queue.bury(tx, job, "refused", "no", now=START)
    assert (claim_one(db).payload, len(letters(db))) == ({"is": "new"}, 1)


def test_nothing_happens_to_a_job_that_was_lost(db: Database) -> None:
    put(db, ask("a"))
    job = claim_one(db)
    with db.write() as tx:
        queue.rescue(tx, START + 60)
    claim_suspect(db, worker="w2")
    before = rows(db)
    with pytest.raises(LostLease), db.write() as tx:
        queue.retry(tx, job, START, "late")
    with pytest.raises(LostLease), db.write() as tx:
        queue.pause(tx, job, START + 9, "late", now=START)
    with pytest.raises(LostLease), db.write() as tx:
        queue.bury(tx, job, "late", "late", now=START)
    with pytest.raises(LostLease), db.write() as tx:
        queue.hand_back(tx, [job])
    assert rows(db) == before
    assert letters(db) == []


def _bury(db: Database, *keys: str, connection: str = "acme", reason: str = "refused") -> None:
    put(db, *(ask(key, f"{key} of {connection}", connection=connection) for key in keys))
    with db.write() as tx:
        for job in queue.claim(tx, worker="w", most=99, now=START):
            queue.bury(tx, job, reason, "no", now=START)


def test_dead_letters_are_found_by_what_they_are(db: Database) -> None:
    _bury(db, "a", "b")
    _bury(db, "c", connection="zen", reason="mapping")
    with db.read() as tx:

        def found(which: Which) -> list[str]:
            return [letter.key for letter in queue.dead(tx, which)]

        assert found(Which()) == ["c", "b", "a"], "newest first"
        assert found(Which(connection="acme")) == ["b", "a"]
        assert found(Which(reason="mapping")) == ["c"]
        assert found(Which(kind="poll")) == []
        assert found(Which(key="b", connection="acme")) == ["b"]
        assert found(Which(ids=[])) == []
        assert [letter.key for letter in queue.dead(tx, limit=1)] == ["c"]


def test_revived_letters_run_again_with_all_their_attempts(db: Database) -> None:
    _bury(db, "a", "b", "c")
    [second] = [letter.id for letter in letters(db) if letter.key == "b"]
    with db.write() as tx:
        assert queue.revive(tx, Which(ids=[second]), now=START + 5) == 1
        assert queue.revive(tx, Which(), now=START + 6) == 2
        assert queue.revive(tx, Which(), now=START + 6) == 0
    assert letters(db) == []
    again = claim(db, 9, now=START + 6)
    assert [(job.key, job.attempt, job.put_at) for job in again] == [
        ("b", 1, START),
        ("a", 1, START),
        ("c", 1, START),
    ]


def test_a_revived_letter_joins_the_newer_job_of_its_key(db: Database) -> None:
    _bury(db, "a")
    put(db, ask("a", "newer"))
    with db.write() as tx:
        assert queue.revive(tx, Which(), now=START) == 1
    assert claim_one(db).payload == {"is": "newer"}
    assert letters(db) == []


def test_of_letters_with_one_key_the_newest_is_revived(db: Database) -> None:
    _bury(db, "a", connection="first")
    _bury(db, "a", connection="second")
    with db.write() as tx:
        assert queue.revive(tx, Which(), now=START) == 2
    assert claim_one(db).payload == {"is": "a of second"}


def test_dropped_letters_are_gone_for_good(db: Database) -> None:
    _bury(db, "a", "b")
    _bury(db, "c", connection="zen")
    with db.write() as tx:
        assert queue.drop(tx, Which(connection="acme")) == 2
        assert queue.drop(tx, Which(connection="acme")) == 0
    assert [letter.key for letter in letters(db)] == ["c"]


def test_the_number_of_a_letter_never_means_another_one(db: Database) -> None:
    _bury(db, "a")
    [old] = letters(db)
    with db.write() as tx:
        queue.drop(tx, Which())
    _bury(db, "b")
    assert letters(db)[0].id > old.id
