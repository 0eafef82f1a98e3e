"""A hub in a folder, the sandboxes around it, and its processes, which can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import yaml
from sqlalchemy import func, select

from hub import config, queue, registry
from hub.app import Hub
from hub.spoke import Spoke
from hub.store import dead, entities
from hub.store.database import Database
from hub.store.records import Row
from hub.store.system import links
from hub.store.work import deliveries, jobs
from hub.sync.connection import Connection, Connections
from hub.testing import Sandbox, serve

DEADLINE = 60.0  # seconds that anything may take before the test gives up
DEATH = 60.0  # seconds after which nobody takes a silent worker for living
LATER = 7 * 3600.0  # seconds after which every job that failed is due again
HUB = "from hub.cli import main; main()"
PROGRAM = Path(__file__).with_name("program.py")

Served = TypeVar("Served", bound=Sandbox)


def until(what: str, condition: Callable[[], Any]) -> Any:
    """Wait for a condition; returns what it found."""
    never, deadline = threading.Event(), time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited for {what} in vain"
        never.wait(0.01)
    return found


@dataclass
class House:
    """Where one hub lives, and who it is connected to."""

    folder: Path
    url: str
    stack: ExitStack
    ahead: float = 0.0
    """Seconds that the clocks of the hub and of the sandboxes are ahead of ours."""
    sandboxes: dict[str, Sandbox] = field(default_factory=dict[str, Sandbox])

    def __post_init__(self) -> None:
        (self.folder / "connections").mkdir(parents=True)
        written = yaml.safe_dump({"database": self.url})
        (self.folder / "hub.yaml").write_text(written, encoding="utf-8")

    def connect(
        self, name: str, spoke: str, sandbox: Served, streams: tuple[str, ...], **settings: Any
    ) -> Served:
        """Serve a sandbox and connect it with these of its streams; all others are left out."""
        served = self.stack.enter_context(serve(sandbox))
        served.clock.advance(timedelta(seconds=self.ahead))
        self.sandboxes[name] = served
        chosen: dict[str, Any] = {
            stream.name: {"every": "31d"} if stream.name in streams else False
            for stream in registry.find(spoke).streams
        }
        content = {
            "spoke": spoke, "settings": sandbox.settings() | settings, "streams": chosen
        }  # fmt: skip
        file = self.folder / "connections" / f"{name}.yaml"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        return served

    # -- in this process

    @contextmanager
    def opened(self, **instead: type[Spoke]) -> Iterator[Hub]:
        """The hub, its spokes by its clock; `instead` are other classes for some connections."""
        settings = config.load(self.folder, environment={})
        db = Database(settings.database)
        connections = [
            replace(one, spoke=self._spoke(one, instead.get(one.name)))
            for one in settings.connections.values()
        ]
        try:
            yield Hub(db, Connections(connections), self.clock)
        finally:
            db.close()
            for connection in connections:
                if "http" in connection.spoke.__dict__:
                    connection.spoke.http.close()

    def _spoke(self, connection: Connection, kind: type[Spoke] | None) -> Spoke:
        spoke = connection.spoke
        if kind is not None:
            spoke = kind.model_validate(self.sandboxes[connection.name].settings())
        return spoke.using(clock=self.now)

    def clock(self) -> float:
        return time.time() + self.ahead

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def let_pass(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.ahead += seconds
        for sandbox in self.sandboxes.values():
            sandbox.clock.advance(timedelta(seconds=seconds))

    def sync(self, hub: Hub, *targets: str) -> None:
        """Pull streams, `crm/Case`, and do all that follows."""
        for target in targets:
            hub.poll_again(*target.split("/"))
        hub.worker(threads=4).run_until_idle()

    def drain(self, **instead: type[Spoke]) -> None:
        """Do all jobs that are left, also those of dead workers and those that wait to be retried.

        Ends once none is left: what cannot be done is buried.
        """
        with self.opened(**instead) as hub:
            for _ in range(20):
                self.let_pass(LATER)
                hub.worker(threads=4).run_until_idle()
                if not self.count(jobs):
                    return
        raise AssertionError(f"{self.count(jobs)} jobs are left that nobody does")

    def revive(self) -> int:
        """Let run again what was there when three workers died, as a person would; how many."""
        with self.opened() as hub, hub.db.write() as tx:
            revived = queue.revive(tx, queue.Which(reason="poison"), now=hub.clock())
        self.drain()
        return revived

    # -- in others

    @contextmanager
    def listening(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """`hub` with these arguments, which must make it listen; killed at the end."""
        with self._process("-c", HUB, *arguments, "--config", str(self.folder)) as child:
            while "listening" not in self.line(child):
                pass
            yield child

    @contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A process of `program.py`; killed at the end if it still runs."""
        with self._process(str(PROGRAM), str(self.folder), str(self.ahead), *arguments) as child:
            yield child
        self.let_pass(DEATH)

    @contextmanager
    def _process(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        root = str(Path(__file__).parents[2])
        with (
            (self.folder / "log.txt").open("a", encoding="utf-8") as log,
            subprocess.Popen(
                [sys.executable, *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"PYTHONPATH": root},
            ) as child,
        ):
            try:
                yield child
            finally:
                child.kill()

    def line(self, child: subprocess.Popen[str]) -> str:
        """The next line that a process says; fails with its log when it has ended."""
        assert child.stdout is not None
        said = child.stdout.readline()
        assert said, (self.folder / "log.txt").read_text(encoding="utf-8")
        return said

    # -- what there is

    def count(self, table: Any) -> int:
        with self._read() as tx:
            return int(tx.execute(select(func.count()).select_from(table)).scalar_one())

    def rows(self, entity: str) -> list[Row]:
        with self._read() as tx:
            return [dict(r._mapping) for r in tx.execute(select(entities.find(entity).table))]

    def linked(self, connection: str, entity: str) -> list[str]:
        """The external ids of a connection's records, once per link."""
        with self._read() as tx:
            table = entities.find(entity).table.name
            mine = (links.c.connection == connection, links.c.table_name == table)
            return list(tx.scalars(select(links.c.external_id).where(*mine)))

    def links(self, connection: str, entity: str) -> dict[str, str]:
        """What a connection calls our records: sys_ids by external id."""
        with self._read() as tx:
            table = entities.find(entity).table.name
            mine = (links.c.connection == connection, links.c.table_name == table)
            found = tx.execute(select(links.c.external_id, links.c.sys_id).where(*mine))
            return {row.external_id: row.sys_id for row in found}

    def delivered(self) -> dict[str, str]:
        """The state of each delivery."""
        with self._read() as tx:
            found = tx.execute(select(deliveries.c.delivery_id, deliveries.c.state))
            return {row.delivery_id: row.state for row in found}

    def dead(self) -> list[Any]:
        with self._read() as tx:
            return dead.find(tx)

    @contextmanager
    def _read(self) -> Iterator[Any]:
        db = Database(self.url)
        try:
            with db.read() as tx:
                yield tx
        finally:
            db.close()
