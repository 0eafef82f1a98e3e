"""Two and more worker processes that die, and are replaced, until everything is done."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hub import queue
from hub.queue import Dead, Which
from hub.queue.crew import MOST_DEATHS
from hub.store.database import Database
from tests.queue import trails
from tests.queue.world import ask, letters, rows, until

KEYS = 24
TWO = {"sqlite": 2, "postgresql": 2}  # processes
MANY = {"sqlite": 4, "postgresql": 8}
TRAIL = "".join(f"{step} " for step in range(1, trails.STEPS + 1))
EVERYTHING = {f"key {key}": TRAIL for key in range(KEYS)} | {"count": str(KEYS * len(TRAIL))}


@dataclass
class Story:
    """What processes said: who died, in that order, and where; and what must not happen."""

    died: list[str] = field(default_factory=list[str])
    places: set[str] = field(default_factory=set[str])
    failed: list[str] = field(default_factory=list[str])

    def read(self, told: str) -> None:
        for line in told.splitlines():
            match line.split(maxsplit=2):
                case ["died", name, place]:
                    self.died.append(name)
                    self.places.add(place)
                case _:
                    self.failed.append(line)


@contextmanager
def at_work(db: Database, number: int, way: str, folder: Path) -> Iterator[Story]:
    """So many processes, until the block ends."""
    story, told = Story(), folder / "told.txt"
    url = db.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.queue.crashing", url, str(number), way]
    with (
        told.open("w", encoding="utf-8") as file,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file) as child,
    ):
        try:
            yield story
        finally:
            child.communicate()
            story.read(told.read_text(encoding="utf-8"))
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("number", "kind"),
    [(TWO, "step"), (MANY, "step"), (TWO, "troop")],
    ids=["two", "many", "together"],
)
def test_each_effect_happens_once_though_workers_die_between_any_two_statements(
    db: Database, tmp_path: Path, number: dict[str, int], kind: str
) -> None:
    trails.begin(db, *(trails.step(key, kind=kind) for key in range(KEYS)))
    buried: list[Dead] = []

    def finished() -> bool:
        """Whether nothing is left; as a person would, let run again what three deaths met."""
        if dead := letters(db):
            buried.extend(dead)
            with db.write() as tx:
                queue.revive(tx, Which(reason="poison"))
        return not dead and not rows(db)

    with at_work(db, number[db.engine.dialect.name], "between", tmp_path) as story:
        until(finished)
    assert story.failed == []
    assert trails.left(db) == EVERYTHING
    assert len(story.places) > 50
    for letter in buried:
        killed = {life(worker) for _, worker, _ in letter.story}
        assert len(killed) == MOST_DEATHS
        assert killed <= set(story.died), "the living are not blamed"


def test_who_was_taken_for_dead_and_comes_back_changes_nothing(
    db: Database, tmp_path: Path
) -> None:
    trails.begin(db, *(trails.step(key, kind="late") for key in range(KEYS)))
    with at_work(db, MANY[db.engine.dialect.name], "alone", tmp_path) as story:
        until(lambda: not rows(db))
    # Who takes jobs over has theirs in hand and wants the key that waits; who still works has
    # that key in hand and wants its job. PostgreSQL lets one of them try again.
    assert [one for one in story.failed if "deadlock detected" not in one] == []
    assert trails.left(db) == EVERYTHING
    assert letters(db) == []


def test_a_pill_is_buried_while_all_others_go_on_with_what_they_do(
    db: Database, tmp_path: Path
) -> None:
    number = MANY[db.engine.dialect.name]
    others = [ask(f"long {one}", kind="long") for one in range(1, number)]
    trails.begin(db, ask("pill", number - 1, kind="pill"), *others)
    with at_work(db, number, "alone", tmp_path) as story:
        until(lambda: not rows(db))
    assert story.failed == []
    assert len(story.died) == MOST_DEATHS
    [letter] = letters(db)
    assert (letter.key, letter.reason) == ("pill", "poison")
    assert [life(worker) for _, worker, _ in letter.story] == story.died
    assert trails.left(db) == {one.key: "begun ended " for one in others}
    assert len(set(trails.who(db, "long"))) == len(others), "each was busy with its own"


def life(worker: str) -> str:
    """The name of the process that a worker was in."""
    return worker.rpartition("-")[0]
