"""`make bench`, `python -m tests.bench [KEY ...]`: measure, print a table, write build/bench.json.

A key may be the beginning of one: `sync.full` plays two benches' worth of goals and no other.
QUICK=1 takes fewer records and no peers.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import hooks, mapping, queue, report, sync, workers
from tests.bench.goals import Bench, Goal, Size
from tests.bench.rounds import Outcome, Stage, play

OUT = Path("build/bench.json")
FAMILIES = (mapping, sync, queue, hooks, workers)


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for; 1 if a run failed, 2 for a key that nobody knows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("keys", nargs="*", metavar="KEY", help="keys to measure; all without")
    parser.add_argument("--quick", action="store_true", default=bool(os.environ.get("QUICK")))
    parser.add_argument("--rounds", type=int, help="how often the sides take turns")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where to write; {OUT} without")
    given = parser.parse_args(arguments)
    size = Size.QUICK if given.quick else Size.FULL
    chosen = choose(benches(size), given.keys, quick=given.quick)
    if not chosen:
        sys.stderr.write(f"no key begins with {' or '.join(given.keys)}\n")
        return 2
    outcomes = measure(chosen, quick=given.quick, rounds=given.rounds, out=given.out)
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def benches(size: Size) -> list[Bench]:
    """Every bench of every family."""
    return [bench for family in FAMILIES for bench in family.benches(size)]


def choose(
    benches: Sequence[Bench], keys: Sequence[str], *, quick: bool
) -> list[tuple[Bench, list[Goal]]]:
    """The benches that answer the keys, with the goals asked for; in a quick run, none of peers."""
    found = []
    for bench in benches:
        goals = [
            goal
            for goal in bench.goals
            if (not keys or any(goal.key.startswith(key) for key in keys))
            and not (quick and any(bench.sides[side].needs for side in goal.what.sides()))
        ]
        if goals:
            found.append((bench, goals))
    return found


def measure(
    chosen: Sequence[tuple[Bench, list[Goal]]], *, quick: bool, rounds: int | None, out: Path
) -> list[Outcome]:
    """Play them, print the tables, write the file."""
    start = time.perf_counter()
    with Stage(_tell) as stage:
        outcomes = [play(stage, bench, goals, rounds or bench.rounds) for bench, goals in chosen]
        found = report.as_json(
            outcomes, quick=quick, server=stage.server.settings() if stage.server else {}
        )
    found["seconds"] = time.perf_counter() - start
    print("\n".join(report.tables(outcomes)))
    report.write(found, out)
    print(f"{found['seconds']:.0f} s; written to {out}")
    return outcomes


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
