"""What becomes of a record of ours when theirs is deleted is the mapping's word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sync.elsewhere import gone, there
from tests.sync.world import World, altered, connected


@pytest.fixture
def lenient(world: World, tmp_path: Path) -> World:
    """A hub whose cases stay when they are deleted over there."""
    cases = altered(tmp_path, "cases", "stamp: Hub_Id", "stamp: Hub_Id\non_delete: ignore")
    world.connect(connected(cases=cases))
    world.absorb(there("cases", "c1", 1, Subject="Till", Status="Open"))
    return world


def test_it_says_so_unless_the_mapping_says_otherwise(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Status="Open"))
    world.absorb(gone("cases", "c1", 2))
    assert world.row("case", "c1")["state"] == "7"


def test_ours_stays_as_it_is(lenient: World) -> None:
    before = lenient.row("case", "c1")
    counts = lenient.absorb(gone("cases", "c1", 2))
    assert counts.deleted == 1
    assert lenient.row("case", "c1") == before
    assert lenient.link("case", "c1").deleted_at is not None


def test_it_is_not_written_there_any_more(lenient: World) -> None:
    lenient.absorb(gone("cases", "c1", 2))
    lenient.edit("case", lenient.sys_id("case", "c1"), short_description="Ours")
    lenient.work()
    assert lenient.system().writes == []


def test_what_comes_back_is_read_again(lenient: World) -> None:
    lenient.absorb(gone("cases", "c1", 2))
    lenient.absorb(there("cases", "c1", 3, Subject="Back", Status="Waiting"))
    row = lenient.row("case", "c1")
    assert (row["short_description"], row["state"]) == ("Back", "18")
    assert lenient.link("case", "c1").deleted_at is None
    assert len(lenient.rows("case")) == 1
