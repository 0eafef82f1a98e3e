"""A bad record stops nobody and never vanishes: it is a dead letter until it is mended."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from hub.mapping import RecordFailed
from hub.spoke import Pulls
from spokes.salesforce.sandbox import SalesforceSandbox
from tests.proof.hubs import House

PAGE, EVERY = 25, 10  # people in a page; every so manieth of them is bad
BAD = "nobody at all"


@pytest.fixture
def org(house: House) -> SalesforceSandbox:
    """An org in which every page holds people whose address is none."""
    sandbox = SalesforceSandbox()
    sandbox.page_size = PAGE
    people = list(sandbox.tables["Contact"].rows.values())
    for row in sorted(people, key=lambda row: (row["SystemModstamp"], row["Id"]))[::EVERY]:
        readdressed(sandbox, row["Id"], BAD, at=row["SystemModstamp"])
    return house.connect("crm", "salesforce", sandbox, ("Contact",))


def readdressed(org: SalesforceSandbox, id: str, email: str, **at: str) -> None:
    command = {"do": "update", "stream": "Contact", "id": id, "data": {"Email": email}}
    org.mutate(command | at)


def bad(org: SalesforceSandbox) -> set[str]:
    return {row["Id"] for row in org.tables["Contact"].rows.values() if row["Email"] == BAD}


def test_poison_in_every_page_dies_alone_and_comes_back_mended(
    house: House, org: SalesforceSandbox, tell: Callable[[str], None]
) -> None:
    everybody, poison = set(org.tables["Contact"].rows), bad(org)
    with house.opened() as inside:
        house.sync(inside, "crm/Contact")
        assert set(house.linked("crm", "contact")) == everybody - poison
        letters = house.dead()
        assert {letter.external_id for letter in letters} == poison
        for letter in letters:
            assert letter.error.startswith("mappings/salesforce/Contact.yaml:")
            assert f"'{BAD}' is no e-mail address" in letter.error
            assert orjson.loads(letter.raw)["Email"] == BAD
        house.sync(inside, "crm/Contact")
        assert len(house.dead()) == len(poison), "a second reading tells of nobody twice"
        for number, id in enumerate(sorted(poison)):
            readdressed(org, id, f"mended{number}@example.com")
        house.let_pass(600)
        house.sync(inside, "crm/Contact")
    assert set(house.linked("crm", "contact")) == everybody
    assert house.dead() == []
    pages = len(everybody) // PAGE
    tell(
        f"{len(poison)} bad among {len(everybody)} records in {pages} pages: all dead letters, then mended"
    )


def test_control_who_reads_whole_pages_gets_nobody(
    house: House, org: SalesforceSandbox, tell: Callable[[str], None]
) -> None:
    """Without letters of their own, bad records take their pages along."""
    arrived = 0
    with house.opened() as inside:
        crm = inside.connections["crm"]
        [mapping] = crm.mappings["Contact"]
        assert isinstance(crm.spoke, Pulls)
        for page in crm.spoke.pull(crm.stream("Contact"), None):
            try:
                arrived += len([mapping.inward(change.data) for change in page.changes])
            except RecordFailed:
                continue
    assert arrived == 0
    tell(f"control: all or nothing, {arrived} of {len(org.tables['Contact'].rows)} arrive")
