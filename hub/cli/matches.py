"""`hub matches`: which records may be, or were taken for, one and the same."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.store.database import Transaction
    from hub.store.matches import Match, State

app = typer.Typer(
    help="Records that may be, or were taken for, one and the same.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As `hub matches list` shows it.")]
MOST_SHOWN = 200


@app.command("list")
def list_(
    name: Annotated[str, typer.Argument(metavar="[CONNECTION]", help="Default: all.")] = "",
    folder: Folder = HERE,
    adopted: Annotated[
        bool, typer.Option("--adopted", help="What rules were certain of, in place of questions.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what waits for a person's word, newest first."""
    from hub.store import entities, matches, records

    state: State = "adopted" if adopted else "waiting"
    with opened(folder) as (_, hub), hub.db.read() as tx:
        found = matches.all_of(tx, state, connection=name, most=MOST_SHOWN)
        rows = []
        for match in found:
            entity = entities.find(match.table)
            row = records.find(tx, entity, match.candidate) or {}
            shown = row.get("number") or match.candidate
            rows.append(
                [str(match.id), f"{match.connection}/{match.stream}", match.external_id,
                 f"{entity.name} {shown}", str(row.get(entity.display) or ""), match.rule]
            )  # fmt: skip
    if as_json:
        names = ("number", "stream", "external_id", "may_be", "called", "alike_in")
        out.print_json(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    table(state, ["number", "stream", "external id", "may be", "called", "alike in"], rows)
    if not rows:
        note("nobody is asked" if state == "waiting" else "no rule has adopted anything")
    if len(rows) == MOST_SHOWN:
        note(f"there may be more: these are the newest {MOST_SHOWN}")


@app.command("accept")
def accept(number: Number, folder: Folder = HERE) -> None:
    """It is that record: both become one, the older; or it is linked to that, if it has none."""
    from hub.sync.records import matching

    match = _decided(
        folder,
        lambda hub, tx, who, now: matching.accept(tx, hub.connections, number, by=who, now=now),
    )
    say(
        f"{match.connection}/{match.stream} {match.external_id}: is one with that record; "
        f"hub matches undo {number} parts them"
    )


@app.command("reject")
def reject(number: Number, folder: Folder = HERE) -> None:
    """It is another record; nobody is asked about the two again."""
    from hub.sync.records import matching

    match = _decided(folder, lambda _, tx, who, now: matching.reject(tx, number, by=who, now=now))
    say(f"{match.connection}/{match.stream} {match.external_id}: is not that record")


@app.command("undo")
def undo(number: Number, folder: Folder = HERE) -> None:
    """It never was that record: part what was merged, give back what was overwritten."""
    from hub.sync.records import matching

    match = _decided(
        folder,
        lambda hub, tx, who, now: matching.undo(tx, hub.connections, number, by=who, now=now),
    )
    say(f"{match.connection}/{match.stream} {match.external_id}: is not that record any more")


def _decided(folder: Folder, decide: Callable[[Hub, Transaction, str, datetime], Match]) -> Match:
    with opened(folder) as (_, hub):
        now = datetime.fromtimestamp(hub.clock(), UTC)
        with hub.db.write(durable=True) as tx:
            return decide(hub, tx, getpass.getuser()[:40], now)
