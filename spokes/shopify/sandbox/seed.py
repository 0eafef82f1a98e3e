"""What a shop holds to begin with: invented customers and orders, or a folder of REST records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import orjson

from spokes.shopify.sandbox import acts
from spokes.shopify.sandbox.shop import JsonObject, Shop, instant, utc

CUSTOMERS, ORDERS, DAYS = 500, 900, 60
FIRST_NAMES = [
    "Alma",
    "Bruno",
    "Carla",
    "Dario",
    "Edda",
    "Falk",
    "Greta",
    "Hanno",
    "Ilka",
    "Jonas",
    "Kira",
    "Lars",
    "Mila",
    "Nils",
    "Olga",
    "Piet",
    "Rosa",
    "Sami",
    "Tilda",
    "Uwe",
    "Vera",
    "Wanda",
    "Yann",
    "Zita",
]
LAST_NAMES = [
    "Abend",
    "Birkholm",
    "Calvani",
    "Dorfner",
    "Eschbach",
    "Fennek",
    "Grünwald",
    "Halmstad",
    "Iversen",
    "Jansky",
    "Kornfeld",
    "Lindqvist",
    "Moorbach",
    "Nachtigall",
    "Ostermann",
    "Pfefferkorn",
    "Quandel",
    "Rosenhof",
    "Steinbrück",
    "Talheim",
    "Uhlberg",
    "Veldkamp",
    "Winterfeld",
    "Zirngibl",
]
CITIES = (
    ("Lindau", "88131", "Germany", "DE"),
    ("Graz", "8010", "Austria", "AT"),
    ("Utrecht", "3511 AB", "Netherlands", "NL"),
    ("Nantes", "44000", "France", "FR"),
    ("Verona", "37121", "Italy", "IT"),
    ("Tampere", "33100", "Finland", "FI"),
)
STREETS = ("Ahornweg", "Brunnengasse", "Am Markt", "Rue du Port", "Via Nuova", "Kauppakatu")
GOODS = (
    ("GRO-1001", "Espresso beans, 1 kg", "14.90"),
    ("GRO-1002", "Olive oil, 750 ml", "11.50"),
    ("GRO-1003", "Rye crispbread", "2.79"),
    ("GRO-1004", "Mountain honey, 500 g", "8.40"),
    ("GRO-1005", "Basmati rice, 5 kg", "16.95"),
    ("GRO-1006", "Oat drink, 6 x 1 l", "10.74"),
    ("ELE-2001", "Kettle, 1.7 l", "39.90"),
    ("ELE-2002", "Hand blender", "59.00"),
    ("ELE-2003", "LED bulb E27, 4 pieces", "12.99"),
    ("ELE-2004", "Wireless earbuds", "89.00"),
    ("ELE-2005", "USB-C charger, 65 W", "44.50"),
    ("ELE-2006", "Robot vacuum", "349.00"),
)
MISHAPS = ("arrived broken", "wrong item", "does not switch on", "best before date has passed")


# -- invented ----------------------------------------------------------------------------------


def invent(shop: Shop, customers: int = CUSTOMERS, orders: int = ORDERS) -> None:
    """Fill the shop with the same customers and orders every time, dated before its now."""
    chance = Random(7)
    for n in range(customers):
        customer = _customer(shop, chance, n)
        shop.customers[customer["id"]] = customer
    ages = sorted((chance.uniform(0.1, DAYS) for _ in range(orders)), reverse=True)
    for age in ages:
        _order(shop, chance, age)
    shop.events.clear()


def _customer(shop: Shop, chance: Random, n: int) -> JsonObject:
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    at = instant(shop.now() - timedelta(days=chance.uniform(DAYS, 3 * DAYS)))
    city, zipped, country, code = chance.choice(CITIES)
    address = {
        "name": f"{first} {last}",
        "address1": f"{chance.choice(STREETS)} {chance.randint(1, 99)}",
        "address2": None,
        "city": city,
        "zip": zipped,
        "country": country,
        "country_code": code,
    }
    data = {
        "first_name": first if chance.random() > 0.03 else None,
        "last_name": last,
        "email": f"{_ascii(first)}.{_ascii(last)}.{n}@example.com" if n % 12 else None,
        "phone": f"+49800{5550000 + n}" if n % 3 == 0 else None,
        "verified_email": bool(n % 12) and chance.random() > 0.15,
        "state": "enabled" if chance.random() < 0.4 else "disabled",
        "tags": "regular" if chance.random() < 0.2 else "",
        "default_address": address if chance.random() > 0.1 else None,
    }
    return acts.fill("customers", data, id=shop.new_id(), at=at)


def _order(shop: Shop, chance: Random, age: float) -> None:
    made = shop.now() - timedelta(days=age)
    buyer = None if chance.random() < 0.05 else chance.choice(list(shop.customers.values()))
    address = buyer and buyer["default_address"]
    goods = chance.sample(GOODS, chance.choice((1, 1, 2, 2, 3, 4)))
    data = {
        "customer": buyer and {"id": buyer["id"]},
        "email": buyer["email"] if buyer else "guest@example.com",
        "billing_address": address,
        "shipping_address": address,
        "fulfillment_status": "fulfilled" if age > 3 else chance.choice((None, "partial")),
        "note": "Please ring twice" if chance.random() < 0.05 else None,
        "line_items": [
            {"sku": sku, "title": title, "price": price, "quantity": chance.randint(1, 3)}
            for sku, title, price in goods
        ],
    }
    order = acts.fill("orders", data, id=shop.new_id(), at=instant(made))
    acts.complete_order(shop, order)
    shop.orders[order["id"]] = order
    _fate(shop, chance, order, age)


def _fate(shop: Shop, chance: Random, order: JsonObject, age: float) -> None:
    """Some orders are cancelled, refunded or sent back, some time after they were made."""
    made = shop.now() - timedelta(days=age)
    at = instant(made + timedelta(days=age * chance.uniform(0.1, 0.9)))
    luck = chance.random()
    if luck < 0.04:
        order |= {"cancelled_at": at, "closed_at": at, "cancel_reason": "customer"}
        order |= {"financial_status": "voided", "fulfillment_status": None, "updated_at": at}
    elif luck < 0.10:
        item = order["line_items"][0]
        lines = None if luck < 0.06 else [{"sku": item["sku"], "quantity": 1}]
        given = {"order": order["id"], "lines": lines, "note": chance.choice(MISHAPS), "at": at}
        acts.refund(shop, given)
    elif luck < 0.12:
        acts.ask_return(shop, {"order": order["id"], "reason": "defective", "at": at})


def _ascii(name: str) -> str:
    return name.lower().replace("ü", "ue")


# -- a folder of records -----------------------------------------------------------------------


def load(shop: Shop, folder: Path) -> None:
    """Fill the shop with the REST records of a folder: `order.json`, `customers_search.json` ...

    Every file counts whose one key is order(s), customer(s) or refund. A record that appears more
    than once is put together: its newest copy wins field by field, of equally old ones the copy
    with more fields; what only another copy has is kept. An order's customer is a copy as well;
    what has no id (`refund_calculate.json`) was never stored.
    Raises ValueError when there is nothing.
    """
    copies: dict[str, dict[int, list[JsonObject]]] = {"customers": {}, "orders": {}, "refunds": {}}
    for stream, record in _records(folder):
        copies[stream].setdefault(record["id"], []).append(record)
        if customer := record.get("customer"):
            copies["customers"].setdefault(customer["id"], []).append(customer)
    if not any(copies.values()):
        raise ValueError(f"{folder}: no orders, customers or refunds of Shopify in there")
    for id, known in copies["customers"].items():
        shop.customers[id] = acts.fill("customers", _merged(known), id=id, at="")
    for id, known in copies["orders"].items():
        shop.orders[id] = _recorded_order(_merged(known))
    for known in copies["refunds"].values():
        refund = _recorded_refund(_merged(known))
        if refund["order_id"] in shop.orders:
            shop.order_of(refund)["refunds"].append(refund)


def _records(folder: Path) -> Iterator[tuple[str, JsonObject]]:
    for path in sorted(folder.glob("*.json")):
        held = orjson.loads(path.read_bytes())
        for stream in ("customers", "orders", "refunds"):
            if isinstance(held, dict) and set(held) & {stream, stream[:-1]}:
                records = held.get(stream) or [held[stream[:-1]]]
                yield from ((stream, record) for record in records if "id" in record)


def _merged(copies: list[JsonObject]) -> JsonObject:
    merged: JsonObject = {}
    for copy in sorted(copies, key=lambda c: (utc(c.get("updated_at") or c["created_at"]), len(c))):
        merged |= copy
    return merged


def _recorded_order(order: JsonObject) -> JsonObject:
    customer = order.get("customer")
    order |= {"customer": customer and {"id": customer["id"]}, "refunds": [], "returns": []}
    return acts.fill("orders", order, id=order["id"], at=order["created_at"])


def _recorded_refund(refund: JsonObject) -> JsonObject:
    """Older API versions say whether all was restocked, newer ones how each line was."""
    kind = "legacy_restock" if refund.get("restock") else "no_restock"
    for line in refund["refund_line_items"]:
        line.setdefault("restock_type", kind)
    at = utc(refund["created_at"])
    moved = sum((Decimal(t["amount"]) for t in refund["transactions"]), Decimal(0))
    assert moved >= 0, f"refund {refund['id']} gives back {moved}"
    return {"return_id": None, **refund, "created_at": at, "updated_at": at}
