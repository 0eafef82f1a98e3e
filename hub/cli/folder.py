"""`hub init`, `hub check`, `hub migrate`, `hub token`: a hub's folder and database."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.home import HERE, Folder, opened, read
from hub.cli.screen import Failure, ago, counted, note, say, table


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    host: Annotated[
        str, typer.Option(help="Address that the web server listens on.")
    ] = "127.0.0.1",
    schemas: Annotated[
        bool, typer.Option("--schemas", help="Only write the editors' schemas anew, into DIR.")
    ] = False,
) -> None:
    """Make a folder with a configuration to start from, and its database."""
    from hub.config import start

    try:
        if schemas:
            start.write_schemas(folder)
            return
        if folder.exists() and any(folder.iterdir()):
            raise Failure(f"{folder} is not empty; name a new folder")
        start.write(folder, host=host)
    except OSError as error:
        raise Failure(f"{error.filename or folder}: {error.strerror}") from error
    migrate(folder)
    say(f"made {folder}; next:")
    say(f"  copy a sample in {folder / 'connections'} to <name>.yaml, and edit it")
    say(f"  hub check -c {folder}")
    say(f"  hub run -c {folder}")


def check(folder: Folder = HERE) -> None:
    """Report every fault of configuration, mappings and environment at once."""
    settings = read(folder, examples=True)
    _check_database(settings.database)
    connections = settings.connections.values()
    streams = sum(len(one.mappings) for one in connections)
    mapped = f"{counted(len(connections), 'connection')}, {counted(streams, 'mapped stream')}"
    say(f"{folder}: {mapped}: all well")


def _check_database(address: str) -> None:
    """Raise `SchemaMismatch` or `Unavailable`; one that does not exist yet is not made."""
    from hub.store import schema
    from hub.store.database import Database

    db = Database(address)
    try:
        if db.sqlite and not Path(str(db.url.database)).exists():
            note("there is no database yet: hub migrate makes it")
        else:
            schema.check(db)
            schema.check_writable(db)
    finally:
        db.close()


def migrate(folder: Folder = HERE) -> None:
    """Bring the database to the schema that this program needs."""
    from hub.store import schema
    from hub.store.database import Database

    db = Database(read(folder).database)
    try:
        applied = schema.migrate(db)
    finally:
        db.close()
    say(f"applied {', '.join(applied)}" if applied else "the database is up to date")


tokens = typer.Typer(help="Tokens for the admin API.", no_args_is_help=True)


@tokens.command("new")
def token_new(
    name: Annotated[str, typer.Argument(help="Whose token it is: shown in the audit.")],
    folder: Folder = HERE,
) -> None:
    """Make a token and show it, this once: only its digest is kept."""
    from hub.store import access

    with opened(folder) as (_, hub), hub.db.write(durable=True) as tx:
        secret = access.create(tx, name, hub.clock())
    say(secret)


@tokens.command("list")
def token_list(folder: Folder = HERE) -> None:
    """Show whose tokens there are."""
    from hub.store import access

    with opened(folder) as (_, hub), hub.db.read() as tx:
        rows = [
            [row.name, ago(time.time() - row.created_at), ago(_since(row.last_used_at))]
            for row in access.every(tx)
        ]
    table("tokens", ["name", "made", "used"], rows)
    if not rows:
        note("no tokens; hub token new NAME makes one")


@tokens.command("revoke")
def token_revoke(name: str, folder: Folder = HERE) -> None:
    """End a token at once."""
    from hub.store import access

    with opened(folder) as (_, hub), hub.db.write(durable=True) as tx:
        if not access.revoke(tx, name):
            raise Failure(f"no token is called {name!r}; hub token list shows them")
    say(f"{name}: revoked")


def _since(moment: float | None) -> float | None:
    return None if moment is None else time.time() - moment
