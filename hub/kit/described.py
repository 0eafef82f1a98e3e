"""What a description of an API says of its collections, whatever language it is written in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "number", "integer", "boolean", "moment", "date", "reference", "other"]
MOST_BYTES = 8 * 1024 * 1024
MOST_STREAMS = 12
MOST_PROPERTIES = 80


class BadDescription(Exception):
    """A file that no stream can be drafted from; the message says why."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a record. `of` names the schema, or the stream, that a reference leads to.

    `path` is where it stands, if not under its name; `sampled`: no description says so, the records
    look like it. Then `values` are all that were seen, where they are few.
    """

    name: str
    type: Type
    format: str = ""
    values: tuple[str | int, ...] = ()
    of: str = ""
    longest: int | None = None
    path: tuple[str | int, ...] = ()
    sampled: bool = False

    @property
    def steps(self) -> tuple[str | int, ...]:
        return self.path or (self.name,)


@dataclass(frozen=True, slots=True)
class Collection:
    """A list of records: where it is read, and what each of them says. `key` names their id."""

    name: str
    path: str
    schema: str
    properties: tuple[Property, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """Everything that a file describes; `unsure` has what was left out, a line each."""

    collections: tuple[Collection, ...]
    unsure: tuple[str, ...] = ()


def snake(name: str) -> str:
    """`WorkOrders`, `work-orders` and `workOrders` as `work_orders`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
