"""Who was first, and who stands higher: what `newest` and `rank` go by."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from hub.mapping import Mapping as FieldMapping
from hub.store import conflicts
from hub.store.conflicts import Conflict
from hub.sync.connection import Connection
from hub.sync.jobs import Poll
from tests.sync.elsewhere import EPOCH, System, there
from tests.sync.world import World, altered, connected

NOON = EPOCH.timestamp()


def owned(tmp_path: Path, owner: str) -> tuple[FieldMapping, ...]:
    return altered(tmp_path, "cases", "stamp: Hub_Id\n", f"stamp: Hub_Id\nowner: {owner}\n")


def two(world: World, tmp_path: Path, owner: str, *, crm: int = 0, erp: int = 0) -> str:
    """Two systems in step on one case; what erp calls it."""
    mapping = owned(tmp_path, owner)
    world.connect(
        replace(connected("crm", cases=mapping), rank=crm),
        replace(connected("erp", cases=mapping), rank=erp),
    )
    world.clock.now = NOON + 10
    world.system().set("cases", "c1", Subject="Till", Description="Black", Region="north")
    world.run(Poll("crm", "cases"))
    world.work()
    [id] = world.system("erp").table("cases")
    return id


def hear(world: World, connection: str, id: str, moment: int, at: int, **values: str) -> None:
    """A record that changed there at one moment, and that we hear of at another."""
    world.clock.now = NOON + at
    world.absorb(there("cases", id, moment, **values), connection=connection)


def ones(world: World) -> list[Conflict]:
    with world.db.read() as tx:
        return conflicts.listed(tx) + conflicts.listed(tx, resolved=True)


def subject(world: World) -> str:
    return str(world.row("case", "c1")["short_description"])


@pytest.mark.parametrize("order", list(permutations(["crm", "erp"])), ids="-".join)
@pytest.mark.parametrize(("crm", "erp", "wins"), [(10, 5, "Crm"), (5, 10, "Erp"), (0, 1, "Erp")])
def test_the_higher_rank_stays_whichever_is_heard_first(
    world: World, tmp_path: Path, order: tuple[str, str], crm: int, erp: int, wins: str
) -> None:
    theirs = two(world, tmp_path, "rank", crm=crm, erp=erp)
    ids = {"crm": "c1", "erp": theirs}
    sides = {name: world.system(name) for name in ids}
    for name, side in sides.items():
        side.moment = 1000
        side.set("cases", ids[name], Subject=name.title())
    for number, name in enumerate(order):
        world.clock.now = NOON + 2000 + number
        world.absorb(sides[name].changes[-1], connection=name)
    assert subject(world) == wins
    [one] = ones(world)
    assert (one.policy, {one.ours, one.theirs}) == ("rank", {"Crm", "Erp"})
    for _ in range(3):
        world.work()
        for name in ids:
            world.put(Poll(name, "cases"))
        world.work()
    assert {side.get("cases", ids[name])["Subject"] for name, side in sides.items()} == {wins}


@pytest.mark.parametrize(("rank", "wins"), [(99, "Ours"), (101, "Theirs")])
def test_what_people_write_here_has_rank_one_hundred(
    world: World, tmp_path: Path, rank: int, wins: str
) -> None:
    two(world, tmp_path, "rank", crm=rank)
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    hear(world, "crm", "c1", 5000, 5001, Subject="Theirs")
    assert subject(world) == wins
    [one] = ones(world)
    assert one.stayed == ("ours" if wins == "Ours" else "theirs")


@pytest.mark.parametrize(("moment", "wins"), [(5000, "Theirs"), (50, "Ours")])
def test_of_equals_the_newer_one_stays(
    world: World, tmp_path: Path, moment: int, wins: str
) -> None:
    two(world, tmp_path, "rank", crm=100)
    world.clock.now = NOON + 100
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    hear(world, "crm", "c1", moment, 6000, Subject="Theirs")
    assert subject(world) == wins


def one_way(tmp_path: Path) -> tuple[FieldMapping, ...]:
    return altered(
        tmp_path, "cases", "description:       Description\n",
        "description:       {in: Description, out: {}, owner: rank}\n",
    )  # fmt: skip


def adopting(name: str, mapping: tuple[FieldMapping, ...], rank: int) -> Connection:
    return replace(connected(name, cases=mapping), rank=rank)


def test_of_a_field_that_only_comes_in_the_higher_rank_stays_and_nothing_is_in_conflict(
    world: World, tmp_path: Path
) -> None:
    mapping = one_way(tmp_path)
    world.connect(adopting("crm", mapping, 10), adopting("erp", mapping, 5))
    world.absorb(there("cases", "c1", 1, Ticket="T1", Description="Crm"))
    world.absorb(there("cases", "e1", 2, Ticket="T1", Description="Erp"), connection="erp")
    assert world.row("case", "c1")["description"] == "Crm"
    world.absorb(there("cases", "c1", 3, Description=None))
    world.absorb(there("cases", "e1", 4, Description="Erp 2"), connection="erp")
    assert world.row("case", "c1")["description"] == "Erp 2", "anybody fills what is empty"
    world.absorb(there("cases", "c1", 5, Description="Crm 2"))
    assert world.row("case", "c1")["description"] == "Crm 2"
    assert ones(world) == []


def test_who_creates_a_record_has_not_spoken_of_what_its_mapping_does_not_read(
    world: World, tmp_path: Path
) -> None:
    ranked = altered(tmp_path, "cases", "stamp: Hub_Id\n", "stamp: Hub_Id\nowner: rank\n")
    silent = altered(tmp_path, "cases", "  impact:            Impact\n", "")
    world.connect(adopting("crm", silent, 10), adopting("erp", ranked, 5))
    world.absorb(there("cases", "c1", 1, Ticket="T1"))
    before = world.row("case", "c1")["impact"]
    world.absorb(there("cases", "e1", 2, Ticket="T1", Impact="1"), connection="erp")
    assert (before, world.row("case", "c1")["impact"]) == ("3", "1")


@pytest.mark.parametrize("order", list(permutations(["crm", "erp"])), ids="-".join)
def test_the_newest_is_so_by_the_clock_of_who_changed_it_not_by_when_we_heard(
    world: World, tmp_path: Path, order: tuple[str, str]
) -> None:
    theirs = two(world, tmp_path, "newest")
    said = {"crm": ("c1", 1150, "Crm"), "erp": (theirs, 1100, "Erp")}
    for number, name in enumerate(order):
        id, moment, value = said[name]
        hear(world, name, id, moment, 2000 + 100 * number, Subject=value)
    assert subject(world) == "Crm"


def test_the_newest_is_looked_for_field_by_field(world: World, tmp_path: Path) -> None:
    two(world, tmp_path, "newest")
    sys_id = world.sys_id("case", "c1")
    world.clock.now = NOON + 1000
    world.edit("case", sys_id, short_description="Ours")
    world.clock.now = NOON + 3000
    world.edit("case", sys_id, description="Ours, much later")
    hear(world, "crm", "c1", 2000, 4000, Subject="Theirs", Description="Theirs")
    row = world.row("case", "c1")
    assert (row["short_description"], row["description"]) == ("Theirs", "Ours, much later")


@pytest.mark.parametrize("apart", [-3, -2, -1, 0, 1, 2, 3])
@pytest.mark.parametrize("rank", [0, 100, 200])
def test_within_the_tolerance_the_higher_rank_was_first_and_of_equals_the_clocks_decide(
    world: World, tmp_path: Path, apart: int, rank: int
) -> None:
    two(world, tmp_path, "newest", crm=rank)
    world.clock.now = NOON + 1000
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    hear(world, "crm", "c1", 1000 + apart, 2000, Subject="Theirs")
    tie = abs(apart) <= 2
    theirs_win = rank > 100 if tie and rank != 100 else apart >= 0
    assert subject(world) == ("Theirs" if theirs_win else "Ours")


def test_a_connection_may_have_a_tolerance_of_its_own(world: World, tmp_path: Path) -> None:
    two(world, tmp_path, "newest")
    crm = replace(world.connections["crm"], skew=timedelta(minutes=5))
    world.connect(crm, world.connections["erp"])
    world.clock.now = NOON + 1000
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    hear(world, "crm", "c1", 1299, 2000, Subject="Theirs")
    assert subject(world) == "Ours"


def test_a_version_that_is_no_time_counts_as_newer(world: World, tmp_path: Path) -> None:
    two(world, tmp_path, "newest")
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    change = there("cases", "c1", 1, Subject="Theirs")
    record = {**(change.data or {}), "Version": "z7"}
    world.absorb(replace(change, data=record, version="z7"))
    assert subject(world) == "Theirs"


def test_systems_that_change_the_same_field_again_and_again_end_equal(
    world: World, tmp_path: Path
) -> None:
    theirs = two(world, tmp_path, "rank", crm=5, erp=10)
    ids = {"crm": "c1", "erp": theirs}
    sides: dict[str, System] = {name: world.system(name) for name in ids}
    for number in range(5):
        for name, side in sides.items():
            side.set("cases", ids[name], Subject=f"{name} {number}")
        for _ in range(4):
            for name in ids:
                world.put(Poll(name, "cases"))
            world.work()
            world.clock.pass_(60)
        said = {side.get("cases", ids[name])["Subject"] for name, side in sides.items()}
        assert said == {f"erp {number}"} == {subject(world)}
    before = [len(side.writes) for side in sides.values()]
    for name in ids:
        world.put(Poll(name, "cases"))
    world.work()
    assert [len(side.writes) for side in sides.values()] == before


def test_what_was_not_taken_has_set_nothing(world: World, tmp_path: Path) -> None:
    """The audit says of it that ours stayed, in their name."""
    two(world, tmp_path, "rank", crm=50)
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    for moment in (5000, 6000):
        hear(world, "crm", "c1", moment, moment + 1, Subject=f"Theirs at {moment}")
        assert subject(world) == "Ours"
