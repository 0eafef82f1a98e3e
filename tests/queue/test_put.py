"""Asking for jobs: one waits per key, and no request is lost."""

from __future__ import annotations

import threading
from contextlib import suppress

from hub import queue
from hub.queue import Lane
from hub.store.database import Database
from tests.queue.world import (
    DEADLINE,
    START,
    ask,
    claim,
    claim_one,
    done,
    put,
    rows,
    statements,
    waiting,
)


def test_a_put_joins_the_waiting_job_of_its_key(db: Database) -> None:
    put(db, ask("case 1", "old"))
    put(db, ask("case 1", "new"))
    [row] = rows(db)
    assert (row.payload, row.revision) == ({"is": "new"}, 2)


def test_the_same_key_of_another_kind_is_another_job(db: Database) -> None:
    put(db, ask("case 1"), ask("case 1", kind="poll"))
    assert len(claim(db, 9)) == 2


def test_a_put_while_its_key_runs_leaves_one_more_run_behind(db: Database) -> None:
    put(db, ask("case 1", "first"))
    first = claim_one(db)
    put(db, ask("case 1", "second"))
    put(db, ask("case 1", "third"))
    assert claim(db) == [], "a key runs once at a time"
    done(db, first)
    assert claim_one(db).payload == {"is": "third"}


def test_the_earlier_time_and_the_more_urgent_lane_count(db: Database) -> None:
    put(db, ask("a", lane=Lane.BACKFILL, run_at=START + 60))
    put(db, ask("a", lane=Lane.WEBHOOK, run_at=START + 5))
    put(db, ask("a", lane=Lane.POLL, run_at=START + 90))
    [row] = rows(db)
    assert (row.run_at, row.lane) == (START + 5, Lane.WEBHOOK)


def test_whoever_asks_again_does_not_shorten_a_back_off(db: Database) -> None:
    put(db, ask("a", "old"))
    with db.write() as tx:
        [job] = queue.claim(tx, worker="w", most=1, now=START)
        queue.retry(tx, job, START + 300, "boom")
    put(db, ask("a", "new"))
    [row] = rows(db)
    assert (row.run_at, row.attempt, row.payload) == (START + 300, 1, {"is": "new"})


def test_a_person_in_a_hurry_does_shorten_a_back_off(db: Database) -> None:
    put(db, ask("a"))
    with db.write() as tx:
        [job] = queue.claim(tx, worker="w", most=1, now=START)
        queue.retry(tx, job, START + 300, "boom")
    put(db, ask("a"), hurry=True)
    assert claim_one(db).attempt == 2


def test_twice_in_one_put_is_one_job_with_the_last_payload(db: Database) -> None:
    put(db, ask("a", 1), ask("b", 2), ask("a", 3))
    assert [(row.key, row.payload["is"]) for row in rows(db)] == [("a", 3), ("b", 2)]


def test_any_number_of_requests_is_one_statement(db: Database) -> None:
    with db.write() as tx, statements(db) as sql:
        queue.put(tx, [ask(str(number)) for number in range(50_000)], now=START)
    assert len(sql.sent) == 1
    assert len(waiting(db)) == 50_000


def test_a_put_that_rolls_back_never_happened(db: Database) -> None:
    with suppress(ZeroDivisionError), db.write() as tx:
        queue.put(tx, [ask("a")], now=START)
        1 / 0  # noqa: B018 -- any error
    assert rows(db) == []


def test_keys_and_payloads_may_hold_any_text(db: Database) -> None:
    put(db, ask("Müller/😀/'\"; --", {"ß": [None, 1.5, "\x00"]}))
    job = claim_one(db)
    assert (job.key, job.payload) == ("Müller/😀/'\"; --", {"is": {"ß": [None, 1.5, "\x00"]}})


def test_a_put_rings_the_bell_once_it_is_committed(db: Database) -> None:
    heard, listening = threading.Event(), threading.Event()

    def listen() -> None:
        with db.bell:
            listening.set()
            if db.bell.wait(DEADLINE):
                heard.set()

    thread = threading.Thread(target=listen)
    thread.start()
    listening.wait(DEADLINE)
    put(db, ask("a"))
    thread.join(DEADLINE)
    assert heard.is_set()
