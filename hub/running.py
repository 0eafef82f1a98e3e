"""A hub at work: worker, timetable and web server, each in a thread of one process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import structlog
import uvicorn
from fastapi import FastAPI

from hub.app import Hub
from hub.store.database import Unavailable

log = structlog.get_logger()

TICK = 1.0  # seconds between looks at the timetable
GRACE = 30.0  # seconds for a part to end


class PortTaken(OSError):
    """Another program listens where the web server should."""


@dataclass(frozen=True, slots=True)
class Web:
    """What the web server serves, and where. Port 0 takes a free one."""

    app: FastAPI
    host: str = "127.0.0.1"
    port: int = 0


@contextmanager
def at_work(
    hub: Hub, *, web: Web | None = None, threads: int = 0, timetable: bool = False
) -> Iterator[str]:
    """Run the wanted parts until the block ends; yields the web server's address, or "".

    At the end everything drains: jobs that run are finished or handed back. Raises `PortTaken`.
    """
    stop = threading.Event()
    with ExitStack() as stack:
        address = stack.enter_context(serving(web)) if web else ""
        stack.callback(_end, hub, stop)
        if threads:
            worker = hub.worker(threads=threads)
            stack.enter_context(_thread("worker", lambda: worker.run(stop), hub, stop))
        if timetable:
            stack.enter_context(_thread("timetable", lambda: keep_time(hub, stop), hub, stop))
        yield address


def keep_time(hub: Hub, stop: threading.Event) -> None:
    """Put polls when they are due, until told to stop. A database that is away is waited for."""
    while not stop.is_set():
        try:
            hub.tick()
        except Unavailable as error:
            log.warning("timetable waits for the database", error=str(error))
        stop.wait(TICK)


@contextmanager
def serving(web: Web) -> Iterator[str]:
    """Serve until the block ends; yields the address. Raises `PortTaken`."""
    listener = _listen(web.host, web.port)
    settings = uvicorn.Config(
        web.app, log_config=None, access_log=False, server_header=False, lifespan="off"
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
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"cannot listen on {host}:{port}: {error.strerror}; stop the other program, or set "
            "another port (hub.yaml: listen.port, or --port)"
        ) from error
    listener.listen(128)
    return listener


def _end(hub: Hub, stop: threading.Event) -> None:
    stop.set()
    with hub.db.bell:
        hub.db.bell.notify_all()


@contextmanager
def _thread(
    name: str, target: Callable[[], None], hub: Hub, stop: threading.Event
) -> Iterator[None]:
    thread = threading.Thread(target=_logged, args=(name, target), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        _end(hub, stop)
        with suppress(KeyboardInterrupt):
            thread.join(GRACE)


def _logged(name: str, target: Callable[[], None]) -> None:
    try:
        target()
    except Exception:
        log.exception("a part of the hub broke down", part=name)
        raise
