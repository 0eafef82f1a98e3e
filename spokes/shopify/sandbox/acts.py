"""What merchants and customers do in the shop: the commands of `mutate`, as they change records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hub.testing import BadCommand
from spokes.shopify.sandbox.shop import TYPES, JsonObject, Shop, gid, instant, number, utc

TIMES = ("created_at", "updated_at", "processed_at", "cancelled_at", "closed_at")
NEW: Mapping[str, JsonObject] = {
    "customers": {
        "first_name": None,
        "last_name": None,
        "email": None,
        "phone": None,
        "verified_email": False,
        "state": "disabled",
        "note": None,
        "tags": "",
        "default_address": None,
        "created_at": "",
        "updated_at": "",
    },
    "orders": {
        "name": "",
        "email": None,
        "phone": None,
        "note": None,
        "tags": "",
        "customer": None,
        "currency": "EUR",
        "financial_status": "paid",
        "fulfillment_status": None,
        "source_name": "web",
        "created_at": "",
        "processed_at": "",
        "updated_at": "",
        "cancelled_at": None,
        "cancel_reason": None,
        "closed_at": None,
        "total_price": "",
        "billing_address": None,
        "shipping_address": None,
        "line_items": [],
        "refunds": [],
        "returns": [],
    },
}
LINE: JsonObject = {"sku": None, "title": "", "variant_title": None, "quantity": 1, "price": "0.00"}
UNDER = {
    "refunds": ("order", "lines", "note", "amount", "restock", "return_id"),
    "returns": ("order", "lines", "note", "reason", "status"),
}
STATUS_TOPICS = {
    "open": "approve",
    "declined": "decline",
    "canceled": "cancel",
    "closed": "close",
}


def create(shop: Shop, command: JsonObject) -> str:
    """Add a record of any stream; → its global id.

    The data of a refund or return is what their own commands take, its "order" an id, or the data
    of an order to be made for it.
    """
    stream, data = _stream(command), dict(command.get("data") or {})
    made = number(TYPES[stream], command["id"]) if "id" in command else shop.new_id()
    at = utc(command["at"]) if "at" in command else instant(shop.now())
    if stream in {"refunds", "returns"}:
        return _create_under(shop, stream, data, id=made, at=at)
    record = fill(stream, _known(data, NEW[stream]), id=made, at=at)
    if stream == "orders":
        complete_order(shop, record)
    shop.save(stream, record, at=at, topic=f"{stream}/create")
    return gid(TYPES[stream], made)


def _create_under(shop: Shop, stream: str, data: JsonObject, *, id: int, at: str) -> str:
    if isinstance(order := data.get("order"), dict):
        data["order"] = create(shop, {"stream": "orders", "data": order, "at": at})
    act = refund if stream == "refunds" else ask_return
    return act(shop, {**_known(data, dict.fromkeys(UNDER[stream])), "id": id, "at": at})


def update(shop: Shop, command: JsonObject) -> str:
    """Change fields of a record; → its global id."""
    stream, record = _stream(command), find(shop, _stream(command), command.get("id"))
    before = dict(record)
    record.update(_known(dict(command.get("data") or {}), record))
    _in_utc(record)
    at = utc(command["at"]) if "at" in command else ""
    if stream == "refunds":
        shop.save_under(stream, record, at=at, topic="refunds/create")
    elif stream == "returns":
        moved = STATUS_TOPICS.get(record["status"]) if record["status"] != before["status"] else ""
        shop.save_under(stream, record, at=at, topic=f"returns/{moved or 'update'}")
    else:
        shop.save(stream, record, at=at, topic="customers/update")
        if stream == "orders":
            shop.events.pop()
            for topic in _order_topics(before, record):
                shop.save(stream, record, at=at, topic=topic)
    return gid(TYPES[stream], record["id"])


def delete(shop: Shop, command: JsonObject) -> str:
    stream = _stream(command)
    gone = find(shop, stream, command.get("id"))["id"]
    shop.delete(stream, gone)
    return gid(TYPES[stream], gone)


def listed(shop: Shop, command: JsonObject) -> list[str]:
    stream = _stream(command)
    return [gid(TYPES[stream], record["id"]) for record in shop.of(stream)]


def refund(shop: Shop, command: JsonObject) -> str:
    """Give money back for lines of an order, or for all of it; → the refund's global id.

    {"do": "refund", "order": I, "lines": [{"sku" | "line_item_id", "quantity"}], "note": "...",
     "amount": "..."}
    """
    order = find(shop, "orders", command.get("order"))
    made, at = command.get("id") or shop.new_id(), command.get("at") or instant(shop.now())
    lines = [
        {
            "id": shop.new_id(),
            "line_item_id": item["id"],
            "line_item": item,
            "quantity": quantity,
            "restock_type": "return" if command.get("restock") else "no_restock",
        }
        for item, quantity in _chosen(order, command.get("lines"))
    ]
    worth = sum((Decimal(x["line_item"]["price"]) * x["quantity"] for x in lines), Decimal(0))
    amount = command.get("amount", str(worth))
    record = {
        "id": made,
        "order_id": order["id"],
        "created_at": at,
        "updated_at": at,
        "processed_at": at,
        "note": command.get("note", ""),
        "user_id": None,
        "return_id": command.get("return_id"),
        "refund_line_items": lines,
        "transactions": [transaction(shop.new_id(), amount)] if Decimal(amount) else [],
        "order_adjustments": [],
    }
    shop.save_under("refunds", record, at=command.get("at", ""), topic="refunds/create")
    return gid("Refund", made)


def ask_return(shop: Shop, command: JsonObject) -> str:
    """A customer wants to send lines back; → the return's global id.

    {"do": "return", "order": I, "lines": [...], "reason": "defective", "note": "..."}
    """
    order = find(shop, "orders", command.get("order"))
    made, at = command.get("id") or shop.new_id(), command.get("at") or instant(shop.now())
    record = {
        "id": made,
        "order_id": order["id"],
        "name": f"{order['name']}-R{len(order['returns']) + 1}",
        "status": command.get("status", "requested"),
        "created_at": at,
        "closed_at": None,
        "decline": None,
        "return_line_items": [
            {
                "id": shop.new_id(),
                "quantity": quantity,
                "reason": command.get("reason", "unknown"),
                "reason_note": command.get("note", ""),
                "customer_note": command.get("note"),
                "line_item": item,
            }
            for item, quantity in _chosen(order, command.get("lines"))
        ],
    }
    shop.save_under("returns", record, at=command.get("at", ""), topic="returns/request")
    return gid("Return", made)


def cancel(shop: Shop, command: JsonObject) -> str:
    """{"do": "cancel", "order": I, "reason": "customer"}; → the order's global id."""
    now = instant(shop.now())
    data = {"cancelled_at": now, "closed_at": now, "cancel_reason": command.get("reason", "other")}
    return update(shop, {"stream": "orders", "id": command.get("order"), "data": data})


