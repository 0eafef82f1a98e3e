"""Hand a whole set of values to one statement, whatever the database.

A page's keys travel as one JSON parameter: the statement text stays the same for any number of
them, so that it is prepared once, and there is no limit on how many.

What is looked up by such a set is written with `each(...)`: both databases then go through the set
and find each key in an index. Left to choose, SQLite scans the table for every key, and PostgreSQL
joins with all of a table of which it remembers that it was small.

Statements are written with `values(...)` or `each(...)` in their FROM and run by `select` or
`execute`, which say it in the words of the database at hand.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Row, TextClause, text

from hub.store.database import Transaction


def packed(values: Iterable[Any]) -> str:
    """The parameter for a `values(...)` fragment: scalars, or lists of equal length."""
    return orjson.dumps(list(values)).decode()


def as_json(value: Any) -> bytes:
    """The same bytes for the same JSON, whatever the order of its keys.

    Takes all that Python's JSON reader gives; of what is nested a thousand deep, a glimpse.
    """
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        if b"null" not in written or not _has_no_number(value):
            return written
    except TypeError:  # integers past 64 bits, half a character
        pass
    try:
        return json.dumps(value, sort_keys=True, default=str).encode()
    except RecursionError:
        return _glimpse(value)


def _has_no_number(value: Any) -> bool:
    """Whether NaN or an infinity is in it, which orjson writes as null."""
    if value.__class__ is float:
        return not math.isfinite(value)
    if value.__class__ is dict:
        return any(map(_has_no_number, value.values()))
    return value.__class__ is list and any(map(_has_no_number, value))


def _glimpse(value: Any) -> bytes:
    if isinstance(value, dict):
        parts = (json.dumps(str(key)).encode() + b":" + as_json(value[key]) for key in value)
        return b"{" + b",".join(parts) + b"}"
    return json.dumps(reprlib.repr(value)).encode()


def from_json_text(raw: bytes | memoryview) -> Any:
    """What `as_json` wrote, or anybody: with the integers and half characters that orjson refuses."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(bytes(raw))


def from_json(stored: Any) -> Any:
    """What a JSON column holds: SQLite's driver gives its text, PostgreSQL's has read it."""
    return orjson.loads(stored) if isinstance(stored, str | bytes) else stored


NO_BYTES = "⟨no bytes⟩"
"""An empty value of a column of bytes, in a statement."""


def values(parameter: str, columns: Sequence[str]) -> str:
    """A table expression over a packed parameter: one column for scalars, several for lists.

    Its columns are text on PostgreSQL, where a comparison with anything else needs a cast.
    """
    return f"⟨{parameter}:{','.join(columns)}⟩"


def each(parameter: str, columns: Sequence[str], table: str, where: str) -> str:
    """What follows FROM to look up rows of `table` (`name alias`) for each key of a set, called k.

    `where` joins the two. What it ends with is a condition: go on with AND.
    """
    return f"⟨{parameter}:{','.join(columns)}|{table}|{where}⟩"


_SET = re.compile(r"⟨(?P<set>\w+):(?P<columns>[\w,]+)(?:\|(?P<table>[^|]+)\|(?P<where>[^⟩]+))?⟩")


@lru_cache(maxsize=512)
def prepared(statement: str, dialect: str) -> TextClause:
    """A statement with its sets as this kind of database reads them."""
    sqlite = dialect == "sqlite"
    said = _SET.sub(_each_on_sqlite if sqlite else _each_on_postgresql, statement)
    return text(said.replace(NO_BYTES, "x''" if sqlite else "'\\x'\\:\\:bytea"))


def _each_on_sqlite(found: re.Match[str]) -> str:
    keys = _on_sqlite(found["set"], found["columns"].split(","))
    if not found["table"]:
        return keys
    return f"{keys} k CROSS JOIN {found['table']} WHERE {found['where']}"


def _each_on_postgresql(found: re.Match[str]) -> str:
    keys = _on_postgresql(found["set"], found["columns"].split(","))
    if not found["table"]:
        return keys
    table, where = found["table"], found["where"]
    alias = table.rpartition(" ")[2]
    found_by_index = f"SELECT * FROM {table} WHERE {where} OFFSET 0"  # noqa: S608 -- names are ours
    return f"{keys} k CROSS JOIN LATERAL ({found_by_index}) {alias} WHERE TRUE"


def _on_sqlite(parameter: str, columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return f"(SELECT value AS {columns[0]} FROM json_each(:{parameter}))"  # noqa: S608
    picked = ", ".join(f"value ->> {i} AS {name}" for i, name in enumerate(columns))
    return f"(SELECT {picked} FROM json_each(:{parameter}))"  # noqa: S608


def _on_postgresql(parameter: str, columns: Sequence[str]) -> str:
    given = f"CAST(:{parameter} AS jsonb)"
    if len(columns) == 1:
        return f"(SELECT value AS {columns[0]} FROM jsonb_array_elements_text({given}))"  # noqa: S608
    picked = ", ".join(f"value ->> {i} AS {name}" for i, name in enumerate(columns))
    return f"(SELECT {picked} FROM jsonb_array_elements({given}))"  # noqa: S608


def placeholders(tx: Transaction, statement: str) -> str:
    """A statement written with `?`, as this database's driver wants it."""
    return statement if tx.dialect.paramstyle == "qmark" else statement.replace("?", "%s")


def named(row: Row[Any]) -> dict[str, Any]:
    """A row by its columns' names, as plain text: JSON refuses SQLAlchemy's own kind of name."""
    return {str(name): value for name, value in row._mapping.items()}  # noqa: SLF001 -- public


def select(tx: Transaction, statement: str, **parameters: Any) -> Sequence[Any]:
    """Run a statement built with `values` and return its rows."""
    return tx.execute(prepared(statement, tx.dialect.name), parameters).all()


def execute(tx: Transaction, statement: str, **parameters: Any) -> int:
    """Run a statement built with `values` that changes rows; how many it changed."""
    return tx.execute(prepared(statement, tx.dialect.name), parameters).rowcount
