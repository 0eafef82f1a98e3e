"""`hub sync`, `hub status`, `hub resume`: what flows, and how it is doing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from hub import queue
from hub.cli.home import HERE, Folder, chosen, opened
from hub.cli.screen import Failure, ago, out, say, table, watching
from hub.sync.status import ConnectionStatus, status as status_of

Target = Annotated[str, typer.Argument(metavar="CONNECTION[/STREAM]")]


def sync(
    target: Target,
    folder: Folder = HERE,
    full: Annotated[bool, typer.Option("--full", help="Start over from the beginning.")] = False,
) -> None:
    """Pull now, and do all that follows from it. Goes on where an interrupted run stopped."""
    with watching() as watch, opened(folder, watch) as (config, hub):
        connection, streams = chosen(hub, target)
        for stream in streams:
            hub.poll_again(connection.name, stream, full=full)
        hub.worker(threads=config.hub.threads).run_until_idle()
        with hub.db.read() as tx:
            now = status_of(tx, hub.connections, now=hub.clock())
    mine = [one for one in now if one.connection == connection.name]
    _show(mine)
    troubled = [one for one in mine[0].streams if one.stream in streams and one.state != "ok"]
    if troubled:
        raise Failure("; ".join(f"{one.stream}: {one.reason}" for one in troubled))


def status(
    folder: Folder = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show how every stream is doing, and what to do where it is not well."""
    with opened(folder) as (_, hub), hub.db.read() as tx:
        now = status_of(tx, hub.connections, now=hub.clock())
    if as_json:
        out.print_json(json.dumps([asdict(one) for one in now]))
    else:
        _show(now)


def _show(connections: list[ConnectionStatus]) -> None:
    rows = [
        [
            f"{one.connection}/{stream.stream}", stream.state,
            *(str(stream.counts[name]) for name in
              ("seen", "created", "updated", "unchanged", "deleted", "failed")),
            ago(stream.lag), str(stream.dead_records),
        ]
        for one in connections
        for stream in one.streams
    ]  # fmt: skip
    columns = ["stream", "state", "seen", "created", "updated", "unchanged", "deleted", "failed"]
    table("streams", [*columns, "lag", "dead"], rows)
    for one in connections:
        say(f"{one.connection}: {one.waiting_jobs} jobs wait, {one.running_jobs} run, "
            f"{one.dead_jobs} are dead")
        for part in (one, *one.streams):
            if part.reason:
                name = one.connection if part is one else f"{one.connection}/{part.stream}"
                say(f"  {name}: {part.state}: {part.reason}")
                if part.next_step:
                    say(f"    next: {part.next_step}")


def resume(connection: str, folder: Folder = HERE) -> None:
    """End a connection's pause, once its cause is mended."""
    with opened(folder) as (_, hub), hub.db.write() as tx:
        if not queue.resume(tx, connection):
            raise Failure(f"{connection} is not paused")
    say(f"{connection}: resumed")
