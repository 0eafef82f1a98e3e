"""The models of a small Tryton: fields as 7.0 has them, and what belongs to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ADDRESS = "party.address"
PARTY = "party.party"
SALE = "sale.sale"
STREAMS = {"parties": PARTY, "sales": SALE}


@dataclass(frozen=True, slots=True)
class Model:
    """A model's own columns with what they hold if nobody says, references, and lists of parts.

    `title` is how messages call it. `archives`: it has `active`, and a search leaves out what is
    not.
    """

    title: str
    columns: Mapping[str, Any]
    refers: Mapping[str, str] = field(default_factory=dict[str, str])
    parts: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def archives(self) -> bool:
        return "active" in self.columns


MODELS: Mapping[str, Model] = {
    PARTY: Model(
        "Party",
        {"name": None, "code": None, "active": True},
        {"lang": "ir.lang", "replaced_by": PARTY},
        {
            "identifiers": ("party.identifier", "party"),
            "contact_mechanisms": ("party.contact_mechanism", "party"),
            "addresses": (ADDRESS, "party"),
        },
    ),
    "party.identifier": Model("Party Identifier", {"type": None, "code": None}, {"party": PARTY}),
    "party.contact_mechanism": Model(
        "Contact Mechanism",
        {"type": "phone", "value": None, "name": None, "comment": None, "active": True},
        {"party": PARTY},
        choices={
            "type": (
                *("phone", "mobile", "fax", "email", "website"),
                *("skype", "sip", "irc", "jabber", "other"),
            )
        },
    ),
    ADDRESS: Model(
        "Address",
        {"street": None, "city": None, "postal_code": None, "name": None, "active": True},
        {"party": PARTY, "country": "country.country", "subdivision": "country.subdivision"},
    ),
    SALE: Model(
        "Sale",
        {
            **dict.fromkeys(("number", "reference", "description", "comment", "sale_date")),
            **dict.fromkeys(("untaxed_amount", "tax_amount", "total_amount")),
            "state": "draft",
            "invoice_state": "none",
            "shipment_state": "none",
        },
        {
            "party": PARTY,
            "currency": "currency.currency",
            "invoice_address": ADDRESS,
            "shipment_address": ADDRESS,
        },
        {"lines": ("sale.line", "sale")},
        {"state": ("draft", "quotation", "confirmed", "processing", "done", "cancelled")},
    ),
    "sale.line": Model(
        "Sale Line",
        {
            "type": "line",
            **dict.fromkeys(("description", "quantity", "unit_price", "amount", "sequence")),
        },
        {"sale": SALE, "product": "product.product"},
        choices={"type": ("line", "subtotal", "title", "comment")},
    ),
    "product.product": Model("Product", {"code": None, "name": None, "rec_name": None}),
    "currency.currency": Model("Currency", {"name": None, "code": None}),
    "country.country": Model("Country", {"name": None, "code": None}),
    "country.subdivision": Model("Subdivision", {"name": None, "code": None}),
    "ir.lang": Model("Language", {"name": None, "code": None}),
}

SEED: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "ir.lang": ({"name": "English", "code": "en"}, {"name": "German", "code": "de"}),
    "currency.currency": ({"name": "Euro", "code": "EUR"},),
    "country.country": ({"name": "Germany", "code": "DE"}, {"name": "Austria", "code": "AT"}),
    "country.subdivision": ({"name": "Bayern", "code": "DE-BY"},),
    "product.product": ({"code": "TILL-1", "name": "Till", "rec_name": "[TILL-1] Till"},),
}
