"""A worker: runs jobs in a few threads until it is told to stop, or until nothing is due."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from hub.queue import revivals
from hub.queue.clock import DatabaseClock
from hub.queue.hands import Handler
from hub.queue.jobs import Claimed
from hub.queue.lanes import Lane
from hub.queue.shift import Plan, Shift
from hub.queue.wake import Ear
from hub.store.database import Database, Transaction

GRACE = 25.0  # seconds; Kubernetes kills after 30
POLL = 1.0  # seconds between looks at table and clock when no bell rings; below a beat's 5


def _nothing_to_forget(_: Transaction, __: Claimed) -> None:
    """What is done about a lost cursor where jobs have none."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Runs jobs with the handler of their kind.

    A handler runs one job, in any of the worker's threads:

    * It removes the job, with `queue.done(tx, [job])`, in the transaction that holds its last
      effects: both stay or neither. A job that is still there when its handler returns is
      finished too, and the worker removes it.
    * Every commit before that begins with `queue.fence(tx, job)`.
    * What it raises is decided on by `decide`. `LostLease` it lets pass.

    A handler that is a `Together` runs several jobs of its kind in one call.

    `on_resync(tx, job)` makes the job start over when its cursor is lost: it runs in the
    transaction in which the job goes back to waiting. `name` is for people to recognise the
    worker by: every run adds something unique to it. Keep `threads` below the database's pool.
    `clock` is a test's; without it the database's counts.
    """

    db: Database
    handlers: Mapping[str, Handler]
    threads: int = 4
    name: str = ""
    lanes: Collection[Lane] = tuple(Lane)
    on_resync: Callable[[Transaction, Claimed], None] = _nothing_to_forget
    clock: Callable[[], float] | None = None
    jitter: Callable[[], float] = random.random
    grace: float = GRACE
    poll: float = POLL

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then finish or hand back what runs, within `grace` seconds.

        Survives a database that is away. Ring the database's bell after `stop.set()` to spare
        the last `poll` seconds. An interrupt hands back everything at once and is raised again.
        """
        shift = self._shift()
        with Ear(self.db, shift.name, shift.woken):
            try:
                while not stop.is_set():
                    shift.turn(stop)
            except BaseException:
                shift.end(grace=0)
                raise
            shift.end(grace=self.grace)

    def run_until_idle(self) -> int:
        """Work until nothing is due and nothing runs; how many runs that took.

        Raises `Unavailable`. An interrupt, also one that a handler raises, hands back everything
        that runs and is raised again.
        """
        shift = self._shift()
        try:
            while shift.work():
                shift.wait()
        except BaseException:
            shift.end(grace=0)
            raise
        shift.end(grace=0)
        return shift.runs

    def _shift(self) -> Shift:
        name = self.name or f"{socket.gethostname()}-{os.getpid()}"
        clock = self.clock or DatabaseClock(self.db)
        return Shift(
            self.db,
            {revivals.KIND: revivals.handler(self.db, clock), **self.handlers},
            Plan(
                # A name used twice would let the living vouch for the dead.
                name=f"{name[:60]}-{os.urandom(4).hex()}",
                threads=self.threads,
                lanes=tuple(self.lanes),
                on_resync=self.on_resync,
                clock=clock,
                jitter=self.jitter,
                poll=self.poll,
            ),
        )
