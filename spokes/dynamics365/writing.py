"""What a write sends: lookups bound to addresses, and a case's resolution apart from its columns."""

from __future__ import annotations

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
