"""A full sync that is killed in the middle goes on where it stopped: nothing lost, nothing twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from spokes.salesforce.sandbox import SalesforceSandbox
from tests.proof.hubs import House
from tests.proof.program import sync, sync_carelessly

Times = Callable[[int, int], int]
PEOPLE = 300  # in the sandbox
PAGE = 25


@pytest.fixture
def org(house: House) -> SalesforceSandbox:
    sandbox = SalesforceSandbox()
    sandbox.page_size = PAGE
    return house.connect("crm", "salesforce", sandbox, ("Contact",))


def killed(house: House, way: str, kills: int) -> list[int]:
    """Sync in a process that is killed after a page or two each time, and at last to the end.

    The numbers of records in the pages of that last run.
    """
    chance, pages = random.Random(kills), []
    for _ in range(kills):
        with house.process(way, "crm/Contact") as child:
            for _ in range(chance.randint(1, 2)):
                assert "committed" in house.line(child)
            child.kill()
    with house.opened() as inside:
        watched = replace(inside, watch=lambda _, __, counts: pages.append(counts.seen))
        {"sync": sync, "careless": sync_carelessly}[way](watched, "crm", "Contact")
    return pages


def test_it_ends_with_exactly_what_is_there(
    house: House, org: SalesforceSandbox, times: Times, tell: Callable[[str], None]
) -> None:
    kills = times(1, 6)
    rest = killed(house, "sync", kills)
    house.drain()
    there = org.mutate({"do": "list", "stream": "Contact"})
    assert Counter(house.linked("crm", "contact")) == Counter(there)
    people = house.rows("contact")
    assert len(people) == PEOPLE == len({row["email"] for row in people})
    assert sum(rest) < PEOPLE, "the last run went on where the killed one stopped"
    assert house.dead() == []
    tell(f"{kills} kills, {PEOPLE} records once each; the last run read {sum(rest)} of them")


def test_control_a_cursor_saved_before_its_page_loses_records(
    house: House, org: SalesforceSandbox, times: Times, tell: Callable[[str], None]
) -> None:
    kills = times(1, 4)
    killed(house, "careless", kills)
    there = set(org.mutate({"do": "list", "stream": "Contact"}))
    lost = there - set(house.linked("crm", "contact"))
    assert len(lost) >= kills * (PAGE - 2)
    tell(f"control: {kills} kills, {len(lost)} of {PEOPLE} records are lost")
