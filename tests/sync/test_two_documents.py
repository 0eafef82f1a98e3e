"""One external record that is two of ours: a refund is a return, and a case."""

from __future__ import annotations

from pathlib import Path

from tests.sync.elsewhere import at, gone, there
from tests.sync.world import World, altered, connected


def test_a_record_becomes_two(world: World) -> None:
    counts = world.absorb(there("refunds", "r1", Amount=5, Subject="Refund"))
    assert (counts.seen, counts.created) == (1, 1)
    assert world.row("return", "r1")["number"] == "RET0001001"
    assert world.row("case", "r1")["short_description"] == "Refund"


def test_each_document_says_when_it_applies(world: World) -> None:
    world.absorb(there("refunds", "r1", 1, Amount=0))
    assert world.rows("case") == []
    counts = world.absorb(there("refunds", "r1", 2, Amount=5))
    assert counts.created == 1
    assert len(world.rows("case")) == 1


def test_the_same_page_again_does_nothing(world: World) -> None:
    page = [there("refunds", f"r{i}", Amount=i % 2) for i in range(20)]
    world.absorb(*page)
    audits = world.count("sys_audit")
    assert world.absorb(*page).unchanged == 20
    assert world.count("sys_audit") == audits


def test_a_record_that_the_second_document_cannot_read_half_applies_never(world: World) -> None:
    bad = there("refunds", "r1", Amount=5, Date="yesterday")
    for _ in range(3):
        world.absorb(bad, there("refunds", "r2", Amount=5))
        assert len(world.rows("return")) == len(world.rows("case")) == 1
        [letter] = world.dead()
        assert letter.external_id == "r1"


def test_a_record_that_the_first_document_cannot_read_half_applies_never(world: World) -> None:
    bad = there("refunds", "r1", Amount="lots")
    for _ in range(3):
        world.absorb(bad, there("refunds", "r2", Amount=5))
        assert len(world.rows("return")) == len(world.rows("case")) == 1
        assert len(world.dead()) == 1


def test_the_faults_of_both_documents_are_told_together(world: World) -> None:
    bad = there("refunds", "r1", Amount=5, Lines="none", Date="yesterday")
    world.absorb(bad)
    first = world.dead()
    [letter] = first
    assert [fault["field"] for fault in letter.faults] == ["lines", "opened_at"]
    assert "lines" in letter.error
    assert "opened_at" in letter.error
    assert world.absorb(bad).unchanged == 1
    assert world.dead() == first


def test_a_mended_document_lets_the_whole_record_in(world: World, tmp_path: Path) -> None:
    bad = there("refunds", "r1", Amount=5, Date="yesterday")
    world.absorb(bad)
    mended = altered(tmp_path, "refunds", "opened_at:         Date | datetime", "subcategory: Date")
    world.connect(connected(refunds=mended))
    world.absorb(bad)
    assert (len(world.rows("return")), len(world.rows("case")), world.dead()) == (1, 1, [])


def test_the_deletion_is_of_both(world: World) -> None:
    world.absorb(there("refunds", "r1", 1, Amount=5))
    counts = world.absorb(gone("refunds", "r1", 2))
    assert counts.deleted == 1
    assert world.row("return", "r1")["state"] == "cancelled"
    assert world.row("case", "r1")["state"] == "7"


def test_a_later_version_changes_both(world: World) -> None:
    world.absorb(there("refunds", "r1", 1, Amount=5, Reason="broken"))
    world.absorb(there("refunds", "r1", 2, Amount=6, Reason="burnt", Date=at(1)))
    assert world.row("return", "r1")["refund_amount"] == 6
    assert world.row("return", "r1")["reason"] == "burnt"


def test_a_document_that_only_fills_gaps_leaves_what_people_wrote(world: World) -> None:
    world.absorb(there("refunds", "r1", 1, Amount=5, Subject="Refund"))
    world.edit("case", world.sys_id("case", "r1"), short_description="Call Zoe", state="10")
    world.absorb(there("refunds", "r1", 2, Amount=5, Subject="Refund of 5"))
    assert world.row("case", "r1")["short_description"] == "Call Zoe"
