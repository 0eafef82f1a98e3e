"""Play the demo: every step visibly, then a table of what flowed."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from hub.demo.story import STEPS, prepare
from hub.demo.world import StepFailed, World, world
from hub.errors import SyncError
from hub.store.cursors import Counts


class Failed(Exception):
    """At least one step of the demo did not come out as it must."""


def play(*, once: bool, port: int) -> None:
    """Play all steps; then stay until Ctrl-C unless `once`. Raises `Failed`."""
    console = Console(highlight=False)
    started = time.monotonic()
    with _bars(console) as bars:
        watch = _Watch(bars)
        with world(port, watch) as scene:
            prepare(scene)
            failed = [name for name, step in STEPS if not _played(console, bars, name, step, scene)]
            bars.stop()
            _summary(console, scene, time.monotonic() - started)
            if failed:
                raise Failed(f"{len(failed)} of {len(STEPS)} steps failed: {'; '.join(failed)}")
            if not once:
                _stay(console, scene)


class _Watch:
    """A bar per stream, filled by what arrives."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, connection: str, stream: str, counts: Counts) -> None:
        name = f"{connection}/{stream}"
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=None)
        self._bars.advance(self._tasks[name], counts.seen)


def _bars(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description:<18}"), BarColumn(bar_width=24),
        TextColumn("{task.completed:>6.0f} records"), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip


def _played(console: Console, bars: Progress, name: str, step: object, scene: World) -> bool:
    assert callable(step)
    doing = bars.add_task(f"[bold]{name}", total=None)
    try:
        seen = str(step(scene))
        console.print(f"[green]✓[/] [bold]{name}[/]")
        console.print(f"    {seen}", markup=False, soft_wrap=True)
        return True
    except (StepFailed, SyncError) as error:
        console.print(f"[red]✗ {name}[/]: ", end="")
        console.print(f"{type(error).__name__}: {error}", markup=False, soft_wrap=True)
        return False
    finally:
        bars.remove_task(doing)


def _summary(console: Console, scene: World, seconds: float) -> None:
    columns = ("seen", "created", "updated", "unchanged", "failed")
    table = Table(title=f"Streams after {seconds:.1f} s", title_justify="left")
    table.add_column("stream")
    for column in (*columns, "lag"):
        table.add_column(column, justify="right")
    for connection in scene.status():
        for stream in connection["streams"]:
            counts = [str(stream["counts"][column]) for column in columns]
            lag = "-" if stream["lag"] is None else f"{stream['lag']:.1f} s"
            table.add_row(f"{connection['connection']}/{stream['stream']}", *counts, lag)
    console.print(table)


def _stay(console: Console, scene: World) -> None:
    where = f"{scene.address}/admin/api/status"
    console.print(f"The hub goes on working. Its admin API: [bold]{where}[/]", soft_wrap=True)
    ask = f"  curl -H 'Authorization: Bearer {scene.token}' {where}"
    console.print(ask, markup=False, soft_wrap=True)
    console.print("Ctrl-C ends the demo and deletes its database.")
    with suppress(KeyboardInterrupt):
        while not threading.Event().wait(1.0):  # a signal just before a wait is heard after it
            pass
