"""One account's rate limit, kept by all processes together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hub.queue import rates
from hub.store.database import Database
from tests.queue.world import START


def test_portions_follow_one_another(db: Database) -> None:
    with db.write() as tx:
        assert rates.take(tx, "crm", 5, gap=0.2, now=START) == 0
        assert round(rates.take(tx, "crm", 5, gap=0.2, now=START), 6) == 1
        assert rates.take(tx, "shop", 5, gap=0.2, now=START) == 0, "an account of its own"
        assert rates.take(tx, "crm", 1, gap=0.2, now=START + 60) == 0, "unused time is gone"


def test_slots_of_many_takers_never_overlap(db: Database) -> None:
    begun, lock = [], threading.Lock()

    def take(_: int) -> None:
        with db.write() as tx:
            slot = rates.take(tx, "crm", 2, gap=0.5, now=START)
        with lock:
            begun.append(round(slot, 6))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(40)))
    assert sorted(begun) == list(range(40))
