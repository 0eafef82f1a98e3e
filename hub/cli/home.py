"""Open the hub that a command works on: its folder, its database, its connections."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.log import set_up_log
from hub.cli.screen import Failure

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.config import Config
    from hub.store.cursors import Counts
    from hub.sync.connection import Connection

    Watched = Callable[[str, str, Counts], None]

Folder = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="HUB_CONFIG", help="The folder with hub.yaml and connections/."
    ),
]
HERE = Path("config")


def read(folder: Path, *, examples: bool = False) -> Config:
    """The configuration; raises `BadConfig` with every fault."""
    from hub import config

    found = config.load(folder, environment=os.environ, examples=examples)
    set_up_log(found.hub.log.level, found.hub.log.format)
    return found


@contextmanager
def opened(folder: Path, watch: Watched | None = None) -> Iterator[tuple[Config, Hub]]:
    """The hub of a folder, its database at the right schema. Raises `SchemaMismatch`."""
    from hub.app import Hub, sharing_rates, spare_the_collector
    from hub.config.files import rules_of
    from hub.store import schema
    from hub.store.attachments import Files
    from hub.store.database import Database

    spare_the_collector()
    settings = read(folder)
    db = Database(settings.database)
    connections = sharing_rates(db, settings.connections)
    try:
        schema.check(db)
        told = settings.hub
        files = Files(folder / told.attachments.folder, rules_of(told.attachments))
        hub = Hub(db, connections, public_url=told.hooks.public_url, files=files)
        yield settings, replace(hub, watch=watch) if watch else hub
    finally:
        for one in connections.values():
            one.spoke.close()
        db.close()


def connection(hub: Hub, name: str) -> Connection:
    """The connection of this name; raises `Failure`."""
    found = hub.connections.get(name)
    if found is None:
        known = ", ".join(hub.connections) or "none; each is a file in connections/"
        raise Failure(f"no connection {name!r}; there are: {known}")
    return found


def chosen(hub: Hub, target: str) -> tuple[Connection, list[str]]:
    """The connection and streams of `CONNECTION[/STREAM]`; raises `Failure`."""
    name, slash, stream = target.partition("/")
    found = connection(hub, name)
    streams = [one.name for one in found.polled()]
    if slash and stream not in streams:
        raise Failure(f"{name} polls no stream {stream!r}; it has: {', '.join(streams) or 'none'}")
    return found, [stream] if slash else streams
