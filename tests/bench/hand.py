"""What one writes by hand where there is no hub: the limit that syncs are measured against.

The same fetch, orjson, a transform of its own, and the fastest write that the database has: into
one table, in one transaction per page. No links, no audit, no references, no rules, no queue.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import psycopg

from tests.bench.cases import CHANGED_ONE_IN, case
from tests.bench.scene import Scene

STATES = {"New": "1", "Working": "10", "Escalated": "10", "On Hold": "18", "Closed": "3"}
PRIORITIES = {"High": "2", "Medium": "3"}


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text is not None else None


def row(r: dict[str, Any], when: Callable[[str | None], Any] = moment) -> tuple[Any, ...]:
    """A case as a row for `COLUMNS`; `when` reads dates as the database wants them."""
    address, email, tags = r["BillingAddress"], r["SuppliedEmail"], r["Tags__c"]
    subject, amount, kind, origin = r["Subject"], r["Amount__c"], r["Type"], r["Origin"]
    return (
        r["Id"],
        r["SystemModstamp"],
        r["IsDeleted"],
        r["CaseNumber"],
        subject.strip() if subject is not None else None,
        r["Description"] or r["Comments"],
        STATES.get(r["Status"], "10"),
        PRIORITIES.get(r["Priority"], "4"),
        origin.lower() if origin is not None else None,
        "2" if r["IsEscalated"] else "0",
        kind if kind is not None else "other",
        r["Reason"],
        r["AccountId"],
        when(r["CreatedDate"]),
        when(r["ClosedDate"]),
        when(r["LastModifiedDate"]),
        round(amount * 100) if amount is not None else None,
        ", ".join(tags.split(";")) if tags is not None else None,
        address["postalCode"],
        address["city"],
        address["street"],
        address["country"],
        f"{address['street']}, {address['postalCode']} {address['city']}",
        email.strip().lower() if email is not None else None,
        r["SuppliedName"],
    )


COLUMNS = {
    "id": "text", "version": "text", "deleted": "boolean", "number": "text", "subject": "text",
    "description": "text", "state": "text", "priority": "text", "channel": "text",
    "escalation": "text", "kind": "text", "cause": "text", "account": "text",
    "opened_at": "timestamptz", "closed_at": "timestamptz", "changed_at": "timestamptz",
    "cents": "int4", "tags": "text", "zip": "text", "city": "text", "street": "text",
    "country": "text", "address": "text", "email": "text", "name": "text",
}  # fmt: skip
_REPLACE = ", ".join(f"{name} = excluded.{name}" for name in list(COLUMNS)[1:])


def _text(text: str | None) -> str | None:
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(UTC).isoformat(sep=" ")[:19]


def into_sqlite(scene: Scene) -> None:
    """`executemany` of an upsert, which is the fastest of SQLite's ways (performance.md 1.2)."""
    raw = sqlite3.connect(scene.file, isolation_level=None)
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = NORMAL")
    raw.execute("PRAGMA cache_size = -65536")
    declared = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    raw.execute(f"CREATE TABLE cases ({declared}, PRIMARY KEY (id))")
    marks = ", ".join("?" * len(COLUMNS))
    upsert = f"INSERT INTO cases VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {_REPLACE}"
    for edition, section in (("first", "full"), ("first", "unchanged"), ("changed", "changed")):
        with scene.timed(section, scene.count):
            for records in _fetched(scene, edition):
                rows = [row(record, _text) for record in records]
                raw.execute("BEGIN IMMEDIATE")
                raw.executemany(upsert, rows)
                raw.execute("COMMIT")
        _check(scene, edition, raw.execute(_COUNT).fetchall(), raw.execute(_ONE).fetchone())
    raw.close()


def into_postgresql(scene: Scene) -> None:
    """Binary COPY into a temporary table and one merge: the fastest way for rows that may exist."""
    with psycopg.connect(scene.url, autocommit=True) as raw:
        declared = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        raw.execute(f"CREATE TABLE cases ({declared}, PRIMARY KEY (id))")
        raw.execute("CREATE TEMP TABLE page (LIKE cases) ON COMMIT DELETE ROWS")
        merge = f"INSERT INTO cases SELECT * FROM page ON CONFLICT (id) DO UPDATE SET {_REPLACE}"
        for edition, section in (("first", "full"), ("first", "unchanged"), ("changed", "changed")):
            with scene.timed(section, scene.count):
                for records in _fetched(scene, edition):
                    with raw.transaction(), raw.cursor() as cursor:
                        with cursor.copy("COPY page FROM STDIN (FORMAT BINARY)") as copy:
                            copy.set_types(list(COLUMNS.values()))
                            for record in records:
                                copy.write_row(row(record))
                        cursor.execute(merge)
            _check(scene, edition, raw.execute(_COUNT).fetchall(), raw.execute(_ONE).fetchone())


_COUNT = "SELECT count(*), count(DISTINCT id) FROM cases"
_ONE = f"SELECT version, subject, cents, email, address FROM cases WHERE number = '{0:08d}'"


def _fetched(scene: Scene, edition: str) -> Iterator[list[dict[str, Any]]]:
    with httpx.Client(base_url=f"{scene.source}/{edition}") as client:
        number = 0
        while body := _body(client.get(f"/Case/{number}")):
            yield orjson.loads(body)["records"]
            number += 1


def _body(answer: httpx.Response) -> bytes:
    # As the hub's client does: the stream refers back to the answer, megabytes of garbage.
    answer.stream = httpx.ByteStream(b"")
    return answer.content


def _check(scene: Scene, edition: str, counts: Any, one: Any) -> None:
    """The work was done: all rows, and the values that the first case should have now."""
    assert counts == [(scene.count, scene.count)], f"{counts} rows, not {scene.count}"
    wanted = row(case(0, changed=edition == "changed" and not 0 % CHANGED_ONE_IN))
    by_name = dict(zip(COLUMNS, wanted, strict=True))
    picked = tuple(by_name[name] for name in ("version", "subject", "cents", "email", "address"))
    assert tuple(one) == picked, f"{one}, not {picked}"
