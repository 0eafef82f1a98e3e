"""What the shop's database holds: records in the REST shape, as Shopify's webhooks show them.

Orders hold their refunds and returns. Every time is UTC with a Z. The search index is a second,
slower view: it shows a record only `index_lag` after its last change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from hub.testing import BadCommand

JsonObject = dict[str, Any]
TYPES = {"customers": "Customer", "orders": "Order", "refunds": "Refund", "returns": "Return"}
FIRST_ID = 6_000_000_001


@dataclass(frozen=True, slots=True)
class Event:
    """Something that subscribers are told of: `orders/updated`, and the payload of that moment."""

    topic: str
    payload: JsonObject


class Shop:
    """The records of one shop, and what happened since `events` was last emptied."""

    def __init__(self, domain: str, now: Callable[[], datetime]) -> None:
        self.domain = domain
        self.now = now
        self.customers: dict[int, JsonObject] = {}
        self.orders: dict[int, JsonObject] = {}
        self.index_lag = timedelta(0)
        self.events: list[Event] = []
        self._indexed: dict[str, datetime] = {}
        self._ids = count(FIRST_ID)

    def new_id(self) -> int:
        return next(self._ids)

    # -- reading -----------------------------------------------------------------------------

    def of(self, stream: str) -> Iterator[JsonObject]:
        match stream:
            case "customers":
                yield from self.customers.values()
            case "orders":
                yield from self.orders.values()
            case "refunds" | "returns":
                for order in self.orders.values():
                    yield from order[stream]
            case _:
                raise BadCommand(f"no stream {stream!r}: there are {', '.join(TYPES)}")

    def find(self, stream: str, id: int) -> JsonObject | None:
        match stream:
            case "customers":
                return self.customers.get(id)
            case "orders":
                return self.orders.get(id)
            case _:
                return next((record for record in self.of(stream) if record["id"] == id), None)

    def searchable(self, stream: str) -> list[JsonObject]:
        """What the search index knows by now."""
        now = self.now()
        late = {gid for gid, at in self._indexed.items() if at + self.index_lag > now}
        return [r for r in self.of(stream) if gid(TYPES[stream], r["id"]) not in late]

    def order_of(self, record: JsonObject) -> JsonObject:
        """The order of a refund or return."""
        return self.orders[record["order_id"]]

    # -- changing ----------------------------------------------------------------------------

    def save(self, stream: str, record: JsonObject, *, at: str = "", topic: str = "") -> None:
        """Store a customer or order as changed now, and tell of it; `at` is its own clock."""
        record["updated_at"] = at or instant(self.now())
        getattr(self, stream)[record["id"]] = record
        self._indexed[gid(TYPES[stream], record["id"])] = self.now()
        if topic:
            self.events.append(Event(topic, self.payload(stream, record)))

    def save_under(self, stream: str, record: JsonObject, *, at: str = "", topic: str) -> None:
        """Store a refund or return, which changes its order as well."""
        order = self.order_of(record)
        if all(record is not known for known in order[stream]):
            order[stream].append(record)
        if stream == "refunds":
            order["financial_status"] = _refunded(order)
        self.events.append(Event(topic, self.payload(stream, record)))
        self.save("orders", order, at=at, topic="orders/updated")

    def delete(self, stream: str, id: int) -> None:
        """Remove a customer or order; the orders of a customer stay, without one."""
        if stream not in {"customers", "orders"}:
            raise BadCommand(f"Shopify cannot delete {stream}")
        getattr(self, stream).pop(id)
        self._indexed.pop(gid(TYPES[stream], id), None)
        if stream == "customers":
            for order in self.orders.values():
                if order["customer"] == {"id": id}:
                    order["customer"] = None
        self.events.append(Event(f"{stream}/delete", self.tombstone(stream, id)))

    # -- what webhooks carry -----------------------------------------------------------------

    def payload(self, stream: str, record: JsonObject) -> JsonObject:
        """A copy of the record as a webhook of this moment carries it."""
        shown = {**record, "admin_graphql_api_id": gid(TYPES[stream], record["id"])}
        if stream == "orders":
            customer = self.customers.get((record["customer"] or {}).get("id", 0))
            shown["customer"] = customer and self.payload("customers", customer)
            shown["refunds"] = [self.payload("refunds", refund) for refund in record["refunds"]]
            del shown["returns"]
        if stream == "returns":
            order = self.order_of(record)
            shown["order"] = {"id": order["id"], "admin_graphql_api_id": gid("Order", order["id"])}
        return shown

    def tombstone(self, stream: str, id: int) -> JsonObject:
        """All that is left to say of a deleted record."""
        if stream == "orders":
            return {"id": id}
        return {"id": id, "phone": None, "admin_graphql_api_id": gid(TYPES[stream], id)}


def gid(type: str, id: int) -> str:
    return f"gid://shopify/{type}/{id}"


def number(type: str, given: object) -> int:
    """The numeric id behind a global id, or a numeric id itself."""
    text = str(given).removeprefix(f"gid://shopify/{type}/")
    if not text.isdigit():
        raise BadCommand(f"{given!r} is not the id of a {type}")
    return int(text)


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(text: str) -> str:
    """Any ISO time with an offset, as Shopify's GraphQL shows it."""
    return instant(datetime.fromisoformat(text))


def refunded(refund: JsonObject) -> Decimal:
    """The money that a refund gave back."""
    done = [t for t in refund["transactions"] if t["kind"] == "refund" and t["status"] == "success"]
    return sum((Decimal(t["amount"]) for t in done), Decimal(0))


def _refunded(order: JsonObject) -> str:
    back = sum((refunded(refund) for refund in order["refunds"]), Decimal(0))
    if not back:
        return str(order["financial_status"])
    return "refunded" if back >= Decimal(order["total_price"]) else "partially_refunded"
