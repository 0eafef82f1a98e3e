"""`hub scim`: the tokens with which directories push users and groups into the hub."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import Failure, ago, note, say, table

app = typer.Typer(
    help="Tokens for directories that push users and groups (SCIM).", no_args_is_help=True
)


@app.command("new")
def new(
    tenant: Annotated[
        str, typer.Argument(help="What the directory is called: shown in the audit.")
    ],
    folder: Folder = HERE,
) -> None:
    """Make a token for a directory and show it, this once. It may have two while they rotate."""
    from hub.store import access

    with opened(folder) as (_, hub), hub.db.write(durable=True) as tx:
        name, secret = access.create_for(tx, tenant, hub.clock())
    say(secret)
    note(f"this is {name}; the directory's tenant URL ends in /scim/v2")


@app.command("list")
def listed(folder: Folder = HERE) -> None:
    """Show which directories may push, and when they last did."""
    from hub.store import access

    with opened(folder) as (_, hub), hub.db.read() as tx:
        rows = [
            [one.name, ago(time.time() - one.created_at), ago(_since(one.last_used_at))]
            for one in access.every_tenant(tx)
        ]
    table("directories", ["token", "made", "used"], rows)
    if not rows:
        note("no directory may push; hub scim new TENANT makes a token for one")


@app.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="As `hub scim list` shows it: okta/1.")],
    folder: Folder = HERE,
) -> None:
    """End a directory's token at once."""
    from hub.store import access

    with opened(folder) as (_, hub), hub.db.write(durable=True) as tx:
        known = {one.name for one in access.every_tenant(tx)}
        if token not in known or not access.revoke(tx, token):
            raise Failure(f"no directory's token is called {token!r}; hub scim list shows them")
    say(f"{token}: revoked")


def _since(moment: float | None) -> float | None:
    return None if moment is None else time.time() - moment
