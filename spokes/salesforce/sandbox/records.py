"""What the org does when a record is created, changed, deleted, restored or merged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from spokes.salesforce.ids import id18, is_id
from spokes.salesforce.sandbox.objects import Field
from spokes.salesforce.sandbox.refusal import Refused, deleted, not_found
from spokes.salesforce.sandbox.tables import USER, Row, Table, Tables, stamp

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_NUMBERS = {"int", "double", "currency"}


def find(table: Table, id: str) -> Row:
    """A record that is not deleted; raises the API's 404 for one that is, or that never was."""
    row = table.rows.get(id18(id))
    if row is None:
        raise deleted() if id18(id) in table.purged else not_found()
    if row["IsDeleted"]:
        raise deleted()
    return row


def create(tables: Tables, table: Table, data: Mapping[str, Any], now: datetime) -> Row:
    """The row of a new record, stored; raises `Refused` for data that breaks a rule."""
    values = _checked(tables, table, data)
    missing = [
        field.name
        for field in table.sobject.fields.values()
        if field.required and values.get(field.name) in {None, ""}
    ]
    if missing:
        raise _missing(missing)
    row = new_row(table, values, now)
    _unique(table, row)
    table.put(row)
    return row


def update(tables: Tables, table: Table, id: str, data: Mapping[str, Any], now: datetime) -> Row:
    """The changed row, stored; even a change to the same values moves its SystemModstamp."""
    old = find(table, id)
    values = _checked(tables, table, data)
    for name in values:
        if not table.sobject.fields[name].updateable:
            raise _not_writable(name)
    emptied = [
        name for name, v in values.items() if table.sobject.fields[name].required and v is None
    ]
    if emptied:
        raise _missing(emptied)
    row = changed_row(old, values, now)
    _unique(table, row)
    table.put(row)
    return row


def delete(table: Table, id: str, now: datetime) -> Row:
    """Move a record to the recycle bin."""
    row = deleted_row(find(table, id), now)
    table.put(row)
    table.delete_log.append((row["Id"], stamp(now)))
    return row


def undelete(table: Table, id: str, now: datetime) -> Row:
    """Take a record out of the recycle bin again; it reads as an update."""
    old = table.rows.get(id18(id))
    if old is None or not old["IsDeleted"]:
        raise not_found()
    row = {**old, "IsDeleted": False, "MasterRecordId": None, "SystemModstamp": stamp(now)}
    table.delete_log = [entry for entry in table.delete_log if entry[0] != row["Id"]]
    table.put(row)
    return row


def merge(table: Table, id: str, into: str, now: datetime) -> Row:
    """Delete a record in favour of another, which its MasterRecordId names."""
    master = find(table, into)
    row = {**delete(table, id, now), "MasterRecordId": master["Id"]}
    table.put(row)
    table.put(changed_row(master, {}, now))
    return row


def new_row(table: Table, values: Mapping[str, Any], now: datetime) -> Row:
    """A row with everything that the org fills in itself; not checked, not stored."""
    at = stamp(now)
    row: Row = {name: field.default for name, field in table.sobject.fields.items()}
    row |= {"Id": table.new_id(), "_type": table.sobject.name, "IsDeleted": False}
    row |= {"CreatedDate": at, "LastModifiedDate": at, "SystemModstamp": at}
    row |= {"CreatedById": USER, "LastModifiedById": USER}
    if "OwnerId" in row:
        row["OwnerId"] = USER
    for name, field in table.sobject.fields.items():
        if field.type == "boolean":
            row[name] = False
    if table.sobject.name == "Case":
        row["CaseNumber"] = table.next_number()
    return _derived(row | dict(values), at)


def changed_row(old: Row, values: Mapping[str, Any], now: datetime) -> Row:
    """A row with these values changed; not checked, not stored."""
    at = stamp(now)
    row = old | {"LastModifiedDate": at, "LastModifiedById": USER, "SystemModstamp": at}
    return _derived(row | dict(values), at)


