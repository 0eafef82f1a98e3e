"""What an entity looks like to those who need not know SQL: its fields and their kinds.

The store describes its tables this way; the mapping language checks files against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "string",  # str
    "integer",  # int; durations are seconds
    "number",  # float
    "money",  # decimal.Decimal, four decimals
    "boolean",  # bool
    "instant",  # aware datetime in UTC, whole seconds
    "choice",  # str: one of the codes in `choices`
    "reference",  # str: the sys_id of a row of `reference`
    "list",  # str: comma-separated sys_ids of rows of `reference`
    "json",  # dict or list
    "journal",  # str: writing appends an entry, reading gives none
]


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `choices` maps a choice's name (`awaiting_info`) to its code (`18`)."""

    name: str
    kind: Kind
    reference: str = ""
    choices: Mapping[str, str] = field(default_factory=dict[str, str])
    length: int | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """One entity: its short name (`case`), its table and its fields by name.

    Any further field whose name starts with `u_` is a custom one, of kind string.
    """

    name: str
    table: str
    fields: Mapping[str, Field]
