"""`hub show`: a record, its links, what was said about it, its files, and who changed what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.attachments import show as show_files
from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import Failure, note, table

if TYPE_CHECKING:  # it takes a while to import
    from hub.store.entities import Entity


def show(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="case, account, incident ...")],
    key: Annotated[str, typer.Argument(metavar="NUMBER", help="Its number or sys_id.")],
    folder: Folder = HERE,
) -> None:
    """Show a record, its links and its audit."""
    from hub.store import attachments, audit, entities, journal, links, records

    entity = entities.find(name)
    with opened(folder) as (_, hub), hub.db.read() as tx:
        row = records.find(tx, entity, key)
        if row is None:
            raise Failure(f"no {entity.name} has the number or sys_id {key!r}")
        linked = links.of_record(tx, entity.table.name, row["sys_id"])
        entries = audit.of_record(tx, entity.table.name, row["sys_id"])
        notes = journal.of_record(tx, row["sys_id"])
        files = attachments.of_record(tx, row["sys_id"])
    filled = [[field, _shown(entity, field, value)] for field, value in row.items()]
    table(
        f"{entity.name} {row.get('number') or row['sys_id']}",
        ["field", "value"],
        [pair for pair in filled if pair[1]],
    )
    if linked:
        columns = ["connection", "stream", "external id", "version"]
        rows = [[one.connection, one.stream, one.external_id, one.version] for one in linked]
        table("links", columns, rows)
    else:
        note("it is linked to no external record")
    if notes:
        table("journal", ["when", "who", "element", "from", "text"], [_said(one) for one in notes])
    if files:
        show_files(files)
    table("audit", ["when", "who", "field", "old", "new", "from"], [_changed(e) for e in entries])


def _said(entry: dict[str, Any]) -> list[str]:
    return [
        str(entry["sys_created_on"]), entry["sys_created_by"], entry["element"],
        entry["hub_source"] or "", entry["value"],
    ]  # fmt: skip


def _changed(entry: dict[str, Any]) -> list[str]:
    """An audit entry; the field `*` stands for the whole record."""
    field = "(created)" if entry["fieldname"] == "*" else entry["fieldname"]
    return [
        str(entry["sys_created_on"]), entry["user"], field, entry["oldvalue"] or "",
        entry["newvalue"] or "", _from(entry),
    ]  # fmt: skip


def _from(entry: dict[str, Any]) -> str:
    """The mapping's line, or the connection; and the edit of a dead record that it comes from."""
    job = entry["hub_job_id"] or ""
    edited = f" ({job.replace('/', ' ')})" if job.startswith("edit/") else ""
    return f"{entry['hub_mapping'] or entry['hub_source'] or ''}{edited}"


def _shown(entity: Entity, field: str, value: Any) -> str:
    """A value as people read it: a choice's name beside its code; empty for nothing."""
    if isinstance(value, dict):
        held = {name: part for name, part in value.items() if part is not None}
        return json.dumps(held, ensure_ascii=False, default=str) if held else ""
    shape = entity.shape.fields.get(field)
    if shape is not None and shape.kind == "choice":
        names = {code: name for name, code in shape.choices.items()}
        if names.get(str(value), value) != value:
            return f"{value} ({names[str(value)]})"
    return "" if value is None else str(value)
