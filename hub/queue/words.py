"""The queue's hot statements in the words of the database at hand.

A statement is written once. Where the databases differ it has a mark: `{no}` and `{yes}` for what
`running` holds, as the partial indexes spell it; `{clock}` for the database's time; `{least}` and
`{greatest}` of two; `{json}`, `{text}` and `{double}` for types; `{token}` for a new `take`;
`{among what runs}` for the index of those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import TextClause, text

from hub.store import clock
from hub.store.database import Transaction

_MARKS = {
    "sqlite": {
        "{no}": "0",
        "{yes}": "1",
        "{least}": "min",
        "{greatest}": "max",
        "{double}": "REAL",
        "{json}": "TEXT",
        "{text}": "TEXT",
        "{token}": "abs(random() % 2147483647)",
        "{among what runs}": "INDEXED BY uq_hub_job_running",
    },
    "postgresql": {
        "{no}": "false",
        "{yes}": "true",
        "{least}": "least",
        "{greatest}": "greatest",
        "{double}": "double precision",
        "{json}": "json",
        "{text}": "text",
        "{token}": "floor(random() * 2147483647)",
        "{among what runs}": "",
    },
}


CAREFUL = "hub_careful"


def in_words(statement: str, tx: Transaction) -> TextClause:
    """The statement as this database reads it."""
    return _said(statement, tx.dialect.name)


def as_driven(statement: str, tx: Transaction) -> str:
    """The statement as the driver of this database reads it, past SQLAlchemy: for the hottest."""
    return _driven(statement, tx.dialect.name)


@lru_cache(maxsize=512)
def _said(statement: str, dialect: str) -> TextClause:
    return text(_marked(statement, dialect))


@lru_cache(maxsize=64)
def _driven(statement: str, dialect: str) -> str:
    marked = _marked(statement, dialect)
    return marked if dialect == "sqlite" else re.sub(r"(?<!:):(\w+)", r"%(\1)b", marked)


def _marked(statement: str, dialect: str) -> str:
    for mark, word in (_MARKS[dialect] | {"{clock}": clock.seconds(dialect)}).items():
        statement = statement.replace(mark, word)
    return statement


def time(tx: Transaction, now: float | None = None) -> float:
    """The database's time, unless a test tells another."""
    return float(tx.execute(in_words("SELECT {clock}", tx)).scalar_one()) if now is None else now


def array(numbers: Iterable[int]) -> str:
    """A parameter of PostgreSQL, to be cast to an array: the driver would look at each number."""
    return f"{{{','.join(map(str, numbers))}}}"


_CAREFUL = (
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), "
    "set_config('enable_seqscan', 'off', true), "
    "set_config('enable_hashjoin', 'off', true), "
    "set_config('enable_mergejoin', 'off', true), "
    "set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)"
)
_UNHURRIED = "SET LOCAL synchronous_commit TO off"


def careful(tx: Transaction, *, lasting: bool = True) -> None:
    """Let PostgreSQL look jobs up in indexes for the rest of the transaction, whatever it believes.

    What it believes of a queue is mostly wrong: a plan that was made while the table was empty
    goes through all of it when two million jobs wait. And planning is dear where many rows have
    died: to see where an index begins, the planner steps over all of them (4 ms for 500 ids).

    What is not `lasting` is `unhurried` as well.
    """
    if tx.dialect.name == "postgresql" and tx.info.get(CAREFUL) is not tx.get_transaction():
        tx.info[CAREFUL] = tx.get_transaction()
        tx.exec_driver_sql(_CAREFUL if lasting else f"{_UNHURRIED}; {_CAREFUL}")
    elif not lasting:
        unhurried(tx)


def unhurried(tx: Transaction) -> None:
    """Let PostgreSQL tell of the commit before it is on the disk.

    For what may be forgotten when the server crashes, together with all that was committed later:
    a claim, so that the job waits again, or the end of a job that had nothing to write. Never for
    effects: a worker whose handler returned removes the job if it is there, also after the crash.
    SQLite does so anyway (see `Database.write`), where the worker ends with the power.
    """
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(_UNHURRIED)
