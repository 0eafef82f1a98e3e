"""`hub reconcile`: which records are out of sync now, and having that mended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.home import HERE, Folder, chosen, opened
from hub.cli.planning import SOMETHING_TO_DO, Json, Limit, Summary, follow, show
from hub.cli.screen import Failure, counted, note, say

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.sync.connection import Connection

Repair = Annotated[
    bool, typer.Option("--repair", help="List them completely, and mend what is out of sync.")
]
Delete = Annotated[bool, typer.Option("--delete-missing", help="Yes, what was not listed is gone.")]
Keep = Annotated[bool, typer.Option("--keep-missing", help="No, it stays; the stream goes on.")]
OUT_OF_SYNC = ("create", "update", "delete", "dead", "send")


def reconcile(
    target: Annotated[str, typer.Argument(metavar="CONNECTION[/STREAM]")],
    folder: Folder = HERE,
    repair: Repair = False,
    delete: Delete = False,
    keep: Keep = False,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """Compare all that they list with all that we have; exits 2 if any record is out of sync.

    With --repair, what is missing over there is deleted here. If that is more than can be believed,
    the stream waits for --delete-missing or --keep-missing.
    """
    if repair + delete + keep > 1:
        raise typer.BadParameter("--repair, --delete-missing or --keep-missing: give one")
    with opened(folder) as (_, hub):
        connection, streams = chosen(hub, target)
        if delete or keep:
            _answer(hub, connection, streams, target, delete=delete)
        elif repair:
            for stream in streams:
                hub.reconcile(connection.name, stream)
            say(f"{target}: will be listed completely; hub status tells how it goes")
        else:
            _compare(hub, connection, streams, Summary(limit), as_json=as_json)


def _compare(
    hub: Hub, connection: Connection, streams: list[str], summary: Summary, *, as_json: bool
) -> None:
    for stream in streams:
        if not connection.stream(stream).complete:
            note(
                f"{connection.name}/{stream} never lists everything: what is older than they list "
                "may exist all the same, and is not told as missing"
            )
            follow(hub, connection, stream, "full", summary)
            continue
        follow(hub, connection, stream, "listing", summary)
    _count_dead(hub, connection, streams, summary)
    show(summary, as_json=as_json)
    if summary.something and not as_json:
        number = sum(summary.sums.get(one, 0) for one in OUT_OF_SYNC)
        say(f"{counted(number, 'record')} out of sync now; --repair mends them")
    if summary.something:
        raise typer.Exit(SOMETHING_TO_DO)


def _count_dead(hub: Hub, connection: Connection, streams: list[str], summary: Summary) -> None:
    """A record that is dead already is no news to a plan, and out of sync all the same."""
    from hub.store import dead

    with hub.db.read() as tx:
        tallies = dead.counts(tx)
    lying = sum(
        tallies[connection.name, s].records for s in streams if (connection.name, s) in tallies
    )
    if lying > summary.sums.get("dead", 0):
        summary.sums["dead"] = lying


def _answer(
    hub: Hub, connection: Connection, streams: list[str], target: str, *, delete: bool
) -> None:
    """A person's word on what was missing in a listing."""
    from hub.sync.inbound import reconcile as reconciling

    answered = [
        stream
        for stream in streams
        if reconciling.answer(hub.db, connection, stream, delete=delete, now=hub.clock())
    ]
    if not answered:
        raise Failure(f"{target}: nobody has asked; see hub status")
    for stream in answered:
        what = "what is missing will be deleted" if delete else "what is missing stays"
        say(f"{connection.name}/{stream}: {what}, and the stream goes on")
