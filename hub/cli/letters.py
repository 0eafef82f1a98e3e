"""`hub dead`: records and jobs that need a person."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import editing, revivals
from hub.cli.choice import (
    Choice,
    Field,
    Group,
    Kind,
    Letter,
    Mapping,
    Reason,
    Value,
    Where,
    number_of,
)
from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import Failure, ago, counted, note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub import queue
    from hub.app import Hub

app = typer.Typer(help="Records and jobs that need a person.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Yes = Annotated[bool, typer.Option("--yes", help="Begin, however many there are.")]
AT_ONCE = 1_000  # letters that one command revives or drops without being told --yes
MOST_SHOWN = 200
LOOK_EVERY = 0.2  # seconds


@app.command("list")
def list_(
    where: Where = "", letter: Letter = "", group: Group = "", field: Field = "",
    mapping: Mapping = "", value: Value = "", reason: Reason = "", kind: Kind = "",
    as_json: AsJson = False, folder: Folder = HERE,
) -> None:  # fmt: skip
    """Show dead records and jobs, newest first."""
    choice = Choice(where, letter, group, field, mapping, value, reason, kind)
    with opened(folder) as (_, hub), hub.db.read() as tx:
        records, jobs = choice.find(tx, MOST_SHOWN)
        if not (records or jobs):
            choice.check(hub)
    if as_json:
        told = [_record(row) for row in records] + [_job(one) for one in jobs]
        out.print_json(json.dumps(told, default=str))
        return
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
        note(f"there may be more: these are the newest {MOST_SHOWN}; hub dead groups sums them up")


@app.command("groups")
def groups(
    where: Where = "", group: Group = "", field: Field = "", mapping: Mapping = "",
    value: Value = "", reason: Reason = "", as_json: AsJson = False, folder: Folder = HERE,
) -> None:  # fmt: skip
    """Show what dead records have in common, the largest group first."""
    from hub.store import dead

    choice = Choice(where, "", group, field, mapping, value, reason)
    which = choice.records
    with opened(folder) as (_, hub), hub.db.read() as tx:
        found = dead.groups(tx, which, most=MOST_SHOWN) if which else []
        if not found:
            choice.check(hub)
    if as_json:
        out.print_json(json.dumps([asdict(one) for one in found]))
        return
    now = time.time()
    rows = [
        [one.group, f"{one.connection}/{one.stream}", str(one.count), ago(now - one.since),
         ago(now - one.latest), one.place, one.field, one.reason, *_sampled(one.samples)]
        for one in found
    ]  # fmt: skip
    columns = ["group", "of", "records", "first", "last", "mapping", "field", "why", "values"]
    table("dead records by cause", [*columns, "as"], rows)
    if not rows:
        note("no record is dead")
    if len(rows) == MOST_SHOWN:
        note(f"there may be more: these are the largest {MOST_SHOWN}")


def _sampled(samples: Any) -> tuple[str, str]:
    """Some values, and the letters that have them."""
    values = dict.fromkeys(value for _, _, value in samples if value)
    return ", ".join(values), " ".join(id for id, _, _ in samples)


@app.command("show")
def show(
    letter: Annotated[str, typer.Argument(metavar="ID", help="As `hub dead list` shows it.")],
    folder: Folder = HERE,
) -> None:
    """Show a dead letter with everything that was kept of it."""
    number_of(letter)
    with opened(folder) as (_, hub), hub.db.read() as tx:
        records, jobs = Choice(letter=letter).find(tx, 1)
    shown = [_record(row) for row in records] + [_job(one) for one in jobs]
    if not shown:
        raise _no(letter)
    out.print_json(json.dumps(shown[0], default=str))


@app.command("retry")
def retry(
    where: Where = "", letter: Letter = "", group: Group = "", field: Field = "",
    mapping: Mapping = "", value: Value = "", reason: Reason = "", kind: Kind = "",
    rate: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Leave them to the workers, so many a second."),
    ] = None,
    yes: Yes = False, folder: Folder = HERE,
) -> None:  # fmt: skip
    """Try again: one letter, or all that the options say.

    They are tried now and waited for. More than 1000, or those for which there is a --rate, are
    left to the workers that run: see hub dead revivals.
    """
    choice = Choice(where, letter, group, field, mapping, value, reason, kind)
    if choice.single and rate:
        raise typer.BadParameter("--id is a single letter; leave out --rate")
    with opened(folder) as (config, hub):
        with hub.db.read() as tx:
            records, jobs = choice.count(tx)
        if not records + jobs:
            raise Failure("nothing is dead there; hub dead list shows what is")
        if rate or max(records, jobs) > AT_ONCE:
            _leave_to_workers(hub, choice, (records, jobs), rate, yes=yes)
            return
        count = _try_now(hub, choice, config.hub.threads)
        with hub.db.read() as tx:
            left = sum(choice.count(tx))
    say(f"{counted(count, 'letter')} tried again, {left} dead")
    if left:
        raise Failure(f"{left} still dead: mend what hub dead list says, then retry")


def _leave_to_workers(
    hub: Hub, choice: Choice, counts: tuple[int, int], rate: int | None, *, yes: bool
) -> None:
    """Begin one revival for records and one for jobs; raises `Failure` until told `--yes`."""
    from hub import queue

    whose = (("record", choice.records), ("job", choice.jobs))
    wanted = [
        (which, revivals.foretold(count, rate or queue.revivals.RATE, noun))
        for (noun, which), count in zip(whose, counts, strict=True)
        if which is not None and count
    ]
    if not yes:
        told = ", and ".join(said for _, said in wanted)
        raise Failure(f"this revives {told}; add --yes to begin")
    with hub.db.write(durable=True) as tx:
        for which, said in wanted:
            revivals.begin(tx, hub, which, rate or queue.revivals.RATE, said)
    note("workers do it (hub run, hub work); hub dead revivals shows how far it is")


def _try_now(hub: Hub, choice: Choice, threads: int) -> int:
    """Try them and wait for what comes of it, also of what another worker has in hand."""
    from hub import queue

    records, jobs, number = choice.records, choice.jobs, 0
    with hub.db.write() as tx:
        count = queue.revive(tx, jobs, now=hub.clock()) if jobs else 0
        if records is not None and (foreseen := queue.revivals.preview(tx, records)):
            number = queue.revivals.start(
                tx, records, by=revivals.user(), rate=queue.revivals.AT_ONCE, now=hub.clock()
            )
            count += foreseen
    worker = hub.worker(threads=threads)
    worker.run_until_idle()
    while number and _is_in_other_hands(hub, number):
        threading.Event().wait(LOOK_EVERY)
        worker.run_until_idle()
    return count


def _is_in_other_hands(hub: Hub, number: int) -> bool:
    """Whether a revival's job runs: with another worker, or one that died and is not missed yet."""
    from sqlalchemy import select

    from hub.queue.revivals import REREAD
    from hub.store.work import jobs

    mine = (jobs.c.kind == REREAD, jobs.c.key == str(number), jobs.c.running)
    with hub.db.read() as tx:
        return tx.execute(select(jobs.c.id).where(*mine)).first() is not None


