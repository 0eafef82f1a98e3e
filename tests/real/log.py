"""The incident log of a real ServiceNow instance, read as its Table API would have told it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def _moment(text: str) -> str:
    """A spreadsheet wrote `DD-MM-YYYY HH:MM`; of which zone nobody knows, so UTC."""
    return datetime.strptime(text, "%d-%m-%Y %H:%M").replace(tzinfo=UTC).isoformat()


READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("opened_at", "resolved_at", "closed_at"), _moment),
    **dict.fromkeys(("sys_created_at", "sys_updated_at"), _moment),
    **dict.fromkeys(("reassignment_count", "reopen_count"), int),
    **dict.fromkeys(("active", "made_sla", "knowledge"), "TRUE".__eq__),
    "sys_mod_count": lambda text: text.zfill(4),  # so that it sorts as text
}


def read(folder: Path) -> list[Event]:
    """Every event in the file's order: incident by incident, each from its first to its last."""
    with (folder / "incident_event_log.csv").open(encoding="utf-8-sig", newline="") as file:
        return [
            {name: _value(name, text) for name, text in row.items()} for row in csv.DictReader(file)
        ]


def _value(name: str, text: str) -> Any:
    """`?` stands for nothing."""
    return None if text == "?" else READ.get(name, str)(text)


def version(event: Event) -> str:
    """What the mapping takes for an event's version."""
    return f"{event['sys_updated_at']} {event['sys_mod_count']}"
