"""`hub dead`: records and jobs that need a person."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import revivals
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
AT_ONCE = 1_000  # jobs that one retry does itself
MOST_SHOWN = 200


@app.command("list")
def list_(where: Where = "", folder: Folder = HERE) -> None:
    """Show dead records and jobs, newest first."""
    with opened(folder) as (_, hub), hub.db.read() as tx:
        records, jobs = _dead(tx, _Which(where), most=MOST_SHOWN)
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
    kind: Annotated[str, typer.Option(help="Only jobs of this kind, as push or poll.")] = "",
    reason: Annotated[str, typer.Option(help="Only jobs that died of this, as exhausted.")] = "",
    rate: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Leave them to the workers, so many a second."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Begin, however many there are.")] = False,
    folder: Folder = HERE,
) -> None:
    """Try again: one letter, or all of a connection or stream.

    They are tried now and waited for. More than 1000 jobs, or those for which there is a --rate,
    are left to the workers that run: see hub dead revivals.
    """
    _check_options(letter, where, kind, reason, rate)
    with opened(folder) as (config, hub):
        which = _Which(where, kind, reason)
        if not letter and _are_left_to_workers(hub, which, rate, yes=yes):
            return
        count = _retry_one(hub, letter) if letter else _retry_all(hub, which)
        if not count:
            raise Failure("nothing is dead there; hub dead list shows what is")
        hub.worker(threads=config.hub.threads).run_until_idle()
        with hub.db.read() as tx:
            left = _still(tx, letter) if letter else sum(map(len, _dead(tx, which)))
    say(f"{counted(count, 'letter')} tried again, {left} dead")
    if left:
        raise Failure(f"{left} still dead: mend what hub dead list says, then retry")


app.command("revivals")(revivals.revivals)
app.command("cancel")(revivals.cancel)


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


@dataclass(frozen=True, slots=True)
class _Which:
    """The letters that somebody means: of `CONNECTION[/STREAM]`, some jobs only, or all."""

    where: str
    kind: str = ""
    reason: str = ""

    @property
    def connection(self) -> str:
        return self.where.partition("/")[0]

    @property
    def stream(self) -> str:
        return self.where.partition("/")[2]

    @property
    def records(self) -> bool:
        return not (self.kind or self.reason)

    @property
    def jobs(self) -> queue.Which | None:
        """None if a single stream is asked for: jobs are of a connection."""
        from hub import queue

        named = (self.connection or None, self.kind or None, None, self.reason or None)
        return None if self.stream else queue.Which(*named)


def _check_options(letter: str, where: str, kind: str, reason: str, rate: int | None) -> None:
    told = {"--kind": kind, "--reason": reason, "--rate": rate}
    given = " and ".join(name for name, value in told.items() if value)
    if given and letter:
        raise typer.BadParameter(f"--id is a single letter; leave out {given}")
    if given and "/" in where:
        raise typer.BadParameter(f"{given}: for jobs, which are of a connection: name no stream")


def _are_left_to_workers(hub: Hub, which: _Which, rate: int | None, *, yes: bool) -> bool:
    """Whether there are so many, or somebody wants it so; raises `Failure` until told `--yes`."""
    from hub import queue

    jobs = which.jobs
    with hub.db.read() as tx:
        count = queue.revivals.preview(tx, jobs) if jobs else 0
        records = len(_dead(tx, which)[0])
    if jobs is None or not count or (rate is None and count <= AT_ONCE):
        return False
    wanted = rate or queue.revivals.RATE
    if not yes:
        also = f" (and {counted(records, 'record')}, read again at once)" if records else ""
        told = revivals.foretold(count, wanted)
        raise Failure(f"this revives {told}{also}; add --yes to begin")
    with hub.db.write(durable=True) as tx:
        _reread(hub, tx, _dead(tx, which)[0])
        revivals.begin(tx, hub, jobs, wanted)
    return True


def _dead(
    tx: Transaction, which: _Which, *, most: int = MOST
) -> tuple[list[Any], list[queue.Dead]]:
    """Dead records, and dead jobs unless a single stream is asked for."""
    from hub import queue
    from hub.store import dead

    records = (
        dead.find(tx, connection=which.connection, stream=which.stream, most=most)
        if which.records
        else []
    )
    return records, queue.dead(tx, which.jobs, limit=most) if which.jobs else []


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


def _retry_all(hub: Hub, which: _Which) -> int:
    from hub import queue

    with hub.db.write() as tx:
        count = _reread(hub, tx, _dead(tx, which)[0])
        return count + (queue.revive(tx, which.jobs, now=hub.clock()) if which.jobs else 0)


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
