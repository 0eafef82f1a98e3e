"""Worker processes that die and are replaced: `python -m tests.queue.crashing URL NUMBER WAY`.

between  whoever is about to send a statement that nobody has sent yet after the two before it
         dies instead
alone    nobody dies but who runs the pill; each has a single thread

For those that live on, a dead process has been silent for long. When the input ends, they end.
They say "died" and of what, or "failed" of what must not happen.
"""

from __future__ import annotations

import mmap
import os
import re
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import NoReturn, TypeVar

import structlog
from sqlalchemy import event, make_url, select, text

from hub import queue
from hub.queue import LostLease, Together
from hub.store.database import Database
from hub.store.work import workers
from tests.queue.trails import Handler, handlers
from tests.queue.world import until

DIED = 9
Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Life:
    """A process, which replaces a dead one if there was one `before`."""

    url: str
    way: str
    places: mmap.mmap  # where somebody has died; shared by all
    name: str = ""
    before: str = ""

    def begin(self) -> int:
        """Its process id, in the parent; in the child this does not return."""
        if child := os.fork():
            return child
        try:
            self._live()
            os._exit(0)
        except BaseException:  # noqa: BLE001 -- told by the parent
            traceback.print_exc()
            os._exit(1)

    def _live(self) -> None:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        db = _opened(self.url, self.name)
        if self.before:
            _silence(db, self.before)
        if self.way == "between":
            self._die_between_statements(db)
        stop = threading.Event()
        for work in (_end_with_input, queue.wake_others):
            threading.Thread(target=work, args=[db, stop], daemon=True).start()
        die = partial(self._die, "in hand")
        queue.Worker(
            db=db,
            handlers={kind: _watched(handle) for kind, handle in handlers(db, die).items()},
            threads=2 if self.way == "between" else 1,
            name=self.name,
            jitter=lambda: 0.0,
            poll=0.05,
        ).run(stop)

    def _die_between_statements(self, db: Database) -> None:
        own = threading.local()

        def listen(*sent: object) -> None:
            if not hasattr(own, "last"):
                own.last = deque[str](maxlen=3)
            own.last.append(_shape(str(sent[2])) if len(sent) > 1 else "COMMIT")
            place = hash(tuple(own.last)) % len(self.places)
            if not self.places[place]:
                self.places[place] = 1
                self._die("; ".join(one[:60] for one in own.last))

        event.listen(db.engine, "before_cursor_execute", listen)
        event.listen(db.engine, "commit", listen)

    def _die(self, place: str) -> NoReturn:
        _say(f"died {self.name} {place}")
        os._exit(DIED)


def main(url: str, number: str, way: str) -> None:
    first = Life(url, way, mmap.mmap(-1, 2**20))
    names = (f"life-{n}" for n in count(1))
    lives = {}
    for _ in range(int(number)):
        life = replace(first, name=next(names))
        lives[life.begin()] = life
    while lives:
        child, status = os.wait()
        dead = lives.pop(child)
        match os.waitstatus_to_exitcode(status):
            case 0:
                continue
            case code if code == DIED:
                life = replace(first, name=next(names), before=dead.name)
                lives[life.begin()] = life
            case code:
                _say(f"failed: {dead.name} ended with {code}")


def _opened(url: str, name: str) -> Database:
    """The database; PostgreSQL is told the name of the life."""
    named = make_url(url)
    if named.get_backend_name() == "postgresql":
        named = named.update_query_dict({"application_name": name})
    return Database(named.render_as_string(hide_password=False))


def _silence(db: Database, dead: str) -> None:
    """Let long ago be when the dead one was heard last. What it sent is over by then."""
    if not db.sqlite:
        until(lambda: not _connected(db, dead))
    with db.write() as tx:
        theirs = select(workers.c.name).where(workers.c.name.startswith(f"{dead}-"))
        for name in tx.scalars(theirs).all():
            queue.beat(tx, name, now=0.0)


def _connected(db: Database, name: str) -> bool:
    query = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
    with db.read() as tx:
        return bool(tx.execute(query, {"name": name}).scalar_one())


def _end_with_input(db: Database, stop: threading.Event) -> None:
    os.read(0, 1)
    stop.set()
    db.bell.ring()


def _watched(handler: Handler) -> Handler:
    """No handler of ours fails: each failure is one of the database, which a user would see."""
    if isinstance(handler, Together):
        return replace(handler, run=_watching(handler.run))
    return _watching(handler)


def _watching(handle: Callable[[Given], Made]) -> Callable[[Given], Made]:
    def watching(given: Given) -> Made:
        try:
            return handle(given)
        except LostLease:
            raise
        except Exception as error:
            _say(f"failed: {given}: {error!r}")
            raise

    return watching


def _shape(statement: str) -> str:
    return re.sub(r"\d+", "#", " ".join(statement.split()))


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
