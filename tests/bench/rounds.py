"""Runs benches: their sides in turn, each in a process of its own, on empty databases."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from tests.bench import postgres
from tests.bench.goals import Bench, Goal, Round, Sections, Side
from tests.bench.source import served

ROOT = Path(__file__).parents[2]


class RunFailed(Exception):
    """A measured run ended with an error, or its check found work that was not done."""


def in_a_new_process(run: str, given: dict[str, Any]) -> Sections:
    """Play a run where nobody was before. Raises `RunFailed`."""
    command = [sys.executable, "-m", "tests.bench.scene", run, json.dumps(given)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RunFailed(f"{run} {given['options']}:\n{done.stdout}{done.stderr}")
    found: Sections = json.loads(done.stdout.splitlines()[-1])
    return found


@dataclass
class Stage:
    """What runs share: the server and the sources, each started when first asked for."""

    tell: Callable[[str], None]
    server: postgres.Server | None = None
    run: Callable[[str, dict[str, Any]], Sections] = in_a_new_process
    _stack: ExitStack = field(default_factory=ExitStack)
    _sources: dict[int, str] = field(default_factory=dict[int, str])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def running(self) -> postgres.Server:
        """The PostgreSQL server."""
        if self.server is None:
            self.server = self._stack.enter_context(postgres.running())
        return self.server

    def source(self, count: int) -> str:
        if count not in self._sources:
            self._sources[count] = self._stack.enter_context(served(count))
        return self._sources[count]

    def play(self, side: Side) -> Sections:
        """Run one side on an empty database; its sections. Raises `RunFailed`."""
        with self._database(side) as (given, folder):
            count = side.options.get("count", 0)
            given |= {"count": count, "options": dict(side.options), "folder": str(folder)}
            if side.options.get("source", True) and count:
                given["source"] = self.source(count)
            return self.run(side.run, given)

    @contextmanager
    def _database(self, side: Side) -> Iterator[tuple[dict[str, Any], Path]]:
        with tempfile.TemporaryDirectory(prefix="hub-bench-") as name, ExitStack() as stack:
            folder = Path(name)
            match side.database:
                case "sqlite":
                    yield {"url": f"sqlite:///{folder / 'hub.db'}"}, folder
                case "postgresql":
                    server = self.running()
                    url = stack.enter_context(server.database())
                    yield {"url": url, "server": server.pid}, folder
                case _:
                    yield {}, folder


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a bench gave: its rounds, the goals that they answer, and those that they cannot."""

    bench: Bench
    rounds: Sequence[Round]
    answered: Sequence[Goal]
    missing: Mapping[str, tuple[str, ...]]  # key → modules that are not installed
    failed: str = ""  # why no goal is answered


def play(stage: Stage, bench: Bench, wanted: Sequence[Goal], rounds: int) -> Outcome:
    """Play the sides that the wanted goals need, in turn, for some rounds.

    Every second round goes the other way round, so that nobody always comes after the same
    neighbour.
    """
    missing = {goal.key: gone for goal in wanted if (gone := _not_installed(bench, goal))}
    answered = [goal for goal in wanted if goal.key not in missing]
    needed = {name for goal in answered for name in goal.what.sides()}
    names = [name for name in bench.sides if name in needed]
    try:
        played = [_round(stage, bench, names, number) for number in range(rounds if names else 0)]
    except RunFailed as error:
        stage.tell(f"{bench.name}: failed: {error}")
        return Outcome(bench, [], [], missing, failed=str(error))
    return Outcome(bench, played, answered, missing)


def _round(stage: Stage, bench: Bench, names: Sequence[str], number: int) -> Round:
    found: dict[str, Sections] = {}
    for name in names if number % 2 == 0 else names[::-1]:
        start = time.perf_counter()
        found[name] = stage.play(bench.sides[name])
        took = time.perf_counter() - start
        stage.tell(f"{bench.name}: round {number + 1}, {name}: {took:.1f} s")
    return found


def _not_installed(bench: Bench, goal: Goal) -> tuple[str, ...]:
    modules = {need for name in goal.what.sides() for need in bench.sides[name].needs}
    return tuple(sorted(name for name in modules if find_spec(name) is None))
