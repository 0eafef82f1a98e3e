"""Hand a whole set of values to one statement, whatever the database.

A page's keys travel as one JSON parameter: the statement text stays the same for any number of
them, so that it is prepared once, and there is no limit on how many.

Join such a set with `FROM {set} k CROSS JOIN table t WHERE ...`: SQLite then goes through the set
and looks each key up. Left to choose, it scans the table for every key.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Row, TextClause

from hub.store.database import Transaction


def packed(values: Iterable[Any]) -> str:
    """The parameter for a `values(...)` fragment: scalars, or lists of equal length."""
    return orjson.dumps(list(values)).decode()


def as_json(value: Any) -> bytes:
    """The same bytes for the same JSON, whatever the order of its keys.

    Takes all that Python's JSON reader gives; of what is nested a thousand deep, a glimpse.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # integers past 64 bits, half a character
        pass
    try:
        return json.dumps(value, sort_keys=True, default=str).encode()
    except RecursionError:
        return json.dumps(reprlib.repr(value)).encode()


def values(parameter: str, columns: Sequence[str]) -> str:
    """A table expression over a packed parameter: one column for scalars, several for lists."""
    if len(columns) == 1:
        return f"(SELECT value AS {columns[0]} FROM json_each(:{parameter}))"  # noqa: S608
    picked = ", ".join(f"value ->> {i} AS {name}" for i, name in enumerate(columns))
    return f"(SELECT {picked} FROM json_each(:{parameter}))"  # noqa: S608


def placeholders(tx: Transaction, statement: str) -> str:
    """A statement written with `?`, as this database's driver wants it."""
    return statement if tx.dialect.paramstyle == "qmark" else statement.replace("?", "%s")


def named(row: Row[Any]) -> dict[str, Any]:
    """A row by its columns' names, as plain text: JSON refuses SQLAlchemy's own kind of name."""
    return {str(name): value for name, value in row._mapping.items()}  # noqa: SLF001 -- public


def select(tx: Transaction, statement: TextClause, **parameters: Any) -> Sequence[Any]:
    """Run a statement built with `values` and return its rows."""
    return tx.execute(statement, parameters).all()
