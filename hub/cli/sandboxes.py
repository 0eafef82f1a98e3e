"""`hub sandbox`, `hub demo`: everything that needs no account anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.log import set_up_log
from hub.cli.processes import until_told
from hub.cli.screen import Failure, say, table


def sandbox(
    spoke: Annotated[str, typer.Argument(help="`hub spoke list` shows which have one; or `all`.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the control page, for `all`; 0: a free one.")
    ] = 0,
    seed: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Serve the records in this folder.")
    ] = None,
) -> None:
    """Serve a simulator of a vendor's API on this machine, until Ctrl-C; or all, behind one page."""
    from hub import registry
    from hub.testing import serve

    if seed is not None and not seed.is_dir():
        raise Failure(f"{seed}: no such folder")
    if spoke == "all":
        if seed is not None:
            raise Failure("--seed is for one sandbox: each vendor has a format of its own")
        _serve_all(port)
        return
    made = registry.sandbox(spoke)(seed=seed)
    with until_told() as told, serve(made, port=port):
        say(f"{spoke} sandbox on {made.url}")
        say("settings of a connection to it:")
        say(json.dumps(made.settings(), indent=2, default=str))
        say(f"control: {made.url}/__sim/journal, faults, clock, mutate, emit")
        told.wait()


def _serve_all(port: int) -> None:
    from hub import registry
    from hub.testing.board import board

    named = [name for name in registry.names() if registry.describe(name).has_sandbox]
    made = [registry.sandbox(name)() for name in named]
    with until_told() as told, board(made, port) as page:
        table("sandboxes", ["spoke", "url"], [[one.name, one.url] for one in made])
        say(f"control page: {page}")
        told.wait()


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the summary.")] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the hub's web server; 0 takes a free one.")
    ] = 0,
) -> None:
    """Play the whole journey against sandboxes, and check every step on both sides."""
    from hub.demo import play

    set_up_log("error")  # the story has refusals in it, which are warnings elsewhere
    play(once=once, port=port)
