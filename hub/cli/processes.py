"""`hub run`, `hub serve`, `hub work`: the processes of a hub."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from hub import web
from hub.app import Hub
from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import say
from hub.config import Config
from hub.running import Web, at_work

Threads = Annotated[int | None, typer.Option(help="Jobs done at a time; default: hub.yaml.")]
Port = Annotated[int | None, typer.Option(help="Port of the web server; default: hub.yaml.")]


def run(folder: Folder = HERE, threads: Threads = None, port: Port = None) -> None:
    """Run everything in one process: web server, worker and timetable."""
    with opened(folder) as (config, hub):
        _work(hub, _web(config, hub, port), threads or config.hub.threads, timetable=True)


def serve(folder: Folder = HERE, port: Port = None) -> None:
    """Run the web server alone: webhooks and the admin API."""
    with opened(folder) as (config, hub):
        _work(hub, _web(config, hub, port), 0, timetable=False)


def work(folder: Folder = HERE, threads: Threads = None) -> None:
    """Run a worker and the timetable, without the web server."""
    with opened(folder) as (config, hub):
        _work(hub, None, threads or config.hub.threads, timetable=True)


def _web(config: Config, hub: Hub, port: int | None) -> Web:
    app = web.create(
        hub.db, hub.connections, hub.inbound, clock=hub.clock, max_body=config.hub.hooks.max_body
    )
    listen = config.hub.listen
    return Web(app, listen.host, listen.port if port is None else port)


def _work(hub: Hub, served: Web | None, threads: int, *, timetable: bool) -> None:
    with (
        until_told() as told,
        at_work(hub, web=served, threads=threads, timetable=timetable) as address,
    ):
        if address:
            say(f"listening on {address}  (webhooks: {address}/hooks/<connection>)")
        if threads:
            say(f"working with {threads} threads; Ctrl-C ends it")
        told.wait()
        say("ending: what runs is finished or handed back")


class until_told:  # noqa: N801 -- reads as the statement it is
    """An event that SIGINT and SIGTERM set; a second one ends the process at once."""

    def __init__(self) -> None:
        self._told = threading.Event()

    def __enter__(self) -> threading.Event:
        self._before = {
            number: signal.signal(number, self._tell) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self._told

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _tell(self, number: int, _: FrameType | None) -> None:
        self._told.set()
        signal.signal(number, self._before[signal.Signals(number)])
