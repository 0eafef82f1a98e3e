"""Mapping files of the tests, and the shape that they map to."""

from __future__ import annotations

import textwrap
from typing import Any

from hub import marked
from hub.mapping import BadMapping, Mapping
from hub.mapping.document import read
from hub.shape import Field, Shape

FILE = "mappings/acme/Case.yaml"

STATES = {"new": "1", "open": "10", "awaiting_info": "18", "resolved": "6", "closed": "3"}

CASE = Shape(
    "case",
    "sn_customerservice_case",
    {
        field.name: field
        for field in (
            Field("number", "string"),
            Field("short_description", "string"),
            Field("description", "string"),
            Field("state", "choice", choices=STATES),
            Field("priority", "choice", choices={"high": "2", "moderate": "3", "low": "4"}),
            Field("account", "reference", reference="customer_account"),
            Field("contact", "reference", reference="customer_contact"),
            Field("opened_at", "instant"),
            Field("due_date", "instant"),
            Field("active", "boolean"),
            Field("reopen_count", "integer"),
            Field("latitude", "number"),
            Field("total", "money"),
            Field("watch_list", "list", reference="sys_user"),
            Field("extra", "json"),
            Field("comments", "journal"),
            Field("sys_id", "string", read_only=True),
        )
    },
)
JOURNAL = Shape(
    "journal",
    "sys_journal_field",
    {
        field.name: field
        for field in (
            Field("value", "string"),
            Field(
                "element", "choice", choices={"comments": "comments", "work_notes": "work_notes"}
            ),
            Field("sys_created_on", "instant"),
        )
    },
)


def shape_of(name: str) -> Shape:
    shapes = {"case": CASE, "journal": JOURNAL}
    if name not in shapes:
        raise LookupError(f"no entity is called {name!r}")
    return shapes[name]


def compiled(text: str) -> Mapping:
    """The one mapping of a file's text."""
    try:
        (document,) = marked.parse(textwrap.dedent(text), FILE)
    except marked.BadYaml as error:
        raise BadMapping([str(error)]) from error
    return Mapping(read(document, shape_of))


def mapping_of(field: str, expression: str, rest: str = "") -> Mapping:
    """A mapping of one field."""
    text = f"mapping: acme/Case\nto: case\nkey: Id\nfields:\n  {field}: {quoted(expression)}\n"
    return compiled(text + textwrap.dedent(rest))


def value_of(expression: str, record: dict[str, Any], field: str = "extra") -> Any:
    """What an expression makes of a record, as a field of that kind; KeyError if it is absent."""
    return mapping_of(field, expression).inward(record)[field]


def quoted(text: str) -> str:
    """A YAML string that holds the text as it is."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
