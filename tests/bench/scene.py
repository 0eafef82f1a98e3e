"""What a measured run finds in its process, and how it is measured: `python -m tests.bench.scene`.

    python -m tests.bench.scene tests.bench.sync:into_hub '{"count": 1000, ...}'

Prints one line of JSON: the figures of each section that the run has timed.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from tests.bench.postgres import cpu_seconds

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scene:
    """`url` is an empty database's address, `folder` an empty folder, `source` a server's address.

    `server` is the process id of PostgreSQL, whose processor time counts as well; 0 without.
    """

    count: int
    folder: Path
    url: str = ""
    source: str = ""
    server: int = 0
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    sections: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])

    @property
    def file(self) -> Path:
        """Where a SQLite file belongs."""
        return self.folder / "hub.db"

    @contextmanager
    def timed(self, section: str, records: int) -> Iterator[dict[str, float]]:
        """Measure the block. It may add figures, and say how many records there were."""
        found: dict[str, float] = {"records": records}
        server = cpu_seconds(self.server) if self.server else 0.0
        cpu, wall = own_cpu(), time.perf_counter()
        yield found
        found["wall_s"] = time.perf_counter() - wall
        found["client_cpu_s"] = own_cpu() - cpu
        found["server_cpu_s"] = cpu_seconds(self.server) - server if self.server else 0.0
        found["cpu_s"] = found["client_cpu_s"] + found["server_cpu_s"]
        found["peak_mb"] = peak_mb()
        self.sections[section] = found

    def note(self, section: str, **figures: float) -> None:
        """Figures that are no times: counts, latencies, bytes."""
        self.sections.setdefault(section, {}).update(figures)


def own_cpu() -> float:
    """Seconds of processor time of this process and of those below it, also of ended ones."""
    ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    total = sum(each.ru_utime + each.ru_stime for each in ours)
    for child in psutil.Process().children(recursive=True):
        try:
            spent = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


def peak_mb() -> float:
    """The most memory that this process has had; what its parent had is no part of it."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    kilobytes = 1 if sys.platform != "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / kilobytes


def play(run: str, given: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Run a function `module:function` on a scene; its sections."""
    module, _, function = run.partition(":")
    scene = Scene(**{**given, "folder": Path(given["folder"])})
    getattr(importlib.import_module(module), function)(scene)
    return scene.sections


if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 100)  # as the hub's own processes do, and for peers too
    # Not `play` of this module: the run's modules know it by its real name.
    sections = importlib.import_module("tests.bench.scene").play(
        sys.argv[1], json.loads(sys.argv[2])
    )
    sys.stdout.write(json.dumps(sections) + "\n")
    sys.stdout.flush()
    os._exit(0)  # threads of peers that do not end are no part of what was measured
