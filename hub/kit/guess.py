"""Guesses which of our entities and fields a described property is, and says when it only guesses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from hub.kit.described import Property, snake
from hub.kit.outline import Kind
from hub.shape import Field
from hub.store import entities
from hub.store.entities import Entity

_ENTITIES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "case": ("case", "ticket", "request", "enquiry", "inquiry", "support_request"),
    "incident": ("incident", "problem", "alert", "outage"),
    "account": ("account", "company", "organization", "organisation", "client"),
    "contact": ("contact", "person", "people"),
    "consumer": ("customer", "consumer", "member", "shopper", "patient"),
    "work_order": ("work_order", "workorder", "service_order", "visit"),
    "work_order_task": ("work_order_task", "booking", "appointment", "task"),
    "order": ("order", "sales_order", "purchase"),
    "return": ("return", "refund", "rma"),
    "user": ("user", "employee", "agent", "technician"),
    "group": ("group", "team"),
    "location": ("location", "site", "address"),
    "store": ("store", "shop", "branch"),
})  # fmt: skip
_BY_KIND: Mapping[Kind, str] = MappingProxyType({
    "crm": "case", "field_service": "work_order", "identity": "user", "commerce": "order",
    "other": "incident",
})  # fmt: skip
_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "short_description": ("subject", "title", "summary", "headline"),
    "description": ("body", "details", "content", "text", "instructions", "message"),
    "state": ("status", "stage", "lifecycle"),
    "priority": ("severity", "urgency_level"),
    "email": ("mail", "email_address", "e_mail"),
    "phone": ("telephone", "phone_number", "business_phone"),
    "mobile_phone": ("mobile", "cell", "cell_phone", "mobile_number"),
    "first_name": ("given_name", "firstname", "forename"),
    "last_name": ("surname", "family_name", "lastname"),
    "name": ("full_name", "display_name", "company_name", "label"),
    "user_name": ("login", "username", "user_principal_name"),
    "street": ("address1", "address_line1", "street_address", "line1"),
    "zip": ("postal_code", "postcode", "zip_code"),
    "opened_at": ("created_at", "created", "created_on", "creation_date", "date_created", "opened"),
    "closed_at": ("closed", "closed_on", "completed_at"),
    "resolved_at": ("resolved", "solved_at"),
    "due_date": ("due", "due_at", "due_on", "deadline"),
    "expected_start": ("planned", "planned_at", "scheduled_at", "start", "scheduled_start"),
    "order_date": ("placed_at", "ordered_at", "created_at", "created", "date"),
    "requested_at": ("created_at", "created"),
    "total_amount": ("total", "total_price", "amount", "grand_total"),
    "refund_amount": ("amount", "total"),
    "external_id": ("number", "order_number", "reference"),
    "active": ("enabled", "is_active", "account_enabled"),
    "notes": ("note", "comment", "remarks"),
    "employee_number": ("employee_id",),
    "preferred_language": ("language", "locale"),
})  # fmt: skip
_NEVER = ("sys_", "hub_")
_INWARD = frozenset({"opened_at", "closed_at", "resolved_at", "order_date", "requested_at"})
"""Moments that happened over there: nobody changes them here."""
_PIPES: Mapping[str, str] = MappingProxyType({
    "instant": " | datetime", "money": " | money", "email": " | email", "phone": " | phone",
    "mobile_phone": " | phone", "short_description": " | trim", "name": " | trim",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of `fields`. `table` maps their values to ours, with whether each is a guess."""

    ours: str
    theirs: Property
    expression: str
    inward: bool = False
    doubt: str = ""
    table: Mapping[str, tuple[str, bool]] = field(default_factory=dict[str, tuple[str, bool]])

    @property
    def plain(self) -> bool:
        """Whether it is a free text that is written back as it is."""
        free = self.theirs.type == "text" and not self.theirs.values
        return free and not self.theirs.format and not self.inward and "ref(" not in self.expression

    @property
    def shows(self) -> bool:
        """Whether what comes out of a sample is told by looking at it."""
        return not self.table and "ref(" not in self.expression and self.theirs.type in {
            "text", "boolean", "integer",
        }  # fmt: skip

    def want(self, given: Any) -> Any:
        return str(given).lower() if "| string" in self.expression else given

    def written(self, width: int) -> str:
        once = ", owner: if_empty" if self.ours in _INWARD else ""
        value = f"{{in: {self.expression}, out: {{}}{once}}}" if self.inward else self.expression
        comment = f"  # {self.doubt}" if self.doubt else ""
        return f"  {self.ours + ':':<{width}}{value}{comment}"

    def written_table(self) -> Iterator[str]:
        yield f"  {self.ours}:"
        for theirs, (ours, guessed) in self.table.items():
            yield f"    {json.dumps(theirs)}: {ours}" + ("  # guessed" if guessed else "")


