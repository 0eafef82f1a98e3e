"""The admin API for records: look for them, read one with its history, change one."""

# No `from __future__ import annotations`: FastAPI could not find the local names in them.

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request

from hub.service.typed import BadValues, Fault, shown, sought
from hub.store import attachments, audit, entities, journal, links, listing
from hub.store.database import Database, Transaction
from hub.store.entities import Entity, UnknownEntity
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.records import command
from hub.web import body, wire
from hub.web.body import Limit
from hub.web.problems import Problem
from hub.web.wire import Json

MOST = 200
USUAL = 50
HISTORY = 100  # entries of audit and journal that are shown

Table = Annotated[str, Path(description="A table or its short name: `case`.")]
Key = Annotated[str, Path(description="A number or a sys_id.")]
IfMatch = Annotated[str, Header(description="The sys_mod_count that the record must still have.")]
Cursor = Annotated[str, Query(description="`next` of the page before.")]
Size = Annotated[int, Query(ge=1, le=MOST, description="Records on a page.")]
_CHANGES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {"state": "open", "work_notes": "Called back.", "sys_mod_count": 3},
            }
        },
    }
}


def records(
    db: Database,
    connections: Connections,
    clock: Callable[[], float],
    holder: Callable[..., str],
    limit: Limit,
) -> APIRouter:
    router = APIRouter(prefix="/admin/api/records", tags=["records"])

    @router.get("/{table}")
    def search(request: Request, table: Table, limit: Size = USUAL, cursor: Cursor = "") -> Json:
        """Find records, the last changed first.

        Every other parameter is a field and the value that it must have: `?state=open&account=`.
        Choices by code or name, references by number or sys_id, nothing for an empty field; of a
        field given twice, either value will do.
        """
        entity = _entity(table)
        after = wire.position(cursor) if cursor else None
        with db.read() as tx:
            wanted = _wanted(tx, entity, request)
            rows, last = listing.page(tx, entity, wanted, after=after, most=limit)
        return Json({"records": [wire.record(row) for row in rows], "next": wire.cursor(last)})

    @router.get("/{table}/{key}")
    def show(table: Table, key: Key) -> Json:
        """Read a record with its links, its journal, its files, and who changed what in it."""
        entity = _entity(table)
        with db.read() as tx:
            return _shown(tx, entity, command.named(tx, entity, key))

    async def changes(request: Request, _: Annotated[str, Depends(holder)]) -> dict[str, Any]:
        return await body.json_object(request, limit)

    @router.patch("/{table}/{key}", openapi_extra=_CHANGES)
    def change(
        table: Table,
        key: Key,
        values: Annotated[dict[str, Any], Depends(changes)],
        user: Annotated[str, Depends(holder)],
        if_match: IfMatch = "",
    ) -> Json:
        """Change fields of a record, under the same rules as people; audited as this token's."""
        entity = _entity(table)
        row = command.change(
            db,
            connections,
            entity,
            key,
            values,
            user=user,
            expected=_expected(if_match, values),
            now=datetime.fromtimestamp(clock(), UTC),
        )
        with db.read() as tx:
            return _shown(tx, entity, row)

    return router


def _entity(table: str) -> Entity:
    entity = entities.find(table)
    if entity not in entities.ALL:
        raise UnknownEntity(f"{table!r} is no table of records: read it as part of a record")
    return entity


def _wanted(tx: Transaction, entity: Entity, request: Request) -> dict[str, list[Any]]:
    """The values to look for, by field; raises `Problem` 400 with every fault."""
    wanted: dict[str, list[Any]] = {}
    faults: list[Fault] = []
    for field in dict.fromkeys(request.query_params):
        if field in {"limit", "cursor"}:
            continue
        texts = request.query_params.getlist(field)
        try:
            wanted[field] = sought(entity, field, texts, lambda those: command.targets(tx, those))
        except BadValues as error:
            faults += error.faults
    if faults:
        told = [{"field": f.field, "value": f.value, "reason": f.reason} for f in faults]
        detail = "; ".join(map(str, faults))
        raise Problem(400, detail, "Mend the query and send it again.", faults=told)
    return wanted


def _shown(tx: Transaction, entity: Entity, row: Row) -> Json:
    table, sys_id = entity.table.name, row["sys_id"]
    named = listing.named(tx, wire.references(entity, row))
    return Json(
        {
            "record": wire.record(row),
            "display": wire.display(entity, row, named),
            "links": [wire.link(one) for one in links.of_record(tx, table, sys_id)],
            "journal": journal.of_record(tx, sys_id)[:HISTORY],
            "attachments": attachments.of_record(tx, sys_id)[:HISTORY],
            "audit": audit.of_record(tx, table, sys_id)[:HISTORY],
        },
        headers={"ETag": f'"{row["sys_mod_count"]}"'},
    )


def _expected(if_match: str, values: dict[str, Any]) -> int | None:
    """The sys_mod_count asked for, in the header or, taken out of it, in the body."""
    given = values.pop("sys_mod_count", None)
    tag = if_match.removeprefix("W/").strip('"')
    if tag and tag != "*":
        given = int(tag) if tag.isascii() and tag.isdecimal() else tag
    if given is None or (isinstance(given, int) and not isinstance(given, bool)):
        return given
    fault = Fault("sys_mod_count", shown(given), "a whole number is expected")
    raise BadValues([fault])
