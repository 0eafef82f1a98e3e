"""The shop's records as GraphQL shows them: dicts for graphql-core's default resolver.

Connections are functions of (info, arguments), so that they are only built when asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from spokes.shopify.sandbox.search import page
from spokes.shopify.sandbox.shop import JsonObject, Shop, gid, refunded

FULFILMENT = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED"}
ADDRESS = {
    "name": "name",
    "company": "company",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "province": "province",
    "provinceCode": "province_code",
    "zip": "zip",
    "country": "country",
    "countryCodeV2": "country_code",
    "phone": "phone",
}


def view(shop: Shop, stream: str, record: JsonObject) -> JsonObject:
    """One record of any stream."""
    return _VIEWS[stream](shop, record)


def _customer(shop: Shop, record: JsonObject) -> JsonObject:
    names = [name for name in (record["first_name"], record["last_name"]) if name]
    email, phone = record["email"], record["phone"]
    return {
        **_common("Customer", record),
        "firstName": record["first_name"],
        "lastName": record["last_name"],
        "displayName": " ".join(names) or email or phone or "",
        "state": record["state"].upper(),
        "verifiedEmail": record["verified_email"],
        "locale": "en",
        "defaultEmailAddress": email and {"emailAddress": email},
        "defaultPhoneNumber": phone and {"phoneNumber": phone},
        "defaultAddress": _address(record["default_address"]),
        "orders": _orders_of(shop, record["id"]),
    }


def _orders_of(shop: Shop, customer: int) -> Callable[..., JsonObject]:
    """Their orders by id, oldest first unless they are asked for in reverse."""

    def resolve(
        _info: Any, first: int | None = None, after: str | None = None, *, reverse: bool = False
    ) -> JsonObject:
        theirs = [o for o in shop.orders.values() if (o["customer"] or {}).get("id") == customer]
        theirs.sort(key=lambda order: int(order["id"]), reverse=reverse)
        return page(theirs, lambda order: _order(shop, order), first=first, after=after)

    return resolve


def _order(shop: Shop, record: JsonObject) -> JsonObject:
    customer = shop.customers.get((record["customer"] or {}).get("id", 0))
    reason, financial = record["cancel_reason"], record["financial_status"]
    fulfilment = record["fulfillment_status"]
    return {
        **_common("Order", record),
        "name": record["name"],
        "processedAt": record["processed_at"],
        "cancelledAt": record["cancelled_at"],
        "cancelReason": reason and reason.upper(),
        "closedAt": record["closed_at"],
        "currencyCode": record["currency"],
        "displayFinancialStatus": financial and financial.upper(),
        "displayFulfillmentStatus": FULFILMENT.get(fulfilment) or fulfilment.upper(),
        "sourceName": record["source_name"],
        "email": record["email"],
        "phone": record["phone"],
        "customer": customer and _customer(shop, customer),
        "totalPriceSet": _money(record["total_price"], record["currency"]),
        "billingAddress": _address(record["billing_address"]),
        "shippingAddress": _address(record["shipping_address"]),
        "lineItems": _connection(
            record["line_items"], lambda line: _line(line, record["currency"])
        ),
        "refunds": lambda _info, first=250: [
            _refund(shop, refund) for refund in record["refunds"][:first]
        ],
        "returns": _connection(record["returns"], lambda back: _return(shop, back)),
    }


def _line(line: JsonObject, currency: str) -> JsonObject:
    return {
        "__typename": "LineItem",
        "id": gid("LineItem", line["id"]),
        "sku": line["sku"],
        "title": line["title"],
        "variantTitle": line.get("variant_title"),
        "quantity": line["quantity"],
        "currentQuantity": line.get("current_quantity", line["quantity"]),
        "originalUnitPriceSet": _money(line["price"], currency),
        "discountedTotalSet": _money(Decimal(line["price"]) * line["quantity"], currency),
    }


def _refund(shop: Shop, record: JsonObject) -> JsonObject:
    order = shop.order_of(record)
    currency = order["currency"]
    back = next((r for r in order["returns"] if r["id"] == record.get("return_id")), None)
    return {
        "__typename": "Refund",
        "id": gid("Refund", record["id"]),
        "createdAt": record["created_at"],
        "updatedAt": record["updated_at"],
        "note": record["note"],
        "totalRefundedSet": _money(refunded(record), currency),
        "order": lambda _info: _order(shop, order),
        "return": back and (lambda _info: _return(shop, back)),
        "refundLineItems": _connection(
            record["refund_line_items"], lambda line: _refund_line(line, currency)
        ),
        "transactions": _connection(
            record["transactions"], lambda paid: _transaction(paid, currency)
        ),
    }


def _refund_line(line: JsonObject, currency: str) -> JsonObject:
    item, kind = line["line_item"], line.get("restock_type", "no_restock")
    return {
        "id": gid("RefundLineItem", line["id"]),
        "quantity": line["quantity"],
        "restockType": kind.upper(),
        "restocked": kind != "no_restock",
        "subtotalSet": _money(Decimal(item["price"]) * line["quantity"], currency),
        "lineItem": _line(item, currency),
    }


def _transaction(paid: JsonObject, currency: str) -> JsonObject:
    return {
        "__typename": "OrderTransaction",
        "id": gid("OrderTransaction", paid["id"]),
        "kind": paid["kind"].upper(),
        "status": paid["status"].upper(),
        "gateway": paid["gateway"],
        "amountSet": _money(paid["amount"], currency),
    }


def _return(shop: Shop, record: JsonObject) -> JsonObject:
    order = shop.order_of(record)
    return {
        "__typename": "Return",
        "id": gid("Return", record["id"]),
        "name": record["name"],
        "status": record["status"].upper(),
        "createdAt": record["created_at"],
        "closedAt": record["closed_at"],
        "order": lambda _info: _order(shop, order),
        "decline": record["decline"],
        "returnLineItems": _connection(
            record["return_line_items"], lambda line: _return_line(line, order["currency"])
        ),
    }


def _return_line(line: JsonObject, currency: str) -> JsonObject:
    return {
        "__typename": "ReturnLineItem",
        "id": gid("ReturnLineItem", line["id"]),
        "quantity": line["quantity"],
        "returnReason": line["reason"].upper(),
        "returnReasonNote": line["reason_note"],
        "customerNote": line["customer_note"],
        "fulfillmentLineItem": {"lineItem": _line(line["line_item"], currency)},
    }


def _common(type: str, record: JsonObject) -> JsonObject:
    return {
        "__typename": type,
        "id": gid(type, record["id"]),
        "createdAt": record["created_at"],
        "updatedAt": record["updated_at"],
        "note": record["note"],
        "tags": [tag.strip() for tag in record["tags"].split(",") if tag.strip()],
    }


def _connection(
    records: list[JsonObject], show: Callable[[JsonObject], JsonObject]
) -> Callable[..., JsonObject]:
    def resolve(_info: Any, first: int | None = None, after: str | None = None) -> JsonObject:
        return page(records, show, first=first, after=after)

    return resolve


def _money(amount: object, currency: str) -> JsonObject:
    """Shopify's decimals: `12.5` has one digit, `12.0` as well."""
    value = Decimal(str(amount)).normalize()
    money = {"amount": f"{value:f}" if value % 1 else f"{value:.1f}", "currencyCode": currency}
    return {"shopMoney": money, "presentmentMoney": money}


def _address(address: JsonObject | None) -> JsonObject | None:
    return address and {name: address.get(rest) for name, rest in ADDRESS.items()}


_VIEWS: dict[str, Callable[[Shop, JsonObject], JsonObject]] = {
    "customers": _customer,
    "orders": _order,
    "refunds": _refund,
    "returns": _return,
}
