"""Both sides change a record: what each of them says, and who wins where they disagree."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.sync.jobs import Poll
from tests.sync.elsewhere import EPOCH, System, there
from tests.sync.world import World, altered, connected

CASES = Poll("crm", "cases")


def start(world: World, tmp_path: Path, owner: str) -> System:
    mapping = altered(tmp_path, "cases", "stamp: Hub_Id\n", f"stamp: Hub_Id\nowner: {owner}\n")
    world.connect(connected(cases=mapping))
    system = world.system()
    system.set("cases", "c1", Subject="Till", Description="Black", Status="Open")
    world.run(CASES)
    return system


def told(world: World) -> list[str]:
    return [e["reason"] for e in world.audits("case", world.sys_id("case", "c1")) if e["reason"]]


def test_an_edit_that_waits_to_be_sent_is_not_undone_by_a_poll(
    world: World, tmp_path: Path
) -> None:
    system = start(world, tmp_path, "theirs")
    sys_id = world.sys_id("case", "c1")
    world.edit("case", sys_id, short_description="Till is dead")
    system.set("cases", "c1", Description="Black screen")
    world.absorb(system.changes[-1])
    row = world.row("case", "c1")
    assert (row["short_description"], row["description"]) == ("Till is dead", "Black screen")
    world.work()
    assert system.writes[-1].data == {"Subject": "Till is dead"}
    assert told(world) == []


def both_change(world: World, *, theirs_after: bool) -> None:
    """A person edits the subject here, somebody else there; theirs arrives."""
    world.clock.now = EPOCH.timestamp() + (100 if theirs_after else 1_000_000)
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    world.clock.now = EPOCH.timestamp() + 2_000_000
    world.absorb(there("cases", "c1", 500_000, Subject="Theirs", Status="Open"))


@pytest.mark.parametrize(
    ("owner", "theirs_after", "wins"),
    [
        ("newest", True, "Theirs"),
        ("newest", False, "Ours"),
        ("theirs", False, "Theirs"),
        ("ours", True, "Ours"),
        ("if_empty", True, "Ours"),
        ("manual", True, "Ours"),
    ],
)
def test_where_both_changed_the_owner_decides(
    world: World, tmp_path: Path, owner: str, *, theirs_after: bool, wins: str
) -> None:
    start(world, tmp_path, owner)
    both_change(world, theirs_after=theirs_after)
    assert world.row("case", "c1")["short_description"] == wins
    lost = [] if wins == "Theirs" else ["conflict: kept ours, theirs was Theirs"]
    assert told(world) == lost


def test_ours_is_sent_where_it_won(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "ours")
    world.edit("case", world.sys_id("case", "c1"), short_description="Ours")
    system.set("cases", "c1", Subject="Theirs")
    world.absorb(system.changes[-1])
    world.work()
    assert [write.data for write in system.writes] == [{"Subject": "Ours"}]


def test_nothing_is_sent_where_theirs_won(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "theirs")
    both_change(world, theirs_after=True)
    world.work()
    assert system.writes == []


def test_a_conflict_is_told_once(world: World, tmp_path: Path) -> None:
    start(world, tmp_path, "ours")
    both_change(world, theirs_after=True)
    world.absorb(there("cases", "c1", 500_001, Subject="Theirs", Description="More"))
    assert len(told(world)) == 1
    assert world.row("case", "c1")["description"] == "More"


def test_both_say_the_same_and_nobody_lost(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "manual")
    world.edit("case", world.sys_id("case", "c1"), short_description="Same")
    system.set("cases", "c1", Subject="Same")
    world.absorb(system.changes[-1])
    world.work()
    assert (told(world), system.writes) == ([], [])


def test_a_field_of_ours_alone_follows_them_while_we_leave_it(world: World, tmp_path: Path) -> None:
    system = start(world, tmp_path, "ours")
    system.set("cases", "c1", Subject="Theirs")
    world.run(CASES)
    assert world.row("case", "c1")["short_description"] == "Theirs"


def test_each_field_may_have_its_own_owner(world: World, tmp_path: Path) -> None:
    mapping = altered(
        tmp_path, "cases", "description:       Description\n",
        "description:       {in: Description, owner: ours}\n",
    )  # fmt: skip
    world.connect(connected(cases=mapping))
    system = world.system()
    system.set("cases", "c1", Subject="Till", Description="Black")
    world.run(CASES)
    world.edit("case", world.sys_id("case", "c1"), short_description="O", description="O")
    world.absorb(there("cases", "c1", 10**7, Subject="T", Description="T"))
    row = world.row("case", "c1")
    assert (row["short_description"], row["description"]) == ("T", "O")
