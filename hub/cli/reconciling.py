"""`hub reconcile`: what a stream does not list any more is gone, if a person agrees."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.home import HERE, Folder, chosen, opened
from hub.cli.screen import Failure, say

Delete = Annotated[bool, typer.Option("--delete-missing", help="Yes, what was not listed is gone.")]
Keep = Annotated[bool, typer.Option("--keep-missing", help="No, it stays; the stream goes on.")]


def reconcile(
    target: Annotated[str, typer.Argument(metavar="CONNECTION[/STREAM]")],
    folder: Folder = HERE,
    delete: Delete = False,
    keep: Keep = False,
) -> None:
    """Have streams listed completely, and delete what is not there any more.

    If that is more than can be believed, the stream waits for --delete-missing or --keep-missing.
    """
    from hub.sync import reconcile as reconciling

    if delete and keep:
        raise typer.BadParameter("--delete-missing or --keep-missing, not both")
    with opened(folder) as (_, hub):
        connection, streams = chosen(hub, target)
        if not (delete or keep):
            for stream in streams:
                hub.reconcile(connection.name, stream)
            say(f"{target}: will be listed completely; hub status tells how it goes")
            return
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
