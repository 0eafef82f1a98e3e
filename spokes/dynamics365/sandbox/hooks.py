"""The webhook sender: a RemoteExecutionContext, one retry, and a failed system job after that.

https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import orjson

from hub.testing.sender import SentHook, forged, post
from spokes.dynamics365.sandbox.actions import ORGANIZATION, UNIT, USER
from spokes.dynamics365.sandbox.rows import Row, Table
from spokes.dynamics365.sandbox.schema import Column

HEADER = "x-hub-secret"
LARGEST = 256 * 1024
RETRIED = frozenset({502, 503, 504})
_DROPPED = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")
_SPACE = UUID("0b8c4c39-52a9-4f0e-b1b3-9a6a3f1d7d55")
FAILED = 31  # asyncoperation.statuscode


@dataclass(frozen=True, slots=True)
class Job:
    """A system job (asyncoperation) of one webhook; `statuses` are the answers that it got."""

    name: str
    statuses: tuple[int, ...]

    @property
    def statuscode(self) -> int:
        return 30 if self.statuses[-1] in range(200, 300) else FAILED


def hook(
    table: Table, id: str, message: str, *, secret: str, at: datetime, number: int
) -> SentHook:
    """The webhook of one event. `number` tells events apart."""
    row = table.rows.get(id)
    operation = str(uuid5(_SPACE, f"operation {number}"))
    correlation = str(uuid5(_SPACE, f"correlation {number}"))
    context = _context(table, id, message, row) | {
        "OperationId": operation,
        "CorrelationId": correlation,
        "OperationCreatedOn": f"/Date({int(at.timestamp() * 1000)}+0000)/",
    }
    body = _json(context)
    headers = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("x-ms-dynamics-organization", "brightbasket.crm.dynamics.example"),
        ("x-ms-dynamics-entity-name", table.schema.name),
        ("x-ms-dynamics-request-name", message),
        ("x-ms-correlation-request-id", correlation),
        (HEADER, secret),
    ]
    if len(body) > LARGEST:
        headers.insert(1, ("x-ms-dynamics-msg-size-exceeded", "True"))
        body = _json({name: value for name, value in context.items() if name not in _DROPPED})
    return SentHook(tuple(headers), body)


def send(to: str, hooks: Sequence[SentHook], *, forge: str | None) -> list[Job]:
    """Deliver each; after 502, 503 and 504 exactly once more, the same in every byte."""
    jobs = []
    for one in hooks:
        sent = forged(one, forge)
        statuses = [post(to, sent.headers, sent.body)]
        if statuses[0] in RETRIED:
            statuses.append(post(to, sent.headers, sent.body))
        said = dict(sent.headers)
        name = f"{said['x-ms-dynamics-request-name']} of {said['x-ms-dynamics-entity-name']}"
        jobs.append(Job(name, tuple(statuses)))
    return jobs


def _context(table: Table, id: str, message: str, row: Row | None) -> dict[str, Any]:
    name = table.schema.name
    image = {"key": "AsynchronousStepPrimaryName", "value": _entity(table, id, row)}
    target = {"key": "Target", "value": _entity(table, id, row)}
    parent = {"MessageName": message, "Depth": 1, "Stage": 30, "InputParameters": [target]}
    return {
        "BusinessUnitId": UNIT,
        "Depth": 1,
        "InitiatingUserId": USER,
        "InputParameters": [target],
        "IsExecutingOffline": False,
        "IsInTransaction": False,
        "IsolationMode": 1,
        "MessageName": message,
        "Mode": 1,
        "OrganizationId": ORGANIZATION,
        "OrganizationName": "brightbasket",
        "OutputParameters": [],
        "OwningExtension": {"Id": UNIT, "LogicalName": "sdkmessageprocessingstep"},
        "ParentContext": parent | {"PrimaryEntityId": id, "PrimaryEntityName": name},
        "PostEntityImages": [image],
        "PreEntityImages": [],
        "PrimaryEntityId": id,
        "PrimaryEntityName": name,
        "RequestId": None,
        "SecondaryEntityName": "none",
        "SharedVariables": [{"key": "IsAutoTransact", "value": True}],
        "Stage": 40,
        "UserId": USER,
    }


def _entity(table: Table, id: str, row: Row | None) -> dict[str, Any]:
    """An entity as .NET serialises it: lists of keys and values."""
    values = row or {}
    attributes = [
        {"key": column.name, "value": _attribute(column, values)}
        for column in table.schema.columns.values()
        if values.get(column.name) is not None
    ]
    return {
        "Attributes": attributes,
        "EntityState": None,
        "FormattedValues": [],
        "Id": id,
        "KeyAttributes": [],
        "LogicalName": table.schema.name,
        "RelatedEntities": [],
        "RowVersion": str(values["versionnumber"]) if values else None,
    }


def _attribute(column: Column, row: Row) -> Any:
    value = row[column.name]
    match column.kind:
        case "moment":
            return f"/Date({int(datetime.fromisoformat(value).timestamp() * 1000)})/"
        case "choice":
            return {"Value": value}
        case "lookup":
            return {"Id": value, "LogicalName": row[f"{column.name}@table"], "Name": None}
        case _:
            return value


def _json(context: dict[str, Any]) -> bytes:
    return orjson.dumps(context).replace(b"/Date(", b"\\/Date(").replace(b")/", b")\\/")
