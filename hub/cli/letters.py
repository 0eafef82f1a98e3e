"""`hub dead`: records and jobs that need a person."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from hub import queue
from hub.app import Hub
from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import Failure, ago, say, table
from hub.queue import Which
from hub.store import dead
from hub.sync.jobs import Reread, request

app = typer.Typer(help="Records and jobs that need a person.", no_args_is_help=True)

Where = Annotated[str, typer.Argument(metavar="[CONNECTION[/STREAM]]", help="Default: all.")]
Letter = Annotated[str, typer.Argument(metavar="ID", help="As `hub dead list` shows it.")]
MOST = 10_000


@app.command("list")
def list_(where: Where = "", folder: Folder = HERE) -> None:
    """Show dead records and jobs, newest first."""
    connection, _, stream = where.partition("/")
    with opened(folder) as (_, hub), hub.db.read() as tx:
        records = dead.find(tx, connection=connection, stream=stream)
        jobs = [] if stream else queue.dead(tx, Which(connection=connection or None))
    now = time.time()
    rows = [
        [f"r{one.id}", f"{one.connection}/{one.stream}", one.external_id,
         ago(now - one.failed_at), one.error]
        for one in records
    ]  # fmt: skip
    rows += [
        [f"j{one.id}", f"{one.connection or '-'} {one.kind}", one.key, ago(now - one.died_at),
         f"{one.reason}: {one.error}"]
        for one in jobs
    ]  # fmt: skip
    table("dead letters", ["id", "of", "key", "age", "why"], rows)


@app.command("show")
def show(letter: Letter, folder: Folder = HERE) -> None:
    """Show a dead letter with everything that was kept of it."""
    kind, id = _read(letter)
    with opened(folder) as (_, hub), hub.db.read() as tx:
        if kind == "r":
            shown = [_record(row) for row in dead.find(tx, id=id)]
        else:
            shown = [_job(one) for one in queue.dead(tx, Which(ids=[id]))]
    if not shown:
        raise Failure(f"no dead letter {letter!r}; hub dead list shows them")
    Console().print_json(json.dumps(shown[0], default=str))


@app.command("retry")
def retry(where: Where = "", letter: Annotated[str, typer.Option("--id", help="Just this one.")] =
          "", folder: Folder = HERE) -> None:
    """Try again: one letter, or all of a connection or stream. A worker does the rest."""
    with opened(folder) as (_, hub):
        count = _retry_one(hub, letter) if letter else _retry_all(hub, where)
        if not count:
            raise Failure("nothing is dead there; hub dead list shows what is")
        ran = hub.worker().run_until_idle()
    say(f"{count} tried again, {ran} jobs done; hub dead list shows what is still dead")


@app.command("drop")
def drop(letter: Letter, folder: Folder = HERE) -> None:
    """Forget a dead letter for good."""
    kind, id = _read(letter)
    with opened(folder) as (_, hub), hub.db.write() as tx:
        count = dead.drop(tx, id=id) if kind == "r" else queue.drop(tx, Which(ids=[id]))
    if not count:
        raise Failure(f"no dead letter {letter!r}; hub dead list shows them")
    say(f"{letter}: dropped")


def _retry_one(hub: Hub, letter: str) -> int:
    kind, id = _read(letter)
    with hub.db.write() as tx:
        if kind == "j":
            return queue.revive(tx, Which(ids=[id]), now=hub.clock())
        return _reread(hub, tx, dead.find(tx, id=id))


def _retry_all(hub: Hub, where: str) -> int:
    connection, _, stream = where.partition("/")
    with hub.db.write() as tx:
        rows = dead.find(tx, connection=connection, stream=stream, most=MOST)
        count = _reread(hub, tx, rows)
        if not stream:
            count += queue.revive(tx, Which(connection=connection or None), now=hub.clock())
        return count


def _reread(hub: Hub, tx: Any, rows: list[Any]) -> int:
    jobs = [request(Reread(row.connection, row.id)) for row in rows]
    queue.put(tx, jobs, now=hub.clock(), hurry=True)
    return len(jobs)


def _read(letter: str) -> tuple[str, int]:
    kind, digits = letter[:1], letter[1:]
    if kind not in {"r", "j"} or not digits.isdigit():
        raise Failure(f"{letter!r} is no dead letter's id: r12 is a record, j7 a job")
    return kind, int(digits)


def _record(row: Any) -> dict[str, Any]:
    return {
        "id": f"r{row.id}", "connection": row.connection, "stream": row.stream,
        "external_id": row.external_id, "version": row.version, "mapping": row.mapping,
        "faults": row.faults, "raw": orjson.loads(row.raw),
    }  # fmt: skip


def _job(one: queue.Dead) -> dict[str, Any]:
    return {
        "id": f"j{one.id}", "connection": one.connection, "kind": one.kind, "key": one.key,
        "payload": one.payload, "attempts": one.attempt, "reason": one.reason, "error": one.error,
    }  # fmt: skip
