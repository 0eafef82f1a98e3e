"""An entity: one table of the store, under the name that mappings and people use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from sqlalchemy import Column, Table
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from hub.shape import Field, Shape


@dataclass(frozen=True, slots=True)
class Entity:
    """`prefix`, `first` and `digits` make its numbers: CS, 1001, 7 begin with CS0001001.

    `prefix` is empty where rows have no numbers. `display` is the column that people know a row
    by. `defaults` are the values of a new row, by column, as the columns' Python types.
    """

    name: str
    table: Table
    shape: Shape
    display: str
    prefix: str
    first: int
    digits: int
    defaults: Mapping[str, Any]
    blank: dict[str, Any]  # every column of a new row, defaults among them; copy it

    @classmethod
    def of(
        cls,
        name: str,
        table: Table,
        *,
        display: str = "number",
        prefix: str = "",
        first: int = 1,
        digits: int = 7,
        journals: Iterable[str] = (),
    ) -> Self:
        """Describe `table`; `journals` are its fields that are kept as journal entries."""
        fields = {str(column.name): _field(column) for column in table.columns}
        fields |= {journal: Field(journal, "journal", length=4000) for journal in journals}
        return cls(
            name=name,
            table=table,
            shape=Shape(name, str(table.name), MappingProxyType(fields)),  # see `_field`
            display=display,
            prefix=prefix,
            first=first,
            digits=digits,
            defaults=MappingProxyType(_defaults(table)),
            blank={str(column.name): None for column in table.columns} | _defaults(table),
        )


def _field(column: Column[Any]) -> Field:
    known = column.info
    return Field(
        name=str(column.name),  # not SQLAlchemy's quoted_name: JSON and drivers want plain text
        kind=known["kind"],
        reference=known.get("reference", ""),
        choices=MappingProxyType({choice.name: choice.code for choice in known.get("choices", ())}),
        length=known.get("length"),
        read_only=known.get("read_only", False),
    )


def _defaults(table: Table) -> dict[str, Any]:
    return {
        str(column.name): column.default.arg
        for column in table.columns
        if isinstance(column.default, ScalarElementColumnDefault)
    }
