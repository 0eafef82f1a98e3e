"""One run of a worker: a dispatcher takes and settles jobs in the caller's thread; others run them.

Only the dispatcher writes about jobs that failed, so that when the database is away what is
known stays in one list, and is written later.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from hub.queue import chunks, crew, jobs, settle, suspects
from hub.queue.appetite import MOST, TOO_SLOW, Appetite
from hub.queue.chunks import Together
from hub.queue.clock import DatabaseClock
from hub.queue.decide import Pause, Resync, Retry, decide
from hub.queue.failures import Failure, apply, conflicts, report, shortened
from hub.queue.hands import Handler, Hands
from hub.queue.jobs import Claimed, LostLease
from hub.queue.lanes import Lane
from hub.queue.outlook import Outlook
from hub.queue.words import careful
from hub.store.database import Database, Transaction, Unavailable, ring

OUTAGE_STEP = 0.5  # seconds that each failed attempt to reach the database adds to the wait
LONGEST_OUTAGE_WAIT = 10.0  # seconds between attempts to reach the database
GATHER = 0.02  # seconds for which outcomes are gathered while there is more to run
SOON = 0.05  # seconds before its time in which a job is due: what one process thinks that the
# database's clock says is a little behind what the clock told the one that put the job

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


class Shift:
    """The state of one run.

    Jobs that were there when a worker died are suspects: each runs alone, so that the guilty one
    does not take innocent neighbours along three times.
    """

    def __init__(self, db: Database, handlers: Mapping[str, Handler], plan: Plan) -> None:
        self.runs = 0  # that ended
        self.name = plan.name
        self._db = db
        self._plan = plan
        self._hands = Hands(handlers, db.bell)
        self._together = {k: one for k, one in handlers.items() if isinstance(one, Together)}
        self._outlook = Outlook(plan.lanes)
        self._appetite = Appetite(plan.threads)
        self._ahead = SOON if isinstance(plan.clock, DatabaseClock) else 0.0  # a test's is exact
        self._held: set[tuple[int, int]] = set()  # (id, take): taken, and not settled yet
        self._along: set[tuple[int, int]] = set()  # of those, who share a call with another
        self._returned: list[Claimed] = []
        self._refused: list[Claimed] = []  # not started, for others to run
        self._failures: deque[Failure] = deque()
        self._alone = False  # with a suspect
        self._suspects = False  # whether any wait, so that nothing else is taken
        self._calls = 0  # of others who woke us
        self._dry: tuple[int, int] | None = None  # `_heard` when we took all there was
        self._taken = 0
        self._sessions = 0  # with the database, when we last looked for what it has forgotten
        self._fed_at = 0.0  # by the monotonic clock
        self._beat_at: float | None = None
        self._idle = False  # whether the others know that we wait to be woken
        self._outages = 0  # in a row
        self._unsure = False  # whether the last commit went through
        self._hands.hire(plan.threads, plan.name)

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

        Who has put jobs since we took the last rings the bell, and makes us take again without a
        look at the table; that is for those of whom nobody told us.
        """
        with self._db.bell:
            self._hands.awaited = True
            try:
                rung = self._something_to_do() or self._db.bell.wait(self._plan.poll)
                if self._hands.outcomes and self._hands.full:
                    self._db.bell.wait(GATHER)
                return self._something_to_do() or (not rung and self._something_is_due())
            finally:
                self._hands.awaited = False

    def woken(self) -> None:
        """Take note that the others count us as awake; with the bell in hand."""
        self._idle = False
        self._calls += 1

    def work(self) -> bool:
        """Settle what ended and take new jobs; whether any job is in hand afterwards.

        Raises `Unavailable`, and what interrupted a handler.
        """
        interrupt = self._collect()
        if interrupt is not None:
            raise interrupt
        self._settle()
        self._refuse_what_waits_too_long()
        now = self._plan.clock()
        beats = self._beat_is_due(now)
        with self._db.write() as tx:
            if beats:
                self._beat(tx, now)
            swept = jobs.sweep(tx, self._returned)
            settle.hand_back(tx, jobs.ours(tx, self._refused))
            if not (beats or swept or self._refused):
                careful(tx, lasting=False)
            taken = self._take(tx, now)
            idle = self._say_whether_idle(tx, now, taken)
        if beats:
            self._beat_at = now
        self._idle, self._unsure = idle, False
        self._forget(self._returned, self._refused)
        self._returned, self._refused = [], []
        self._start(taken)
        return bool(self._held)

    def end(self, *, grace: float) -> None:
        """Let what runs finish for `grace` seconds, hand back the rest, and leave."""
        deadline = time.monotonic() + grace
        unstarted = {_token(job) for job in [*self._hands.take_back(), *self._refused]}
        self._refused = []
        self._hands.dismiss()
        self._hands.awaited = True
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
                if left and patience > 0 and not self._hands.outcomes:
                    self._db.bell.wait(min(patience, self._plan.poll))

    # In the dispatcher

    def _something_to_do(self) -> bool:
        now = self._plan.clock()
        if self._hands.outcomes or self._failures or self._unsure or self._beat_is_due(now):
            return True
        if not (self._idle or self._held or self._db.sqlite):
            return True  # nobody would wake us
        return bool(self._room()) and self._dry != self._heard()

    def _heard(self) -> tuple[int, int]:
        """What changes whenever somebody tells us of new jobs."""
        return self._db.bell.rings, self._calls

    def _something_is_due(self) -> bool:
        if not self._room():
            return False
        soon = self._plan.clock() + self._ahead
        with self._db.read() as tx:
            if self._outlook.look(tx, soon):
                return True
            self._suspects = suspects.waiting(tx, lanes=self._plan.lanes, now=soon)
        return self._suspects and not self._held

    def _collect(self) -> BaseException | None:
        """Sort out what ended; the interrupt, if one ended a handler: that job stays in hand."""
        ended = self._hands.ended()
        interrupt = None
        self.runs += len(ended)
        self._part(job for job, _ in ended)
        for job, error in ended:
            match error:
                case None:
                    self._returned.append(job)
                case Exception():
                    decision = decide(
                        error, job.attempt, jitter=self._plan.jitter, conflicts=conflicts(job)
                    )
                    self._failures.append(Failure(job, error, decision))
                case _:
                    interrupt = error
        seconds = time.monotonic() - self._fed_at
        self._appetite.learn(seconds, hungry=bool(ended) and not self._hands.full)
        return interrupt

    def _settle(self) -> None:
        while self._failures:
            failure = self._failures[0]
            try:
                with self._db.write() as tx:
                    apply(tx, failure, self._plan.clock(), self._plan.on_resync)
                report(failure)
            except LostLease:
                log.info("job lost", job=str(failure.job), error=shortened(failure.error))
            except Unavailable:
                raise
            except Exception as bug:
                if not isinstance(failure.decision, Resync):
                    raise
                self._failures[0] = Failure(failure.job, bug, Retry(failure.decision.after))
                continue
            self._failures.popleft()
            self._forget([failure.job])
            if isinstance(failure.decision, Pause):  # the others of the connection would fail too
                self._outlook.forget()
                self._refuse()

    def _refuse_what_waits_too_long(self) -> None:
        if self._hands.full and time.monotonic() - self._fed_at > TOO_SLOW:
            self._refuse()

    def _refuse(self) -> None:
        """Leave what has not been started to others."""
        self._appetite.lose()
        unstarted = self._hands.take_back()
        self._part(unstarted)
        self._refused += unstarted

    def _beat_is_due(self, now: float) -> bool:
        return self._unsure or self._beat_at is None or now >= self._beat_at + crew.BEAT_EVERY

    def _beat(self, tx: Transaction, now: float) -> None:
        self._tell(tx, now, idle=False)
        self._idle = False
        # What kept us silent for long may have silenced the others as well: give them a beat.
        if self._beat_at is None or now < self._beat_at + crew.DEAD_AFTER:
            rescued = crew.rescue(tx, now)
            if rescued:
                log.warning("took over from a dead worker", worker=self._plan.name, jobs=rescued)
        if self._unsure or self._was_forgotten(tx):
            self._hand_back(tx, lambda job: _token(job) not in self._held)
        self._suspects = suspects.waiting(tx, lanes=self._plan.lanes, now=now)

    def _was_forgotten(self, tx: Transaction) -> bool:
        """Whether jobs are ours that we do not have in hand.

        A claim may have gone through unheard; or a server that crashed has forgotten the end of a
        job that it had not promised to remember, and then all sessions are new. Without a reason
        nobody looks: where rows cannot be removed, that goes past all that ever ran.
        """
        begun = self._db.sessions.begun
        if begun == self._sessions:
            return False
        self._sessions = begun
        return bool(crew.tokens(tx, self._plan.name) - self._held)

    def _tell(self, tx: Transaction, now: float, *, idle: bool) -> None:
        match self._plan.clock:
            case DatabaseClock() as clock:
                clock.set(crew.beat(tx, self._plan.name, idle=idle))
            case _:
                crew.beat(tx, self._plan.name, now, idle=idle)

    def _say_whether_idle(self, tx: Transaction, now: float, taken: list[Claimed]) -> bool:
        """Let others wake us, or not; only where they would."""
        idle = not taken and len(self._held) == len(self._returned) + len(self._refused)
        if idle != self._idle and not self._db.sqlite:
            self._tell(tx, now, idle=idle)
        return idle

    def _hand_back(self, tx: Transaction, which: Callable[[Claimed], bool]) -> None:
        ours = crew.held(tx, self._plan.name)
        settle.hand_back(tx, [job for job in ours if which(job)])

    def _in_hand(self) -> int:
        """How many calls; those who came along with a job that has ended count as one each."""
        return len(self._held) - len(self._along) - len(self._returned) - len(self._refused)

    def _room(self) -> int:
        """How many calls to take: none beside a suspect, nor before one."""
        in_hand = self._in_hand()
        if in_hand and (self._alone or self._suspects):
            return 0
        return max(0, self._appetite.most - in_hand)

    def _take(self, tx: Transaction, now: float) -> list[Claimed]:
        room, plan, now = self._room(), self._plan, now + self._ahead
        if not room:
            return []
        heard = self._heard()
        taken: list[Claimed] = []
        if self._suspects:
            taken = suspects.claim(tx, worker=plan.name, lanes=plan.lanes, now=now)
            self._suspects = self._alone = bool(taken)
        if not taken:
            taken = self._outlook.claim(tx, worker=plan.name, most=room, now=now, turn=self._taken)
        self._dry = heard if len(taken) < room else None
        if len(taken) == room:  # there may be more than we can do
            ring(tx)
            if self._together and not self._alone:
                most = MOST - len(self._held) - len(taken)
                taken += chunks.companions(
                    tx, self._together, taken, worker=plan.name, most=most, now=now
                )
        return taken

    def _start(self, taken: Sequence[Claimed]) -> None:
        if not taken:
            return
        self._held.update(map(_token, taken))
        calls = chunks.formed(self._together, taken) if self._together else taken
        if len(calls) < len(taken):
            for chunk in calls:
                if isinstance(chunk, list):
                    self._along.update(map(_token, chunk[1:]))
        self._hands.give(calls)
        self._taken += len(calls)
        self._fed_at = time.monotonic()

    def _part(self, jobs: Iterable[Claimed]) -> None:
        """Their calls have ended, or will not be."""
        if self._along:
            self._along.difference_update(map(_token, jobs))

    def _forget(self, *settled: Iterable[Claimed]) -> None:
        for some in settled:
            self._held.difference_update(map(_token, some))

    def _finish(self, unstarted: set[tuple[int, int]], *, last: bool) -> bool:
        """Settle what ended and hand back what never started; whether anything runs still.

        The `last` time everything is handed back, also what the database alone knows of.
        """
        self._collect()
        self._settle()
        with self._db.write() as tx:
            self._tell(tx, self._plan.clock(), idle=False)
            jobs.sweep(tx, self._returned)
            self._hand_back(tx, lambda job: last or _token(job) in unstarted)
            left = bool(crew.held(tx, self._plan.name))
            if not left:
                crew.leave(tx, self._plan.name)
        self._forget(self._returned)
        self._returned = []
        return left


def _token(job: Claimed) -> tuple[int, int]:
    return job.id, job.take
