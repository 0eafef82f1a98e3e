"""What is measured, each in a process of its own: `python -m tests.bench.runs NAME ADDRESS COUNT`.

Prints one line of JSON: seconds of wall and CPU time, peak memory, records.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import orjson

import hub
from hub.app import Hub, spare_the_collector
from hub.config.load import SHIPPED
from hub.mapping import load
from hub.registry import find
from hub.store import entities, schema
from hub.store.database import Database
from hub.sync.connection import Connection, Connections
from tests.bench.source import Prepared

Measured = dict[str, float]


def hub_run(spoke: hub.Spoke, folder: Path, count: int) -> list[Measured]:
    """A first load through everything (map, links, references, audit), and the same again."""
    spare_the_collector()  # as the hub's own processes do
    db = Database(f"sqlite:///{folder / 'hub.db'}")
    schema.migrate(db)
    file = SHIPPED / "salesforce" / "Case.yaml"
    mappings = tuple(load(file, shape_of=lambda name: entities.find(name).shape))
    connection = Connection("src", spoke, {"Case": mappings})
    one = Hub(db, Connections([connection]))
    runs = []
    for name in ("full", "unchanged"):
        one.poll_again("src", "Case", full=True)
        runs.append(timed(name, count, lambda: one.worker(threads=1).run_until_idle()))
    stored = sqlite3.connect(folder / "hub.db").execute(
        "SELECT count(*) FROM sn_customerservice_case"
    )
    assert stored.fetchone()[0] == count, "not everything arrived"
    db.close()
    return runs


def prepared(address: str, count: int, folder: Path) -> list[Measured]:
    """The hub, from the prepared source."""
    return hub_run(Prepared(url=address, sandbox=True), folder, count)


def sandbox(settings: str, count: int, folder: Path) -> list[Measured]:
    """The hub, from the Salesforce sandbox over TLS, through simple-salesforce."""
    spoke = find("salesforce").model_validate(json.loads(settings))
    return hub_run(spoke, folder, count)


STATES = {"New": "1", "Working": "10", "Escalated": "10", "On Hold": "18", "Closed": "3"}
PRIORITIES = {"High": "2", "Medium": "3", "Low": "4"}
COLUMNS = (
    "id", "number", "subject", "description", "state", "priority", "channel", "escalation",
    "kind", "cause", "account", "contact", "parent", "opened_at", "closed_at", "name", "email",
    "street", "city", "zip", "country", "version",
)  # fmt: skip
UPSERT = (
    f"INSERT INTO cases VALUES ({', '.join('?' * len(COLUMNS))}) "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in COLUMNS[1:])}"
)


def limit(address: str, count: int, folder: Path) -> list[Measured]:
    """What hand-written code can do: fetch, orjson, a transform, executemany into one table.

    No links, no audit, no references, no rules.
    """
    raw = sqlite3.connect(folder / "limit.db", isolation_level=None)
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = NORMAL")
    raw.execute(f"CREATE TABLE cases ({', '.join(COLUMNS)}, PRIMARY KEY (id)) WITHOUT ROWID")

    def everything() -> None:
        with httpx.Client(base_url=address) as client:
            page = 0
            while body := client.get(f"/Case/{page}").content:
                rows = [_row(record) for record in orjson.loads(body)["records"]]
                raw.execute("BEGIN IMMEDIATE")
                raw.executemany(UPSERT, rows)
                raw.execute("COMMIT")
                page += 1

    runs = [timed("full", count, everything), timed("unchanged", count, everything)]
    assert raw.execute("SELECT count(*) FROM cases").fetchone()[0] == count
    return runs


def _row(r: dict[str, Any]) -> tuple[Any, ...]:
    address = r["Address"]
    email = r["SuppliedEmail"]
    return (
        r["Id"], r["CaseNumber"], r["Subject"].strip(), r["Description"], STATES[r["Status"]],
        PRIORITIES[r["Priority"]], r["Origin"].lower(), "2" if r["IsEscalated"] else "0",
        r["Type"], r["Reason"], r["AccountId"], r["ContactId"], r["ParentId"],
        _moment(r["CreatedDate"]), _moment(r["ClosedDate"]), r["SuppliedName"],
        email.strip().lower() if email else None, address["street"], address["city"],
        address["postalCode"], address["country"], r["SystemModstamp"],
    )  # fmt: skip


def _moment(text: str | None) -> str | None:
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def timed(name: str, count: int, work: Callable[[], object]) -> Measured:
    """Wall and CPU seconds of some work, and the process's peak memory after it."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "run": name,  # type: ignore[dict-item]
        "records": count,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


RUNS = {"prepared": prepared, "sandbox": sandbox, "limit": limit}

if __name__ == "__main__":
    with TemporaryDirectory(prefix="hub-bench-") as scratch:
        what, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
        print(json.dumps(RUNS[what](address, count, Path(scratch))))
