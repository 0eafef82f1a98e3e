"""Actions and functions: WhoAmI, RetrieveTotalRecordCount, CloseIncident, CreateMultiple."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from hub.testing import Answer
from spokes.dynamics365.sandbox import keys, rules, writing
from spokes.dynamics365.sandbox.refusal import ARGUMENT, ODATA, PAYLOAD, QUERY, Refused
from spokes.dynamics365.sandbox.rows import Rows, Table
from spokes.dynamics365.sandbox.schema import CASE_REASONS

USER = rules.USER
UNIT = "00000000-5555-4444-8888-0000000000bb"
ORGANIZATION = "00000000-5555-4444-8888-0000000000cc"
_COUNTED = re.compile(r"RetrieveTotalRecordCount\(EntityNames=\[(.*)\]\)")
CREATE_MULTIPLE = "Microsoft.Dynamics.CRM.CreateMultiple"
_MOST = 1000


def function(rows: Rows, where: str, url: str) -> Answer | None:
    """What a function of this address answers, None if it is none; raises `Refused`."""
    if where == "WhoAmI":
        return _who_am_i(url)
    counted = _COUNTED.fullmatch(where)
    return _total_record_count(rows, counted[1], url) if counted else None


def _who_am_i(url: str) -> Answer:
    body = {
        "@odata.context": f"{url}/api/data/v9.2/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
        "BusinessUnitId": UNIT,
        "UserId": USER,
        "OrganizationId": ORGANIZATION,
    }
    return Answer(200, ODATA, body)


def _total_record_count(rows: Rows, names: str, url: str) -> Answer:
    """How many rows tables have, by their quoted logical names; raises `Refused`.

    Theirs is a snapshot of the last 24 hours, this one is of now.
    """
    asked = [name.strip() for name in names.split(",")]
    known = {f"'{table.schema.name}'": table for table in rows}
    for name in asked:
        if name not in known:
            raise Refused(400, ARGUMENT, f"Entity {name} was not found in the MetadataCache.")
    tables = [known[name] for name in asked]
    kind = "Microsoft.Dynamics.CRM.RetrieveTotalRecordCountResponse"
    body = {
        "@odata.context": f"{url}/api/data/v9.2/$metadata#{kind}",
        "EntityRecordCountCollection": {
            "Count": len(tables),
            "IsReadOnly": False,
            "Keys": [table.schema.name for table in tables],
            "Values": [len(table.rows) for table in tables],
        },
    }
    return Answer(200, ODATA, body)


def close_incident(rows: Rows, body: Any, now: datetime) -> Answer:
    """Resolve a case; raises `Refused`."""
    resolution = body.get("IncidentResolution") if isinstance(body, dict) else None
    if not isinstance(resolution, dict) or set(body) != {"IncidentResolution", "Status"}:
        raise Refused(400, PAYLOAD, "CloseIncident takes IncidentResolution and Status.")
    if not resolution.get("subject"):
        raise Refused(400, ARGUMENT, "incidentresolution: a subject is required.")
    table = rows.of_name("incident")
    where = str(resolution.get("incidentid@odata.bind")).strip("/")
    if not (where.startswith("incidents(") and where.endswith(")")):
        raise Refused(400, QUERY, f"The URI '{where}' is not valid for incidentid: /set(guid).")
    case = keys.address(table, where[len("incidents(") : -1]).found()
    status = body["Status"]
    if case["statecode"] != 0:
        said = "The incident cannot be closed: it is not in the Active state."
        raise Refused(400, ARGUMENT, said)
    if status not in CASE_REASONS[1] and status != -1:
        said = f"{status} is not a valid status code for state code 1 on incident"
        raise Refused(400, ARGUMENT, said)
    reason = next(iter(CASE_REASONS[1])) if status == -1 else status
    closed = rules.changed(table, case, {"statecode": 1, "statuscode": reason}, now)
    rows.put(table, closed, now)
    return Answer(204, ODATA)


def create_multiple(rows: Rows, table: Table, body: Any, url: str, now: datetime) -> Answer:
    """All of them, or none; raises `Refused`."""
    targets = body.get("Targets") if isinstance(body, dict) else None
    if not isinstance(targets, list) or not 1 <= len(targets) <= _MOST:
        raise Refused(400, PAYLOAD, f"CreateMultiple takes 1 to {_MOST} Targets.")
    for target in targets:
        if "@odata.type" not in target:
            raise Refused(400, PAYLOAD, "Each of the Targets needs an @odata.type.")
        writing.check(rows, table, target, url)
    made = [writing.create(rows, table, target, url, now) for target in targets]
    name = "Microsoft.Dynamics.CRM.CreateMultipleResponse"
    body = {
        "@odata.context": f"{url}/api/data/v9.2/$metadata#{name}",
        "Ids": [row[table.schema.id] for row in made],
    }
    return Answer(200, ODATA, body)
