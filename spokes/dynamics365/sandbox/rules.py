"""What the environment's own logic does to rows: defaults, numbers, names and states."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from spokes.dynamics365.sandbox.refusal import ARGUMENT, STATE, Refused
from spokes.dynamics365.sandbox.rows import Row, Rows, Table, stamp
from spokes.dynamics365.sandbox.schema import CASE_REASONS

UNSCHEDULED, SCHEDULED, IN_PROGRESS, COMPLETED, POSTED, CANCELED = range(690970000, 690970006)
USER = "00000000-5555-4444-8888-0000000000aa"  # our application user
_DEFAULTS: dict[str, dict[str, Any]] = {
    "incident": {"statecode": 0, "prioritycode": 2, "caseorigincode": None, "isescalated": False},
    "msdyn_workorder": {"statecode": 0, "msdyn_systemstatus": UNSCHEDULED, "msdyn_taxable": False},
    "bookableresource": {"statecode": 0, "resourcetype": 1},
    "bookableresourcebooking": {"statecode": 0, "bookingtype": 1},
    "account": {"statecode": 0},
    "contact": {"statecode": 0, "donotbulkemail": False},
}
_REQUIRED = {
    "incident": ("customerid",),
    "msdyn_workorder": ("msdyn_serviceaccount", "msdyn_pricelist"),
}
"""What their server logic insists on; the API itself lets nearly everything be empty."""


def created(rows: Rows, table: Table, given: Row) -> Row:
    """A new row by somebody outside; raises `Refused`."""
    name = table.schema.name
    missing = [column for column in _REQUIRED.get(name, ()) if not given.get(column)]
    if missing:
        said = f"{name}: a value is required for {', '.join(missing)}."
        raise Refused(400, ARGUMENT, said)
    if given.get("statecode"):
        said = f"{given['statecode']} is not a valid state code of a new {name}."
        raise Refused(400, STATE, said)
    return filled(rows, table, given)


def filled(rows: Rows, table: Table, given: Row) -> Row:
    """A new row with all its columns."""
    name = table.schema.name
    row: Row = {column.name: None for column in table.schema.columns.values()}
    del row[table.schema.id]
    row |= _DEFAULTS.get(name, {}) | given
    if name == "incident" and row["statuscode"] is None:
        row["statuscode"] = next(iter(CASE_REASONS[row["statecode"]]))
    if name == "incident" and row["ticketnumber"] is None:
        row["ticketnumber"] = f"CAS-{len(table.rows) + 1001:05}-{rows.commit % 46656:04X}"
    if name == "msdyn_workorder" and row["msdyn_name"] is None:
        row["msdyn_name"] = f"{len(table.rows) + 1:05}"
    if name == "annotation":
        row |= {"objecttypecode": row.get("objectid@table"), "isdocument": False}
        row |= {"createdby": row["createdby"] or USER, "createdby@table": "systemuser"}
    return _named(name, row)


def updated(table: Table, old: Row, given: Row, now: datetime) -> Row:
    """The row after an update by somebody outside; raises `Refused`."""
    if table.schema.name == "incident":
        given = _case_state(old, given)
    return changed(table, old, given, now)


def changed(table: Table, old: Row, given: Row, now: datetime) -> Row:
    """The row after an update, whoever made it."""
    row = _named(table.schema.name, {**old, **given})
    if table.schema.name == "msdyn_workorder":
        over = row["msdyn_systemstatus"] in {POSTED, CANCELED}
        row["msdyn_timeclosed"] = (row["msdyn_timeclosed"] or stamp(now)) if over else None
    return row


def _named(table: str, row: Row) -> Row:
    if table == "contact":
        names = (row.get("firstname"), row.get("lastname"))
        row["fullname"] = " ".join(name for name in names if name) or None
    return row


def _case_state(old: Row, given: Row) -> Row:
    """State and status reason go together, and closing is an action."""
    state: Any = given.get("statecode", old["statecode"])
    if state == 1 and old["statecode"] != 1:
        raise Refused(
            400,
            ARGUMENT,
            "This message can not be used to set the state of incident to Resolved. In order to "
            "set state of incident to Resolved, use the CloseIncidentRequest message instead.",
        )
    moved = state != old["statecode"]
    usual = next(iter(CASE_REASONS[state])) if moved else old["statuscode"]
    reason = given.get("statuscode", usual)
    if reason not in CASE_REASONS[state]:
        said = f"{reason} is not a valid status code for state code {state} on incident"
        raise Refused(400, STATE, said)
    return {**given, "statecode": state, "statuscode": reason}
