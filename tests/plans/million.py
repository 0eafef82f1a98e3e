"""A million rows in the tables that every page and every job goes through; the rest is smaller.

One statement fills a table. The schema and its indexes are the real ones; of a row only what some
statement looks for is told, and what must be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, Float, Integer, LargeBinary, Table, text
from sqlalchemy.types import TypeDecorator

from hub.store.database import Database, Transaction
from hub.store.metadata import metadata

MILLION = 1_000_000
FEWER = 100_000
NOW = 1_800_000_000.0
CASES = "sn_customerservice_case"

_WORDS = {
    "sqlite": {
        "{id}": "printf('%032x', n)",
        "{one of many}": "printf('%032x', n % 100000)",
        "{moment}": "datetime(1700000000 + n, 'unixepoch')",
        "{bytes}": "x''",
        "{no}": "0",
        "{yes}": "1",
        "{numbers}": "WITH RECURSIVE numbers(n) AS "
        "(VALUES ({first}) UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})",
    },
    "postgresql": {
        "{id}": "lpad(to_hex(n), 32, '0')",
        "{one of many}": "lpad(to_hex(n % 100000), 32, '0')",
        "{moment}": "TIMESTAMP '2023-11-14 22:13:20' + n * INTERVAL '1 second'",
        "{bytes}": "CAST('' AS bytea)",
        "{no}": "false",
        "{yes}": "true",
        "{numbers}": "WITH numbers(n) AS (SELECT generate_series({first}, {last}))",
    },
}
_CONNECTION = (
    "CASE n / 4 % 4 WHEN 0 THEN 'crm' WHEN 1 THEN 'erp' WHEN 2 THEN 'held' ELSE 'shop' END"
)
ROWS: Mapping[str, Mapping[str, str]] = {
    "hub_job": {
        "lane": "n % 4", "kind": "'push'", "key": "'k' || n", "connection": _CONNECTION,
        "run_at": f"CASE WHEN n % 10 < 8 THEN {NOW} - n / 1000.0 ELSE {NOW} + n END",
        "revision": "1",
    },
    "hub_external_ref": {
        "connection": "'crm'", "stream": "'cases'", "external_id": "'c' || n",
        "table_name": f"'{CASES}'", "sys_id": "{id}",
    },
    CASES: {
        "sys_id": "{id}", "number": "'CS' || n", "correlation_id": "'T' || n", "active": "{yes}",
        "state": "CASE WHEN n % 100 = 0 THEN 'open' ELSE 'new' END",
        "account": "CASE WHEN n % 10 = 0 THEN {one of many} END", "sys_updated_on": "{moment}",
    },
    "hub_pending_ref": {
        "table_name": f"'{CASES}'", "sys_id": "{id}", "field": "'account'", "connection": "'crm'",
        "stream": "'accounts'", "external_id": "'late' || n",
    },
    "sys_audit": {"tablename": f"'{CASES}'", "documentkey": "{id}", "fieldname": "'*'"},
    "sys_journal_field": {
        "sys_id": "{id}", "name": f"'{CASES}'", "element_id": "{id}", "element": "'comments'",
    },
    "hub_dead_job": {
        "lane": "n % 4", "kind": "'push'", "key": "'k' || n", "connection": _CONNECTION,
    },
    "hub_dead_record": {
        "connection": "'crm'", "stream": "'cases'", "external_id": "'d' || n",
        "cause": "CASE WHEN n % 100 = 1 THEN 'g0000000' ELSE 'g1111111' END",
        "resolved_at": "CASE WHEN n % 2 = 0 THEN 1 END",
    },
    "hub_delivery": {
        "connection": "'crm'", "delivery_id": "'d' || n", "state": "'done'", "received_at": "n",
    },
}  # fmt: skip
WHOLE = {"hub_job", "hub_external_ref", "hub_pending_ref", "sys_audit", CASES}
"""These have a million rows, the others FEWER."""


def fill(db: Database, *, first: int = 1, last: int = MILLION) -> None:
    """Rows with these numbers; of the smaller tables up to FEWER."""
    for name, told in ROWS.items():
        numbers = {
            "{first}": str(first),
            "{last}": str(last if name in WHOLE else min(last, FEWER)),
        }
        with db.write() as tx:
            _fill(tx, metadata.tables[name], told, numbers)


def analyze(db: Database) -> None:
    """Let the database learn what is in its tables."""
    with db.write() as tx:
        tx.exec_driver_sql("ANALYZE")


def _fill(
    tx: Transaction, table: Table, told: Mapping[str, str], numbers: Mapping[str, str]
) -> None:
    given = {
        column.name: told.get(column.name) or _nothing(column)
        for column in table.c
        if column.name in told or not (column.nullable or column.name == "id")
    }
    names = ", ".join(f'"{name}"' for name in given)
    statement = f"""
    INSERT INTO "{table.name}" ({names})
    {{numbers}} SELECT {", ".join(given.values())} FROM numbers"""
    for word, said in (_WORDS[tx.dialect.name] | dict(numbers)).items():
        statement = statement.replace(word, said)
    tx.execute(text(statement))


def _nothing(column: Column[Any]) -> str:
    kept = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    match kept:
        case JSON():
            return "'{}'"
        case Boolean():
            return "{no}"
        case Integer() | Float():
            return "0"
        case DateTime():
            return "{moment}"
        case LargeBinary():
            return "{bytes}"
        case _:
            return "''"
