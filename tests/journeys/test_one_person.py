"""A Salesforce contact, an Entra guest and a Shopify customer who are one person: one record with
three links, whoever tells of them first. Each system is its sandbox, over HTTP.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

import hub
from hub.store import links, matches
from hub.store.database import Database
from hub.store.matches import Match
from hub.sync.connection import Connection
from hub.sync.jobs import Poll
from hub.sync.records import matching
from hub.testing import serve
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.sandbox.directory import Directory
from spokes.entra.spoke import Entra
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from spokes.shopify.sandbox import ShopifySandbox
from spokes.shopify.spoke import Shopify
from tests.sync.world import Clock, World, mapped

MAPPINGS = Path(__file__).parents[2] / "mappings"
NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
STREAMS = {
    "crm": ("Account", "Contact", "Case"),
    "directory": ("users",),
    "shop": ("customers", "orders"),
}
SYSTEMS = tuple(STREAMS)
ORDERS = [pytest.param(order, id="-".join(order)) for order in permutations(SYSTEMS)]
GRETA = "greta@northgate.example"
INFO = "info@northgate.example"


class QuickSalesforce(Salesforce):
    """Without its pace: a sandbox on this machine need not be spared."""

    rate = hub.Rate(calls=100_000)


class QuickShopify(Shopify):
    """The same."""

    rate = hub.Rate(calls=100_000)


@dataclass
class Together:
    """A hub between three systems whose clocks stand still until a test lets them go on."""

    world: World
    crm: SalesforceSandbox
    directory: EntraSandbox
    shop: ShopifySandbox

    # -- what people do there

    def contact(self, **data: Any) -> str:
        given = {"LastName": "Lindqvist", "FirstName": "Greta", **data}
        return self._made(self.crm, "Contact", given)

    def case(self, contact: str, number: str) -> str:
        given = {"Subject": "Kettle", "ContactId": contact, "OrderNumber__c": number}
        return self._made(self.crm, "Case", given)

    def guest(self, mail: str, state: str | None = "Accepted", **data: Any) -> str:
        name = mail.replace("@", "_")
        given = {
            "displayName": "Greta Lindqvist", "mail": mail, "userType": "Guest",
            "userPrincipalName": f"{name}#EXT#@brightbasket.example", "externalUserState": state,
            **data,
        }  # fmt: skip
        return self._made(self.directory, "users", given)

    def customer(self, email: str | None = None, *, verified: bool = True, **data: Any) -> str:
        given = {"first_name": "Greta", "last_name": "Lindqvist", "email": email, **data}
        return self._made(self.shop, "customers", given | {"verified_email": verified})

    def order(self, customer: str) -> str:
        """An order of theirs; its name, as it stands on the receipt."""
        number = int(customer.rpartition("/")[2])
        line = {"sku": "K", "title": "Kettle", "price": "2.50", "quantity": 1}
        given = {"line_items": [line], "customer": {"id": number}}
        made = self._made(self.shop, "orders", given)
        return str(self.shop.shop.orders[int(made.rpartition("/")[2])]["name"])

    def change(self, system: str, stream: str, id: str, **data: Any) -> None:
        there = getattr(self, system)
        there.mutate({"do": "update", "stream": stream, "id": id, "data": data})

    def _made(self, there: Any, stream: str, data: dict[str, Any]) -> str:
        return str(there.mutate({"do": "create", "stream": stream, "data": data}))

    # -- what the hub does

    def poll(self, *systems: str) -> None:
        """Some minutes later, read these systems and do all that follows."""
        for system in systems:
            self.later()
            for stream in STREAMS[system]:
                self.world.put(Poll(system, stream))
                self.world.work()
        assert self.world.letters() == []
        assert self.world.dead() == []

    def settle(self) -> None:
        for _ in range(2):
            self.poll(*SYSTEMS)

    def later(self) -> None:
        for there in (self.crm, self.directory, self.shop):
            there.clock.advance(timedelta(minutes=15))
        self.world.clock.pass_(15 * 60)

    def decide(self, what: str, match: Match) -> None:
        given: Any = {"by": "ops", "now": self.world.now}
        with self.world.db.write() as tx:
            if what == "reject":
                matching.reject(tx, match.id, **given)
            else:
                act = matching.accept if what == "accept" else matching.undo
                act(tx, self.world.connections, match.id, **given)
        self.world.work()

    # -- what there is

    def links(self, sys_id: str) -> set[str]:
        """The systems that this contact is a record of."""
        with self.world.db.read() as tx:
            found = links.of_record(tx, "customer_contact", sys_id)
        return {link.connection for link in found if not link.deleted}

    def people(self) -> list[tuple[str, ...]]:
        """Each contact as the systems that know it."""
        return sorted(
            tuple(sorted(self.links(row["sys_id"]))) for row in self.world.rows("contact")
        )

    def asked(self) -> list[Match]:
        with self.world.db.read() as tx:
            return matches.all_of(tx, "waiting")

    def adopted(self) -> list[Match]:
        with self.world.db.read() as tx:
            return matches.all_of(tx, "adopted")

    def one(self) -> dict[str, Any]:
        """The contact, if there is exactly one, with three links."""
        assert self.people() == [("crm", "directory", "shop")]
        [row] = self.world.rows("contact")
        return row

    def writes(self) -> int:
        """How many requests have changed something in the CRM."""
        return sum(e.method in {"POST", "PATCH"} and "sobjects" in e.path for e in self.crm.journal)


@pytest.fixture
def together(db: Database) -> Iterator[Together]:
    crm, directory = SalesforceSandbox(count=0), EntraSandbox()
    shop = ShopifySandbox(customers=0, orders=0)
    for table in crm.tables:
        for id in list(table.rows):
            table.purge(id)
    directory.directory = Directory(directory.clock.now, directory.directory.told)
    for sandbox in (crm, directory, shop):
        sandbox.clock.freeze()
        sandbox.clock.set(NOON)
    with ExitStack() as stack:
        for sandbox in (crm, directory, shop):
            stack.enter_context(serve(sandbox))
        world = World(db, clock=Clock(NOON.timestamp()))
        spokes: dict[str, Any] = {
            "crm": QuickSalesforce.model_validate(crm.settings()).using(clock=crm.clock.now),
            "directory": Entra.model_validate(directory.settings()).using(clock=crm.clock.now),
            "shop": QuickShopify.model_validate(shop.settings()).using(clock=shop.clock.now),
        }
        world.connect(*(_connected(name, spoke) for name, spoke in spokes.items()))
        yield Together(world, crm, directory, shop)
        for spoke in spokes.values():
            spoke.http.close()


def _connected(name: str, spoke: Any) -> Connection:
    folder = MAPPINGS / {"crm": "salesforce", "directory": "entra", "shop": "shopify"}[name]
    return Connection(name, spoke, {s: mapped(folder / f"{s}.yaml") for s in STREAMS[name]})


@pytest.mark.parametrize("order", ORDERS)
def test_whoever_tells_first_it_is_one_record_with_three_links(
    together: Together, order: tuple[str, ...]
) -> None:
    together.contact(Email="Greta@Northgate.example", Phone="+49 30 5550100")
    together.guest(GRETA, jobTitle="Buyer")
    together.customer(GRETA, phone="+491515550001")
    together.poll(*order)
    row = together.one()
    assert (row["email"], row["title"], row["mobile_phone"]) == (GRETA, "Buyer", "+491515550001")
    assert row["user_name"] == "greta_northgate.example#EXT#@brightbasket.example"
    [consumer] = together.world.rows("consumer")
    assert consumer["user"] == row["sys_id"], "what she is to the shop belongs to her"
    assert together.world.rows("user") == []
    assert together.asked() == []


@pytest.mark.parametrize("order", ORDERS)
def test_an_employee_number_does_as_well(together: Together, order: tuple[str, ...]) -> None:
    together.contact(EmployeeNumber__c="P-7", Email="old@northgate.example")
    together.guest(GRETA, state=None, employeeId="P-7")
    together.poll(*order)
    assert together.people() == [("crm", "directory")]


@pytest.mark.parametrize("order", ORDERS)
def test_so_does_an_order_that_a_case_names_with_the_same_name(
    together: Together, order: tuple[str, ...]
) -> None:
    customer = together.customer("private@mail.example", verified=False)
    together.case(together.contact(Email=GRETA), together.order(customer))
    together.poll(*order)
    assert together.people() == [("crm", "shop")]
    assert together.world.rows("contact")[0]["email"] == GRETA


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_alone_only_asks(together: Together, order: tuple[str, ...]) -> None:
    customer = together.customer("private@mail.example", first_name="Ole")
    together.case(together.contact(Email=GRETA), together.order(customer))
    together.poll(*order)
    assert together.people() == [("crm",)]
    [match] = together.asked()
    assert (match.external_id, match.rule) == (customer, "case.hub_order_number")


@pytest.mark.parametrize("order", ORDERS)
def test_a_shared_mailbox_is_nobody(together: Together, order: tuple[str, ...]) -> None:
    together.contact(Email=INFO)
    together.contact(Email=INFO, FirstName="Ole")
    together.guest(INFO)
    together.customer(INFO)
    together.poll(*order)
    assert together.people() == [("crm",), ("crm",)]
    assert {m.connection for m in together.asked()} == {"directory", "shop"}
    [consumer] = together.world.rows("consumer")
    assert consumer["user"] is None


def test_a_mailbox_that_turns_out_to_be_shared_is_nobody_any_more(together: Together) -> None:
    first = together.contact(Email=INFO)
    together.guest(INFO, jobTitle="Buyer")
    together.customer(INFO)
    together.settle()
    assert together.one()["title"] == "Buyer"
    second = together.contact(Email=INFO, FirstName="Ole")
    together.settle()
    assert together.people() == [("crm",), ("crm",)]
    assert len(together.asked()) == 4, "the guest and the customer may be either of the two"
    before = together.world.row("contact", first)
    assert (before["title"], before["user_name"]) == (None, None), "theirs is given back"
    [consumer] = together.world.rows("consumer")
    assert consumer["user"] is None
    together.crm.mutate({"do": "delete", "stream": "Contact", "id": second})
    together.settle()
    assert together.links(together.world.sys_id("contact", first)) == set(SYSTEMS), "now it is"
    assert together.asked() == []


@pytest.mark.parametrize("order", ORDERS)
def test_an_address_that_nobody_verified_is_nobodys(
    together: Together, order: tuple[str, ...]
) -> None:
    together.contact(Email=GRETA)
    guest = together.guest(GRETA, state="PendingAcceptance")
    customer = together.customer(GRETA, verified=False)
    together.poll(*order)
    assert together.people() == [("crm",)]
    assert together.asked() == []
    together.change("directory", "users", guest, externalUserState="Accepted")
    together.change("shop", "customers", customer, verified_email=True)
    together.settle()
    together.one()


def test_a_person_accepts_and_takes_it_back(together: Together) -> None:
    contact = together.contact(Email=GRETA)
    customer = together.customer("private@mail.example", first_name="Ole", phone="+491515550001")
    together.case(contact, together.order(customer))
    together.settle()
    [match] = together.asked()
    together.decide("accept", match)
    assert together.people() == [("crm", "shop")]
    assert together.world.row("contact", contact)["mobile_phone"] == "+491515550001"
    together.change("shop", "customers", customer, note="again")
    together.settle()
    assert together.people() == [("crm", "shop")], "a person's word stays"
    with together.world.db.read() as tx:
        [accepted] = matches.all_of(tx, "accepted")
    together.decide("undo", accepted)
    together.settle()
    assert together.people() == [("crm",)]
    assert together.world.row("contact", contact)["mobile_phone"] is None
    assert together.asked() == []


def test_what_a_person_rejects_is_not_asked_again(together: Together) -> None:
    customer = together.customer("private@mail.example", first_name="Ole")
    together.case(together.contact(Email=GRETA), together.order(customer))
    together.settle()
    [match] = together.asked()
    together.decide("reject", match)
    together.change("shop", "customers", customer, note="again")
    together.settle()
    assert together.people() == [("crm",)]
    assert together.asked() == []


def test_what_a_rule_was_certain_of_can_be_undone(together: Together) -> None:
    contact = together.contact(Email=GRETA)
    together.guest(GRETA, jobTitle="Buyer")
    together.settle()
    [match] = together.adopted()
    together.decide("undo", match)
    together.settle()
    assert together.people() == [("crm",)]
    assert together.world.row("contact", contact)["title"] is None


def test_changes_reach_the_right_sides_once(together: Together) -> None:
    contact = together.contact(Email=GRETA)
    guest = together.guest(GRETA)
    customer = together.customer(GRETA)
    together.settle()
    before = together.writes()
    together.change("directory", "users", guest, jobTitle="Buyer")
    together.settle()
    assert together.crm.tables["Contact"].rows[contact]["Title"] == "Buyer"
    assert together.writes() == before + 1
    together.change("shop", "customers", customer, phone="+491515550001")
    together.settle()
    assert together.crm.tables["Contact"].rows[contact]["MobilePhone"] == "+491515550001"
    assert together.writes() == before + 2
    together.change("crm", "Contact", contact, Title="Head of buying")
    together.settle()
    assert together.one()["title"] == "Head of buying"
    together.change("directory", "users", guest, jobTitle="Clerk")
    together.settle()
    assert together.one()["title"] == "Head of buying", "the CRM is master of what it knows"
    assert together.writes() == before + 2


def test_who_leaves_the_shop_or_the_directory_stays_a_contact(together: Together) -> None:
    contact = together.contact(Email=GRETA)
    guest = together.guest(GRETA)
    customer = together.customer(GRETA)
    together.settle()
    together.directory.mutate({"do": "delete", "stream": "users", "id": guest})
    together.shop.mutate({"do": "delete", "stream": "customers", "id": customer})
    together.world.absorb(hub.Change("customers", customer, None, "2026-11-03"), connection="shop")
    together.settle()
    assert together.people() == [("crm",)]
    assert together.world.row("contact", contact)["active"] is True
    assert together.world.rows("consumer")[0]["active"] is False


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_many_arrivals_ends_equal(together: Together, seed: int) -> None:
    """People who are known to all, to two, to one, and by a mailbox that is shared."""
    chance = random.Random(seed)
    steps: list[Callable[[], str]] = [
        lambda: together.contact(Email=GRETA),
        lambda: together.guest(GRETA),
        lambda: together.customer(GRETA),
        lambda: together.contact(Email="ole@northgate.example", FirstName="Ole"),
        lambda: together.customer("ole@northgate.example", first_name="Ole"),
        lambda: together.contact(Email=INFO, FirstName="Ada"),
        lambda: together.contact(Email=INFO, FirstName="Ben"),
        lambda: together.guest(INFO),
        lambda: together.customer("eve@mail.example", first_name="Eve"),
        lambda: together.guest("mallory@mail.example", state="PendingAcceptance"),
    ]
    chance.shuffle(steps)
    for step in steps:
        step()
        together.poll(*chance.sample(SYSTEMS, chance.randrange(3)))
    together.settle()
    assert together.people() == [
        ("crm",), ("crm",), ("crm", "directory", "shop"), ("crm", "shop"),
    ]  # fmt: skip
    assert len(together.world.rows("consumer")) == 3
    assert {m.connection for m in together.asked()} == {"directory"}
    before = together.writes()
    together.settle()
    assert (together.writes(), together.world.waiting()) == (before, []), "no echo goes round"
