"""`hub init`, `hub check`, `hub migrate`, `hub token`: a hub's folder and database."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from hub import config
from hub.cli.home import HERE, Folder, opened, read
from hub.cli.screen import Failure, ago, say, table
from hub.store import access, schema
from hub.store.database import Database

HUB_YAML = """\
# yaml-language-server: $schema=hub.schema.json
# What is true of the whole hub. Every line may be left out: these are the defaults.
database: sqlite:///hub.db
threads: 4
listen: {host: 127.0.0.1, port: 8080}
hooks: {max_body: 1048576}
log: {level: info, format: console}
"""
EXAMPLE = """\
# yaml-language-server: $schema=../connection.schema.json
# One account of one spoke; the file's name is the connection's name. `hub spoke list` shows
# the spokes, spokes/<name>/README.md what each needs. Rename this file to <name>.yaml.
spoke: salesforce
settings:
  url: https://example.my.salesforce.com
  client_id: ${SALESFORCE_CLIENT_ID}
  client_secret: ${file:/run/secrets/salesforce}
streams:
  Case: {every: 1m}
  Contact: false
"""
GITIGNORE = "*.db\n*.db-wal\n*.db-shm\n"


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    host: Annotated[str, typer.Option(help="Address that the web server listens on.")] = "127.0.0.1",
) -> None:
    """Make a folder with a configuration to start from, and its database."""
    if folder.exists() and any(folder.iterdir()):
        raise Failure(f"{folder} is not empty; name a new folder")
    (folder / "connections").mkdir(parents=True)
    (folder / "hub.yaml").write_text(HUB_YAML.replace("127.0.0.1", host), encoding="utf-8")
    (folder / "connections" / "example.yaml.txt").write_text(EXAMPLE, encoding="utf-8")
    (folder / ".gitignore").write_text(GITIGNORE, encoding="utf-8")
    write_schemas(folder)
    settings = read(folder)
    db = Database(settings.database)
    schema.migrate(db)
    db.close()
    say(f"made {folder}: edit connections/example.yaml.txt, then")
    say(f"  hub check -c {folder} && hub run -c {folder}")


def write_schemas(folder: Path) -> None:
    """The JSON Schemas that editors check the files with."""
    for name, text in config.schemas().items():
        (folder / name).write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")


def check(folder: Folder = HERE) -> None:
    """Report every fault of configuration, mappings and environment at once."""
    settings = read(folder, examples=True)
    streams = sum(len(one.mappings) for one in settings.connections.values())
    say(f"{folder}: {len(settings.connections)} connections, {streams} mapped streams: all well")


def migrate(folder: Folder = HERE) -> None:
    """Bring the database to the schema that this program needs."""
    db = Database(read(folder).database)
    applied = schema.migrate(db)
    db.close()
    say(f"applied {', '.join(applied)}" if applied else "the database is up to date")


tokens = typer.Typer(help="Tokens for the admin API.", no_args_is_help=True)


@tokens.command("new")
def token_new(
    name: Annotated[str, typer.Argument(help="Whose token it is: shown in the audit.")],
    folder: Folder = HERE,
) -> None:
    """Make a token and show it, this once: only its digest is kept."""
    with opened(folder) as (_, hub), hub.db.write() as tx:
        secret = access.create(tx, name, hub.clock())
    say(secret)


@tokens.command("list")
def token_list(folder: Folder = HERE) -> None:
    """Show whose tokens there are."""
    with opened(folder) as (_, hub), hub.db.read() as tx:
        rows = [
            [row.name, ago(time.time() - row.created_at), ago(_since(row.last_used_at))]
            for row in access.every(tx)
        ]
    table("tokens", ["name", "made", "used"], rows)


@tokens.command("revoke")
def token_revoke(name: str, folder: Folder = HERE) -> None:
    """End a token at once."""
    with opened(folder) as (_, hub), hub.db.write() as tx:
        if not access.revoke(tx, name):
            raise Failure(f"no token is called {name!r}; hub token list shows them")
    say(f"{name}: revoked")


def _since(moment: float | None) -> float | None:
    return None if moment is None else time.time() - moment
