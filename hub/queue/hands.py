"""The threads that run jobs: what is given to them ends as an outcome."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from hub.queue.jobs import Claimed

Handler = Callable[[Claimed], object]
Outcome = tuple[Claimed, BaseException | None]


@dataclass(slots=True)
class Hands:
    """Runs jobs with the handler of their kind.

    Whoever waits for outcomes sets `awaited` and waits at the bell: it rings at the first outcome,
    when the last job has been started, and when one fails; not for each of thousands.
    """

    handlers: Mapping[str, Handler]
    bell: threading.Condition
    awaited: bool = False
    outcomes: deque[Outcome] = field(default_factory=deque)
    _threads: int = 0
    _to_run: SimpleQueue[Claimed | None] = field(default_factory=SimpleQueue)

    def hire(self, threads: int, name: str) -> None:
        """Start the threads."""
        self._threads = threads
        for number in range(threads):
            thread = threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            thread.start()

    def give(self, jobs: Iterable[Claimed]) -> None:
        """Run the jobs after those given before."""
        for job in jobs:
            self._to_run.put(job)

    @property
    def full(self) -> bool:
        """Whether jobs wait for a free thread."""
        return not self._to_run.empty()

    def take_back(self) -> list[Claimed]:
        """The jobs that were not started, and will not be."""
        unstarted = []
        with suppress(Empty):
            while job := self._to_run.get_nowait():
                unstarted.append(job)
        return unstarted

    def dismiss(self) -> None:
        """Let the threads end after what they run."""
        for _ in range(self._threads):
            self._to_run.put(None)

    def ended(self) -> list[Outcome]:
        """What has ended since the last call."""
        return [self.outcomes.popleft() for _ in range(len(self.outcomes))]

    def _work(self) -> None:
        to_run, outcomes = self._to_run, self.outcomes
        while job := to_run.get():
            error: BaseException | None = None
            try:
                self._handler(job)(job)
            except BaseException as raised:  # noqa: BLE001 -- the dispatcher deals with all of them
                error = raised
            outcomes.append((job, error))
            if self.awaited and (error or to_run.empty() or len(outcomes) == 1):
                with self.bell:
                    self.bell.notify_all()

    def _handler(self, job: Claimed) -> Handler:
        handler = self.handlers.get(job.kind)
        if handler is None:
            known = ", ".join(sorted(self.handlers)) or "none"
            raise LookupError(f"no handler for jobs of kind {job.kind!r}; this worker has: {known}")
        return handler
