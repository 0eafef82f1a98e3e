"""The version of a row of ours, as a flow between our own entities compares it."""

from __future__ import annotations

from datetime import datetime

from hub.store.records import Row


def version_of(row: Row) -> str:
    """When the row changed. A second has many changes: their number stands for its fractions."""
    moment: datetime = row["sys_updated_on"]
    count = min(row["sys_mod_count"], 999_999)
    return moment.replace(microsecond=count).isoformat(timespec="microseconds")
