"""`hub run`, `hub serve`, `hub work`: the processes of a hub."""

from __future__ import annotations

import signal
import socket
from collections.abc import Collection
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Self

import typer

from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import say

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.config import Config
    from hub.queue import Lane
    from hub.running import Web

Threads = Annotated[
    int | None, typer.Option(min=1, max=64, help="Jobs done at a time; default: hub.yaml.")
]
Port = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help="Port of the web server, 0 for a free one; default: hub.yaml."
    ),
]
Lanes = Annotated[
    str,
    typer.Option(
        help="Do only these kinds of work: webhook, push, poll, backfill; several with commas.",
        show_default="all",
    ),
]


def run(folder: Folder = HERE, threads: Threads = None, port: Port = None) -> None:
    """Run everything in one process: web server, worker and timetable."""
    with opened(folder) as (config, hub):
        _work(hub, _web(config, hub, port), threads or config.hub.threads, timetable=True)


def serve(folder: Folder = HERE, port: Port = None) -> None:
    """Run the web server alone: webhooks and the admin API."""
    with opened(folder) as (config, hub):
        _work(hub, _web(config, hub, port), 0, timetable=False)


def work(folder: Folder = HERE, threads: Threads = None, lanes: Lanes = "") -> None:
    """Run a worker and the timetable, without the web server.

    Any number of workers share a PostgreSQL, on any machine. Some that do webhooks and pushes
    only are never busy with a first load.
    """
    wanted = _lanes(lanes)
    with opened(folder) as (config, hub):
        _work(hub, None, threads or config.hub.threads, wanted, timetable=True)


def _lanes(text: str) -> tuple[Lane, ...]:
    from hub.queue import Lane

    names = [name.strip() for name in text.split(",")] if text else []
    known = {lane.name.lower(): lane for lane in Lane}
    if strange := [name for name in names if name not in known]:
        raise typer.BadParameter(
            f"{', '.join(map(repr, strange))}: no such lane; there are {', '.join(known)}",
            param_hint="--lanes",
        )
    return tuple(dict.fromkeys(known[name] for name in names))


def _web(config: Config, hub: Hub, port: int | None) -> Web:
    from hub import web
    from hub.running import Web

    app = web.create(
        hub.db, hub.connections, clock=hub.clock, max_body=config.hub.hooks.max_body,
        attachments=hub.files,
    )  # fmt: skip
    listen = config.hub.listen
    return Web(app, listen.host, listen.port if port is None else port)


def _work(
    hub: Hub, served: Web | None, threads: int, lanes: Collection[Lane] = (), *, timetable: bool
) -> None:
    from hub.running import at_work

    with (
        until_told() as told,
        at_work(
            hub,
            web=served,
            threads=threads,
            lanes=lanes,
            timetable=timetable,
            on_breakdown=told.set,
        ) as address,
    ):
        if address:
            say(f"listening on {address}  (webhooks: {address}/hooks/<connection>)")
        if threads:
            only = f" on {' and '.join(lane.name.lower() for lane in lanes)}" if lanes else ""
            say(f"working with {threads} threads{only}; Ctrl-C ends it")
        told.wait()
        say("ending: what runs is finished or handed back")


class until_told:  # noqa: N801 -- reads as the statement it is
    """What SIGINT and SIGTERM tell whoever waits for it; a second one ends the process at once.

    No `threading.Event`: one that is set by a signal's handler, while who waits for it has its
    lock, waits for ever, and so does who goes to sleep just as the signal comes. Bytes stay.
    """

    def __init__(self) -> None:
        self._hears, self._says = socket.socketpair()
        self._says.setblocking(False)

    def __enter__(self) -> Self:
        self._woken = signal.set_wakeup_fd(self._says.fileno(), warn_on_full_buffer=False)
        self._before = {
            number: signal.signal(number, self._tell) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._woken)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._says.close()
        self._hears.close()

    def wait(self) -> None:
        """Until a signal or another thread tells; at once if it has."""
        self._hears.recv(1)

    def set(self) -> None:
        """Tell it, from any thread; nobody listens any more once the block has ended."""
        with suppress(OSError):
            self._says.send(b"!")

    def _tell(self, number: int, _: FrameType | None) -> None:
        """The byte of the signal is there already."""
        signal.signal(number, self._before[signal.Signals(number)])
