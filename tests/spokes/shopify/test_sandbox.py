"""The sandbox refuses what Shopify refuses, and holds an invented retailer or recorded records."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from hub.testing import BadCommand, serve
from spokes.shopify.sandbox import ShopifySandbox
from spokes.shopify.spoke import Shopify
from tests.spokes.shopify.doing import changes, customer, ids, order

REAL = Path(os.environ.get("HUB_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
FIXTURES = REAL / "shopify-fixtures"
PATH = "/admin/api/2026-10/graphql.json"
Connect = Callable[..., Shopify]


def ask(
    shop: ShopifySandbox, query: str, variables: dict[str, Any] | None = None, **request: Any
) -> httpx.Response:
    headers = {"X-Shopify-Access-Token": shop.settings()["access_token"]}
    headers |= request.pop("headers", {})
    content = orjson.dumps({"query": query, "variables": variables or {}})
    given = {"content": content, "headers": {"Content-Type": "application/json", **headers}}
    method, path = request.pop("method", "POST"), request.pop("path", PATH)
    return httpx.request(method, shop.url + path, **{**given, **request})


SHOP = "{ shop { name myshopifyDomain } }"


def test_a_query_is_answered_with_its_cost_and_version(shop: ShopifySandbox) -> None:
    response = ask(shop, SHOP)
    assert response.json()["data"]["shop"]["myshopifyDomain"] == "hub-demo.myshopify.com"
    cost = response.json()["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (1, 1)
    assert cost["throttleStatus"]["maximumAvailable"] == 20_000
    assert response.headers["x-shopify-api-version"] == "2026-10"
    assert response.headers["x-request-id"]


@pytest.mark.parametrize("token", ["", "shpat_other"])
def test_a_missing_or_wrong_token_is_refused(shop: ShopifySandbox, token: str) -> None:
    response = ask(shop, SHOP, headers={"X-Shopify-Access-Token": token})
    assert response.status_code == 401
    assert "Invalid API key or access token" in response.json()["errors"]


@pytest.mark.parametrize(
    ("path", "status", "served"),
    [
        ("/admin/api/2026-07/graphql.json", 200, "2026-07"),
        ("/admin/api/2019-04/graphql.json", 200, "2026-01"),
        ("/admin/api/2031-01/graphql.json", 404, None),
        ("/admin/api/latest/graphql.json", 404, None),
        ("/admin/api/2026-10/orders.json", 404, None),
        ("/admin/api/graphql.json", 404, None),
        ("/", 404, None),
    ],
)
def test_paths_and_versions_are_as_strict_as_shopifys(
    shop: ShopifySandbox, path: str, status: int, served: str | None
) -> None:
    response = ask(shop, SHOP, path=path)
    assert response.status_code == status
    assert response.headers.get("x-shopify-api-version") == served


def test_other_methods_and_bodies_are_refused(shop: ShopifySandbox) -> None:
    assert ask(shop, SHOP, method="GET").status_code == 404
    for content in (b"", b"{", b"[]", b"{}", b'{"query": 7}', b"null"):
        assert ask(shop, SHOP, content=content).status_code == 400
    assert ask(shop, SHOP, headers={"Content-Type": "text/plain"}).status_code == 400


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("{ shop {", "Syntax Error"),
        ("{ shop { colour } }", "Cannot query field 'colour'"),
        ("{ orders(first: 1) { edges { node { id } } } }", "Cannot query field 'edges'"),
        ("{ orders { nodes { id } } }", "first must be between"),
        ("{ orders(first: 251) { nodes { id } } }", "first must be between"),
        ('{ orders(first: 1, after: "x") { nodes { id } } }', "Invalid cursor"),
        ('{ orders(first: 1, query: "colour:red") { nodes { id } } }', "cannot search"),
        ('{ orders(first: 1, query: "updated_at:>soon") { nodes { id } } }', "is not a time"),
        ('{ orders(first: 1, query: "paid") { nodes { id } } }', "cannot search"),
        ('{ node(id: "gid://shopify/Product/1") { id } }', "Invalid global id"),
        ('{ node(id: "gid://shopify/Order/x") { id } }', "Invalid global id"),
    ],
)
def test_odd_queries_are_errors(shop: ShopifySandbox, query: str, why: str) -> None:
    response = ask(shop, query)
    assert response.status_code == 200
    assert why in response.json()["errors"][0]["message"]


def test_search_understands_times_ids_and_states(shop: ShopifySandbox) -> None:
    first = order(shop, at="2026-11-01T09:00:00Z")
    second = order(shop, at="2026-11-01T10:00:00Z", financial_status="pending")

    def found(query: str) -> list[str]:
        text = "query($q: String) { orders(first: 9, sortKey: ID, query: $q) { nodes { id } } }"
        answer = ask(shop, text, {"q": query}).json()
        return [node["id"] for node in answer["data"]["orders"]["nodes"]]

    assert found("") == [first, second]
    assert found("updated_at:>='2026-11-01T10:00:00Z'") == [second]
    assert (
        found("updated_at:>2026-11-01T10:00:00+01:00 AND updated_at:<'2026-11-01T10:00:00Z'") == []
    )
    assert found("created_at:<=2026-11-01T09:00:00Z") == [first]
    assert found(f"id:{second.rpartition('/')[2]}") == [second]
    assert found("financial_status:pending") == [second]


def test_orders_beyond_60_days_need_a_scope(shop: ShopifySandbox, spoke: Shopify) -> None:
    old = order(shop, at="2026-08-01T09:00:00Z")
    new = order(shop, at="2026-11-01T09:00:00Z")
    assert ids(spoke, "orders") == [old, new]
    shop.mutate({"do": "revoke", "scope": "read_all_orders"})
    assert ids(spoke, "orders") == [new]


def test_an_order_is_updated_through_the_api(shop: ShopifySandbox) -> None:
    made = order(shop)
    update = """mutation($input: OrderInput!) {
      orderUpdate(input: $input) { order { id note tags } userErrors { field message } } }"""
    given = {"id": made, "note": "called", "tags": ["vip", "late"]}
    answer = ask(shop, update, {"input": given}).json()["data"]["orderUpdate"]
    assert answer == {"order": given, "userErrors": []}
    missing = {"id": "gid://shopify/Order/1", "note": "x"}
    answer = ask(shop, update, {"input": missing}).json()["data"]["orderUpdate"]
    assert answer["order"] is None
    assert answer["userErrors"][0]["message"] == "Order does not exist"


def test_subscriptions_are_created_listed_and_deleted(shop: ShopifySandbox) -> None:
    create = """mutation($to: String!) {
      webhookSubscriptionCreate(topic: ORDERS_UPDATED, webhookSubscription: {uri: $to}) {
        webhookSubscription { id topic uri } userErrors { message } } }"""
    to = "http://127.0.0.1:1/hooks/shopify"

    def created(address: str) -> Any:
        return ask(shop, create, {"to": address}).json()["data"]["webhookSubscriptionCreate"]

    made = created(to)["webhookSubscription"]
    assert (made["topic"], made["uri"]) == ("ORDERS_UPDATED", to)
    assert "taken" in created(to)["userErrors"][0]["message"]
    assert "not allowed" in created("ftp://x")["userErrors"][0]["message"]
    listing = "{ webhookSubscriptions(first: 5) { nodes { id topic uri } } }"
    assert ask(shop, listing).json()["data"]["webhookSubscriptions"]["nodes"] == [made]
    delete = """mutation($id: ID!) {
      webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { message } } }"""
    for refused in ([], [{"message": "Webhook subscription does not exist"}]):
        answer = ask(shop, delete, {"id": made["id"]}).json()["data"]["webhookSubscriptionDelete"]
        assert answer["userErrors"] == refused


@pytest.mark.parametrize(
    "command",
    [
        {"do": "dance"},
        {"do": "create", "stream": "products"},
        {"do": "create", "stream": "orders", "data": {"colour": "red"}},
        {"do": "create", "stream": "orders", "data": {"line_items": [{"colour": "red"}]}},
        {"do": "create", "stream": "orders", "data": {"customer": {"id": 1}}},
        {"do": "update", "stream": "orders", "id": "gid://shopify/Order/1", "data": {}},
        {"do": "refund", "order": 1},
        {"do": "revoke", "scope": "everything"},
    ],
)
def test_odd_commands_are_refused(shop: ShopifySandbox, command: dict[str, Any]) -> None:
    with pytest.raises(BadCommand):
        shop.mutate(command)


def test_a_refund_names_lines_that_exist_and_cannot_be_deleted(shop: ShopifySandbox) -> None:
    bought = order(shop, 2)
    with pytest.raises(BadCommand, match="has no line"):
        shop.mutate({"do": "refund", "order": bought, "lines": [{"sku": "OTHER"}]})
    refund = shop.mutate({"do": "refund", "order": bought})
    assert shop.mutate({"do": "list", "stream": "refunds"}) == [refund]
    with pytest.raises(BadCommand, match="cannot delete refunds"):
        shop.mutate({"do": "delete", "stream": "refunds", "id": refund})


def test_the_orders_of_a_deleted_customer_stay(shop: ShopifySandbox, spoke: Shopify) -> None:
    buyer = customer(shop, last_name="Abend")
    order(shop, customer={"id": buyer}, at="2026-11-01T09:00:00Z")
    shop.mutate({"do": "delete", "stream": "customers", "id": buyer})
    [change] = changes(spoke, "orders")
    assert change.data is not None
    assert change.data["customer"] is None


# -- what a shop holds -----------------------------------------------------------------------------


def test_the_invented_retailer_is_the_same_every_time() -> None:
    one, other = ShopifySandbox(), ShopifySandbox()
    for stream in ("customers", "orders", "refunds", "returns"):
        command = {"do": "list", "stream": stream}
        assert one.mutate(command) == other.mutate(command)
    assert len(one.shop.customers) == 500
    assert len(one.shop.orders) == 900
    mails = [c["email"] for c in one.shop.customers.values() if c["email"]]
    assert all(mail.endswith("@example.com") and mail.isascii() for mail in mails)
    assert len(set(mails)) == len(mails)
    states = Counter(o["financial_status"] for o in one.shop.orders.values())
    assert min(states[s] for s in ("paid", "voided", "refunded", "partially_refunded")) > 10
    assert {len(o["line_items"]) for o in one.shop.orders.values()} == {1, 2, 3, 4}


@pytest.mark.skipif(not FIXTURES.exists(), reason="no shopify-fixtures in the real data")
def test_recorded_records_are_served_the_newest_copy_of_each() -> None:
    with serve(ShopifySandbox(seed=FIXTURES)) as shop:
        spoke = Shopify.model_validate(shop.settings())
        [bought] = changes(spoke, "orders")
        people = {change.id: change for change in changes(spoke, "customers")}
        [refund] = changes(spoke, "refunds")
        spoke.http.close()
    assert (bought.id, bought.version) == ("gid://shopify/Order/450789469", "2008-01-10T16:00:00Z")
    assert bought.data is not None
    assert bought.data["name"] == "#1001"
    assert bought.data["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    assert bought.data["totalPriceSet"]["shopMoney"] == {"amount": "598.94", "currencyCode": "USD"}
    assert len(bought.data["lineItems"]["nodes"]) == 3
    assert set(people) == {"gid://shopify/Customer/207119551", "gid://shopify/Customer/112223902"}
    bob = people["gid://shopify/Customer/207119551"]
    assert bob.version == "2021-02-12T18:51:00Z"
    assert bob.data is not None
    assert bob.data["defaultPhoneNumber"] == {"phoneNumber": "+16136120707"}
    assert refund.data is not None
    assert refund.id == "gid://shopify/Refund/509562969"
    assert refund.data["createdAt"] == "2016-06-20T17:35:06Z"
    assert refund.data["totalRefundedSet"]["shopMoney"]["amount"] == "209.0"
    assert refund.data["order"]["customer"] == {"id": "gid://shopify/Customer/207119551"}
    assert len(refund.data["refundLineItems"]["nodes"]) == 2


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_text('{"shop": {}}')
    with pytest.raises(ValueError, match="no orders, customers or refunds"):
        ShopifySandbox(seed=tmp_path)
