"""A hub that syncs one sandbox with the mappings that are shipped, and words to look into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select

from hub import config
from hub.app import Hub
from hub.store import audit, dead, entities
from hub.store.cursors import Counts
from hub.store.database import Database
from hub.store.records import Row
from hub.store.system import links
from hub.store.work import jobs
from hub.testing import Sandbox, serve


@dataclass
class Synced:
    """A hub after one full sync: its store, and what became of each stream."""

    hub: Hub
    counts: dict[str, Counts]

    def sync(self, stream: str) -> None:
        self.hub.poll_again("real", stream)
        self.hub.worker(threads=1).run_until_idle()

    def rows(self, entity: str) -> list[Row]:
        table = entities.find(entity).table
        with self.hub.db.read() as tx:
            return [dict(row._mapping) for row in tx.execute(select(table))]

    def one(self, entity: str, **values: Any) -> Row:
        """The only record with these values."""
        [found] = [row for row in self.rows(entity) if all(row[k] == v for k, v in values.items())]
        return found

    def linked(self, entity: str) -> dict[str, str]:
        """External ids by the sys_id of our record."""
        table = entities.find(entity).table.name
        with self.hub.db.read() as tx:
            found = tx.execute(select(links).where(links.c.table_name == table))
            return {row.sys_id: row.external_id for row in found}

    def audits(self, entity: str, sys_id: str) -> list[dict[str, Any]]:
        """Oldest first."""
        with self.hub.db.read() as tx:
            return audit.of_record(tx, entities.find(entity).table.name, sys_id)[::-1]

    def dead(self) -> list[Any]:
        with self.hub.db.read() as tx:
            return dead.find(tx)

    def jobs(self) -> list[Any]:
        with self.hub.db.read() as tx:
            return list(tx.execute(select(jobs)))


@contextmanager
def synced(db: Database, sandbox: Sandbox, spoke: str, folder: Path) -> Iterator[Synced]:
    """Serve a sandbox and pull all of its streams, as `hub sync` does."""
    with serve(sandbox):
        (folder / "connections").mkdir(parents=True)
        content = {"spoke": spoke, "settings": sandbox.settings()}
        (folder / "connections" / "real.yaml").write_text(yaml.safe_dump(content))
        connections = config.load(folder, environment={}).connections
        counts: dict[str, Counts] = {}

        def watch(_: str, stream: str, page: Counts) -> None:
            counts.setdefault(stream, Counts()).__iadd__(page)

        world = Synced(Hub(db, connections, watch=watch), counts)
        for stream in connections["real"].polled():
            world.hub.poll_again("real", stream.name)
        world.hub.worker(threads=1).run_until_idle()
        yield world
        connections["real"].spoke.http.close()
