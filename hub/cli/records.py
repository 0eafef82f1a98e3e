"""`hub show`: a record, its links, what was said about it, and who changed what."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import Failure, say, table
from hub.store import audit, entities, journal, links, records
from hub.store.entities import Entity


def show(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="case, account, incident ...")],
    key: Annotated[str, typer.Argument(metavar="NUMBER", help="Its number or sys_id.")],
    folder: Folder = HERE,
) -> None:
    """Show a record, its links and its audit."""
    entity = entities.find(name)
    with opened(folder) as (_, hub), hub.db.read() as tx:
        row = records.find(tx, entity, key)
        if row is None:
            raise Failure(f"no {entity.name} has the number or sys_id {key!r}")
        linked = links.of_record(tx, entity.table.name, row["sys_id"])
        entries = audit.of_record(tx, entity.table.name, row["sys_id"])
        notes = journal.of_record(tx, row["sys_id"])
    filled = [[field, _shown(entity, field, value)] for field, value in row.items() if value
              not in (None, "")]
    table(f"{entity.name} {row.get('number') or row['sys_id']}", ["field", "value"], filled)
    table("links", ["connection", "stream", "external id", "version"],
          [[one.connection, one.stream, one.external_id, one.version] for one in linked])
    if notes:
        table("journal", ["when", "who", "element", "text"],
              [[str(n["sys_created_on"]), n["sys_created_by"], n["element"], n["value"]]
               for n in notes])
    table("audit", ["when", "who", "field", "old", "new", "from"],
          [[str(e["sys_created_on"]), e["user"], e["fieldname"], e["oldvalue"] or "",
            e["newvalue"] or "", e["hub_mapping"] or e["hub_source"] or ""] for e in entries])
    if not linked:
        say("it is linked to no external record")


def _shown(entity: Entity, field: str, value: Any) -> str:
    """A value as people read it: a choice's name beside its code."""
    shape = entity.shape.fields.get(field)
    if shape is not None and shape.kind == "choice":
        names = {code: name for name, code in shape.choices.items()}
        if names.get(str(value), value) != value:
            return f"{value} ({names[str(value)]})"
    return str(value)
