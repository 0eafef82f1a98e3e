"""`hub attachment`: files of records, listed, added and fetched."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import Failure, note, say, table

if TYPE_CHECKING:  # it takes a while to import
    from collections.abc import Iterator

app = typer.Typer(help="Files of records: list, add, fetch.", no_args_is_help=True)

Entity = Annotated[str, typer.Argument(metavar="TABLE", help="case, work_order ...")]
Key = Annotated[str, typer.Argument(metavar="NUMBER", help="Its number or sys_id.")]
PIECE = 256 * 1024


@app.command("list")
def list_(
    name: Entity,
    key: Key,
    folder: Folder = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List the files of a record."""
    from hub.store import attachments, entities
    from hub.sync.records import command

    with opened(folder) as (_, hub), hub.db.read() as tx:
        row = command.named(tx, entities.find(name), key)
        found = attachments.of_record(tx, row["sys_id"])
    if as_json:
        typer.echo(json.dumps(found, default=str))
    elif found:
        show(found)
    else:
        note(f"{key} has no files")


def show(found: list[dict[str, Any]]) -> None:
    """A record's files as a table."""
    columns = ["sys_id", "name", "bytes", "state", "from", "when", "who"]
    rows = [
        [
            one["sys_id"], one["file_name"] or "", _counted(one["size_bytes"]), one["state"] or "",
            one["hub_source"] or "", str(one["sys_created_on"] or ""), one["sys_created_by"] or "",
        ]
        for one in found
    ]  # fmt: skip
    table("attachments", columns, rows)


def _counted(size: int | None) -> str:
    return "" if size is None else f"{size:,}"


@app.command("add")
def add(
    name: Entity,
    key: Key,
    file: Annotated[Path, typer.Argument(help="The file to attach.")],
    folder: Folder = HERE,
) -> None:
    """Attach a file to a record, and send it to whoever has the record."""
    import getpass

    from hub.store import entities
    from hub.sync.outbound import attachments
    from hub.sync.records import command

    if not file.is_file():
        raise Failure(f"{file}: no such file")
    with opened(folder) as (_, hub):
        entity = entities.find(name)
        with hub.db.read() as tx:
            row = command.named(tx, entity, key)
        sys_id = attachments.add(
            hub.db, hub.connections, hub.files, (str(entity.table.name), row["sys_id"]), file.name,
            _pieces(file), by=getpass.getuser(), now=datetime.fromtimestamp(hub.clock(), UTC),
        )  # fmt: skip
    say(f"{file.name} is attached to {key}: {sys_id}")


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened_file:
        while piece := opened_file.read(PIECE):
            yield piece


@app.command("get")
def get(
    sys_id: Annotated[str, typer.Argument(metavar="SYS_ID", help="As hub attachment list shows.")],
    to: Annotated[Path | None, typer.Option(help="Where to write it; default: its name.")] = None,
    folder: Folder = HERE,
) -> None:
    """Write a file's content, fetched now if the hub does not have it. Overwrites nothing."""
    from hub.store.attachments import safe_name
    from hub.sync.outbound import attachments

    with opened(folder) as (_, hub):
        row, content = attachments.content(hub.db, hub.connections, hub.files, sys_id)
        target = to or Path(safe_name(row["file_name"]))
        try:
            with target.open("xb") as written:
                for piece in content:
                    written.write(piece)
        except FileExistsError:
            raise Failure(f"{target}: is there already; say another name with --to") from None
        except OSError as error:
            raise Failure(f"{target}: {error.strerror or error}") from error
    say(f"{target}: {content.size:,} bytes")
