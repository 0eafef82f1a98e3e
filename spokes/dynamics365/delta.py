"""Change tracking: where a pull stopped, and what a page of changes says.

    first read ── nextLink ──▶ … ── deltaLink ──▶ changes ── nextLink ──▶ … ── deltaLink ──▶
    `Prefer: odata.track-changes`                 upserts first, deletions last

A delta link answers the columns of the query that it came from. One more column is another query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

import hub
from spokes.dynamics365 import odata
from spokes.dynamics365.tables import Table

_DELETED = "/$deletedEntity"


@dataclass(frozen=True, slots=True)
class Place:
    """The link to go on with, and the columns that it answers (none: all of them).

    `tracking` is over once the first read has given its delta link.
    """

    link: str
    columns: tuple[str, ...]
    tracking: bool

    def cursor(self) -> hub.Cursor:
        said = {"link": self.link, "columns": self.columns, "tracking": self.tracking}
        return orjson.dumps(said).decode()


def resume(cursor: hub.Cursor, columns: Sequence[str], url: str) -> Place:
    """Where a cursor stopped.

    Raises `CursorLost` for one that is not ours, that leads to another organisation than the
    connection now does, or that lacks a column which is wanted by now.
    """
    try:
        said: dict[str, Any] = orjson.loads(cursor)
        link, had, tracking = said["link"], tuple(said["columns"]), bool(said["tracking"])
    except (ValueError, KeyError, TypeError) as error:
        raise hub.CursorLost(f"not a cursor of change tracking: {cursor[:200]!r}") from error
    if not str(link).lower().startswith(url.rstrip("/").lower() + "/"):
        raise hub.CursorLost("the cursor is of another organisation: its address is not `url`")
    new = sorted(set(columns) - set(had)) if columns else ["all columns"]
    if had and new:
        raise hub.CursorLost(f"the cursor's delta link answers without {', '.join(new)}")
    return Place(link, had, tracking)


def after(place: Place, answer: hub.JsonObject, table: Table) -> tuple[Place, bool]:
    """Where to go on after this answer, and whether there is more at once."""
    if more := odata.follow(place.link, answer):
        return Place(more, place.columns, place.tracking), True
    if link := answer.get("@odata.deltaLink"):
        return Place(link, place.columns, tracking=False), False
    raise hub.Permanent(
        f"{table.set}: no delta link: turn on Track changes for the table {table.name}, or list "
        f"{table.set} in the connection's without_change_tracking"
    )


def changes(table: Table, answer: hub.JsonObject, key: str) -> list[hub.Change]:
    """The changes of a page, oldest first, deletions last, each record once."""
    rows: list[hub.JsonObject] = answer["value"]
    gone = dict.fromkeys(str(row["id"]) for row in rows if _is_deletion(row))
    told = [odata.change(table, row, odata.VERSION, key) for row in rows if not _is_deletion(row)]
    newest = {change.id: change for change in sorted(told, key=lambda change: change.version)}
    kept = sorted(newest.values(), key=lambda change: change.version)
    return [
        *(change for change in kept if change.id not in gone),
        *(hub.Change(table.set, id, None) for id in gone),
    ]


def _is_deletion(row: hub.JsonObject) -> bool:
    return str(row.get("@odata.context", "")).endswith(_DELETED)
