"""Worker processes that die at their nth statement: `python crashing.py DATABASE`.

For n = 1, 2, 3 ... three jobs are put. One process dies at its nth statement, beside another one
that does not; then a third one, a minute later, finishes what is left. Ends when a process has no
nth statement to die at, and says how many there were.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count

from sqlalchemy import event

from hub import queue
from hub.queue import Claimed
from hub.store.database import Database
from tests.queue.world import START, ask, note

STEPS = 3
DIED = 9


def main(url: str) -> None:
    for number in count(1):
        if not _died(url, number):
            sys.stdout.write(f"{number}\n")
            return


def _died(url: str, number: int) -> bool:
    """Whether a process had an nth statement to die at."""
    _in_a_process(lambda: _put(url, number))
    dying = _start(lambda: _work(url, START + 600 * number, dies_at=number))
    other = _start(lambda: _work(url, START + 600 * number))
    died = _ended(dying) == DIED
    _ended(other)
    _in_a_process(lambda: _work(url, START + 600 * number + 60))
    return died


def _put(url: str, number: int) -> None:
    db = Database(url)
    with db.write() as tx:
        requests = [ask(f"{number}/{letter}", 1) for letter in "abc"]
        queue.put(tx, requests, now=START + 600 * number)


def _work(url: str, now: float, *, dies_at: int = 0) -> None:
    db = Database(url)
    statements = count(1)

    def listen(*_: object) -> None:
        if next(statements) == dies_at:
            os._exit(DIED)

    event.listen(db.engine, "before_cursor_execute", listen)
    event.listen(db.engine, "commit", listen)

    def handle(job: Claimed) -> None:
        step = job.payload["is"]
        with db.write() as tx:
            note(tx, f"{job.key}/{step}")
            if step < STEPS:
                queue.put(tx, [ask(job.key, step + 1)], now=now)
            queue.done(tx, [job])

    queue.Worker(db=db, handlers={"push": handle}, threads=2, clock=lambda: now).run_until_idle()


def _in_a_process(work: Callable[[], None]) -> None:
    assert _ended(_start(work)) == 0


def _start(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:  # noqa: BLE001 -- said, and told to the parent
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def _ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main(sys.argv[1])
