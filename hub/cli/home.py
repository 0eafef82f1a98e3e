"""Open the hub that a command works on: its folder, its database, its connections."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hub import config
from hub.app import Hub
from hub.cli.screen import Failure, set_up_log
from hub.config import Config
from hub.store import schema
from hub.store.database import Database
from hub.sync.connection import Connection

Folder = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="HUB_CONFIG", help="The folder with hub.yaml and connections/."
    ),
]
HERE = Path("config")


def read(folder: Path, *, examples: bool = False) -> Config:
    """The configuration; raises `BadConfig` with every fault."""
    found = config.load(folder, environment=os.environ, examples=examples)
    set_up_log(found.hub.log.level, found.hub.log.format)
    return found


@contextmanager
def opened(folder: Path, watch: object = None) -> Iterator[tuple[Config, Hub]]:
    """The hub of a folder, its database at the right schema. Raises `SchemaMismatch`."""
    settings = read(folder)
    db = Database(settings.database)
    try:
        schema.check(db)
        if callable(watch):
            yield settings, Hub(db, settings.connections, watch=watch)
        else:
            yield settings, Hub(db, settings.connections)
    finally:
        db.close()


def chosen(hub: Hub, target: str) -> tuple[Connection, list[str]]:
    """The connection and streams of `CONNECTION[/STREAM]`; raises `Failure`."""
    name, _, stream = target.partition("/")
    connection = hub.connections.get(name)
    if connection is None:
        known = ", ".join(hub.connections) or "none is configured"
        raise Failure(f"no connection {name!r}; known: {known}")
    streams = [one.name for one in connection.polled()]
    if stream and stream not in streams:
        raise Failure(f"{name} polls no stream {stream!r}; it has: {', '.join(streams)}")
    return connection, [stream] if stream else streams


