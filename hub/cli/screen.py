"""What people see: tables and progress bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from hub.store.cursors import Counts

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Failure(Exception):
    """Something that the command's user must mend; the message says what, and what to do."""


def say(text: str) -> None:
    out.print(text, markup=False)


def say_error(text: str) -> None:
    for line in text.splitlines() or [""]:
        err.print(f"hub: {line}", markup=False)


def set_up_log(level: str = "info", form: str = "console") -> None:
    """Log to standard error, as lines for people or as JSON."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=err.is_terminal)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


class Watch:
    """Counts per stream as they come in, shown as bars on a terminal."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self.totals: dict[str, Counts] = {}

    def __call__(self, connection: str, stream: str, counts: Counts) -> None:
        name = f"{connection}/{stream}"
        total = self.totals.setdefault(name, Counts())
        total += counts
        if self._progress is None:
            say(f"{name}: {total.seen} seen, {total.created} created, {total.updated} updated, "
                f"{total.failed} failed")
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None)
        self._progress.update(self._tasks[name], completed=total.seen, total=None)

    def finished(self) -> None:
        """Fill the bars: everything has arrived."""
        for name, task in self._tasks.items():
            seen = self.totals[name].seen
            if self._progress:
                self._progress.update(task, total=max(1, seen), completed=max(1, seen))


@contextmanager
def watching() -> Iterator[Watch]:
    """Show progress while records arrive."""
    if not out.is_terminal:
        yield Watch(None)
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description:<28}"), BarColumn(),
        TextColumn("{task.completed:>8.0f} records"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=out) as progress:
        watch = Watch(progress)
        yield watch
        watch.finished()


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A table on a terminal, tab-separated lines elsewhere."""
    if not out.is_terminal:
        for row in [columns, *rows]:
            say("\t".join(row))
        return
    shown = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        right = all(row[i][:1].isdigit() or row[i] in {"", "-"} for row in rows)
        shown.add_column(column, justify="right" if right and rows else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(cell.replace("[", "\\[") for cell in row))
    out.print(shown)


def ago(seconds: float | None) -> str:
    """`12 s`, `3 min`, `5 h`, `2 d`; `-` for unknown."""
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
