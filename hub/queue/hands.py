"""The threads that run jobs: what is given to them ends as an outcome of each job."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from hub.queue.chunks import Call, Chunk, Together
from hub.queue.jobs import Claimed

Handler = Callable[[Claimed], object] | Together
Outcome = tuple[Claimed, BaseException | None]


@dataclass(slots=True)
class Hands:
    """Runs jobs with the handler of their kind: each alone, or a chunk of them in one call.

    Whoever waits for outcomes sets `awaited` and waits at the bell: it rings at the first outcome,
    when the last job has been started, and when one fails; not for each of thousands.
    """

    handlers: Mapping[str, Handler]
    bell: threading.Condition
    awaited: bool = False
    outcomes: deque[Outcome] = field(default_factory=deque)
    _threads: int = 0
    _to_run: SimpleQueue[Call | None] = field(default_factory=SimpleQueue)

    def hire(self, threads: int, name: str) -> None:
        """Start the threads."""
        self._threads = threads
        for number in range(threads):
            thread = threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            thread.start()

    def give(self, calls: Iterable[Call]) -> None:
        """Run them after those given before."""
        for call in calls:
            self._to_run.put(call)

    @property
    def full(self) -> bool:
        """Whether jobs wait for a free thread."""
        return not self._to_run.empty()

    def take_back(self) -> list[Claimed]:
        """The jobs that were not started, and will not be."""
        unstarted: list[Claimed] = []
        with suppress(Empty):
            while call := self._to_run.get_nowait():
                unstarted += call if isinstance(call, list) else [call]
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
        while call := to_run.get():
            error: BaseException | None = None
            if many := isinstance(call, list):
                outcomes.extend(self._run_together(call))
            else:
                try:
                    self._handler(call)(call)
                except BaseException as raised:  # noqa: BLE001 -- the dispatcher deals with all of them
                    error = raised
                outcomes.append((call, error))
            if self.awaited and (error or many or to_run.empty() or len(outcomes) == 1):
                with self.bell:
                    self.bell.notify_all()

    def _run_together(self, chunk: Chunk) -> list[Outcome]:
        handler = self.handlers[chunk[0].kind]
        assert isinstance(handler, Together)
        try:
            return list(zip(chunk, handler.run(chunk), strict=True))
        except BaseException as raised:  # noqa: BLE001 -- as for a single one
            return [(job, raised) for job in chunk]

    def _handler(self, job: Claimed) -> Callable[[Claimed], object]:
        handler = self.handlers.get(job.kind)
        if handler is None or isinstance(handler, Together):
            known = ", ".join(sorted(self.handlers)) or "none"
            raise LookupError(f"no handler for jobs of kind {job.kind!r}; this worker has: {known}")
        return handler
