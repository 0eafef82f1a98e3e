"""External records that may be, or were taken for, records that we had: what rules found, and what
people said of it.

    waiting ──▶ accepted      a person: it is that record
       └──────▶ rejected ◀─┐  a person: it is not; no rule proposes the two again
    adopted ───────────────┘  a rule was certain; a person may still undo it
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select, text, update

from hub.store import sets
from hub.store.database import Transaction
from hub.store.system import matches

State = Literal["waiting", "adopted", "accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Match:
    """An external record, the record of ours (`candidate`) that it may be, and by which fields."""

    connection: str
    stream: str
    external_id: str
    table: str
    candidate: str
    rule: str
    state: str
    id: int = 0
    merge: int | None = None


_NOTE = """
    INSERT INTO hub_match (connection, stream, external_id, table_name, candidate, rule, state,
      found_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (connection, stream, external_id, table_name, candidate) DO UPDATE SET
      rule = excluded.rule, found_at = excluded.found_at,
      state = CASE WHEN hub_match.state IN ('waiting', 'adopted') THEN excluded.state
        ELSE hub_match.state END
"""


def note(tx: Transaction, found: Sequence[Match], *, now: float) -> None:
    """Write down what rules found; a person's word on the same two stays. One statement."""
    if found:
        rows = [
            (m.connection, m.stream, m.external_id, m.table, m.candidate, m.rule, m.state, now)
            for m in found
        ]
        tx.exec_driver_sql(sets.placeholders(tx, _NOTE), rows)


_OF_ANOTHER = (
    "m.connection = k.connection AND m.stream = k.stream AND m.external_id = k.external "
    "AND m.table_name = k.tab AND m.candidate <> k.candidate"
)
_KEYS = ["connection", "stream", "external", "tab", "candidate"]
_SETTLE = f"""
    DELETE FROM hub_match WHERE id IN (
      SELECT m.id FROM {sets.each("keys", _KEYS, "hub_match m", _OF_ANOTHER)}
        AND m.state = 'waiting')
"""  # noqa: S608 -- names are ours


def settle(tx: Transaction, found: Sequence[Match]) -> None:
    """Nobody need be asked any more about those that a rule is certain of now. One statement."""
    keys = [
        [m.connection, m.stream, m.external_id, m.table, m.candidate]
        for m in found
        if m.state == "adopted"
    ]
    if keys:
        sets.execute(tx, _SETTLE, keys=sets.packed(keys))


_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:table, 0))")


def take_turn(tx: Transaction, tables: Iterable[str]) -> None:
    """Let nobody else look for records of these tables before this transaction ends.

    Two systems that tell of one person at once would both find that nobody has told of them.
    SQLite has one writer anyway.
    """
    for table in sorted(tables) if tx.dialect.name != "sqlite" else ():
        tx.execute(_TURN, {"table": f"hub_match/{table}"})


def find(tx: Transaction, number: int) -> Match | None:
    row = tx.execute(select(matches).where(matches.c.id == number)).first()
    return None if row is None else _match(row)


def all_of(tx: Transaction, state: State, *, connection: str = "", most: int = 200) -> list[Match]:
    """Those in this state, newest first."""
    query = select(matches).where(matches.c.state == state)
    if connection:
        query = query.where(matches.c.connection == connection)
    return [_match(row) for row in tx.execute(query.order_by(matches.c.id.desc()).limit(most))]


def decide(
    tx: Transaction, number: int, state: State, *, by: str, now: float, merge: int | None = None
) -> None:
    """Write down a person's word, and the `merge` that followed from it."""
    mine = update(matches).where(matches.c.id == number)
    tx.execute(mine.values(state=state, merge=merge, decided_by=by, decided_at=now))


_OTHERS = text(
    """
    UPDATE hub_match SET state = 'rejected', decided_by = :by, decided_at = :now
    WHERE state = 'waiting' AND connection = :connection AND stream = :stream
      AND external_id = :external_id AND table_name = :table
    """
)


def reject_others(tx: Transaction, match: Match, *, by: str, now: float) -> None:
    """It is that record: so it is none of the others that were proposed."""
    tx.execute(
        _OTHERS,
        {
            "connection": match.connection, "stream": match.stream, "table": match.table,
            "external_id": match.external_id, "by": by, "now": now,
        },
    )  # fmt: skip


def _match(row: Any) -> Match:
    return Match(
        row.connection, row.stream, row.external_id, row.table_name, row.candidate, row.rule,
        row.state, row.id, row.merge,
    )  # fmt: skip
