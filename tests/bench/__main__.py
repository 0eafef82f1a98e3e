"""`make bench`: measure the hub and the hand-written limit, alternating, and print ratios.

QUICK=1 takes fewer records. Writes build/bench.json.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.bench.source import served

QUICK = bool(os.environ.get("QUICK"))
COUNT = 20_000 if QUICK else 100_000
ROUNDS = 1 if QUICK else 3
SMALL = 10_000
OUT = Path("build/bench.json")


def main() -> None:
    """Run everything, print a table, write the file."""
    runs: dict[str, list[dict[str, Any]]] = {}
    with served(COUNT) as source, served(SMALL) as small, org(COUNT) as settings:
        for _ in range(ROUNDS):
            for name, run in (("hub", "prepared"), ("limit", "limit")):
                measure(runs, name, run, source, COUNT)
        measure(runs, "hub, salesforce sandbox", "sandbox", settings, COUNT)
        measure(runs, "hub, 10k", "prepared", small, SMALL)
    print(f"{'run':<34}{'records/s':>11}{'per CPU s':>11}{'peak MB':>9}")
    for name, those in runs.items():
        best = median(those)
        print(
            f"{name:<34}{best['per_s']:>11,.0f}{best['per_cpu_s']:>11,.0f}{best['peak_mb']:>9.0f}"
        )
    ratios = {
        "sync.full.sqlite.vs_limit": ratio(runs, "hub full", "limit full", "per_cpu_s"),
        "sync.unchanged.vs_full": ratio(runs, "hub unchanged", "hub full", "per_cpu_s"),
        f"sync.memory.growth.{COUNT // 1000}k_over_10k": ratio(
            runs, "hub full", "hub, 10k full", "peak_mb"
        ),
    }
    for key, value in ratios.items():
        print(f"{key:<40}{value:>8.2f}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"ratios": ratios, "runs": runs, "where": where()}, indent=2))
    print(f"written to {OUT}")


def measure(
    runs: dict[str, list[dict[str, Any]]], name: str, run: str, address: str, count: int
) -> None:
    """One run in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.runs", run, address, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    for one in json.loads(done.stdout.splitlines()[-1]):
        one["per_s"] = one["records"] / one["wall_s"]
        one["per_cpu_s"] = one["records"] / one["cpu_s"]
        runs.setdefault(f"{name} {one.pop('run')}", []).append(one)


def median(those: list[dict[str, Any]]) -> dict[str, float]:
    """Each figure's median over the rounds."""
    return {key: statistics.median(one[key] for one in those) for key in those[0]}


def ratio(runs: dict[str, list[dict[str, Any]]], ours: str, theirs: str, key: str) -> float:
    """Our median over theirs."""
    return median(runs[ours])[key] / median(runs[theirs])[key]


@contextmanager
def org(count: int) -> Iterator[str]:
    """A Salesforce sandbox with that many cases, in a process of its own; yields its settings."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_org, args=(count, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _org(count: int, theirs: Connection) -> None:
    from threading import Event

    from hub.testing import serve
    from spokes.salesforce.sandbox import SalesforceSandbox

    with serve(SalesforceSandbox(count=count)) as sandbox:
        theirs.send(json.dumps(sandbox.settings(), default=str))
        Event().wait()


def where() -> dict[str, Any]:
    """On what this was measured."""
    return {
        "python": platform.python_version(), "sqlite": sqlite3.sqlite_version,
        "cpus": os.cpu_count(), "records": COUNT, "rounds": ROUNDS,
        "sqlite settings": "WAL, synchronous=NORMAL",
    }  # fmt: skip


if __name__ == "__main__":
    main()