def entity_of(collection: str, kind: Kind) -> Entity:
    """The entity that records of a collection probably are; by the kind of system for want of one."""
    words = snake(collection)
    single = words[:-3] + "y" if words.endswith("ies") else words.removesuffix("s")
    for form in (words, single, single.removesuffix("e"), single.rpartition("_")[2]):
        for entity, names in _ENTITIES.items():
            if form in names:
                return entities.find(entity)
    return entities.find(_BY_KIND[kind])


def line_of(
    entity: Entity, one: Property, targets: Mapping[str, tuple[str, Entity]], taken: set[str]
) -> tuple[Line | None, str]:
    """The line that reads a property, and what is doubtful about it."""
    if one.type == "other":
        return None, "is a list or an object: not mapped"
    if one.type == "reference":
        return _reference(entity, one, targets, taken)
    found = _field(entity, one, taken)
    if found is not None:
        return _known(found, one)
    return _custom(one, taken)


def _field(entity: Entity, one: Property, taken: set[str]) -> Field | None:
    """Our field for a property: of the same name, or of one that means the same."""
    name = snake(one.name)
    names = [name, *(ours for ours, theirs in _NAMES.items() if name in theirs)]
    for ours in names:
        known = entity.shape.fields.get(ours)
        if (
            known is not None
            and ours not in taken | {"number"}
            and not ours.startswith(_NEVER)
            and _fits(known, one)
        ):
            return known
    return None


_TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "string": ("text",), "choice": ("text",), "instant": ("moment",), "boolean": ("boolean",),
    "integer": ("integer",), "number": ("number", "integer"), "money": ("number", "integer"),
})  # fmt: skip


def _fits(known: Field, one: Property) -> bool:
    closed = known.kind == "choice"
    return one.type in _TYPES.get(known.kind, ()) and bool(one.values) == closed


def _known(known: Field, one: Property) -> tuple[Line, str]:
    path = _path(one.name)
    if known.kind == "choice":
        table = {value: _choice(known, value) for value in one.values}
        line = Line(known.name, one, f"{path} | map({known.name})", table=table)
        guessed = [value for value, (_, guess) in table.items() if guess]
        return line, f"guessed what {', '.join(guessed)} stands for" if guessed else ""
    pipe = _PIPES.get(known.kind) or _PIPES.get(known.name, "")
    return Line(known.name, one, path + pipe, inward=known.name in _INWARD), ""


def _choice(known: Field, value: str) -> tuple[str, bool]:
    """Our name for one of their values, and whether that is a guess."""
    name = snake(value)
    if name in known.choices:
        return name, False
    near = get_close_matches(name, list(known.choices), n=1, cutoff=0.6)
    return (near[0] if near else next(iter(known.choices))), True


def _reference(
    entity: Entity, one: Property, targets: Mapping[str, tuple[str, Entity]], taken: set[str]
) -> tuple[Line | None, str]:
    target = targets.get(one.of)
    if target is None:
        return None, f"refers to {one.of}, which is not listed: not mapped"
    stream, of = target
    fits = [
        known.name
        for known in entity.shape.fields.values()
        if known.kind == "reference"
        and known.reference == of.table.name
        and known.name not in taken
    ]
    if not fits:
        return None, f"refers to {stream}, and no field of ours holds that: not mapped"
    name = snake(one.name) if snake(one.name) in fits else fits[0]
    line = Line(name, one, f"{_path(one.name)}.id | ref({stream})", inward=True)
    return line, "" if len(fits) == 1 or name == snake(one.name) else f"is it our {name}?"


def _custom(one: Property, taken: set[str]) -> tuple[Line | None, str]:
    name = f"u_{snake(one.name)}"
    if name in taken or name == "u_":
        return None, "is called as another one: not mapped"
    plain = one.type in {"text", "moment", "date"}
    said = "kept as it is, in a field of its own"
    line = Line(
        name, one, _path(one.name) + ("" if plain else " | string"), inward=not plain, doubt=said
    )
    return line, ""


def _path(name: str) -> str:
    """A property as an expression; an odd name is quoted, for YAML too."""
    if name.isidentifier() and name not in {"this", "None", "True", "False"}:
        return name
    return f"this[{json.dumps(name)}]"


def sample_of(one: Property) -> Any:
    """What the property of a new record says; {n} counts. None for what a sample cannot say."""
    if one.type == "text":
        return one.values[0] if one.values else _text(one)
    return _SAMPLES.get(one.type)


_SAMPLES: Mapping[str, Any] = MappingProxyType({
    "integer": 7, "number": 19.5, "boolean": True,
    "moment": "2026-05-01T10:00:00Z", "date": "2026-05-01",
})  # fmt: skip


def _text(one: Property) -> str:
    name = snake(one.name)
    if one.format == "email" or "mail" in name:
        return "person{n}@example.com"
    if "phone" in name or "mobile" in name:
        return "+1555000{n}"
    if one.format == "uuid":
        return "00000000-0000-4000-8000-000000000001"
    if one.format in {"uri", "url"}:
        return "https://vendor.example/{n}"
    said = f"{name.replace('_', ' ').capitalize()} {{n}}"
    return said if one.longest is None or len(said) + 3 <= one.longest else "{n}"
