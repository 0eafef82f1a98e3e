"""What we ask Shopify, as GraphQL, and how many cost points each record may take.

Points by Shopify's published rule: a scalar is free, an object costs one, a connection its `first`
times what a node costs. One query may cost 1,000 (https://shopify.dev/docs/api/usage/rate-limits).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_COST = 1000
MAX_FIRST = 250
NESTED = 10
"""How many lines of an order, refund or return come with it; further ones are asked for."""
LATEST = 5
"""How many orders of a customer come along: what they are known by."""

_INFO = "pageInfo { hasNextPage endCursor }"
_MONEY = "{ shopMoney { amount currencyCode } }"
_ADDRESS = (
    "{ name company address1 address2 city province provinceCode zip country countryCodeV2 phone }"
)
_LINE = f"{{ id sku title variantTitle quantity currentQuantity originalUnitPriceSet {_MONEY} discountedTotalSet {_MONEY} }}"
_REFUND_LINE = (
    f"{{ id quantity restockType restocked subtotalSet {_MONEY} lineItem {{ id sku title }} }}"
)
_TRANSACTION = f"{{ id kind status gateway amountSet {_MONEY} }}"
_RETURN_LINE = "{ id quantity returnReason returnReasonNote customerNote ... on ReturnLineItem { fulfillmentLineItem { lineItem { id sku title } } } }"
_THEIR_ORDER = "order { id name updatedAt customer { id } }"


@dataclass(frozen=True, slots=True)
class Listing:
    """A query of one connection, which takes `$first` and `$after`; `at` is where it answers."""

    text: str
    at: tuple[str, ...]
    weight: int


@dataclass(frozen=True, slots=True)
class Kind:
    """How the records of one stream are read.

    `listing` searches by `$query`. Where `under` is named, it lists orders, and the records are
    only ids in that field of an order: their fields come from `by_ids`, and `whole` lists the ids
    under a single order that has more than came with it. `nested` completes connections inside.
    `counts` asks how many a `$query` finds, where they can be counted.
    """

    type: str
    listing: Listing
    by_ids: str
    weight: int
    nested: Mapping[str, Listing] = field(default_factory=dict[str, Listing])
    counts: str = ""
    under: str = ""
    whole: str = ""


def _search(root: str, fields: str, weight: int) -> Listing:
    text = f"""query($first: Int!, $after: String, $query: String!) {{
      {root}(first: $first, after: $after, sortKey: UPDATED_AT, query: $query) {{ nodes {{ {fields} }} {_INFO} }}
    }}"""
    return Listing(text, (root,), weight)


def _counts(root: str) -> str:
    """Without a limit: theirs would be 10,000."""
    return f"query($query: String) {{ {root}(limit: null, query: $query) {{ count precision }} }}"


def _by_ids(type: str, fields: str) -> str:
    return f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {type} {{ {fields} }} }} }}"


def _rest(type: str, name: str, node: str, weight: int) -> Listing:
    text = f"""query($id: ID!, $first: Int!, $after: String) {{
      node(id: $id) {{ ... on {type} {{ {name}(first: $first, after: $after) {{ nodes {node} {_INFO} }} }} }}
    }}"""
    return Listing(text, ("node", name), weight)


def _first(name: str, node: str) -> str:
    return f"{name}(first: {NESTED}) {{ nodes {node} {_INFO} }}"


def _whole(name: str, ids: str) -> str:
    return f"query($id: ID!) {{ order(id: $id) {{ {name}(first: {MAX_FIRST}) {ids} }} }}"


_CUSTOMER = f"""id createdAt updatedAt firstName lastName displayName state verifiedEmail note tags locale
  defaultEmailAddress {{ emailAddress }} defaultPhoneNumber {{ phoneNumber }} defaultAddress {_ADDRESS}
  orders(first: {LATEST}, reverse: true) {{ nodes {{ name }} }}"""

_ORDER = f"""id name createdAt updatedAt processedAt cancelledAt cancelReason closedAt currencyCode
  displayFinancialStatus displayFulfillmentStatus sourceName email phone note tags customer {{ id }}
  totalPriceSet {_MONEY} billingAddress {_ADDRESS} shippingAddress {_ADDRESS} {_first("lineItems", _LINE)}"""

_REFUND = f"""id createdAt updatedAt note totalRefundedSet {_MONEY} {_THEIR_ORDER} return {{ id name status }}
  {_first("refundLineItems", _REFUND_LINE)} {_first("transactions", _TRANSACTION)}"""

_RETURN = f"""id name status createdAt closedAt {_THEIR_ORDER} decline {{ reason note }}
  {_first("returnLineItems", _RETURN_LINE)}"""

KINDS: Mapping[str, Kind] = {
    "customers": Kind(
        type="Customer",
        listing=_search("customers", _CUSTOMER, weight=4 + LATEST),
        by_ids=_by_ids("Customer", _CUSTOMER),
        weight=4 + LATEST,
        counts=_counts("customersCount"),
    ),
    "orders": Kind(
        type="Order",
        listing=_search("orders", _ORDER, weight=6 + 5 * NESTED),
        by_ids=_by_ids("Order", _ORDER),
        weight=6 + 5 * NESTED,
        counts=_counts("ordersCount"),
        nested={"lineItems": _rest("Order", "lineItems", _LINE, weight=5)},
    ),
    "refunds": Kind(
        type="Refund",
        listing=_search(
            "orders", f"id updatedAt refunds(first: {NESTED}) {{ id }}", weight=1 + NESTED
        ),
        by_ids=_by_ids("Refund", _REFUND),
        weight=6 + 7 * NESTED,
        nested={
            "refundLineItems": _rest("Refund", "refundLineItems", _REFUND_LINE, weight=4),
            "transactions": _rest("Refund", "transactions", _TRANSACTION, weight=3),
        },
        under="refunds",
        whole=_whole("refunds", "{ id }"),
    ),
    "returns": Kind(
        type="Return",
        listing=_search(
            "orders",
            f"id updatedAt returns(first: {NESTED}) {{ nodes {{ id }} }}",
            weight=1 + NESTED,
        ),
        by_ids=_by_ids("Return", _RETURN),
        weight=4 + 3 * NESTED,
        nested={"returnLineItems": _rest("Return", "returnLineItems", _RETURN_LINE, weight=3)},
        under="returns",
        whole=_whole("returns", "{ nodes { id } }"),
    ),
}
