"""How many rows each statement touches, in the moment in which the code sends it.

PostgreSQL explains it right there: in its transaction, with its settings and parameters, planned
for these parameters and planned for any, as it is once a session has prepared it. Of SQLite, which
does not tell, the steps of its machine are counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import ClientCursor
from psycopg.errors import QueryCanceled
from sqlalchemy import event

from hub.store.database import Database, Transaction

Work = Callable[[Transaction], object]
EVERY = 1000  # steps of SQLite's machine from one count to the next
ENDLESS = 10**12  # rows of a statement that does not end
_PATIENCE = "2s"
_TYPES = {bool: "boolean", int: "bigint", float: "double precision", bytes: "bytea"}
_PARAMETER = re.compile(r"%(?:\((\w+)\))?([sbt%])")
_ROWS = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")


class Undone(Exception):
    """Nothing of what was done stays."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How a statement was run. `rows` are those of tables that it went through."""

    statement: str
    planned_for: str
    rows: int
    plan: str

    def __str__(self) -> str:
        words = " ".join(self.statement.split())
        return f"{self.rows} rows, planned for {self.planned_for}: {words[:200]}\n{self.plan}"


def steps(db: Database, work: Work) -> int:
    """How many steps SQLite's machine takes for it; then it is undone."""
    counts = 0

    def tick() -> int:
        nonlocal counts
        counts += 1
        return 0

    with suppress(Undone), db.write() as tx:
        raw: Any = tx.connection.driver_connection
        raw.set_progress_handler(tick, EVERY)
        try:
            work(tx)
        finally:
            raw.set_progress_handler(None, 0)
        raise Undone
    return counts * EVERY


@dataclass
class Session:
    """One connection to PostgreSQL, with the statements that it has prepared and their plans."""

    db: Database
    _names: dict[str, str] = field(default_factory=dict[str, str])
    _seen: list[Seen] = field(default_factory=list[Seen])

    def see(self, work: Work) -> list[Seen]:
        """All statements that it sends; then it is undone."""
        self._seen = []
        event.listen(self.db.engine, "before_cursor_execute", self._listen)
        try:
            with suppress(Undone), self.db.write() as tx:
                work(tx)
                raise Undone
        finally:
            event.remove(self.db.engine, "before_cursor_execute", self._listen)
        return self._seen

    def _listen(self, _: Any, cursor: Any, sql: str, given: Any, *__: Any) -> None:
        words = sql.split(maxsplit=1)
        if words[0] not in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"} or "set_config" in sql:
            return
        raw: psycopg.Connection[Any] = cursor.connection
        raw.prepare_threshold = None  # else the driver drops all that is prepared, ours too
        one = given[0] if isinstance(given, list) else given
        with raw.transaction(force_rollback=True):
            raw.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            self._note(raw, sql, "any", self._prepared(raw, sql, one))
        with raw.transaction(force_rollback=True):
            self._note(raw, sql, "these", ClientCursor(raw).mogrify(sql, one))

    def _prepared(self, raw: psycopg.Connection[Any], sql: str, given: Any) -> str:
        """How to run it with its kept plan, which is made the first time."""
        said, values = _numbered(sql, given)
        if said not in self._names:
            types = ", ".join(_TYPES.get(type(value), "unknown") for value in values)
            name = self._names[said] = f"kept_{len(self._names)}"
            raw.execute(f"PREPARE {name}{f'({types})' if types else ''} AS {said}".encode())
        told = ", ".join(ClientCursor(raw).mogrify("%s", [value]) for value in values)
        return f"EXECUTE {self._names[said]}{f'({told})' if told else ''}"

    def _note(self, raw: psycopg.Connection[Any], sql: str, what: str, said: str) -> None:
        raw.execute(f"SET LOCAL statement_timeout TO '{_PATIENCE}'".encode())
        explain = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)"
        try:
            with raw.transaction():
                [[told]] = raw.execute(f"{explain} {said}".encode()).fetchall()
        except QueryCanceled:
            plan = "\n".join(line for (line,) in raw.execute(f"EXPLAIN {said}".encode()))
            self._seen.append(Seen(sql, what, ENDLESS, plan))
            return
        nodes = list(_nodes(told[0]["Plan"], 0))
        rows = sum(_touched(node) for _, node in nodes)
        plan = "\n".join(f"{'  ' * depth}{_told(node)}" for depth, node in nodes)
        self._seen.append(Seen(sql, what, rows, plan))


def _numbered(sql: str, given: Any) -> tuple[str, Sequence[Any]]:
    """The statement with $1, $2 ... in it, and their values."""
    names: list[Any] = []

    def number(found: re.Match[str]) -> str:
        if found[2] == "%":
            return "%"
        name = found[1] or len(names)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    said = _PARAMETER.sub(number, sql)
    return said, [given[name] for name in names]


def _nodes(node: dict[str, Any], depth: int) -> Iterator[tuple[int, dict[str, Any]]]:
    yield depth, node
    for child in node.get("Plans", ()):
        yield from _nodes(child, depth + 1)


def _touched(node: dict[str, Any]) -> int:
    if "Relation Name" not in node or node["Node Type"] == "ModifyTable":
        return 0
    rows: float = sum(node.get(name, 0) for name in _ROWS)
    return round(rows * float(node["Actual Loops"]))


def _told(node: dict[str, Any]) -> str:
    parts = [node["Node Type"], node.get("Relation Name"), node.get("Index Name")]
    return " ".join(part for part in parts if part) + f": {_touched(node)} rows"
