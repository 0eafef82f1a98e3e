"""How rows look from outside: selected columns, annotations, and one level of expansion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spokes.dynamics365.sandbox.filters import column_of
from spokes.dynamics365.sandbox.prefer import Preferences
from spokes.dynamics365.sandbox.refusal import QUERY, Refused
from spokes.dynamics365.sandbox.rows import Row, Rows, etag, title
from spokes.dynamics365.sandbox.schema import Column, Schema

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
_EXPANDED = re.compile(r"\s*(\w+)\s*(?:\(\s*\$select=([\w,\s]+)\))?\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class View:
    """What of a table's rows is shown. `expanded`: navigation property → its view's columns."""

    rows: Rows
    schema: Schema
    columns: tuple[Column, ...]
    expanded: dict[str, tuple[str, ...]]
    preferences: Preferences

    def of(self, row: Row) -> dict[str, Any]:
        shown: dict[str, Any] = {"@odata.etag": etag(row)}
        for column in self.columns:
            value = row.get(column.name)
            shown[column.shown] = value
            if value is not None:
                shown |= dict(self._annotations(row, column, value))
        shown[self.schema.id] = row[self.schema.id]
        return shown | {name: self._expanded(row, name) for name in self.expanded}

    def _annotations(self, row: Row, column: Column, value: Any) -> Iterator[tuple[str, Any]]:
        table = row.get(f"{column.name}@table", "") if column.kind == "lookup" else ""
        if self.preferences.wants(FORMATTED):
            label = title(self.rows, table, value) if table else formatted(column, value)
            if label is not None:
                yield f"{column.shown}@{FORMATTED}", label
        if table and self.preferences.wants(LOGICAL_NAME):
            yield f"{column.shown}@{LOGICAL_NAME}", table
        if table and self.preferences.wants(NAVIGATION):
            names = (name for name, target in column.targets.items() if target == table)
            yield f"{column.shown}@{NAVIGATION}", next(names)

    def _expanded(self, row: Row, name: str) -> dict[str, Any] | None:
        column = self.schema.navigation(name)
        assert column is not None
        table = self.rows.of_name(column.targets[name])
        there = table.rows.get(row.get(column.name) or "")
        if there is None or row.get(f"{column.name}@table") != table.schema.name:
            return None
        wanted = self.expanded[name] or tuple(table.schema.columns)
        columns = tuple(column_of(table.schema, one) for one in wanted)
        return View(self.rows, table.schema, columns, {}, self.preferences).of(there)


def view(rows: Rows, schema: Schema, select: str, expand: str, preferences: Preferences) -> View:
    """Raises `Refused` for a column or navigation property that is not there."""
    names = [name.strip() for name in select.split(",")] if select else list(schema.columns)
    columns = tuple(column_of(schema, name) for name in names)
    return View(rows, schema, columns, _expansions(schema, expand), preferences)


def _expansions(schema: Schema, text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    at = 0
    while at < len(text):
        match = _EXPANDED.match(text, at)
        if match is None or match.end() == at:
            raise Refused(400, QUERY, f"Invalid $expand near '{text[at:]}'.")
        if schema.navigation(match[1]) is None:
            said = f"Could not find a property named '{match[1]}' on type '{schema.type}'."
            raise Refused(400, QUERY, said)
        found[match[1]] = tuple(one.strip() for one in (match[2] or "").split(",") if one.strip())
        at = match.end()
    return found


def formatted(column: Column, value: Any) -> str | None:
    """The label as a person with English settings reads it; None where there is none."""
    match column.kind:
        case "choice":
            return column.labels.get(value)
        case "flag":
            return "Yes" if value else "No"
        case "moment":
            at = datetime.fromisoformat(value)
            return f"{at.month}/{at.day}/{at.year} {at:%I:%M %p}"
        case "int" | "bigint" | "number":
            return f"{value:,}"
        case _:
            return None


def context(url: str, schema: Schema, select: str, tail: str = "") -> str:
    """The context URL of an answer."""
    columns = f"({select})" if select else ""
    return f"{url}/api/data/v9.2/$metadata#{schema.set}{columns}{tail}"
