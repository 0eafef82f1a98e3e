"""`hub matches`: what may be one and the same, and a person's word on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from hub import registry
from hub.store.entities import CONTACT
from hub.testing import Sandbox, serve
from tests.cli.conftest import Home, Run


@pytest.fixture
def asked(home: Home, run: Run) -> Iterator[str]:
    """A shop's customer with an order that a contact's case names, under another name."""
    with (
        serve(registry.sandbox("salesforce")()) as crm,
        serve(registry.sandbox("shopify")()) as shop,
    ):
        home.connect("crm", crm)
        home.connect("shop", shop)
        customer = made(shop, "customers", email="private@mail.example", phone="+491515550001")
        items = [{"sku": "K", "title": "Kettle", "price": "2.50", "quantity": 1}]
        buyer = {"id": int(customer.rpartition("/")[2])}
        order = made(shop, "orders", line_items=items, customer=buyer)
        listed: Any = shop
        number = listed.shop.orders[int(order.rpartition("/")[2])]["name"]
        contact = made(crm, "Contact", LastName="Lindqvist", Email="greta@northgate.example")
        made(crm, "Case", Subject="Kettle", ContactId=contact, OrderNumber__c=number)
        for stream in ("crm/Contact", "crm/Case", "shop/customers"):
            assert run("sync", stream).status == 0
        yield customer


def made(sandbox: Sandbox, stream: str, **data: Any) -> str:
    """A record of an hour ago: what is of this very moment, a pull leaves for the next one."""
    at = (sandbox.clock.now() - timedelta(hours=1)).isoformat()
    return str(sandbox.mutate({"do": "create", "stream": stream, "data": data, "at": at}))


def phone(home: Home) -> str | None:
    table = CONTACT.table
    with home.opened() as db, db.read() as tx:
        query = table.select().where(table.c.email == "greta@northgate.example")
        return str(tx.execute(query).one().mobile_phone or "")


def test_a_person_is_asked_and_may_think_again(home: Home, run: Run, asked: str) -> None:
    shown = json.loads(run("matches", "list", "shop", "--json").out)
    [match] = [row for row in shown if row["external_id"] == asked]
    assert (match["called"], match["alike_in"]) == ("Lindqvist", "case.hub_order_number")
    accepted = run("matches", "accept", match["number"])
    assert accepted.status == 0
    assert f"is one with that record; hub matches undo {match['number']} parts them" in accepted.out
    assert run("sync", "shop/customers").status == 0
    undone = run("matches", "undo", match["number"])
    assert (undone.status, "is not that record any more" in undone.out) == (0, True)
    assert phone(home) == ""
    again = run("matches", "accept", match["number"])
    assert again.status != 0
    assert f"match {match['number']} is rejected, not waiting" in again.err
    assert "nobody is asked" in run("matches", "list").err + run("matches", "list").out


def test_what_is_rejected_stays_so(run: Run, asked: str) -> None:
    [match] = json.loads(run("matches", "list", "--json").out)
    assert match["external_id"] == asked
    assert run("matches", "reject", match["number"]).status == 0
    assert run("sync", "shop/customers", "--full").status == 0
    assert json.loads(run("matches", "list", "--json").out) == []


def test_a_number_that_nobody_knows_says_where_to_look(run: Run) -> None:
    refused = run("matches", "accept", "99")
    assert refused.status == 1
    assert "there is no match 99; hub matches list shows them" in refused.err
