"""How many rows a table has: aggregated as far as Dataverse does that, else from its daily snapshot.

`$count` stops at 5,000 and says nothing of it. An aggregation counts up to 50,000 rows, and refuses
more (0x8004E023); `RetrieveTotalRecordCount` knows whole tables, as they were within the last day.
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/aggregate-data
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/retrievetotalrecordcount
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import hub
from spokes.dynamics365 import odata
from spokes.dynamics365.errors import TooMany
from spokes.dynamics365.tables import Table

Get = Callable[[str], hub.JsonObject]
"""Asks for a path below the Web API's root."""
_COUNT = "aggregate($count as rows)"


def counted(get: Get, table: Table, since: datetime | None) -> int | None:
    """All rows, or those that were changed since; None if too many of them were."""
    apply = _COUNT if since is None else f"filter({odata.changed_since(since)})/{_COUNT}"
    try:
        answer = get(table.set + odata.query(apply=apply))
    except TooMany:
        return None if since else _snapshot(get, table)
    return _number(table, lambda: answer["value"][0]["rows"])


def _snapshot(get: Get, table: Table) -> int:
    answer = get(f"RetrieveTotalRecordCount(EntityNames=['{table.name}'])")
    counts = "EntityRecordCountCollection"
    return _number(
        table, lambda: answer[counts]["Values"][answer[counts]["Keys"].index(table.name)]
    )


def _number(table: Table, read: Callable[[], Any]) -> int:
    try:
        return int(read())
    except (LookupError, TypeError, ValueError) as error:
        raise hub.Transient(f"{table.set}: they answered a count with no number") from error
