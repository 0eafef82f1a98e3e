"""One run of a worker: a dispatcher takes and settles jobs in the caller's thread; others run them.

Only the dispatcher writes about jobs that failed, so that when the database is away what is
known stays in one list, and is written later.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import structlog

from hub.queue import crew, jobs, settle
from hub.queue.decide import Bury, Decision, Pause, Resync, Retry, decide, spelled
from hub.queue.jobs import Claimed, LostLease
from hub.queue.lanes import Lane
from hub.store.database import Database, Transaction, Unavailable

LONGEST_ERROR = 2000  # characters kept in the table
OUTAGE_STEP = 0.5  # seconds that each failed attempt to reach the database adds to the wait
LONGEST_OUTAGE_WAIT = 10.0  # seconds between attempts to reach the database

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a shift works; see `Worker`."""

    name: str
    threads: int
    lanes: tuple[Lane, ...]
    on_resync: Callable[[Transaction, Claimed], None]
    clock: Callable[[], float]
    jitter: Callable[[], float]
    poll: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that failed, and what shall become of it."""

    job: Claimed
    error: Exception
    decision: Decision


class Shift:
    """The state of one run.

    Jobs that were there when a worker died are suspects: each runs alone, so that the guilty one
    does not take innocent neighbours along three times.
    """

    def __init__(
        self, db: Database, handlers: Mapping[str, Callable[[Claimed], object]], plan: Plan
    ) -> None:
        self.runs = 0  # that ended
        self._db = db
        self._handlers = handlers
        self._plan = plan
        self._to_run: SimpleQueue[Claimed | None] = SimpleQueue()
        self._outcomes: deque[tuple[Claimed, BaseException | None]] = deque()  # under the bell
        self._held: set[tuple[int, int]] = set()  # (id, take): taken, and not settled yet
        self._returned: list[Claimed] = []
        self._failures: deque[Failure] = deque()
        self._suspect: Claimed | None = None
        self._suspect_runs = False
        self._taken = 0
        self._beat_at: float | None = None
        self._outages = 0  # in a row
        self._unsure = False  # whether the last commit went through
        for number in range(plan.threads):
            name = f"{plan.name}-{number}"
            threading.Thread(target=self._run_jobs, name=name, daemon=True).start()

    # Called by the worker

    def turn(self, stop: threading.Event) -> None:
        """Work, or wait for work; comes back at least every `poll` seconds."""
        try:
            if self.wait():
                self.work()
            self._outages = 0
        except Unavailable as error:
            self._outages += 1
            self._unsure = True
            seconds = min(OUTAGE_STEP * self._outages, LONGEST_OUTAGE_WAIT)
            log.warning("database away", worker=self._plan.name, error=str(error), wait=seconds)
            stop.wait(seconds)

    def wait(self) -> bool:
        """Wait for something to do, up to `poll` seconds; whether there is.

        The look at the table happens with the bell in hand: who commits a job afterwards finds
        us listening.
        """
        with self._db.bell:
            if self._something_to_do():
                return True
            self._db.bell.wait(self._plan.poll)
            return self._something_to_do()

    def work(self) -> bool:
        """Settle what ended and take new jobs; whether any job is in hand afterwards.

        Raises `Unavailable`, and what interrupted a handler.
        """
        interrupt = self._collect()
        if interrupt is not None:
            raise interrupt
        self._settle()
        now = self._plan.clock()
        with self._db.write() as tx:
            if self._beat_is_due(now):
                self._beat(tx, now)
            jobs.sweep(tx, self._returned)
            taken = self._take(tx, now)
        if self._beat_is_due(now):
            self._beat_at = now
        self._unsure = False
        self._forget(self._returned)
        self._returned = []
        self._start(taken)
        return bool(self._held)

    def end(self, *, grace: float) -> None:
        """Let what runs finish for `grace` seconds, hand back the rest, and leave."""
        deadline = time.monotonic() + grace
        unstarted = self._stop_threads()
        left = True
        while left:
            patience = deadline - time.monotonic()
            try:
                left = self._finish(unstarted, last=patience <= 0)
            except Unavailable as error:
                if patience <= 0:
                    log.error("left without handing back", worker=self._plan.name, error=str(error))  # noqa: TRY400 -- the message says it all
                    return
            with self._db.bell:
                if left and patience > 0 and not self._outcomes:
                    self._db.bell.wait(min(patience, self._plan.poll))

    # In the worker's threads

    def _run_jobs(self) -> None:
        while job := self._to_run.get():
            error: BaseException | None = None
            try:
                self._handler(job)(job)
            except BaseException as raised:  # noqa: BLE001 -- the dispatcher deals with all of them
                error = raised
            with self._db.bell:
                self._outcomes.append((job, error))
                self._db.bell.notify_all()

    def _handler(self, job: Claimed) -> Callable[[Claimed], object]:
        if job.kind not in self._handlers:
            known = ", ".join(sorted(self._handlers)) or "none"
            raise LookupError(f"no handler for jobs of kind {job.kind!r}; this worker has: {known}")
        return self._handlers[job.kind]

    # In the dispatcher

    def _something_to_do(self) -> bool:
        now = self._plan.clock()
        if self._outcomes or self._failures or self._unsure or self._beat_is_due(now):
            return True
        if not self._room():
            return False
        with self._db.read() as tx:
            return bool(jobs.offers(tx, most=1, now=now, lanes=self._plan.lanes))

    def _collect(self) -> BaseException | None:
        """Sort out what ended; the interrupt, if one ended a handler: that job stays in hand."""
        with self._db.bell:
            ended = list(self._outcomes)
            self._outcomes.clear()
        interrupt = None
        self.runs += len(ended)
        for job, error in ended:
            match error:
                case None:
                    self._returned.append(job)
                case Exception():
                    decision = decide(error, job.attempt, jitter=self._plan.jitter)
                    self._failures.append(Failure(job, error, decision))
                case _:
                    interrupt = error
        return interrupt

    def _settle(self) -> None:
        while self._failures:
            failure = self._failures[0]
            try:
                with self._db.write() as tx:
                    self._apply(tx, failure)
                _report(failure)
            except LostLease:
                log.info("job lost", job=str(failure.job), error=_text(failure.error))
            except Unavailable:
                raise
            except Exception as bug:
                if not isinstance(failure.decision, Resync):
                    raise
                self._failures[0] = Failure(failure.job, bug, Retry(failure.decision.after))
                continue
            self._failures.popleft()
            self._forget([failure.job])

    def _apply(self, tx: Transaction, failure: Failure) -> None:
        job, error, now = failure.job, _text(failure.error), self._plan.clock()
        match failure.decision:
            case Retry(after):
                settle.retry(tx, job, now + after.total_seconds(), error)
            case Resync(after):
                jobs.fence(tx, job)
                self._plan.on_resync(tx, job)
                settle.retry(tx, job, now + after.total_seconds(), error)
            case Pause(after):
                until = None if after is None else now + after.total_seconds()
                settle.pause(tx, job, until, error, now=now)
            case Bury(reason):
                settle.bury(tx, job, reason, error, now=now)

    def _beat_is_due(self, now: float) -> bool:
        return self._unsure or self._beat_at is None or now >= self._beat_at + crew.BEAT_EVERY

    def _beat(self, tx: Transaction, now: float) -> None:
        crew.beat(tx, self._plan.name, now)
        # What kept us silent for long may have silenced the others as well: give them a beat.
        if self._beat_at is None or now < self._beat_at + crew.DEAD_AFTER:
            rescued = crew.rescue(tx, now)
            if rescued:
                log.warning("took over from a dead worker", worker=self._plan.name, jobs=rescued)
        if self._unsure:  # a claim may have gone through unheard
            self._hand_back(tx, lambda job: (job.id, job.take) not in self._held)

    def _hand_back(self, tx: Transaction, which: Callable[[Claimed], bool]) -> None:
        ours = crew.held(tx, self._plan.name)
        settle.hand_back(tx, [job for job in ours if which(job)])

    def _room(self) -> int:
        if self._suspect and self._suspect not in self._returned:
            return 0
        return self._plan.threads - len(self._held) + len(self._returned)

    def _take(self, tx: Transaction, now: float) -> list[Claimed]:
        room, plan = self._room(), self._plan
        if not room:
            return []
        taken = jobs.claim(
            tx, worker=plan.name, most=room, now=now, lanes=plan.lanes, turn=self._taken
        )
        suspects = [job for job in taken if job.crashes]
        settle.hand_back(tx, suspects[1:])
        return [job for job in taken if job not in suspects[1:]]

    def _start(self, taken: Iterable[Claimed]) -> None:
        for job in taken:
            self._taken += 1
            self._held.add((job.id, job.take))
            if job.crashes:
                self._suspect = job
            else:
                self._to_run.put(job)
        if self._suspect and not self._suspect_runs and len(self._held) == 1:
            self._suspect_runs = True
            self._to_run.put(self._suspect)

    def _forget(self, settled: Iterable[Claimed]) -> None:
        for job in settled:
            self._held.discard((job.id, job.take))
            if job is self._suspect:
                self._suspect, self._suspect_runs = None, False

    def _stop_threads(self) -> set[tuple[int, int]]:
        """Tell the threads to end after their job; which jobs never started."""
        unstarted = set()
        if self._suspect and not self._suspect_runs:
            unstarted.add((self._suspect.id, self._suspect.take))
        with suppress(Empty):
            while job := self._to_run.get_nowait():
                unstarted.add((job.id, job.take))
        for _ in range(self._plan.threads):
            self._to_run.put(None)
        return unstarted

    def _finish(self, unstarted: set[tuple[int, int]], *, last: bool) -> bool:
        """Settle what ended and hand back what never started; whether anything runs still.

        The `last` time everything is handed back, also what the database alone knows of.
        """
        self._collect()
        self._settle()
        with self._db.write() as tx:
            crew.beat(tx, self._plan.name, self._plan.clock())
            jobs.sweep(tx, self._returned)
            self._hand_back(tx, lambda job: last or (job.id, job.take) in unstarted)
            left = bool(crew.held(tx, self._plan.name))
            if not left:
                crew.leave(tx, self._plan.name)
        self._forget(self._returned)
        self._returned = []
        return left


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST_ERROR]


def _report(failure: Failure) -> None:
    job, frames = failure.job, traceback.extract_tb(failure.error.__traceback__)
    log.warning(
        "job failed",
        kind=job.kind,
        key=job.key,
        attempt=job.attempt,
        decision=spelled(failure.decision),
        error=_text(failure.error),
        place=f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "",
    )
