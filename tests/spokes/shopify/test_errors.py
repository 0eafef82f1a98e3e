"""Every signal of Shopify's becomes one of our errors, also those that come with HTTP 200."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

import hub
from hub.testing import Fault
from spokes.shopify.errors import TooCostly, translate
from spokes.shopify.sandbox import ShopifySandbox
from spokes.shopify.sandbox.cost import STANDARD, Plan
from spokes.shopify.spoke import Shopify
from tests.spokes.shopify.doing import STREAMS, asked, changes, customer, ids, order, pages

LATER = timedelta(hours=1)
Connect = Callable[..., Shopify]


def test_throttled_waits_exactly_until_the_bucket_holds_enough(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    order(shop, at="2026-11-01T09:00:00Z")
    shop.plan(STANDARD)
    assert shop.api.bucket.take(1_400)  # 600 are left, a page of 17 orders needs 952
    with pytest.raises(hub.RateLimited) as caught:
        pages(spoke, "orders")
    assert caught.value.retry_after == timedelta(seconds=3.52)
    shop.clock.advance(caught.value.retry_after - timedelta(seconds=0.02))
    with pytest.raises(hub.RateLimited):
        pages(spoke, "orders")
    shop.clock.advance(timedelta(seconds=0.02))
    assert len(ids(spoke, "orders")) == 1


@pytest.mark.parametrize("stream", ["orders", "refunds"])
def test_a_pull_through_an_empty_bucket_gets_there_all_the_same(
    shop: ShopifySandbox, spoke: Shopify, stream: str
) -> None:
    """Whoever resumes with the last page's cursor gets on, also when a page takes many queries."""
    made = [order(shop, 14, at="2026-11-01T09:00:00Z") for _ in range(60)]
    if stream == "refunds":
        at = "2026-11-01T10:00:00Z"
        made = [shop.mutate({"do": "refund", "order": one, "at": at}) for one in made]
    shop.plan(STANDARD)
    assert shop.api.bucket.take(2_000)
    seen: list[str] = []
    cursor = None
    for _ in range(60):
        try:
            for page in spoke.pull(STREAMS[stream], cursor):
                seen += [change.id for change in page.changes]
                cursor = page.cursor
            break
        except hub.RateLimited as limit:
            shop.clock.advance(limit.retry_after)
    assert seen == made


