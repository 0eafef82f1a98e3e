"""Two systems linked both ways end equal, whatever happens on the way: nothing newer is overwritten.

A Salesforce org and a Dataverse environment show the same accounts and cases. People edit them on
both sides and in the hub, open new ones, and move cases from store to store; answers are lost,
writes refused, polls late, webhooks doubled, late and out of order.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

import hub
from hub import queue, registry
from hub.app import Hub
from hub.service.rules import Refused
from hub.store import entities
from hub.store.work import jobs
from hub.sync.inbound.intake import Intake, verified
from hub.sync.records.command import change
from hub.testing import Fault, Sandbox
from hub.testing.conformance.receiving import received
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from tests.proof.conftest import FULL
from tests.proof.hubs import House

MINUTES = 600.0  # seconds; longer than any horizon or overlap
WEEK = 8  # edits between two times at which all is compared
MOST_ROUNDS = 30


@dataclass(frozen=True)
class Shared:
    """A text that both sides show: our table and field, and what each of them calls it."""

    entity: str
    field: str
    crm: tuple[str, str]
    fsm: tuple[str, str]

    def at(self, side: str) -> tuple[str, str]:
        """Its stream and its name there."""
        return self.crm if side == "crm" else self.fsm


TEXTS = (
    Shared("account", "phone", ("Account", "Phone"), ("accounts", "telephone1")),
    Shared("account", "city", ("Account", "BillingCity"), ("accounts", "address1_city")),
    Shared("account", "street", ("Account", "BillingStreet"), ("accounts", "address1_line1")),
    Shared("case", "short_description", ("Case", "Subject"), ("incidents", "title")),
    Shared("case", "description", ("Case", "Description"), ("incidents", "description")),
)
SIDES = {"crm": ("Account", "Case"), "fsm": ("accounts", "incidents")}
STREAMS = {"account": ("Account", "accounts"), "case": ("Case", "incidents")}
HERE = "hub"
MISHAPS = (
    Fault(method="PATCH", drop="after"),
    Fault(method="PATCH", drop="before"),
    Fault(method="PATCH", status=503, body="down"),
    Fault(status=429, headers={"Retry-After": "7"}),
    Fault(method="GET", truncate=40),
    Fault(method="GET", drop="after"),
)


@dataclass
class World:
    """Two sides and the hub between them, and everything that people did since all was equal."""

    house: House
    inside: Hub
    chance: random.Random
    late: list[Any] = field(default_factory=list[Any])
    edits: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """By our sys_id and field: what each side said last."""
    changes: int = 0
    owed: int = 0
    """The writes that these changes may take: one for each side that did not make them."""
    made: Counter[str] = field(default_factory=Counter[str])
    """How many records of each entity there are, wherever they were made."""

    @property
    def sandboxes(self) -> dict[str, Sandbox]:
        return self.house.sandboxes

    # -- what people do

    def edit(self) -> None:
        """Somebody changes one text of one record, opens a record, or moves a case."""
        what = self.chance.random()
        self.changes += 1
        if what < 0.1:
            self.open(self.chance.choice(list(SIDES)))
        elif what < 0.2:
            self.move(self.chance.choice(list(SIDES)))
        elif what < 0.4:
            self.say_here()
        else:
            self.say(self.chance.choice(list(SIDES)))

    def say(self, side: str) -> None:
        """Somebody on one side changes one text of one record."""
        text = self.chance.choice(TEXTS)
        ours, ids = self.chance.choice(sorted(self.linked(text.entity).items()))
        stream, name = text.at(side)
        value = f"{side} said {self.changes}"
        self.mutate(side, "update", stream, {name: value}, ids[side])
        self.edits.setdefault((ours, text.field), {})[side] = value
        self.owed += 1

    def say_here(self) -> None:
        """Somebody in the hub does; both sides have to be told."""
        text = self.chance.choice(TEXTS)
        ours = self.chance.choice(sorted(self.linked(text.entity)))
        value = f"the hub said {self.changes}"
        if self.order(text.entity, ours, {text.field: value}):
            self.edits.setdefault((ours, text.field), {})[HERE] = value

    def open(self, side: str) -> None:
        """Somebody on one side makes a store with a first case, or a case for a store."""
        stores = sorted(self.linked("account").values(), key=lambda ids: ids[side])
        store = self.chance.choice(stores)[side]
        accounts, cases = SIDES[side]
        if self.chance.random() < 0.5:
            name, code = (
                ("Name", "BillingPostalCode") if side == "crm" else ("name", "address1_postalcode")
            )
            new = {name: f"Store {self.changes}", code: f"9{self.changes:04}"}
            store = self.mutate(side, "create", accounts, new)
            self.made["account"] += 1
            self.owed += 1
        said = {"Subject" if side == "crm" else "title": f"Case {self.changes}"}
        self.mutate(side, "create", cases, said | open_words(side) | of_store(side, store))
        self.made["case"] += 1
        self.owed += 1

    def move(self, side: str) -> None:
        """Somebody gives a case to another store, on one side or in the hub."""
        ours, ids = self.chance.choice(sorted(self.linked("case").items()))
        store, known = self.chance.choice(sorted(self.linked("account").items()))
        if self.chance.random() < 0.3:
            self.order("case", ours, {"account": store})
        else:
            self.mutate(side, "update", SIDES[side][1], of_store(side, known[side]), ids[side])
            self.owed += 1

    def order(self, entity: str, sys_id: str, values: dict[str, str]) -> bool:
        """Somebody in the hub changes a record, as the Table API does, if the rules allow it."""
        try:
            change(
                self.inside.db, self.inside.connections, entities.find(entity), sys_id, values,
                user="agent", now=self.house.now(),
            )  # fmt: skip
        except Refused:
            return False
        self.owed += len(SIDES)
        return True

    def mutate(self, side: str, do: str, stream: str, data: dict[str, Any], id: str = "") -> str:
        """Change something on one side; its webhooks are on their way, each twice."""
        sandbox = self.sandboxes[side]
        told = {"do": do, "stream": stream, "data": data} | ({"id": id} if id else {})
        with sandbox.lock:
            made = str(sandbox.mutate(told))
            if side == "fsm":
                self.late += 2 * list(sandbox.webhooks({"stream": stream, "id": made}))
        return made

    def linked(self, entity: str) -> dict[str, dict[str, str]]:
        """By our sys_id, what each side calls the record."""
        found: dict[str, dict[str, str]] = {}
        for side in SIDES:
            for external_id, sys_id in self.house.links(side, entity).items():
                found.setdefault(sys_id, {})[side] = external_id
        return {ours: ids for ours, ids in found.items() if ids.keys() == SIDES.keys()}

    # -- what goes wrong, and what the hub does

    def mishap(self) -> None:
        side = self.chance.choice(list(SIDES))
        self.sandboxes[side].faults.add(self.chance.choice(MISHAPS))

    def deliver(self) -> None:
        """Some of the webhooks arrive, in any order."""
        self.chance.shuffle(self.late)
        some, self.late = self.late[::2], self.late[1::2]
        connection = self.inside.connections["fsm"]
        hooks = [verified(connection, received(hook)) for hook in some]
        Intake(self.inside.db, self.inside.clock).store(hooks)

    def live(self) -> None:
        """Some time passes, in which the hub does some of what it should."""
        self.house.let_pass(self.chance.choice([1, 20, 61, 200]))
        what = self.chance.random()
        if what < 0.3:
            self.mishap()
        if what < 0.6:
            self.deliver()
        side = self.chance.choice(list(SIDES))
        targets = [f"{side}/{stream}" for stream in SIDES[side]] if what > 0.4 else []
        self.house.sync(self.inside, *targets)

    def settle(self) -> None:
        """Until nothing waits, and nobody has anything to say."""
        while self.late:
            self.deliver()
        for _ in range(MOST_ROUNDS):
            before = self.writes()
            self.house.let_pass(MINUTES)
            targets = [f"{side}/{stream}" for side in SIDES for stream in SIDES[side]]
            self.house.sync(self.inside, *targets)
            if not self.house.count(jobs) and self.writes() == before:
                for sandbox in self.sandboxes.values():
                    sandbox.faults.clear()  # of writes that nobody makes any more
                return
        raise AssertionError(f"never at rest; {self.house.count(jobs)} jobs wait")

    # -- what there is

    def writes(self) -> int:
        """How many writes the two sides carried out for the hub."""
        return sum(
            entry.method in {"PATCH", "POST"}
            and not entry.parts  # a batch is what is in it
            and "token" not in entry.path
            and entry.status is not None
            and entry.status < 300
            for sandbox in self.sandboxes.values()
            for entry in sandbox.journal
        )

    def check(self) -> None:
        """All three show the same, and of every text what was said last on some side."""
        stores = self.linked("account")
        for entity, streams in STREAMS.items():
            rows = {row["sys_id"]: row for row in self.house.rows(entity)}
            linked = self.linked(entity)
            assert len(rows) == len(linked) == self.made[entity], f"{entity}: lost, or made twice"
            shown = {side: self.shown(side, entity, linked) for side in SIDES}
            for side, stream in zip(SIDES, streams, strict=True):
                there = self.sandboxes[side].mutate({"do": "list", "stream": stream})
                assert len(there) == self.made[entity], f"{side} has {len(there)} of {stream}"
            for ours, ids in linked.items() if entity == "case" else ():
                theirs = {side: store_of(shown[side][ids[side]]) for side in SIDES}
                assert theirs == stores[rows[ours]["account"]], f"case {ours} is of two stores"
            for text in (one for one in TEXTS if one.entity == entity):
                for ours, ids in linked.items():
                    held = rows[ours][text.field]
                    theirs = {side: shown[side][ids[side]][text.at(side)[1]] for side in SIDES}
                    assert theirs == dict.fromkeys(SIDES, held), f"{entity} {ours} {text.field}"
                    said = self.edits.get((ours, text.field))
                    assert said is None or held in said.values(), f"{held} is older than {said}"
        self.edits.clear()

    def shown(
        self, side: str, entity: str, linked: dict[str, dict[str, str]]
    ) -> dict[str, dict[str, Any]]:
        """What one side shows of these records, by its own ids."""
        connection = self.inside.connections[side]
        stream = dict(zip(SIDES, STREAMS[entity], strict=True))[side]
        ids = [one[side] for one in linked.values()]
        assert isinstance(connection.spoke, hub.Fetches)
        told = connection.spoke.fetch(connection.stream(stream), ids)
        return {change.id: change.data or {} for change in told}


def furnish(house: House) -> None:
    """An org with stores, and an environment with stores and cases of its own."""
    house.connect("crm", "salesforce", SalesforceSandbox(count=0), SIDES["crm"])
    house.connect("fsm", "dynamics365", registry.sandbox("dynamics365")(), SIDES["fsm"])


def open_words(side: str) -> dict[str, Any]:
    """What a new case must say besides."""
    return {"Status": "New"} if side == "crm" else {}


def of_store(side: str, store: str) -> dict[str, Any]:
    """The words of a case for the store that it is of."""
    if side == "crm":
        return {"AccountId": store}
    return {"customerid_account@odata.bind": f"/accounts({store})"}


def store_of(case: dict[str, Any]) -> str:
    """Which store a case is of, in the words of its side."""
    return str(case["AccountId"] if "AccountId" in case else case["_customerid_value"])


def populate(world: World) -> None:
    crm = world.sandboxes["crm"]
    for number in range(2):
        store = {"Name": f"Riverton {number}", "BillingPostalCode": f"5940{number}"}
        with crm.lock:
            store_id = crm.mutate({"do": "create", "stream": "Account", "data": store})
            case = {"Subject": f"Till {number}"} | open_words("crm") | of_store("crm", store_id)
            crm.mutate({"do": "create", "stream": "Case", "data": case})
    for entity, streams in STREAMS.items():
        for side, stream in zip(SIDES, streams, strict=True):
            there = world.sandboxes[side].mutate({"do": "list", "stream": stream})
            world.made[entity] += len(there)
    world.settle()


def live_on(world: World, edits: int) -> None:
    """So many edits and what comes between them, compared every now and then."""
    for number in range(1, edits + 1):
        world.edit()
        world.live()
        if number % WEEK == 0 or number == edits:
            world.settle()
            world.check()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1, 6 if FULL else 3))
def test_random_edits_on_both_sides_end_equal(
    house: House, times: Callable[[int, int], int], tell: Callable[[str], None], seed: int
) -> None:
    furnish(house)
    edits, quiet = times(40, 200), times(5, 50)
    with house.opened() as inside:
        world = World(house, inside, random.Random(seed))
        populate(world)
        start = world.writes()
        live_on(world, edits)
        done = world.writes() - start
        assert done <= world.owed, "a change was written more than once"
        with inside.db.read() as tx:
            assert queue.dead(tx) == []
        for _ in range(quiet):
            world.settle()
        assert world.writes() - start == done, "there were writes though nothing had changed"
    tell(f"seed {seed}: {edits} edits, {done} writes, none in {quiet} quiet rounds")


class Forgetful(Salesforce):
    """Leaves out every fourth change that it is told of."""

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        for page in super().pull(stream, cursor):
            kept = [c for c in page.changes if int(c.version[17:19]) % 4]
            yield hub.Page(kept, page.cursor)


@pytest.mark.timeout(300)
def test_control_who_leaves_changes_out_does_not_end_equal(
    house: House, tell: Callable[[str], None]
) -> None:
    furnish(house)
    with house.opened() as inside:
        populate(World(house, inside, random.Random(1)))
    with house.opened(crm=Forgetful) as inside:
        world = World(house, inside, random.Random(1))
        with pytest.raises(AssertionError, match=r"account|case"):
            live_on(world, edits=40)
    tell("control: a side whose changes are left out shows something else")