ACTS: Mapping[str, Callable[[Shop, JsonObject], Any]] = {
    "create": create,
    "update": update,
    "delete": delete,
    "list": listed,
    "refund": refund,
    "return": ask_return,
    "cancel": cancel,
}


# -- records -----------------------------------------------------------------------------------


def fill(stream: str, data: JsonObject, *, id: int, at: str) -> JsonObject:
    """A customer or order with all of its fields, its times in UTC."""
    record = {"id": id, **NEW[stream], **data}
    for name in ("created_at", "updated_at", "processed_at"):
        if name in record and not record[name]:
            record[name] = at
    for name in ("line_items", "refunds", "returns"):
        if name in record:
            record[name] = list(record[name])
    _in_utc(record)
    return record


def complete_order(shop: Shop, order: JsonObject) -> None:
    """Give an order its name, the ids of its lines, and its total, where they are missing."""
    order["name"] = order["name"] or f"#{1001 + len(shop.orders)}"
    order["line_items"] = [
        {"id": shop.new_id(), **LINE, **_known(line, {**LINE, "id": 0})}
        for line in order["line_items"]
    ]
    if order["customer"]:
        order["customer"] = {"id": find(shop, "customers", order["customer"].get("id"))["id"]}
    if not order["total_price"]:
        worth = sum(
            (Decimal(str(x["price"])) * x["quantity"] for x in order["line_items"]), Decimal(0)
        )
        order["total_price"] = f"{worth:.2f}"


def transaction(id: int, amount: str) -> JsonObject:
    return {
        "id": id,
        "kind": "refund",
        "status": "success",
        "gateway": "bogus",
        "amount": amount,
    }


def find(shop: Shop, stream: str, id: object) -> JsonObject:
    """A record by its global or numeric id; raises `BadCommand` when there is none."""
    record = shop.find(stream, number(TYPES[stream], id))
    if record is None:
        raise BadCommand(f"no {id} among the {stream}")
    return record


def _stream(command: JsonObject) -> str:
    stream = str(command.get("stream"))
    if stream not in TYPES:
        raise BadCommand(f"no stream {stream!r}: there are {', '.join(TYPES)}")
    return stream


def _known(data: JsonObject, fields: JsonObject) -> JsonObject:
    if unknown := sorted(set(data) - set(fields)):
        raise BadCommand(f"no field {', '.join(unknown)}: there are {', '.join(sorted(fields))}")
    return data


def _in_utc(record: JsonObject) -> None:
    for name in TIMES:
        if record.get(name):
            record[name] = utc(record[name])


def _order_topics(before: JsonObject, after: JsonObject) -> list[str]:
    """One action may raise several topics."""
    topics = ["orders/updated"]
    if after["cancelled_at"] and not before["cancelled_at"]:
        topics.insert(0, "orders/cancelled")
    if after["fulfillment_status"] == "fulfilled" != before["fulfillment_status"]:
        topics.insert(0, "orders/fulfilled")
    return topics


def _chosen(order: JsonObject, lines: list[JsonObject] | None) -> list[tuple[JsonObject, int]]:
    """The order's lines that are named by sku or id, with a quantity; all of them for None."""
    if lines is None:
        return [(item, item["quantity"]) for item in order["line_items"]]
    chosen = []
    for line in lines:
        item = next(
            (
                x
                for x in order["line_items"]
                if x["id"] == line.get("line_item_id") or x["sku"] == line.get("sku", x)
            ),
            None,
        )
        if item is None:
            raise BadCommand(f"order {order['name']} has no line {line!r}")
        chosen.append((item, int(line.get("quantity", item["quantity"]))))
    return chosen
