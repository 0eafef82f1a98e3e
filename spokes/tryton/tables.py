"""The streams of Tryton: which models they are, what belongs to a record, and how it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import hub

OURS = "hub:"
"""How an identifier of a party begins that holds our sys_id."""
MECHANISMS = ("email", "phone", "mobile", "website")
ADDRESS = ("street", "city", "postal_code")
CODES = {"country": "country.country", "subdivision": "country.subdivision"}
"""What an address refers to by a code, and the models of it."""
STAMPS = ("create_date", "write_date")
HIDDEN = frozenset({*STAMPS, "_timestamp", "active"})
"""What is read for our own use."""


@dataclass(frozen=True, slots=True)
class Part:
    """Records that belong to a record: `model`, its field `owner`, and the list `name` there."""

    name: str
    model: str
    owner: str


@dataclass(frozen=True, slots=True)
class Table:
    """A model, and the parts whose changes are changes of its records."""

    model: str
    fields: tuple[str, ...]
    parts: tuple[Part, ...]
    archives: bool = False

    def asked(self) -> list[str]:
        """What is read of each record."""
        stamps = [f"{part.name}.{stamp}" for part in self.parts for stamp in STAMPS]
        return [*self.fields, *STAMPS, *stamps]


TABLES: Mapping[str, Table] = {
    "parties": Table(
        "party.party",
        (
            *("name", "code", "active", "lang.code", "replaced_by", "_timestamp"),
            *("identifiers.type", "identifiers.code"),
            *(f"contact_mechanisms.{name}" for name in ("type", "value", "active", "_timestamp")),
            *(f"addresses.{name}" for name in ("street", "city", "postal_code", "active")),
            *("addresses.country.code", "addresses.subdivision.code", "addresses._timestamp"),
        ),
        (
            Part("contact_mechanisms", "party.contact_mechanism", "party"),
            Part("addresses", "party.address", "party"),
        ),
        archives=True,
    ),
    "sales": Table(
        "sale.sale",
        (
            *("number", "reference", "description", "comment", "state", "sale_date"),
            *("party", "currency.code", "untaxed_amount", "tax_amount", "total_amount"),
            *("invoice_state", "shipment_state"),
            *(
                f"{address}.{name}"
                for address in ("invoice_address", "shipment_address")
                for name in ("street", "city", "postal_code", "country.code", "subdivision.code")
            ),
            *(f"lines.{name}" for name in ("type", "description", "quantity", "unit_price")),
            *("lines.amount", "lines.product.code", "lines.product.rec_name", "lines.sequence"),
        ),
        (Part("lines", "sale.line", "sale"),),
    ),
}


def change(stream: str, record: hub.JsonObject) -> hub.Change:
    """A record as it is now; an archived one counts as deleted.

    Its version is the latest stamp in it: parts can be changed without their record. A record
    that was never written has no `write_date`.
    """
    table = TABLES[stream]
    version = max(_stamps(table, record))
    if table.archives and not record["active"]:
        return hub.Change(stream, str(record["id"]), None, version)
    return hub.Change(stream, str(record["id"]), _shown(table, record, version), version)


def _stamps(table: Table, record: hub.JsonObject) -> Iterator[str]:
    yield record["write_date"] or record["create_date"]
    for part in table.parts:
        for one in record[part.name]:
            yield one["write_date"] or one["create_date"]


def _shown(table: Table, record: hub.JsonObject, version: str) -> hub.JsonObject:
    shown = {key: value for key, value in record.items() if key not in HIDDEN}
    for part in table.parts:
        shown[part.name] = [
            {key: value for key, value in one.items() if key not in HIDDEN}
            for one in used(record, part.name)
        ]
    if table.archives:
        shown |= first(record)
    return shown | {"id": str(record["id"]), "changed": version}


def used(record: hub.JsonObject, name: str) -> list[hub.JsonObject]:
    """The parts that are not archived, in their order. SQLite says 0 and 1 for a truth value."""
    return [one for one in record[name] if one.get("active", True)]


def first(party: hub.JsonObject) -> hub.JsonObject:
    """What a party has several of, and a mapping wants one of: the first, as Tryton itself does."""
    said: dict[str, Any] = {"hub_id": our_id(party), "address": None}
    for kind in MECHANISMS:
        mechanism = mechanism_of(party, kind)
        said[kind] = mechanism["value"] if mechanism else None
    for address in used(party, "addresses")[:1]:
        said["address"] = {name: address[name] for name in ADDRESS} | {
            name: (address[name] or {}).get("code") for name in CODES
        }
    return said


def mechanism_of(party: hub.JsonObject, kind: str) -> hub.JsonObject | None:
    """The first way to reach a party by e-mail, phone, ..."""
    return next((one for one in used(party, "contact_mechanisms") if one["type"] == kind), None)


def our_id(party: hub.JsonObject) -> str | None:
    """Our sys_id, if one of the identifiers holds it."""
    codes = [str(one["code"] or "") for one in party["identifiers"]]
    return next((code.removeprefix(OURS) for code in codes if code.startswith(OURS)), None)