def deleted_row(old: Row, now: datetime) -> Row:
    """A row as it lies in the recycle bin; not stored."""
    return {**old, "IsDeleted": True, "SystemModstamp": stamp(now)}


def _derived(row: Row, at: str) -> Row:
    """What follows from other fields of the same record."""
    if row["_type"] == "Contact":
        row["Name"] = " ".join(filter(None, (row["FirstName"], row["LastName"])))
    if row["_type"] == "Case":
        row["IsClosed"] = row["Status"] in {"Closed", "Cancelled"}
        row["ClosedDate"] = (row["ClosedDate"] or at) if row["IsClosed"] else None
    return row


def _checked(tables: Tables, table: Table, data: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name == "attributes":
            continue
        field = table.sobject.fields.get(name)
        if field is None or (table.sobject.name, name) in tables.hidden:
            raise Refused(
                400,
                "INVALID_FIELD",
                f"No such column '{name}' on sobject of type {table.sobject.name}",
            )
        if not field.writable:
            raise _not_writable(name)
        values[name] = _value(tables, field, value)
    return values


def _value(tables: Tables, field: Field, value: Any) -> Any:
    if value is None or value == "":
        return False if field.type == "boolean" else None
    match field.type:
        case "boolean" if not isinstance(value, bool):
            raise _unreadable(field, value)
        case kind if kind in _NUMBERS and (
            isinstance(value, bool) or not isinstance(value, int | float)
        ):
            raise _unreadable(field, value)
        case "datetime" | "date":
            return _moment(field, value)
        case "reference":
            return _reference(tables, field, value)
        case "boolean" | "int" | "double" | "currency":
            return value
        case _ if isinstance(value, str):
            return _text(field, value)
        case _:
            raise _unreadable(field, value)


def _text(field: Field, value: str) -> str:
    if len(value.encode() if field.bytes else value) > field.length:
        raise Refused(
            400,
            "STRING_TOO_LONG",
            f"{field.name}: data value too large: {value[:40]} (max length={field.length})",
            [field.name],
        )
    if field.type == "email" and not _EMAIL.match(value):
        raise Refused(
            400,
            "INVALID_EMAIL_ADDRESS",
            f"{field.name}: invalid email address: {value}",
            [field.name],
        )
    if field.restricted and value not in field.values:
        raise Refused(
            400,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.name}: bad value for restricted picklist field: {value}",
            [field.name],
        )
    return value


def _moment(field: Field, value: Any) -> str:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _unreadable(field, value) from None
    return str(value) if field.type == "date" else stamp(at)


def _reference(tables: Tables, field: Field, value: Any) -> str:
    if not isinstance(value, str) or not is_id(value):
        raise Refused(
            400, "MALFORMED_ID", f"{field.name}: id value of incorrect type: {value}", [field.name]
        )
    if not any(id18(value) in tables[name].rows for name in field.to):
        raise Refused(
            400, "INVALID_CROSS_REFERENCE_KEY", f"invalid cross reference id: {value}", [field.name]
        )
    return id18(value)


def _unique(table: Table, row: Row) -> None:
    for field in table.sobject.fields.values():
        if not field.external_id or not row.get(field.name):
            continue
        others = table.with_external_id(field.name, row[field.name])
        if other := next((found for found in others if found["Id"] != row["Id"]), None):
            raise Refused(
                400,
                "DUPLICATE_VALUE",
                f"duplicate value found: {field.name} duplicates value on record with id:"
                f" {other['Id'][:15]}",
            )


def _not_writable(name: str) -> Refused:
    return Refused(
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {name}. Please check the security settings of this"
        " field and verify that it is read/write for your profile.",
        [name],
    )


def _missing(fields: list[str]) -> Refused:
    return Refused(
        400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(fields)}]", fields
    )


def _unreadable(field: Field, value: Any) -> Refused:
    return Refused(
        400,
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from value {value!r} of {field.name}",
    )
