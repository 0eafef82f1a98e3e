"""POST, PATCH and DELETE of rows, with If-Match, If-None-Match and alternate keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hub.testing import Answer, Request
from spokes.dynamics365.sandbox import rules, values
from spokes.dynamics365.sandbox.keys import ACTIVE, Address
from spokes.dynamics365.sandbox.prefer import Preferences
from spokes.dynamics365.sandbox.refusal import (
    DUPLICATE,
    ODATA,
    OTHER_VERSION,
    PAYLOAD,
    Refused,
    gone,
)
from spokes.dynamics365.sandbox.rows import Row, Rows, Table, etag
from spokes.dynamics365.sandbox.view import context, view


def create(rows: Rows, table: Table, body: Any, url: str, now: datetime) -> Row:
    """A new row; raises `Refused`."""
    return _insert(rows, table, values.read(rows, table, body, url), now)


def check(rows: Rows, table: Table, body: Any, url: str) -> None:
    """Raise `Refused` for a body of which no row could be made."""
    _check_keys(table, rules.created(rows, table, values.read(rows, table, body, url)))


def patch(
    rows: Rows, where: Address, request: Request, url: str, now: datetime
) -> tuple[Row, bool]:
    """Update the row, or create it where nothing forbids that; says whether it is new."""
    table, old = where.table, where.row
    given = values.read(rows, table, request.json(), url)
    if given.get(where.column, where.value) != where.value:
        said = f"The key {where.column} in the body differs from the one in the address."
        raise Refused(400, PAYLOAD, said)
    if old is None:
        if "if-match" in request.headers:
            raise gone(table.schema.name, where.value)
        return _insert(rows, table, {**given, where.column: where.value}, now), True
    if request.headers.get("if-none-match") == "*":
        raise Refused(412, DUPLICATE, "A record with matching key values already exists.")
    check_match(request, old)
    changed = rules.updated(table, old, given, now)
    _check_keys(table, changed)
    return rows.put(table, changed, now), False


def delete(rows: Rows, where: Address, request: Request) -> Answer:
    row = where.found()
    check_match(request, row)
    rows.delete(where.table, row[where.table.schema.id])
    return Answer(204, ODATA)


def written(
    rows: Rows,
    table: Table,
    row: Row,
    preferences: Preferences,
    select: str,
    url: str,
    *,
    new: bool,
) -> Answer:
    """The answer to a write: nothing but the address, or the row if that is preferred."""
    entity = {"OData-EntityId": f"{url}/api/data/v9.2/{table.schema.set}({row[table.schema.id]})"}
    if not preferences.representation:
        return Answer(204, ODATA | entity)
    shown = view(rows, table.schema, select, "", preferences).of(row)
    body = {"@odata.context": context(url, table.schema, select, "/$entity")} | shown
    applied = {"Preference-Applied": "return=representation"}
    return Answer(201 if new else 200, ODATA | entity | applied, body)


def check_match(request: Request, row: Row) -> None:
    """Raise `Refused` if If-Match names another version."""
    wanted = request.headers.get("if-match", "*")
    if wanted not in {"*", etag(row)}:
        raise Refused(
            412,
            OTHER_VERSION,
            "The version of the existing record doesn't match the RowVersion property provided.",
        )


def _insert(rows: Rows, table: Table, given: Row, now: datetime) -> Row:
    row = rules.created(rows, table, given)
    row.setdefault(table.schema.id, rows.new_id())
    _check_keys(table, row)
    return rows.put(table, row, now)


def _check_keys(table: Table, row: Row) -> None:
    for column, state in table.keys.items():
        other = table.by_key(column, row.get(column)) if row.get(column) is not None else None
        taken = other is not None and other[table.schema.id] != row.get(table.schema.id)
        if state == ACTIVE and taken:
            raise Refused(
                412,
                DUPLICATE,
                f"A record that has the attribute values {column} already exists. The entity key "
                f"{column} requires that this set of attributes contains unique values.",
            )
