"""The order of a record is kept: a later change overtakes a dead one as a whole, never half."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

import hub
from hub.mapping import Mapping as FieldMapping
from hub.sync.inbound.absorb import absorb
from hub.sync.replay import editing
from tests.sync.elsewhere import at, gone, there
from tests.sync.world import World, altered, connected

DEADLINE = 30.0  # seconds until a test gives up


def mended(tmp_path: Path) -> tuple[FieldMapping, ...]:
    return altered(tmp_path, "cases", "Closed: closed}", "Closed: closed, Exploded: open}")


def bad(moment: int, subject: str) -> hub.Change:
    return there("cases", "c1", moment, Status="Exploded", Subject=subject)


def good(moment: int, subject: str) -> hub.Change:
    return there("cases", "c1", moment, Status="New", Subject=subject)


def without_version(status: str, subject: str) -> hub.Change:
    return hub.Change("cases", "c1", {"Id": "c1", "Status": status, "Subject": subject})


def subject(world: World) -> Any:
    return world.row("case", "c1")["short_description"]


def test_a_newer_change_resolves_it_and_a_late_retry_applies_nothing(
    world: World, tmp_path: Path
) -> None:
    world.absorb(bad(1, "first"))
    [letter] = world.dead()
    world.absorb(good(2, "second"))
    world.connect(connected(cases=mended(tmp_path)))
    audits = world.count("sys_audit")
    world.read_again(letter.id)
    assert (world.dead(), subject(world)) == ([], "second")
    assert world.count("sys_audit") == audits


def test_a_newer_bad_change_takes_its_place_and_is_what_a_retry_applies(
    world: World, tmp_path: Path
) -> None:
    world.absorb(bad(1, "first"))
    world.absorb(bad(2, "second"))
    [letter] = world.dead()
    assert letter.version == at(2)
    world.connect(connected(cases=mended(tmp_path)))
    world.read_again(letter.id)
    assert (world.dead(), subject(world)) == ([], "second")


def test_an_older_bad_change_is_ignored_also_one_of_what_is_well(world: World) -> None:
    world.absorb(bad(2, "second"))
    world.absorb(bad(1, "first"))
    assert [letter.version for letter in world.dead()] == [at(2)]
    world.absorb(good(3, "third"))
    world.absorb(bad(2, "second"))
    assert (world.dead(), subject(world)) == ([], "third")


def test_an_older_change_without_so_much_as_a_key_is_ignored_as_well(world: World) -> None:
    world.absorb(good(3, "third"))
    nameless = hub.Change("cases", "c1", {"Id": None, "Version": at(2)}, at(2))
    world.absorb(nameless)
    assert (world.dead(), subject(world)) == ([], "third")


def test_an_older_good_change_counts_until_the_dead_one_is_mended(
    world: World, tmp_path: Path
) -> None:
    """It is the newest that could be read, whatever the order of arrival."""
    world.absorb(bad(2, "second"))
    world.absorb(good(1, "first"))
    assert (len(world.dead()), subject(world)) == (1, "first")
    world.connect(connected(cases=mended(tmp_path)))
    world.read_again()
    assert (world.dead(), subject(world)) == ([], "second")


def test_the_same_content_with_a_newer_version_makes_the_letter_newer(world: World) -> None:
    raw = {"Id": "c1", "Status": "Exploded"}
    world.absorb(hub.Change("cases", "c1", raw, at(1)))
    world.absorb(hub.Change("cases", "c1", raw, at(3)))
    world.absorb(hub.Change("cases", "c1", {"Id": "c1", "Status": "New"}, at(2)))
    assert [letter.version for letter in world.dead()] == [at(3)]


@pytest.mark.parametrize("deletion", [gone("cases", "c1", 2), hub.Change("cases", "c1", None)])
def test_a_deletion_resolves_it(world: World, tmp_path: Path, deletion: hub.Change) -> None:
    """Also one without a version: who fetched it has just looked."""
    world.absorb(good(0, "before"))
    world.absorb(bad(1, "first"))
    world.absorb(deletion)
    assert world.dead() == []
    world.connect(connected(cases=mended(tmp_path)))
    world.read_again()
    assert subject(world) == "before"


def test_a_deletion_that_is_older_does_not(world: World, tmp_path: Path) -> None:
    world.absorb(bad(2, "second"))
    world.absorb(gone("cases", "c1", 1))
    assert len(world.dead()) == 1
    world.connect(connected(cases=mended(tmp_path)))
    world.read_again()
    assert subject(world) == "second"


def test_of_a_record_that_is_two_of_ours_none_is_applied_until_both_can_be(
    world: World, tmp_path: Path
) -> None:
    def versions() -> list[Any]:
        return [world.link(entity, "r1").version for entity in ("return", "case")]

    world.absorb(there("refunds", "r1", 1, Amount=5))
    world.absorb(there("refunds", "r1", 2, Amount=6, Date="yesterday"))
    world.read_again()
    assert (len(world.dead()), versions()) == (1, [at(1), at(1)])
    assert world.row("return", "r1")["refund_amount"] == 5
    world.connect(connected(refunds=altered(tmp_path, "refunds", "Date |", "Other |")))
    world.read_again()
    assert (world.dead(), versions()) == ([], [at(2), at(2)])
    assert world.row("return", "r1")["refund_amount"] == 6


def meanwhile(world: World, change: hub.Change, other: Callable[[], object]) -> None:
    """Let `other` come while a change is folded in and not committed yet: it wants the turn."""
    wants_it, mine = threading.Event(), threading.get_ident()

    def listen(_: Any, __: Any, sql: str, *___: Any) -> None:
        if "advisory_xact_lock" in sql and threading.get_ident() != mine:
            wants_it.set()

    event.listen(world.db.engine, "before_cursor_execute", listen)
    with ThreadPoolExecutor(1) as threads:
        with world.db.write() as tx:
            absorb(
                tx, world.connections, world.connections["crm"], change.stream, [change],
                now=world.now,
            )  # fmt: skip
            running = threads.submit(other)
            if not world.db.sqlite:  # which lets nobody begin to write
                assert wants_it.wait(DEADLINE)
        running.result(DEADLINE)
    event.remove(world.db.engine, "before_cursor_execute", listen)


@pytest.mark.parametrize("status", ["New", "Exploded"])
def test_a_retry_while_a_newer_change_is_folded_in_applies_what_is_newer(
    world: World, tmp_path: Path, status: str
) -> None:
    """Without versions only the order in which they came tells which is newer."""
    world.absorb(without_version("Exploded", "first"))
    world.connect(connected(cases=mended(tmp_path)))
    meanwhile(world, without_version(status, "second"), world.read_again)
    assert (world.dead(), subject(world)) == ([], "second")


def test_an_edit_while_a_newer_change_is_folded_in_is_refused(world: World) -> None:
    world.absorb(bad(1, "first"))
    [letter] = world.dead()
    edited = editing.told(b'{"Id": "c1", "Status": "New", "Subject": "edited"}', seen=letter.raw)

    def edit() -> None:
        with pytest.raises(editing.NotEdited, match="no longer: a newer change may have been"):
            editing.edit(
                world.db, world.connections, letter.id, edited, seen=letter.raw, by="ann",
                now=world.clock(),
            )  # fmt: skip

    meanwhile(world, good(2, "second"), edit)
    assert (world.dead(), subject(world)) == ([], "second")


def test_a_webhook_and_a_poll_that_race_end_with_the_newer_one(world: World) -> None:
    for older, newer in ((bad(1, "first"), good(2, "second")), (bad(3, "x"), bad(4, "y"))):
        for first, second in ((older, newer), (newer, older)):
            meanwhile(world, first, partial(world.absorb, second))
    assert subject(world) == "second"
    assert [letter.version for letter in world.dead()] == [at(4)]
