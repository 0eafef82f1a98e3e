"""Reading a body: every value is of its column's kind, and lookups are bound to addresses."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from spokes.dynamics365.sandbox import keys
from spokes.dynamics365.sandbox.refusal import (
    OUT_OF_RANGE,
    PAYLOAD,
    QUERY,
    TOO_LONG,
    Refused,
)
from spokes.dynamics365.sandbox.rows import Row, Rows, Table, stamp
from spokes.dynamics365.sandbox.schema import Column, Schema

_BIND = "@odata.bind"
_BOUND = re.compile(r"(?:https?://[^/]+/api/data/v9\.\d/|/)?(\w+)\((.+)\)")


_TYPES: dict[str, Any] = {
    "guid": (str,),
    "text": (str,),
    "moment": (str,),
    "flag": (bool,),
    "int": (int,),
    "bigint": (int,),
    "choice": (int,),
    "number": (int, float),
}


def read(rows: Rows, table: Table, body: Any, url: str) -> Row:
    """The columns that a body sets; raises `Refused`."""
    schema = table.schema
    if not isinstance(body, dict):
        raise _payload(schema, "An object is expected.")
    found: Row = {}
    for name, value in body.items():
        if name == "@odata.type":
            if str(value).lstrip("#") != schema.type:
                raise _payload(schema, f"'{value}' is not '{schema.type}'.")
        elif name.endswith(_BIND):
            found |= _bound(rows, schema, name.removesuffix(_BIND), value, url)
        else:
            column = schema.columns.get(name)
            if column is None or column.kind == "lookup":
                said = f"The property '{name}' does not exist on type '{schema.type}'."
                raise _payload(schema, said)
            if column.writable:  # what nobody may set is left alone, as they do
                found[name] = None if value is None else _checked(schema, column, value)
    return found


def _bound(rows: Rows, schema: Schema, name: str, value: Any, url: str) -> Row:
    column = schema.navigation(name)
    if column is None:
        said = f"An undeclared property '{name}' which only has property annotations in the payload"
        raise _payload(schema, f"{said} but no property value was found.")
    if value is None:
        return {column.name: None, f"{column.name}@table": None}
    match = _BOUND.fullmatch(str(value))
    if match is None or (str(value).startswith("http") and not str(value).startswith(f"{url}/")):
        raise Refused(400, QUERY, f"The URI '{value}' is not valid for {name}: /set(guid).")
    target = rows.of_set(match[1])
    if target is None or target.schema.name != column.targets[name]:
        raise _payload(schema, f"'{match[1]}' is not a valid reference for '{name}'.")
    there = keys.address(target, match[2]).found()
    return {column.name: there[target.schema.id], f"{column.name}@table": target.schema.name}


def _checked(schema: Schema, column: Column, value: Any) -> Any:
    if not isinstance(value, _TYPES[column.kind]) or _is_odd(column, value):
        raise _mistyped(schema, column, value)
    if column.kind == "moment":
        return _moment(schema, value)
    if column.kind == "text" and len(value) > column.length:
        raise Refused(
            400,
            TOO_LONG,
            f"A validation error occurred. The length of the '{column.name}' attribute of the "
            f"'{schema.name}' entity exceeded the maximum allowed length of '{column.length}'.",
        )
    if column.kind == "choice" and value not in column.labels:
        accepted = ",".join(map(str, column.labels))
        raise Refused(
            400,
            OUT_OF_RANGE,
            f"The value '{value}' of '{column.name}' on record of type '{schema.name}' "
            f"is outside the valid range. Accepted Values: {accepted}",
        )
    return value.lower() if column.kind == "guid" else value


def _is_odd(column: Column, value: Any) -> bool:
    """Whether a truth value stands for a number, as Python would have it."""
    return isinstance(value, bool) and column.kind != "flag"


def _moment(schema: Schema, value: str) -> str:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _payload(schema, f"Cannot convert '{value}' to the type 'Edm.DateTimeOffset'.")
    return stamp(at)


def _mistyped(schema: Schema, column: Column, value: Any) -> Refused:
    return _payload(schema, f"Cannot convert '{value}' to the type of '{column.name}'.")


def _payload(schema: Schema, said: str) -> Refused:
    begin = f"Error identified in Payload provided by the user for Entity :'{schema.set}'"
    return Refused(400, PAYLOAD, f"{begin}: {said}")
