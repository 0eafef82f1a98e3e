"""A hub at work: worker, timetable and web server, each in a thread of one process."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import structlog
import uvicorn
from fastapi import FastAPI

from hub import queue
from hub.app import Hub
from hub.queue import Lane
from hub.store.database import Unavailable

log = structlog.get_logger()

TICK = 1.0  # seconds between looks at the timetable
GRACE = 30.0  # seconds for a part to end: a worker takes up to 25 for what it has in hand
ANSWERING = 5  # seconds for the web server to finish what it answers


class PortTaken(OSError):
    """The web server cannot listen where it should: mostly because another program does."""


class BrokenDown(Exception):
    """A part of the hub ended though nobody told it to."""


@dataclass(frozen=True, slots=True)
class Web:
    """What the web server serves, and where. Port 0 takes a free one."""

    app: FastAPI
    host: str = "127.0.0.1"
    port: int = 0


def _unheard() -> None:
    """What is done about a breakdown where nobody asked to be told."""


@contextmanager
def at_work(
    hub: Hub,
    *,
    web: Web | None = None,
    threads: int = 0,
    lanes: Collection[Lane] = (),
    timetable: bool = False,
    on_breakdown: Callable[[], None] = _unheard,
) -> Iterator[str]:
    """Run the wanted parts until the block ends; yields the web server's address, or "".

    `lanes` are those that the worker takes jobs from; all, if none is named.

    At the end everything drains: jobs that run are finished or handed back. Raises `PortTaken`.
    A part that fails ends the others and calls `on_breakdown`, upon which the block should end:
    a hub that only half works looks well from outside. Then this raises `BrokenDown`.
    """
    crew = _Crew(hub, on_breakdown)
    with ExitStack() as stack:
        address = stack.enter_context(serving(web)) if web else ""
        stack.callback(crew.end)
        if not hub.db.sqlite:
            stack.enter_context(crew.part("notifier", lambda: queue.wake_others(hub.db, crew.stop)))
        if threads:
            worker = hub.worker(threads=threads, lanes=lanes)
            stack.enter_context(crew.part("worker", lambda: worker.run(crew.stop)))
        if timetable:
            stack.enter_context(crew.part("timetable", lambda: keep_time(hub, crew.stop)))
        yield address
    if crew.broken:
        raise BrokenDown(f"broke down: {'; '.join(crew.broken)}; the log above says where")


def keep_time(hub: Hub, stop: threading.Event) -> None:
    """Put polls when they are due, until told to stop. A database that is away is waited for.

    First what died of mappings that have changed since is revived.
    """
    looked = False
    while not stop.is_set():
        try:
            if not looked:
                hub.retry_where_mappings_changed()
                looked = True
            hub.tick()
        except Unavailable as error:
            log.warning("timetable waits for the database", error=str(error))
        stop.wait(TICK)


@contextmanager
def serving(web: Web) -> Iterator[str]:
    """Serve until the block ends; yields the address. Raises `PortTaken`."""
    listener = _listen(web.host, web.port)
    settings = uvicorn.Config(
        web.app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=ANSWERING,
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, args=([listener],), name="web", daemon=True)
    thread.start()
    try:
        host, port = listener.getsockname()[:2]
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.should_exit = True
        thread.join(GRACE)
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio turns delays off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"cannot listen on {host}:{port}: {error.strerror}; {_advice(error)}"
        ) from error
    return listener


def _advice(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "stop the other program, or set another port (hub.yaml: listen.port, or --port)"
        case errno.EACCES:
            return "set a port above 1023 (hub.yaml: listen.port, or --port)"
        case _:
            return "set an address of this machine (hub.yaml: listen.host)"


@dataclass(slots=True)
class _Crew:
    """The parts that run in threads: they end together."""

    hub: Hub
    on_breakdown: Callable[[], None]
    stop: threading.Event = field(default_factory=threading.Event)
    broken: list[str] = field(default_factory=list[str])

    @contextmanager
    def part(self, name: str, run: Callable[[], None]) -> Iterator[None]:
        thread = threading.Thread(target=self._run, args=(name, run), name=name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.end()
            with suppress(KeyboardInterrupt):
                thread.join(GRACE)

    def end(self) -> None:
        """Tell every part to end, also a worker that waits for jobs."""
        self.stop.set()
        with self.hub.db.bell:
            self.hub.db.bell.notify_all()

    def _run(self, name: str, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:
            log.exception("a part of the hub broke down", part=name)
            self.broken.append(f"the {name} ({type(error).__name__})")
            self.end()
            self.on_breakdown()