def test_the_bucket_gets_back_what_a_query_did_not_use(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    order(shop, at="2026-11-01T09:00:00Z")
    shop.plan(STANDARD)
    pages(spoke, "orders")
    # the order, its total of two objects (money in it), and one line with two amounts of two each
    assert shop.api.bucket.left() == STANDARD.maximum - (1 + 2 + 5)


def test_throttled_without_figures_waits_a_minute() -> None:
    error = _translated(200, {"errors": [_coded("THROTTLED")]})
    assert isinstance(error, hub.RateLimited)
    assert error.retry_after == timedelta(minutes=1)


@pytest.mark.parametrize("rate", [0, None, "fast"])
def test_throttled_with_absurd_figures_waits_a_minute(rate: object) -> None:
    status = {"currentlyAvailable": 1, "restoreRate": rate}
    cost = {"requestedQueryCost": 100, "throttleStatus": status}
    error = _translated(200, {"errors": [_coded("THROTTLED")], "extensions": {"cost": cost}})
    assert isinstance(error, hub.RateLimited)
    assert error.retry_after == timedelta(minutes=1)


def test_too_costly_pages_are_halved_until_they_fit(shop: ShopifySandbox, spoke: Shopify) -> None:
    made = [order(shop, at=f"2026-11-01T09:00:{n:02}Z") for n in range(20)]
    shop.plan(Plan(single=300))
    assert ids(spoke, "orders") == made
    assert asked(shop) == 2 + 5  # 17 and 8 are too many, then pages of 4


def test_too_costly_fetches_are_halved_until_they_fit(shop: ShopifySandbox, spoke: Shopify) -> None:
    made = [order(shop, at="2026-11-01T09:00:00Z") for _ in range(10)]
    shop.plan(Plan(single=300))
    assert [change.id for change in spoke.fetch(STREAMS["orders"], made)] == made


def test_a_single_record_that_costs_too_much_is_an_error(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    made = order(shop, at="2026-11-01T09:00:00Z")
    shop.plan(Plan(single=10))
    with pytest.raises(TooCostly, match=r"Query cost is 56, .* limit \(10\)"):
        pages(spoke, "orders")
    with pytest.raises(hub.Permanent):
        list(spoke.fetch(STREAMS["orders"], [made]))


def test_a_missing_scope_stops_the_connection_and_is_named(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    shop.mutate({"do": "revoke", "scope": "read_customers"})
    with pytest.raises(hub.AuthFailed, match=r"Access denied for customers field.*read_customers"):
        pages(spoke, "customers")
    shop.mutate({"do": "grant", "scope": "read_customers"})
    assert pages(spoke, "customers")


def test_a_wrong_token_stops_the_connection_and_is_not_shown(connect: Connect) -> None:
    spoke = connect(access_token="shpat_wrong_wrong_wrong")
    with pytest.raises(hub.AuthFailed, match=r"401.*install it again") as caught:
        pages(spoke, "orders")
    assert "shpat_wrong" not in str(caught.value) + repr(spoke)


@pytest.mark.parametrize("status", [401, 402, 403, 404, 423])
def test_statuses_that_somebody_must_look_at_stop_the_connection(
    shop: ShopifySandbox, spoke: Shopify, status: int
) -> None:
    shop.faults.add(Fault(status=status, headers={"X-Request-Id": "req-7"}))
    with pytest.raises(hub.AuthFailed, match=rf"answered {status}: .* \(request id req-7\)"):
        pages(spoke, "orders")


def test_a_version_that_does_not_exist_stops_the_connection(connect: Connect) -> None:
    with pytest.raises(hub.AuthFailed, match="404: there is no such shop or API version"):
        pages(connect(api_version="2099-01"), "orders")


def test_an_outdated_version_is_noted_with_what_went_wrong(
    shop: ShopifySandbox, connect: Connect
) -> None:
    spoke = connect(api_version="2021-01")
    assert pages(spoke, "orders")
    shop.mutate({"do": "revoke", "scope": "read_orders"})
    with pytest.raises(hub.AuthFailed, match="API version 2026-01, not 2021-01: set api_version"):
        pages(spoke, "orders")


def test_429_waits_as_told(shop: ShopifySandbox, spoke: Shopify) -> None:
    shop.faults.add(Fault(status=429, headers={"Retry-After": "2.0"}))
    with pytest.raises(hub.RateLimited) as caught:
        pages(spoke, "orders")
    assert caught.value.retry_after == timedelta(seconds=2)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_outage_page_is_transient(shop: ShopifySandbox, spoke: Shopify, status: int) -> None:
    page = "<!doctype html><title>We'll be back</title>"
    shop.faults.add(Fault(status=status, headers={"Content-Type": "text/html"}, body=page))
    with pytest.raises(hub.Transient, match=f"answered {status}"):
        pages(spoke, "orders")


def test_a_page_of_html_with_status_200_is_transient(shop: ShopifySandbox, spoke: Shopify) -> None:
    shop.faults.add(Fault(headers={"Content-Type": "text/html"}, body="<html>hello</html>"))
    with pytest.raises(hub.Transient, match="200 with text/html instead of JSON"):
        pages(spoke, "orders")


def test_half_an_answer_is_transient(shop: ShopifySandbox, spoke: Shopify) -> None:
    shop.faults.add(Fault(truncate=20))
    with pytest.raises(hub.Transient):
        pages(spoke, "orders")


def test_an_internal_error_in_a_200_is_transient_and_keeps_the_request_id(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    body = {"errors": [{"message": "Internal error", **_coded("INTERNAL_SERVER_ERROR")}]}
    shop.faults.add(Fault(body=body, headers={"X-Request-Id": "req-9"}))
    with pytest.raises(hub.Transient, match="request id req-9"):
        pages(spoke, "orders")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"errors": [{"message": "x", "extensions": {"code": "SHOP_INACTIVE"}}]}, hub.AuthFailed),
        ({"errors": [{"message": "x", "extensions": {"code": "TIMEOUT"}}]}, hub.Transient),
        ({"errors": [{"message": "Field 'x' doesn't exist"}]}, hub.Permanent),
        ({"errors": "Not Found"}, hub.Permanent),
        ({"errors": {"query": "Required parameter missing or invalid"}}, hub.Permanent),
        ({"errors": [None, 7]}, hub.Permanent),
        ({}, hub.Transient),
        ([], hub.Transient),
        ({"data": None}, hub.Transient),
    ],
)
def test_every_shape_of_errors_is_read(body: Any, error: type[hub.SyncError]) -> None:
    assert type(_translated(200, body)) is error


def test_of_several_errors_the_most_urgent_decides() -> None:
    errors = [{"message": "odd"}, {"message": "no", **_coded("ACCESS_DENIED")}]
    assert isinstance(_translated(200, {"errors": errors}), hub.AuthFailed)
    errors.append(_coded("THROTTLED"))
    assert isinstance(_translated(200, {"errors": errors}), hub.RateLimited)


def test_user_errors_name_the_field() -> None:
    refusals = [{"field": ["input", "note"], "message": "is too long"}]
    error = _translated(200, {"data": {"orderUpdate": {"order": None, "userErrors": refusals}}})
    assert type(error) is hub.Permanent
    assert str(error) == "Shopify refused: input.note: is too long"


def test_an_answer_without_errors_is_none(shop: ShopifySandbox, spoke: Shopify) -> None:
    assert _translated(200, {"data": {"orderUpdate": {"userErrors": []}}}) is None
    assert _translated(302, None) is None  # the status says it all
    customer(shop, last_name="Abend")
    shop.clock.advance(LATER)
    assert len(changes(spoke, "customers")) == 1


def _coded(code: str) -> dict[str, Any]:
    return {"extensions": {"code": code}}


def _translated(status: int, body: Any) -> hub.SyncError | None:
    return translate(httpx.Response(status, json=body), "2026-10")
