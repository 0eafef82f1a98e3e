"""What nobody will ask for any more is forgotten within the hour: conflicts that are over, and files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from hub.store import conflicts
from hub.store.attachments import Files
from hub.store.conflicts import Conflict
from hub.sync.jobs import Sweep
from hub.sync.outbound import attachments
from tests.sync.world import World

DAY = 86400.0


def conflict(id: str, *, settled: float | None) -> Conflict:
    one = Conflict(
        "crm", "cases", id, "sn_customerservice_case", id, "priority", 1, 2, 3, "both", "manual"
    )
    return one if settled is None else one.resolved("agreed", by="crm", at=settled)


def test_a_conflict_goes_three_months_after_it_was_settled_and_never_while_it_is_open(
    world: World,
) -> None:
    now = world.clock()
    with world.db.write() as tx:
        conflicts.save(tx, [
            conflict("long-over", settled=now - 91 * DAY),
            conflict("over", settled=now - 89 * DAY),
            replace(conflict("open", settled=None), found_at=now - 1000 * DAY),
        ])  # fmt: skip
    world.run(Sweep())
    with world.db.read() as tx:
        assert [one.external_id for one in conflicts.listed(tx)] == ["open"]
        assert [one.external_id for one in conflicts.listed(tx, resolved=True)] == ["over"]


def test_content_goes_with_the_last_file_that_has_it(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    world.files = Files(folder)
    case = ("sn_customerservice_case", "c" * 32)
    attachments.add(
        world.db, world.connections, world.files, case, "report.pdf", [b"report"], by="ann",
        now=world.now,
    )  # fmt: skip
    world.files.keep([b"orphan"])
    for file in folder.rglob("*"):
        os.utime(file, (0, 0))
    world.run(Sweep())
    [left] = [one for one in folder.rglob("*") if one.is_file()]
    assert left.read_bytes() == b"report"


def test_content_that_a_crashed_sweep_had_set_aside_comes_back_if_a_file_has_it(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    world.files = Files(folder)
    case = ("sn_customerservice_case", "c" * 32)
    attachments.add(
        world.db, world.connections, world.files, case, "report.pdf", [b"report"], by="ann",
        now=world.now,
    )  # fmt: skip
    orphan = world.files.keep([b"orphan"])
    for place in [one for one in folder.rglob("*") if one.is_file()]:
        aside = place.replace(folder / "incoming" / f"{place.name}.0123456789abcdef")
        os.utime(aside, (0, 0))
    world.run(Sweep())
    [left] = [one for one in folder.rglob("*") if one.is_file()]
    assert left.read_bytes() == b"report"
    assert left.parent.name == left.name[:2], "in its own place"
    assert world.files.find(orphan.digest) is None
