"""The choices once more as rows, as ServiceNow's clients read them: `sys_choice`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, Column, Integer, String, Table

from hub.store.entities.entity import Entity
from hub.store.metadata import metadata

sys_choice = Table(
    "sys_choice",
    metadata,
    Column("name", String(80), primary_key=True),  # the table
    Column("element", String(80), primary_key=True),
    Column("value", String(80), primary_key=True),
    Column("label", String(255), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("inactive", Boolean, nullable=False, default=False),
)


def choice_rows(entities: Iterable[Entity]) -> list[dict[str, Any]]:
    """What `sys_choice` must hold for these entities; migrations put it there."""
    return [
        {
            "name": entity.table.name,
            "element": column.name,
            "value": choice.code,
            "label": choice.label,
            "sequence": position,
            "inactive": False,
        }
        for entity in entities
        for column in entity.table.columns
        for position, choice in enumerate(column.info.get("choices", ()))
    ]
