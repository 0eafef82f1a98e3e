"""A hub's folder with connections to real sandboxes, and commands on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import update

from hub import registry
from hub.cli.command import main
from hub.store import links
from hub.store.database import Database
from hub.store.work import workers
from hub.testing import Sandbox, serve
from tests.databases import Databases

PATIENCE = 30.0  # seconds until a test gives up; nothing waits that long when all is well
SECRETS = {"access_token", "client_secret", "hook_secret"}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@dataclass(frozen=True)
class Home:
    """A hub's folder, its database, and the environment that it needs."""

    folder: Path
    url: str
    environment: dict[str, str]

    def connect(self, name: str, sandbox: Sandbox, **more: Any) -> None:
        """A connection to a sandbox, its secrets in the environment."""
        settings = {key: str(value) if isinstance(value, Path) else value
                    for key, value in (sandbox.settings() | more).items()}  # fmt: skip
        for key in SECRETS & settings.keys():
            self.environment[f"{name}_{key}".upper()] = settings[key]
            settings[key] = f"${{{name}_{key}}}".upper()
        file = self.folder / "connections" / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"spoke": sandbox.name, "settings": settings}))

    @contextmanager
    def opened(self) -> Iterator[Database]:
        db = Database(self.url)
        try:
            yield db
        finally:
            db.close()

    def linked(self, connection: str, stream: str) -> int:
        """How many records of a stream the hub has."""
        with self.opened() as db, db.read() as tx:
            return links.count(tx, connection, stream)

    def bury_dead_workers(self) -> None:
        """As if the last sign of life of every worker were long ago."""
        with self.opened() as db, db.write() as tx:
            tx.execute(update(workers).values(beat_at=0))

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """A command as a process of its own; its standard output and error are pipes."""
        return subprocess.Popen(
            [sys.executable, "-c", "from hub.cli import main; main()", *arguments,
             "-c", str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"}, **options,
        )  # fmt: skip

    def finish(self, *arguments: str, **options: Any) -> Ended:
        """A command as a process, once it has ended."""
        with self.start(*arguments, **options) as process:
            return ended(process)


def ended(process: subprocess.Popen[str]) -> Ended:
    """How a process ends; kills one that does not."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return Ended(process.returncode, out, err)


@pytest.fixture
def home(tmp_path: Path, databases: Databases) -> Iterator[Home]:
    """A hub without connections, its database migrated."""
    folder = tmp_path / "home"
    (folder / "connections").mkdir(parents=True)
    url = databases.migrated(folder)
    written = yaml.safe_dump({"listen": {"port": 0}, "database": url})
    (folder / "hub.yaml").write_text(written)
    yield Home(folder, url, {})
    databases.drop(url)


@pytest.fixture
def run(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, as `run("status", "--json")`."""

    def command(*arguments: str, where: Path | None = home.folder) -> Ended:
        for name, value in home.environment.items():
            monkeypatch.setenv(name, value)
        handler = signal.getsignal(signal.SIGTERM)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([*arguments, *(["-c", str(where)] if where else [])])
        assert signal.getsignal(signal.SIGTERM) is handler
        said = capsys.readouterr()
        return Ended(int(end.value.code or 0), said.out, said.err)

    return command


@pytest.fixture(scope="module")
def shop() -> Iterator[Sandbox]:
    with serve(registry.sandbox("shopify")()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def crm() -> Iterator[Sandbox]:
    with serve(registry.sandbox("salesforce")()) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUB_CONFIG", "HUB_DATABASE"):
        monkeypatch.delenv(name, raising=False)


def theirs(sandbox: Sandbox, stream: str) -> int:
    """How many records of a stream the sandbox has."""
    with sandbox.lock:
        return len(sandbox.mutate({"do": "list", "stream": stream}))
