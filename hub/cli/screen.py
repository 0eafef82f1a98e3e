"""What people see: tables and progress bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # the store takes a while to import
    from hub.store.cursors import Counts

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

LINE_EVERY = 5.0  # seconds between plain lines about one stream
CONTROLS = dict.fromkeys({*range(32), *range(127, 160)} - {ord("\n"), ord("\t")}, "\ufffd")
"""What others write into records must not steer our terminal."""


class Failure(Exception):
    """Something that the command's user must mend; the message says what, and what to do."""


def say(text: str) -> None:
    print(text.translate(CONTROLS), flush=True)


def say_error(text: str) -> None:
    for line in text.splitlines() or [""]:
        note(f"hub: {line}")


def note(text: str) -> None:
    """Tell people what programs that read the output have no use for."""
    print(text.translate(CONTROLS), file=sys.stderr, flush=True)


class Watch:
    """Counts per stream as they come in, from any thread, shown as bars on a terminal."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, Counts] = {}
        self._told: dict[str, float] = {}

    def __call__(self, connection: str, stream: str, counts: Counts) -> None:
        name = f"{connection}/{stream}"
        with self._lock:
            if name in self._totals:
                self._totals[name] += counts
            else:
                self._totals[name] = replace(counts)
            self._show(name)

    def finished(self) -> None:
        """Fill the bars, or tell the last counts: everything has arrived."""
        with self._lock:
            for name, total in self._totals.items():
                if self._progress is None:
                    self._say(name)
                else:
                    whole = max(1, total.seen)
                    self._progress.update(self._tasks[name], total=whole, completed=whole)

    def _show(self, name: str) -> None:
        if self._progress is None:
            if time.monotonic() - self._told.setdefault(name, time.monotonic()) >= LINE_EVERY:
                self._told[name] = time.monotonic()
                self._say(name)
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None)
        self._progress.update(self._tasks[name], completed=self._totals[name].seen)

    def _say(self, name: str) -> None:
        total = self._totals[name]
        say(
            f"{name}: {total.seen} seen, {total.created} created, {total.updated} updated, "
            f"{total.unchanged} unchanged, {total.failed} failed"
        )


@contextmanager
def watching() -> Iterator[Watch]:
    """Show progress while records arrive."""
    if not out.is_terminal:
        watch = Watch(None)
        yield watch
        watch.finished()
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description:<28}"), BarColumn(),
        TextColumn("{task.completed:>8.0f} records"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=out, redirect_stderr=err.is_terminal) as progress:
        watch = Watch(progress)
        yield watch
        watch.finished()


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A table on a terminal, tab-separated lines elsewhere."""
    if not out.is_terminal:
        for row in [columns, *rows]:
            say("\t".join(" ".join(cell.split()) for cell in row))
        return
    shown = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        right = all(row[i][:1].isdigit() or row[i] in {"", "-"} for row in rows)
        shown.add_column(column, justify="right" if right and rows else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell.translate(CONTROLS)) for cell in row))
    out.print(shown)


def counted(number: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def ago(seconds: float | None) -> str:
    """`12 s`, `3 min`, `5 h`, `2 d`; `-` for unknown."""
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
