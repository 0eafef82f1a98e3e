"""External records that only join: linked to a record of ours when it is there, whoever is first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import hub
from hub.mapping import load
from hub.store import cursors, entities, links, matches, seekers
from hub.store.matches import Match
from hub.sync.connection import Connection
from hub.sync.inbound.absorb import absorb
from hub.sync.records.amend import Patch
from tests.sync.elsewhere import Elsewhere, at
from tests.sync.world import World, connected

MAPPING = """
mapping: shop/buyers
to: consumer
key: Id
fields:
  name: Name
  user: {in: 'Id | ref(buyers, on_missing="null")', out: {}}
---
mapping: shop/buyers
to: contact
key: Id
owner: if_empty
direction: in
creates: false
match:
  - {by: email, when: Verified}
  - {by: last_name, through: case.contact, where: {hub_order_number: Orders}}
  - {through: case.contact, where: {hub_order_number: Orders}}
fields:
  email: Email | email
  last_name: Name
  mobile_phone: Phone
"""


class Shop(Elsewhere):
    """Has buyers."""

    streams = (hub.Stream("buyers"),)


def joined(folder: Path, text: str = MAPPING) -> Connection:
    """A shop whose buyers may be somebody."""
    file = folder / "buyers.yaml"
    file.write_text(text)
    mappings = tuple(load(file, shape_of=lambda name: entities.find(name).shape))
    return Connection("shop", Shop(), {"buyers": mappings})


@pytest.fixture
def shop(world: World, tmp_path: Path) -> World:
    """A CRM with contacts and cases beside it."""
    world.connect(connected(), joined(tmp_path))
    return world


def buyer(id: str, moment: int = 1, **values: Any) -> hub.Change:
    return hub.Change("buyers", id, {"Id": id, "Name": "Ito", "Email": None, **values}, at(moment))


def told(world: World, *changes: hub.Change) -> Any:
    """The shop tells of them; nothing is fetched, so that a test sees who is to be."""
    return world.absorb(*changes, connection="shop")


def made(world: World, sys_id: str, **values: Any) -> str:
    world.amend(Patch(entities.find("contact"), sys_id, values, fresh=True))
    world.clock.pass_(1)
    return sys_id


def about(world: World, contact: str, number: str) -> None:
    values = {"contact": contact, "hub_order_number": number, "short_description": "x"}
    world.amend(Patch(entities.find("case"), f"case-{number}", values, fresh=True))


def contact_of(world: World, id: str) -> str | None:
    with world.db.read() as tx:
        known = links.lookup(tx, "shop", "buyers", [id])
    link = known[id].links.get("customer_contact") if known else None
    return link.sys_id if link and not link.deleted else None


def found(world: World, state: matches.State) -> list[Match]:
    with world.db.read() as tx:
        return matches.all_of(tx, state)


def test_who_is_nobody_of_ours_is_left_alone(shop: World) -> None:
    counts = told(shop, buyer("b1", Email="zoe@b.example", Verified=True))
    assert (counts.created, counts.failed) == (1, 0)
    assert shop.rows("contact") == []
    [consumer] = shop.rows("consumer")
    assert consumer["user"] is None
    assert shop.count("hub_pending_ref") == 0
    assert contact_of(shop, "b1") is None


def test_who_is_somebody_joins_and_creates_nothing(shop: World) -> None:
    zoe = made(shop, "zoe", email="zoe@b.example")
    told(shop, buyer("b1", Email="Zoe@B.example", Verified=True, Phone="+1"))
    assert contact_of(shop, "b1") == zoe
    assert shop.of("contact", zoe)["mobile_phone"] == "+1"
    [consumer] = shop.rows("consumer")
    assert consumer["user"] == zoe
    assert len(shop.rows("contact")) == 1


def test_what_nobody_vouches_for_joins_nobody(shop: World) -> None:
    made(shop, "zoe", email="zoe@b.example")
    odd: list[object] = [False, None, "", 0]
    told(shop, *(buyer(f"b{n}", Email="zoe@b.example", Verified=v) for n, v in enumerate(odd)))
    assert [contact_of(shop, f"b{n}") for n in range(4)] == [None] * 4
    assert (found(shop, "waiting"), found(shop, "adopted")) == ([], [])


@dataclass(frozen=True)
class Arrival:
    """What comes later, and whether it concerns whoever looks for zoe@b.example or order 1."""

    values: dict[str, Any]
    concerns: bool


@pytest.mark.parametrize(
    "arrival",
    [
        Arrival({"email": "zoe@b.example"}, concerns=True),
        Arrival({"email": "ann@b.example"}, concerns=False),
        Arrival({"last_name": "Ito"}, concerns=False),
    ],
)
def test_who_looks_for_somebody_is_read_again_when_they_come(shop: World, arrival: Arrival) -> None:
    told(shop, buyer("b1", Email="zoe@b.example", Verified=True))
    shop.forget_jobs()
    made(shop, "somebody", **arrival.values)
    assert shop.waiting("refetch") == (["shop/buyers/b1"] if arrival.concerns else [])


def test_and_when_they_change_to_what_is_looked_for(shop: World) -> None:
    told(shop, buyer("b1", Email="zoe@b.example", Verified=True))
    made(shop, "somebody", email="old@b.example")
    shop.forget_jobs()
    shop.edit("contact", "somebody", phone="+1")
    assert shop.waiting("refetch") == []
    shop.edit("contact", "somebody", email="zoe@b.example")
    assert shop.waiting("refetch") == ["shop/buyers/b1"]


def test_and_when_a_case_names_their_order(shop: World) -> None:
    told(shop, buyer("b1", Orders=["1", "2"]), buyer("b2", Orders=["3"]))
    zoe = made(shop, "zoe", last_name="Ito")
    shop.forget_jobs()
    about(shop, zoe, "2")
    assert shop.waiting("refetch") == ["shop/buyers/b1"]
    told(shop, buyer("b1", Orders=["1", "2"]))
    assert contact_of(shop, "b1") == zoe


def test_an_order_with_another_name_only_asks(shop: World) -> None:
    zoe = made(shop, "zoe", last_name="Abe")
    about(shop, zoe, "1")
    told(shop, buyer("b1", Orders=["1"]))
    assert contact_of(shop, "b1") is None
    [match] = found(shop, "waiting")
    assert (match.candidate, match.rule) == (zoe, "case.hub_order_number")


def test_orders_of_two_people_with_that_name_decide_nothing(shop: World) -> None:
    for number in ("1", "2"):
        about(shop, made(shop, f"ito{number}", last_name="Ito"), number)
    told(shop, buyer("b1", Orders=["1", "2"]))
    assert contact_of(shop, "b1") is None
    assert {match.candidate for match in found(shop, "waiting")} == {"ito1", "ito2"}


def test_several_cases_of_one_person_are_one_person(shop: World) -> None:
    zoe = made(shop, "zoe", last_name="Ito")
    for number in ("1", "2", "3"):
        about(shop, zoe, number)
    told(shop, buyer("b1", Orders=["1", "2", "3"]))
    assert contact_of(shop, "b1") == zoe


def test_one_person_is_not_two_of_theirs(shop: World) -> None:
    zoe = made(shop, "zoe", email="zoe@b.example")
    told(shop, buyer("b1", Email="zoe@b.example", Verified=True))
    told(shop, buyer("b2", Email="zoe@b.example", Verified=True))
    assert (contact_of(shop, "b1"), contact_of(shop, "b2")) == (zoe, None)


def test_nor_two_of_one_page(shop: World) -> None:
    zoe = made(shop, "zoe", email="zoe@b.example")
    told(shop, *(buyer(id, Email="zoe@b.example", Verified=True) for id in ("b1", "b2")))
    assert (contact_of(shop, "b1"), contact_of(shop, "b2")) == (zoe, None)
    assert [match.external_id for match in found(shop, "waiting")] == ["b2"]


def test_of_several_the_one_that_is_active_is_meant(shop: World) -> None:
    made(shop, "left", email="zoe@b.example", active=False)
    zoe = made(shop, "zoe", email="zoe@b.example")
    told(shop, buyer("b1", Email="zoe@b.example", Verified=True))
    assert contact_of(shop, "b1") == zoe


def test_a_link_that_a_rule_would_not_give_again_is_undone(shop: World) -> None:
    zoe = made(shop, "zoe", email="info@b.example")
    told(shop, buyer("b1", Email="info@b.example", Verified=True, Phone="+1"))
    assert contact_of(shop, "b1") == zoe
    made(shop, "ann", email="info@b.example")
    assert "shop/buyers/b1" in shop.waiting("refetch")
    told(shop, buyer("b1", 2, Email="info@b.example", Verified=True, Phone="+1"))
    assert contact_of(shop, "b1") is None
    assert shop.of("contact", zoe)["mobile_phone"] is None, "it gets back what it had"
    assert {match.candidate for match in found(shop, "waiting")} == {"zoe", "ann"}
    told(shop, buyer("b1", 3, Email="info@b.example", Verified=True, Phone="+1"))
    assert contact_of(shop, "b1") is None
    assert shop.rows("consumer")[0]["user"] is None


def test_many_such_links_cost_as_many_statements_as_one(shop: World) -> None:
    def doubted(names: list[str]) -> int:
        for name in names:
            made(shop, name, email=f"{name}@b.example")
        told(shop, *(buyer(name, 1, Email=f"{name}@b.example", Verified=True) for name in names))
        assert all(contact_of(shop, name) == name for name in names)
        for name in names:
            made(shop, f"{name}-too", email=f"{name}@b.example")
        again = [buyer(name, 2, Email=f"{name}@b.example", Verified=True) for name in names]
        with shop.counted() as sent:
            told(shop, *again)
        assert [name for name in names if contact_of(shop, name)] == []
        return len(sent)

    assert doubted(["one"]) == doubted([f"many{n}" for n in range(30)])


@pytest.mark.parametrize("owner", ["if_empty", "theirs"])
def test_who_is_gone_takes_nothing_with_them(shop: World, tmp_path: Path, owner: str) -> None:
    text = MAPPING.replace("owner: if_empty", f"owner: {owner}")
    shop.connect(connected(), joined(tmp_path, text))
    zoe = made(shop, "zoe", email="zoe@b.example")
    told(shop, buyer("b1", Email="zoe@b.example", Verified=True))
    told(shop, hub.Change("buyers", "b1", None, at(5)))
    assert shop.of("contact", zoe)["active"] is True
    assert shop.rows("consumer")[0]["active"] is False
    told(shop, buyer("b1", 6, Email="zoe@b.example", Verified=True))
    assert contact_of(shop, "b1") == zoe


def test_nobody_can_read_from_the_store_what_is_looked_for(shop: World) -> None:
    told(shop, buyer("b1", Email="zoe@b.example", Verified=True))
    with shop.db.read() as tx:
        kept = tx.exec_driver_sql("SELECT * FROM hub_seeker").all()
        assert seekers.of(tx, [seekers.digest("customer_contact", "email", "zoe@b.example")])
    assert kept
    assert not any("zoe" in str(value) for row in kept for value in row)


def statements(world: World, page: list[hub.Change], connection: str = "shop") -> list[str]:
    """Those of a page: absorbed, and its cursor moved."""
    [stream] = {change.stream for change in page}
    with world.counted() as sent, world.db.write() as tx:
        given = world.connections[connection]
        counts = absorb(tx, world.connections, given, stream, page, now=world.now)
        cursors.move(tx, connection, stream, "x", counts, now=0.0, newest=None, job=1, take=1)
    return sent


def test_such_a_page_costs_the_same_for_ten_and_for_five_hundred(shop: World) -> None:
    def page(word: str, count: int) -> list[hub.Change]:
        for n in range(0, count, 2):
            made(shop, f"{word}{n}", email=f"{word}{n}@b.example", last_name="Ito")
            about(shop, f"{word}{n}", f"{word}{n}")
        return [
            buyer(f"{word}{n}", Email=f"{word}{n}@b.example", Verified=n % 4 == 0,
                  Orders=[f"{word}{n}", f"{word}-{n}"])
            for n in range(count)
        ]  # fmt: skip

    few = statements(shop, page("few", 10))
    many = statements(shop, page("many", 500))
    assert [sql[:40] for sql in few] == [sql[:40] for sql in many]
    assert contact_of(shop, "many0") == "many0"
    assert contact_of(shop, "many2") == "many2"
    assert contact_of(shop, "many1") is None


@pytest.mark.parametrize("stream", ["contacts", "cases", "accounts"])
def test_others_pay_one_statement_where_they_are_looked_for_and_none_elsewhere(
    world: World, tmp_path: Path, stream: str
) -> None:
    names = {"contacts": {"Email": "zoe@b.example"}, "cases": {"Subject": "x"}, "accounts": {}}
    page = [hub.Change(stream, f"x{n}", {"Id": f"x{n}", **names[stream]}, at(1)) for n in range(50)]
    world.connect(connected())
    without = statements(world, page, "crm")
    world.connect(connected(), joined(tmp_path))
    again = [hub.Change(stream, f"y{n}", dict(c.data or {}, Id=f"y{n}"), at(1))
             for n, c in enumerate(page)]  # fmt: skip
    more = {"contacts": 1, "cases": 0, "accounts": 0}  # these cases name no order
    assert len(statements(world, again, "crm")) == len(without) + more[stream]
