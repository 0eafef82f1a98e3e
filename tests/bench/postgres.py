"""A PostgreSQL of the bench's own: real, on disk, as durable as a default installation."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg

from tests.postgres import Server as RealServer

DEFAULTS = {"shared_buffers": "128MB", "max_connections": "100"}  # PostgreSQL's own
SETTINGS = (
    "server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method",
    "wal_level", "shared_buffers", "max_wal_size", "autovacuum", "max_connections",
)  # fmt: skip


class Server:
    """A running server; `pid` is its first process, the parent of all others."""

    def __init__(self, server: RealServer) -> None:
        self._server = server
        self.pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])

    @contextmanager
    def database(self) -> Iterator[str]:
        """An empty database; yields its address (a unix socket's) and drops it at the end."""
        name = self._server.create()
        try:
            yield self._server.url(name)
        finally:
            self._server.drop(name)

    def settings(self) -> dict[str, str]:
        """What decides how durable, and how fast, a commit is."""
        with psycopg.connect(self._server.url("postgres")) as admin:
            shown = {name: admin.execute(f"SHOW {name}").fetchone() for name in SETTINGS}
        return {name: str(row[0]) for name, row in shown.items() if row}


@contextmanager
def running() -> Iterator[Server]:
    """Start a server in a folder of its own, and remove both at the end."""
    server = RealServer(**DEFAULTS)
    try:
        yield Server(server)
    finally:
        server.stop()


ENDING = 0.4
"""Seconds in which a backend whose client has gone is neither alive nor counted as ended."""


def cpu_seconds(pid: int) -> float:
    """What a server has used so far: its processes, and those that have ended."""
    time.sleep(ENDING)
    first = psutil.Process(pid)
    spent = first.cpu_times()
    total = spent.user + spent.system + spent.children_user + spent.children_system
    for child in first.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            spent = child.cpu_times()
            total += spent.user + spent.system
    return float(total)


def seconds_of_a_sync(folder: Path, times: int = 50) -> float:
    """How long this disk takes to make 8 KiB durable: the median of a few."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            start = time.perf_counter()
            file.seek(0)
            file.write(b"x" * 8192)
            file.flush()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - start)
    return sorted(taken)[times // 2]
