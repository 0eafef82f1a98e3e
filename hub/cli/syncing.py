"""`hub sync`, `hub status`, `hub resume`: what flows, and how it is doing."""

from __future__ import annotations

import getpass
import json
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.forecasts import foretell
from hub.cli.home import HERE, Folder, chosen, connection, opened
from hub.cli.screen import Failure, ago, counted, note, out, say, say_error, table, watching

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.queue import Worker
    from hub.spoke import Cursor
    from hub.sync.connection import Connection
    from hub.sync.status import ConnectionStatus

Target = Annotated[str, typer.Argument(metavar="CONNECTION[/STREAM]")]
LOOK_EVERY = 0.5  # seconds


def sync(
    target: Target,
    folder: Folder = HERE,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything again, beside the polls.")
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME", help="Read again what changed since then: 2026-05-01, in UTC."
        ),
    ] = None,
) -> None:
    """Pull now, and do all that follows from it. Goes on where an interrupted run stopped."""
    if full and since:
        raise Failure("--full is everything, --since a part of it: give one")
    with watching() as watch, opened(folder, watch) as (config, hub):
        found, streams = chosen(hub, target)
        try:
            hub.retry_where_mappings_changed()
            if full or since:
                _backfill(hub, found, streams, since)
            else:
                for stream in streams:
                    hub.poll_again(found.name, stream)
            undone = _work_off(hub, hub.worker(threads=config.hub.threads), found.name, streams)
        except KeyboardInterrupt:
            say_error("what was committed stays, the next hub sync goes on from there")
            raise
        now = next(one for one in _status(hub) if one.connection == found.name)
    mine = [one for one in now.streams if one.stream in streams]
    _show([replace(now, streams=mine)])
    well = {"ok", "late", *(["waiting"] if full or since else [])}  # a backfill is no poll
    undone |= {one.stream: one.reason for one in mine if one.state not in well}
    if undone:
        raise Failure("\n".join(f"{found.name}/{name}: {why}" for name, why in undone.items()))


def _backfill(hub: Hub, found: Connection, streams: list[str], since: datetime | None) -> None:
    """Say what it will come to, and have it begun."""
    moment = since.replace(tzinfo=UTC) if since else None
    starts = {stream: _start(found, stream, moment) for stream in streams}
    foreseen = foretell(hub, found, starts, moment)
    for stream, start in starts.items():
        records = foreseen[stream].records if stream in foreseen else None
        hub.backfill(found.name, stream, start=start, by=getpass.getuser(), foreseen=records)


def _start(found: Connection, stream: str, since: datetime | None) -> Cursor | None:
    """The cursor of a moment, None for the beginning; raises `Failure` where there is no such."""
    from hub.spoke import Pulls

    if since is None or not isinstance(found.spoke, Pulls):
        return None
    start = found.spoke.since(found.stream(stream), since)
    if start is None:
        raise Failure(
            f"{found.name}/{stream} cannot be asked since a moment: hub sync "
            f"{found.name}/{stream} --full asks for everything"
        )
    return start


def _work_off(hub: Hub, worker: Worker, name: str, streams: list[str]) -> dict[str, str]:
    """Work until the streams' polls are done, also those that another worker has in hand.

    Returns why, by stream, for those that could not be done and wait for another attempt.
    """
    told = False
    while True:
        worker.run_until_idle()
        left = _readings(hub, name, streams)
        if not any(running for running, _ in left.values()):
            return {stream: error for stream, (_, error) in left.items()}
        if not told:
            note("another worker is at it: waiting for it, or until it is known to be dead")
            told = True
        threading.Event().wait(LOOK_EVERY)


def _readings(hub: Hub, name: str, streams: list[str]) -> dict[str, tuple[bool, str]]:
    """By stream, whether it is read, and why that failed last; without those that are done."""
    from sqlalchemy import select

    from hub.store.work import jobs
    from hub.sync.jobs import Backfill, Poll

    by_key = {Poll(name, stream).key: stream for stream in streams}
    kinds = (Poll.kind, Backfill.kind)
    these = select(jobs).where(jobs.c.kind.in_(kinds), jobs.c.key.in_(by_key))
    with hub.db.read() as tx:
        rows = tx.execute(these.order_by(jobs.c.running)).all()
    return {by_key[row.key]: (row.running, row.error or "not done") for row in rows}


def status(
    folder: Folder = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show how every stream is doing, and what to do where it is not well."""
    with opened(folder) as (_, hub):
        now = _status(hub)
    if as_json:
        out.print_json(json.dumps([asdict(one) for one in now]))
    else:
        _show(now)
        if not now:
            note(f"no connections; each is a file in {folder / 'connections'}")


def _status(hub: Hub) -> list[ConnectionStatus]:
    from hub.sync.status import status as status_of

    with hub.db.read() as tx:
        return status_of(tx, hub.connections, now=hub.clock())


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
        _explain(one)


def _explain(one: ConnectionStatus) -> None:
    """What waits and what is wrong; what holds the whole connection is said once."""
    say(
        f"{one.connection}: {one.state}; {counted(one.waiting_jobs, 'job')} waiting, "
        f"{one.running_jobs} running, {one.dead_jobs} dead"
        + (f"; {counted(one.conflicts, 'conflict')}" if one.conflicts else "")
    )
    if one.conflicts:
        say(f"  {one.connection}: the two sides differ: hub conflicts list {one.connection}")
    parts = [(f"{one.connection}/{part.stream}", part) for part in one.streams]
    for name, part in parts:
        if part.backfill:
            say(f"  {name}: backfill: {part.backfill}")
    of_streams = [(name, part.state, part.reason, part.next_step) for name, part in parts]
    whole = (one.connection, one.state, one.reason, one.next_step)
    held = one.state in {"paused", "attention"}
    for name, state, reason, step in [*([whole] if held else []), *of_streams]:
        if reason and (state != "paused" or name == one.connection):
            say(f"  {name}: {state}: {reason}")
            say(f"    next: {step}")
    for name, part in parts:
        if part.drift and part.state != "held":
            others = f", and {len(part.drift) - 1} more" if len(part.drift) > 1 else ""
            say(f"  {name}: their records have changed: {part.drift[0]}{others}")
            say(f"    next: hub drift list {name}; hub drift accept {name} if that is right")


def resume(
    name: Annotated[str, typer.Argument(metavar="CONNECTION")], folder: Folder = HERE
) -> None:
    """End a connection's pause, once its cause is mended."""
    from hub import queue

    with opened(folder) as (_, hub), hub.db.write() as tx:
        if not queue.resume(tx, connection(hub, name).name):
            raise Failure(f"{name} is not paused")
    say(f"{name}: resumed")
