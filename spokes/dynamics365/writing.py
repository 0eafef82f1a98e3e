"""What a write sends: lookups bound to addresses, and a case's resolution apart from its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import hub
from spokes.dynamics365.tables import INCIDENTS, Table, checked

RESOLVED = 1  # incident.statecode
_PROBLEM_SOLVED = 5  # incident.statuscode


@dataclass(frozen=True, slots=True)
class Parts:
    """`columns` by the names under which they are read, `body` as a PATCH sends them.

    `resolution` is the status reason with which a case is closed, if it is.
    """

    columns: hub.JsonObject
    body: hub.JsonObject
    resolution: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """The request of a write, a PATCH, as it is sent alone or in a batch."""

    url: str
    body: hub.JsonObject
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sending:
    """A write on its way to the row at `where`; `seen` is what it is made to, if it is there.

    `names` is the column by which the row in the answer shows that it is the one, and its value.
    There is no `call` where only the action that closes a case is left to do.
    """

    table: Table
    where: str
    parts: Parts
    names: tuple[str, str]
    seen: hub.Receipt | None
    call: Call | None


def row(sending: Sending, answer: hub.Response) -> hub.JsonObject:
    """The row that was written; raises `Transient` for an answer that is not about it."""
    column, value = sending.names
    try:
        told: hub.JsonObject = answer.json()
        if told[column] == value:
            return told
    except (ValueError, LookupError, TypeError):
        pass
    raise hub.Transient(
        f"{sending.table.set}: the answer is not about the row with {column} {value!r}, which was"
        " written: it is asked for again"
    )


def parts(table: Table, data: hub.JsonObject) -> Parts:
    """Bind lookups, and take out a case's resolution: it is an action, not a column.

    Raises `Permanent` for a lookup that this spoke does not know how to write.
    """
    columns = dict(data)
    resolution = None
    if table is INCIDENTS and columns.get("statecode") == RESOLVED:
        del columns["statecode"]
        resolution = int(columns.pop("statuscode", None) or _PROBLEM_SOLVED)
    return Parts(columns, dict(_bound(table, *item) for item in columns.items()), resolution)


def _bound(table: Table, name: str, value: object) -> tuple[str, object]:
    if not (name.startswith("_") and name.endswith("_value")):
        return name, value
    lookup = table.lookups.get(name)
    if lookup is None:
        known = ", ".join(table.lookups)
        raise hub.Permanent(f"{table.set}: no lookup {name} can be written; there are {known}")
    at = f"/{lookup.set}({checked(table, str(value))})" if value else None
    return f"{lookup.navigation}@odata.bind", at


def is_held(row: hub.JsonObject, columns: hub.JsonObject) -> bool:
    """Whether a row says what a creation said."""
    return all(row.get(name) == value for name, value in columns.items() if value is not None)


def close_incident(id: str, status: int) -> hub.JsonObject:
    """The body of CloseIncident: a resolution activity, and the status reason of the case."""
    return {
        "IncidentResolution": {
            "@odata.type": "Microsoft.Dynamics.CRM.incidentresolution",
            "subject": "Resolved in the hub",
            "incidentid@odata.bind": f"/incidents({id})",
        },
        "Status": status,
    }
