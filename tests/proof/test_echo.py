"""An echo dies: two systems that show the same records write each change to each other once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, ClassVar

import pytest

import hub
from hub.app import Hub
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from tests.proof.hubs import House

Times = Callable[[int, int], int]
BOTH = ("north/Case", "south/Case")
WRITE = "/sobjects/Case/"
MINUTES = 600.0  # seconds; longer than any horizon or overlap


@pytest.fixture
def orgs(house: House) -> list[SalesforceSandbox]:
    """Two orgs without a case, which the hub keeps in step."""
    names = ("north", "south")
    return [
        house.connect(name, "salesforce", SalesforceSandbox(count=0), ("Case",)) for name in names
    ]


def in_step(house: House, inside: Hub) -> None:
    """Pull both sides until nothing can be new any more."""
    for _ in range(2):
        house.let_pass(MINUTES)
        house.sync(inside, *BOTH)


def writes(orgs: list[SalesforceSandbox]) -> int:
    """How often the hub wrote to either org."""
    return sum(entry.method in {"PATCH", "POST"} for org in orgs for entry in org.journal.of(WRITE))


def cases(org: SalesforceSandbox) -> list[tuple[Any, Any]]:
    return [(row["Subject"], row["Status"]) for row in org.tables["Case"].rows.values()]


def test_no_more_than_one_write_for_each_change(
    house: House, orgs: list[SalesforceSandbox], times: Times, tell: Callable[[str], None]
) -> None:
    rounds = times(6, 50)
    north, south = orgs
    case = {"do": "create", "stream": "Case", "data": {"Subject": "Till 4", "Status": "New"}}
    with house.opened() as inside:
        north.mutate(case)
        in_step(house, inside)
        assert cases(north) == cases(south)
        for number in range(rounds):
            org, before = orgs[number % 2], writes(orgs)
            [id] = org.mutate({"do": "list", "stream": "Case"})
            data = {"Subject": f"Till {number}", "Status": ("New", "Working")[number // 2 % 2]}
            org.mutate({"do": "update", "stream": "Case", "id": id, "data": data})
            in_step(house, inside)
            assert cases(north) == cases(south) == [(data["Subject"], data["Status"])]
            assert writes(orgs) - before == 1
        quiet = writes(orgs)
        for _ in range(rounds):
            house.let_pass(MINUTES)
            house.sync(inside, *BOTH)
        assert writes(orgs) == quiet
    assert len(house.rows("case")) == 1
    tell(f"1 case made and changed {rounds} times: {quiet} writes, none in {rounds} quiet rounds")


class Restless(Salesforce):
    """Shows something else each time that it is read."""

    reads: ClassVar[Iterator[int]] = count(1)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        for _ in super().pull(stream, cursor):
            pass
        yield from (
            hub.Page([self._altered(change) for change in page.changes], page.cursor)
            for page in super().pull(stream, None)
        )

    def _altered(self, change: hub.Change) -> hub.Change:
        data = (change.data or {}) | {"Subject": f"read {next(self.reads)} times"}
        return hub.Change(change.stream, change.id, data, change.version)


def test_control_what_differs_at_each_read_never_comes_to_rest(
    house: House, orgs: list[SalesforceSandbox], times: Times, tell: Callable[[str], None]
) -> None:
    rounds = times(4, 20)
    with house.opened(north=Restless) as inside:
        orgs[0].mutate({"do": "create", "stream": "Case", "data": {"Subject": "Till 4"}})
        in_step(house, inside)
        before = writes(orgs)
        for _ in range(rounds):
            house.let_pass(MINUTES)
            house.sync(inside, *BOTH)
    echoes = writes(orgs) - before
    assert echoes >= rounds
    tell(f"control: {echoes} writes in {rounds} quiet rounds")