app.command("edit")(editing.edit)
app.command("edits")(editing.edits)
app.command("revivals")(revivals.revivals)
app.command("cancel")(revivals.cancel)


@app.command("drop")
def drop(
    where: Where = "", letter: Letter = "", group: Group = "", field: Field = "",
    mapping: Mapping = "", value: Value = "", reason: Reason = "", kind: Kind = "",
    yes: Yes = False, folder: Folder = HERE,
) -> None:  # fmt: skip
    """Forget a dead letter for good, or all that the options say once you add --yes."""
    choice = Choice(where, letter, group, field, mapping, value, reason, kind)
    if not choice.anything:
        raise typer.BadParameter("say which: an ID, a connection, or --group")
    with opened(folder) as (_, hub):
        with hub.db.read() as tx:
            count = sum(choice.count(tx))
        if not count:
            if where.isdecimal():
                number_of(where)  # which says what an id looks like
            choice.check(hub)
            raise _no(choice.letter) if choice.single else Failure("nothing is dead there")
        if not (yes or choice.single):
            raise Failure(f"this forgets {counted(count, 'letter')} for good; add --yes to do it")
        dropped = _drop(hub, choice)
    say(f"{choice.letter}: dropped" if choice.single else f"{counted(dropped, 'letter')} dropped")


def _drop(hub: Hub, choice: Choice) -> int:
    from hub import queue
    from hub.store import dead

    records, jobs = choice.records, choice.jobs
    with hub.db.write() as tx:
        dropped = dead.drop(tx, records) if records else 0
        while jobs and (some := queue.drop(tx, jobs)):
            dropped += some
    return dropped


def _no(letter: str) -> Failure:
    return Failure(f"no dead letter {letter!r}; hub dead list shows them")


def _record(row: Any) -> dict[str, Any]:
    from hub.store import sets

    return {
        "id": f"r{row.id}", "connection": row.connection, "stream": row.stream,
        "external_id": row.external_id, "version": row.version, "mapping": row.mapping,
        "group": row.cause, "since": row.since, "failed_at": row.failed_at,
        "faults": row.faults, "raw": sets.from_json_text(row.raw),
    }  # fmt: skip


def _job(one: queue.Dead) -> dict[str, Any]:
    return {
        "id": f"j{one.id}", "connection": one.connection, "kind": one.kind, "key": one.key,
        "payload": one.payload, "attempts": one.attempt, "reason": one.reason, "error": one.error,
    }  # fmt: skip
