"""Pulling from a shop: everything once, oldest first, however it ties, lags or grows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

import pytest

import hub
from spokes.shopify.sandbox import ShopifySandbox
from spokes.shopify.sandbox.acts import transaction
from spokes.shopify.spoke import Shopify
from tests.spokes.shopify.doing import STREAMS, asked, changes, customer, ids, order, pages

LATER = timedelta(hours=1)
Connect = Callable[..., Shopify]


def test_the_first_pull_brings_everything_oldest_first(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    made = [order(shop, at=f"2026-10-0{day}T09:00:00Z") for day in (3, 1, 2)]
    assert ids(spoke, "orders") == [made[1], made[2], made[0]]


def test_a_change_has_the_whole_record_and_its_version(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    buyer = customer(shop, first_name="Greta", email="greta@example.com", verified_email=True)
    order(shop, 2, customer={"id": buyer}, note="ring", at="2026-11-02T09:00:00+01:00")
    shop.clock.advance(LATER)
    [change] = changes(spoke, "orders")
    assert change.version == "2026-11-02T08:00:00Z"
    assert change.data is not None
    assert change.data["customer"] == {"id": buyer}
    assert change.data["totalPriceSet"]["shopMoney"] == {"amount": "10.0", "currencyCode": "EUR"}
    assert [line["sku"] for line in change.data["lineItems"]["nodes"]] == ["SKU-0", "SKU-1"]
    assert "pageInfo" not in change.data["lineItems"]
    [greta] = changes(spoke, "customers")
    assert greta.data is not None
    assert greta.data["defaultEmailAddress"] == {"emailAddress": "greta@example.com"}


def test_a_later_pull_brings_what_changed_and_the_overlap(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    old = order(shop, at="2026-11-02T11:00:00Z")
    shortly_before = order(shop, at="2026-11-02T11:55:00Z")
    cursor = pages(spoke, "orders")[-1].cursor
    shop.clock.advance(LATER)
    new = order(shop)
    shop.clock.advance(LATER)
    assert ids(spoke, "orders", cursor) == [shortly_before, new]
    shop.mutate({"do": "update", "stream": "orders", "id": old, "data": {"note": "hurry"}})
    shop.clock.advance(LATER)
    assert ids(spoke, "orders", cursor) == [shortly_before, new, old]


def test_many_records_of_one_second_are_neither_lost_nor_doubled(
    shop: ShopifySandbox, connect: Connect
) -> None:
    made = [order(shop, at="2026-11-02T09:00:00Z") for _ in range(7)]
    assert ids(connect(page_size=2), "orders") == made


def test_whoever_stops_amid_a_tie_resumes_without_a_gap(
    shop: ShopifySandbox, connect: Connect
) -> None:
    made = [order(shop, at="2026-11-02T09:00:00Z") for _ in range(5)]
    spoke = connect(page_size=2)
    first = next(spoke.pull(STREAMS["orders"], None))
    assert [change.id for change in first.changes] + ids(spoke, "orders", first.cursor) == made


def test_a_record_that_changes_while_paging_comes_with_the_next_pull(
    shop: ShopifySandbox, connect: Connect
) -> None:
    made = [order(shop, at=f"2026-11-02T09:00:0{n}Z") for n in range(4)]
    spoke = connect(page_size=2)
    pull = spoke.pull(STREAMS["orders"], None)
    seen = [change.id for change in next(pull).changes]
    shop.mutate({"do": "update", "stream": "orders", "id": made[0], "data": {"note": "x"}})
    shop.mutate({"do": "update", "stream": "orders", "id": made[2], "data": {"note": "x"}})
    rest = list(pull)
    seen += [change.id for page in rest for change in page.changes]
    assert seen == [made[0], made[1], made[3]]
    shop.clock.advance(LATER)
    assert {made[0], made[2]} <= set(ids(spoke, "orders", rest[-1].cursor))


def test_what_the_search_index_shows_late_is_found_by_the_overlap(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    shop.shop.index_lag = timedelta(minutes=8)
    late = order(shop)
    shop.clock.advance(timedelta(minutes=5))
    cursor = pages(spoke, "orders")[-1].cursor
    assert ids(spoke, "orders") == []
    shop.clock.advance(timedelta(minutes=5))
    assert ids(spoke, "orders", cursor) == [late]


def test_a_late_commit_is_found_by_the_overlap(shop: ShopifySandbox, spoke: Shopify) -> None:
    late = shop.mutate(
        {"do": "create", "stream": "orders", "visible_at": "2026-11-02T12:07:00Z", "data": {}}
    )
    shop.clock.advance(timedelta(minutes=5))
    cursor = pages(spoke, "orders")[-1].cursor
    shop.clock.advance(timedelta(minutes=5))
    [change] = changes(spoke, "orders", cursor)
    assert (change.id, change.version) == (late, "2026-11-02T12:00:00Z")


def test_an_order_with_hundreds_of_lines_has_all_of_them(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    order(shop, 612, at="2026-11-02T09:00:00Z")
    [change] = changes(spoke, "orders")
    assert change.data is not None
    skus = [line["sku"] for line in change.data["lineItems"]["nodes"]]
    assert skus == [f"SKU-{n}" for n in range(612)]


def test_an_order_that_vanishes_amid_its_lines_is_read_again(
    shop: ShopifySandbox, spoke: Shopify, connect: Connect
) -> None:
    made = order(shop, 30, at="2026-11-02T09:00:00Z")
    read = connect(Deleting)
    Deleting.deleted.append((shop, made))
    with pytest.raises(hub.Conflict, match="vanished"):
        pages(read, "orders")
    assert ids(spoke, "orders") == []


class Deleting(Shopify):
    """Deletes an order right after the first answer."""

    deleted: ClassVar[list[tuple[ShopifySandbox, str]]] = []

    def translate(self, response: hub.Response) -> hub.SyncError | None:
        for shop, made in self.deleted:
            with shop.lock:
                shop.mutate({"do": "delete", "stream": "orders", "id": made})
        self.deleted.clear()
        return super().translate(response)


def test_a_search_starts_anew_before_paging_ends(shop: ShopifySandbox, connect: Connect) -> None:
    class Near(Shopify):
        reach: ClassVar[int] = 4

    made = [order(shop, at=f"2026-11-02T09:00:{n:02}Z") for n in range(11)]
    shop.api.reach = 5
    with pytest.raises(hub.Permanent, match="paging ends after 5"):
        pages(connect(page_size=2), "orders")
    near = connect(Near, page_size=2)
    assert ids(near, "orders") == made


def test_more_records_in_one_second_than_paging_reaches_are_all_found(
    shop: ShopifySandbox, connect: Connect
) -> None:
    class Near(Shopify):
        reach: ClassVar[int] = 4

    made = [order(shop, at="2026-11-02T09:00:00Z") for _ in range(9)]
    made.append(order(shop, at="2026-11-02T09:00:01Z"))
    shop.api.reach = 5
    assert ids(connect(Near, page_size=2), "orders") == made


def test_pages_are_asked_for_only_when_wanted(shop: ShopifySandbox, connect: Connect) -> None:
    for n in range(6):
        order(shop, at=f"2026-11-02T09:00:0{n}Z")
    pull = connect(page_size=2).pull(STREAMS["orders"], None)
    assert asked(shop) == 0
    next(pull)
    assert asked(shop) == 1


def test_a_cursor_of_somebody_else_is_lost(spoke: Shopify) -> None:
    with pytest.raises(hub.CursorLost):
        pages(spoke, "orders", "eyJsYXN0X2lkIjoxfQ==")


# -- refunds and returns ---------------------------------------------------------------------------


def test_a_refund_arrives_with_its_order_customer_and_lines(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    buyer = customer(shop, first_name="Greta")
    bought = order(shop, 2, customer={"id": buyer}, at="2026-11-01T09:00:00Z")
    cursor = pages(spoke, "refunds")[-1].cursor
    shop.clock.advance(LATER)
    lines = [{"sku": "SKU-1", "quantity": 1}]
    given = {"do": "refund", "order": bought, "lines": lines, "note": "arrived broken"}
    refund = shop.mutate(given)
    shop.clock.advance(LATER)
    [change] = changes(spoke, "refunds", cursor)
    assert (change.id, change.version) == (refund, "2026-11-02T13:00:00Z")
    assert change.data is not None
    assert change.data["note"] == "arrived broken"
    assert change.data["order"]["id"] == bought
    assert change.data["order"]["customer"] == {"id": buyer}
    assert change.data["totalRefundedSet"]["shopMoney"]["amount"] == "2.5"
    [line] = change.data["refundLineItems"]["nodes"]
    assert (line["lineItem"]["sku"], line["quantity"], line["restocked"]) == ("SKU-1", 1, False)
    [paid] = change.data["transactions"]["nodes"]
    assert (paid["kind"], paid["status"]) == ("REFUND", "SUCCESS")


@pytest.mark.parametrize(
    ("lines", "status"), [(None, "REFUNDED"), ([{"sku": "SKU-0"}], "PARTIALLY_REFUNDED")]
)
def test_a_refund_moves_its_order_too(
    shop: ShopifySandbox, spoke: Shopify, lines: list[object] | None, status: str
) -> None:
    bought = order(shop, 2, at="2026-11-01T09:00:00Z")
    shop.mutate({"do": "refund", "order": bought, "lines": lines})
    shop.clock.advance(LATER)
    [change] = changes(spoke, "orders")
    assert change.data is not None
    assert change.data["displayFinancialStatus"] == status
    assert change.version == "2026-11-02T12:00:00Z"


def test_more_refunds_than_come_with_an_order_are_all_found(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    bought = order(shop, 30, at="2026-11-01T09:00:00Z")
    made = [
        shop.mutate({"do": "refund", "order": bought, "lines": [{"sku": f"SKU-{n}"}]})
        for n in range(25)
    ]
    shop.clock.advance(LATER)
    assert ids(spoke, "refunds") == made


def test_more_refunds_than_shopify_can_list_are_an_error(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    bought = order(shop, at="2026-11-01T09:00:00Z")
    for _ in range(250):
        shop.mutate({"do": "refund", "order": bought, "lines": []})
    shop.clock.advance(LATER)
    with pytest.raises(hub.Permanent, match="250 refunds or more"):
        pages(spoke, "refunds")


def test_a_refund_of_many_lines_and_payments_has_all_of_them(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    bought = order(shop, 40, at="2026-11-01T09:00:00Z")
    refund = shop.mutate({"do": "refund", "order": bought})
    paid = [transaction(n, "1.00") for n in range(1, 15)]
    data = {"transactions": paid}
    shop.mutate({"do": "update", "stream": "refunds", "id": refund, "data": data})
    shop.clock.advance(LATER)
    [change] = changes(spoke, "refunds")
    assert change.data is not None
    assert len(change.data["refundLineItems"]["nodes"]) == 40
    assert len(change.data["transactions"]["nodes"]) == 14
    assert change.data["totalRefundedSet"]["shopMoney"]["amount"] == "14.0"


def test_a_refund_never_carries_the_cursor_past_orders_not_read_yet(
    shop: ShopifySandbox, connect: Connect
) -> None:
    spoke = connect(page_size=1)
    made = [order(shop, at=f"2026-11-02T09:00:0{n}Z") for n in range(3)]
    at = "2026-11-02T09:00:05Z"
    refunds = [shop.mutate({"do": "refund", "order": o, "at": at}) for o in made]
    pull = spoke.pull(STREAMS["refunds"], None)
    first = next(pull)
    shop.mutate({"do": "update", "stream": "orders", "id": made[1], "data": {"note": "x"}})
    assert ids(spoke, "refunds", first.cursor) == [refunds[2]]


def test_a_return_arrives_with_reason_and_status(shop: ShopifySandbox, spoke: Shopify) -> None:
    bought = order(shop, 2, at="2026-11-01T09:00:00Z")
    asked_for = shop.mutate(
        {"do": "return", "order": bought, "reason": "defective", "note": "does not switch on"}
    )
    shop.clock.advance(LATER)
    [change] = changes(spoke, "returns")
    assert change.id == asked_for
    assert change.data is not None
    assert change.data["status"] == "REQUESTED"
    line = change.data["returnLineItems"]["nodes"][0]
    assert (line["returnReason"], line["customerNote"]) == ("DEFECTIVE", "does not switch on")
    shop.mutate(
        {"do": "update", "stream": "returns", "id": asked_for, "data": {"status": "declined"}}
    )
    shop.clock.advance(LATER)
    [change] = changes(spoke, "returns")
    assert change.data is not None
    assert change.data["status"] == "DECLINED"


# -- fetching --------------------------------------------------------------------------------------


def test_fetching_reads_by_id_and_tells_what_is_gone(shop: ShopifySandbox, spoke: Shopify) -> None:
    shop.shop.index_lag = LATER
    kept, gone = order(shop), order(shop)
    shop.mutate({"do": "delete", "stream": "orders", "id": gone})
    found = list(spoke.fetch(STREAMS["orders"], [gone, kept]))
    assert [(change.id, change.data is None) for change in found] == [(gone, True), (kept, False)]
    assert found[1].version == "2026-11-02T12:00:00Z"


def test_fetching_hundreds_stays_below_the_cost_limit(shop: ShopifySandbox, spoke: Shopify) -> None:
    made = [order(shop, at="2026-11-01T09:00:00Z") for _ in range(120)]
    assert [change.id for change in spoke.fetch(STREAMS["orders"], made)] == made
    assert asked(shop) == 8


def test_fetching_refunds_and_customers(shop: ShopifySandbox, spoke: Shopify) -> None:
    buyer, bought = customer(shop, last_name="Abend"), order(shop)
    refund = shop.mutate({"do": "refund", "order": bought})
    [change] = spoke.fetch(STREAMS["refunds"], [refund])
    assert (change.id, change.version) == (refund, "2026-11-02T12:00:00Z")
    [person] = spoke.fetch(STREAMS["customers"], [buyer])
    assert person.data is not None
    assert person.data["lastName"] == "Abend"


def test_an_id_of_another_stream_is_refused_and_nothing_deleted(
    shop: ShopifySandbox, spoke: Shopify
) -> None:
    with pytest.raises(hub.Permanent, match="is not the id of one of the customers"):
        list(spoke.fetch(STREAMS["customers"], [order(shop)]))
    assert asked(shop) == 0
