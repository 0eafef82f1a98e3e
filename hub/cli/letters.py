"""`hub dead`: records and jobs that need a person."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.home import HERE, Folder, chosen, opened
from hub.cli.screen import Failure, ago, counted, note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub import queue
    from hub.app import Hub
    from hub.store.database import Transaction

app = typer.Typer(help="Records and jobs that need a person.", no_args_is_help=True)

Where = Annotated[str, typer.Argument(metavar="[CONNECTION[/STREAM]]", help="Default: all.")]
Letter = Annotated[str, typer.Argument(metavar="ID", help="As `hub dead list` shows it.")]
MOST = 10_000  # letters that one retry takes up
MOST_SHOWN = 200


@app.command("list")
def list_(where: Where = "", folder: Folder = HERE) -> None:
    """Show dead records and jobs, newest first."""
    with opened(folder) as (_, hub), hub.db.read() as tx:
        records, jobs = _dead(tx, where, most=MOST_SHOWN)
        if where and not records and not jobs:
            chosen(hub, where)  # complains of what does not exist
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
    if not rows:
        note("nothing is dead")
    if MOST_SHOWN in {len(records), len(jobs)}:
        note(f"there may be more: these are the newest {MOST_SHOWN}")


@app.command("show")
def show(letter: Letter, folder: Folder = HERE) -> None:
    """Show a dead letter with everything that was kept of it."""
    from hub import queue
    from hub.store import dead

    kind, number = _read(letter)
    with opened(folder) as (_, hub), hub.db.read() as tx:
        if kind == "r":
            shown = [_record(row) for row in dead.find(tx, id=number)]
        else:
            shown = [_job(one) for one in queue.dead(tx, queue.Which(ids=[number]))]
    if not shown:
        raise Failure(f"no dead letter {letter!r}; hub dead list shows them")
    out.print_json(json.dumps(shown[0], default=str))


@app.command("retry")
def retry(
    where: Where = "",
    letter: Annotated[str, typer.Option("--id", metavar="ID", help="Just this one.")] = "",
    folder: Folder = HERE,
) -> None:
    """Try again, now: one letter, or all of a connection or stream."""
    with opened(folder) as (config, hub):
        count = _retry_one(hub, letter) if letter else _retry_all(hub, where)
        if not count:
            raise Failure("nothing is dead there; hub dead list shows what is")
        hub.worker(threads=config.hub.threads).run_until_idle()
        with hub.db.read() as tx:
            left = _still(tx, letter) if letter else sum(map(len, _dead(tx, where)))
    say(f"{counted(count, 'letter')} tried again, {left} dead")
    if left:
        raise Failure(f"{left} still dead: mend what hub dead list says, then retry")


@app.command("drop")
def drop(letter: Letter, folder: Folder = HERE) -> None:
    """Forget a dead letter for good."""
    from hub import queue
    from hub.store import dead

    kind, number = _read(letter)
    with opened(folder) as (_, hub), hub.db.write() as tx:
        count = (
            dead.drop(tx, id=number) if kind == "r" else queue.drop(tx, queue.Which(ids=[number]))
        )
    if not count:
        raise Failure(f"no dead letter {letter!r}; hub dead list shows them")
    say(f"{letter}: dropped")


def _dead(tx: Transaction, where: str, *, most: int = MOST) -> tuple[list[Any], list[queue.Dead]]:
    """Dead records, and dead jobs unless a single stream is asked for."""
    from hub import queue
    from hub.store import dead

    connection, _, stream = where.partition("/")
    records = dead.find(tx, connection=connection, stream=stream, most=most)
    which = queue.Which(connection=connection or None)
    return list(records), [] if stream else queue.dead(tx, which, limit=most)


def _still(tx: Transaction, letter: str) -> int:
    from hub import queue
    from hub.store import dead

    kind, number = _read(letter)
    found = dead.find(tx, id=number) if kind == "r" else queue.dead(tx, queue.Which(ids=[number]))
    return len(found)


def _retry_one(hub: Hub, letter: str) -> int:
    from hub import queue
    from hub.store import dead

    kind, number = _read(letter)
    with hub.db.write() as tx:
        if kind == "j":
            return queue.revive(tx, queue.Which(ids=[number]), now=hub.clock())
        return _reread(hub, tx, dead.find(tx, id=number))


def _retry_all(hub: Hub, where: str) -> int:
    from hub import queue

    connection, _, stream = where.partition("/")
    with hub.db.write() as tx:
        count = _reread(hub, tx, _dead(tx, where)[0])
        if not stream:
            which = queue.Which(connection=connection or None)
            count += queue.revive(tx, which, now=hub.clock())
        return count


def _reread(hub: Hub, tx: Transaction, rows: list[Any]) -> int:
    from hub import queue
    from hub.sync.jobs import Reread, request

    jobs = [request(Reread(row.connection, row.id)) for row in rows]
    queue.put(tx, jobs, now=hub.clock(), hurry=True)
    return len(jobs)


def _read(letter: str) -> tuple[str, int]:
    kind, digits = letter[:1], letter[1:]
    if kind not in {"r", "j"} or not (digits.isascii() and digits.isdigit()):
        raise Failure(f"{letter!r} is no dead letter's id: r12 is a record, j7 a job")
    return kind, int(digits[:18])


def _record(row: Any) -> dict[str, Any]:
    import orjson

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
