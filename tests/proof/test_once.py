"""A write has its effect once where the other side has a key, whatever is cut off or killed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

import pytest

import hub
from hub.store import entities
from hub.sync.records.amend import Origin, Patch, amend
from hub.testing import Fault
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from tests.proof.hubs import House, until

Times = Callable[[int, int], int]
People = dict[str, str]
WRITE = "/sobjects/Contact"


@pytest.fixture
def org(house: House) -> SalesforceSandbox:
    """An org with nobody in it."""
    sandbox = SalesforceSandbox(count=0)
    sandbox.tables["Contact"].rows.clear()
    return house.connect("crm", "salesforce", sandbox, ("Contact",))


def told(house: House, people: People, *, fresh: bool) -> None:
    """Somebody enters or renames people in the hub, who must then be written out there."""
    contact = entities.find("contact")
    patches = [Patch(contact, id, {"last_name": name}, fresh=fresh) for id, name in people.items()]
    with house.opened() as inside, inside.db.write() as tx:
        amend(tx, inside.connections, patches, Origin("ann", command=True), now=house.now())


def there(org: SalesforceSandbox) -> list[tuple[str, str]]:
    return [(row["Hub_Id__c"], row["LastName"]) for row in org.tables["Contact"].rows.values()]


def named(number: int, suffix: str = "") -> People:
    return {f"{n:032x}": f"Person {n}{suffix}" for n in range(number)}


def cut(org: SalesforceSandbox, writes: int) -> None:
    """Cut every second connection after its write is done: nobody hears of it."""
    for _ in range(writes // 2):
        org.faults.add(Fault(path=WRITE, skip=1, drop="after"))


def killed_at_work(house: House, org: SalesforceSandbox, kills: int) -> None:
    """Let workers die with writes on their way."""
    chance = random.Random(kills)
    for _ in range(kills):
        org.journal.clear()
        with house.process("work") as child:
            seen = chance.randint(1, 5)
            until("writes to begin", lambda: len(org.journal.of(WRITE, "PATCH")) >= seen)  # noqa: B023
            child.kill()


def test_each_record_is_there_once_though_connections_are_cut_and_workers_killed(
    house: House, org: SalesforceSandbox, times: Times, tell: Callable[[str], None]
) -> None:
    number, kills = times(12, 200), times(1, 5)
    cut(org, number)
    told(house, named(number), fresh=True)
    killed_at_work(house, org, kills)
    house.drain()
    house.revive()
    assert Counter(there(org)) == Counter(named(number).items())
    cut(org, number)
    told(house, named(number, " the second"), fresh=False)
    killed_at_work(house, org, kills - 1)
    house.drain()
    house.revive()
    assert Counter(there(org)) == Counter(named(number, " the second").items())
    assert len(house.linked("crm", "contact")) == number
    tell(f"{number} created and renamed, half of the answers cut, {2 * kills - 1} kills: each once")


class Keyless(Salesforce):
    """Creates without a key: whoever repeats it creates another one."""

    at_once: ClassVar[int] = 1

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        data = {name: value for name, value in write.data.items() if name != "Hub_Id__c"}
        path = f"/services/data/v{self.api_version}/sobjects/{stream.name}/"
        return hub.Receipt(self.http.post(path, json=data).json()["id"])


def test_control_without_a_key_records_are_doubled(
    house: House, org: SalesforceSandbox, times: Times, tell: Callable[[str], None]
) -> None:
    number = times(10, 100)
    cut(org, number)
    told(house, named(number), fresh=True)
    house.drain(crm=Keyless)
    doubled = sum(times - 1 for times in Counter(name for _, name in there(org)).values())
    assert doubled > 0
    tell(f"control: of {number} records there are {doubled} too many")
