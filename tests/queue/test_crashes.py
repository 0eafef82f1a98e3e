"""Workers die between every pair of statements: every effect happens once, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys

from hub.store.database import Database
from tests.queue import crashing
from tests.queue.world import letters, noted, rows


def test_a_worker_may_die_at_any_statement(db: Database) -> None:
    url = db.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.queue.crashing", url]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    deaths = int(told.stdout.splitlines()[-1])
    assert deaths > 10
    steps = range(1, crashing.STEPS + 1)
    wanted = {f"{n}/{key}/{s}" for n in range(1, deaths + 1) for key in "abc" for s in steps}
    assert noted(db) == sorted(wanted)
    assert rows(db) == []
    assert letters(db) == []
