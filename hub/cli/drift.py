"""`hub drift`: fields that came up, went or changed their type over there, and a person's word."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.home import HERE, Folder, connection, opened
from hub.cli.screen import Failure, ago, counted, note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.sync.connection import Connection
    from hub.sync.schema.drift import Finding

app = typer.Typer(
    help="Fields that came up, went or changed their type over there.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("list")
def list_(
    target: Annotated[
        str, typer.Argument(metavar="[CONNECTION[/STREAM]]", help="Default: all.")
    ] = "",
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Show what is not as it was in the records of streams, with the mapping's lines that it touches."""
    from hub.store import drift as stored
    from hub.sync.schema import drift
    from hub.sync.schema.profile import MOST_PATHS

    with opened(folder) as (_, hub):
        chosen = _chosen(hub, target)
        now = hub.clock()
        with hub.db.read() as tx:
            news = stored.news(tx)
            full = stored.counts(tx)
    found = [
        (one.name, stream, finding)
        for one, streams in chosen
        for stream, those in drift.of_connection(one, news).items()
        if stream in streams
        for finding in those
    ]
    if as_json:
        told = [
            {"connection": name, "stream": stream, **asdict(one)} for name, stream, one in found
        ]
        out.print_json(json.dumps(told))
        return
    _show(found, now)
    for one, streams in chosen:
        for stream in streams:
            if full.get((one.name, stream), 0) >= MOST_PATHS:
                note(f"{one.name}/{stream}: has more fields than the {MOST_PATHS} that are watched")


def _show(found: list[tuple[str, str, Finding]], now: float) -> None:
    rows = [
        [f"{name}/{stream}", one.path, one.state, ", ".join(one.was) or "-", ", ".join(one.kinds),
         f"{one.seen} of {one.looked}", ago(max(0.0, now - one.since)), "; ".join(one.touches) or "-"]
        for name, stream, one in found
    ]  # fmt: skip
    columns = ["stream", "field", "state", "was", "is", "seen", "since", "touches"]
    table("drift", columns, rows)
    if found:
        note("hub drift accept CONNECTION/STREAM [FIELD] says that it is right so")
    else:
        note("all records look as they did")


@app.command("accept")
def accept(
    target: Annotated[str, typer.Argument(metavar="CONNECTION/STREAM")],
    path: Annotated[
        str, typer.Argument(metavar="[FIELD]", help="As `hub drift list` shows it; default: all.")
    ] = "",
    folder: Folder = HERE,
) -> None:
    """It is right so: what is new or changed is known from now on, what is gone is not missed.

    A stream that was held for it goes on.
    """
    from hub.sync.schema import drift

    with opened(folder) as (_, hub):
        [(found, streams)] = _chosen(hub, target)
        _, slash, _ = target.partition("/")
        if not slash:
            raise Failure(f"which stream of {found.name}? it has: {', '.join(streams)}")
        [stream] = streams
        accepted = drift.accept(hub.db, hub.connections, found.name, stream, path, now=hub.clock())
        with hub.db.read() as tx:
            left = drift.findings(tx, found, stream)[stream]
    if not accepted:
        there = ", ".join(one.path for one in left) or "nothing"
        what = f"{path} is" if path else "their records are"
        raise Failure(f"{target}: {what} as before; to accept there is: {there}")
    for one in accepted:
        say(f"{target}: accepted: {one}")
    if left:
        note(f"{counted(len(left), 'field')} left: hub drift list {target}")


def _chosen(hub: Hub, target: str) -> list[tuple[Connection, list[str]]]:
    """The connections and streams that are meant; raises `Failure`."""
    if not target:
        return [(one, list(one.mappings)) for one in hub.connections.values()]
    name, slash, stream = target.partition("/")
    found = connection(hub, name)
    if slash and stream not in found.mappings:
        known = ", ".join(found.mappings) or "none"
        raise Failure(f"{name} maps no stream {stream!r}; it maps: {known}")
    return [(found, [stream] if slash else list(found.mappings))]
