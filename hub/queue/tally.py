"""How much waits, runs and is dead, per connection and lane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, literal_column, select

from hub.queue.jobs import pairs
from hub.queue.lanes import Lane
from hub.store.database import Transaction
from hub.store.system import dead_jobs, jobs

MOST_COUNTED = 10_000
"""Waiting jobs of a connection and lane are counted up to here: more is "10,000 or more"."""


@dataclass(frozen=True, slots=True)
class Count:
    """Jobs of one connection in one lane. `oldest` is the time since which one could run."""

    connection: str
    lane: Lane
    waiting: int = 0
    running: int = 0
    dead: int = 0
    oldest: float | None = None


def counts(tx: Transaction) -> list[Count]:
    """Every connection and lane with a job, by name. Costs the same however long the backlog is."""
    found: dict[tuple[str, Lane], dict[str, Any]] = {}
    for statement in (_waiting(), _grouped(jobs, "running"), _grouped(dead_jobs, "dead")):
        for row in tx.execute(statement).mappings():
            values = dict(row)
            found.setdefault((values.pop("connection"), Lane(values.pop("lane"))), {}).update(
                values
            )
    return [Count(*pair, **found[pair]) for pair in sorted(found)]


def _waiting() -> Any:
    heads = pairs(tuple(Lane))
    these = (~jobs.c.running, jobs.c.lane == heads.c.lane, jobs.c.connection == heads.c.connection)
    some = select(literal_column("1")).where(*these).limit(MOST_COUNTED).correlate(heads).subquery()
    return select(
        heads.c.lane,
        heads.c.connection,
        select(func.count()).select_from(some).scalar_subquery().label("waiting"),
        select(func.min(jobs.c.run_at)).where(*these).scalar_subquery().label("oldest"),
    ).where(heads.c.connection.is_not(None))


def _grouped(table: Any, name: str) -> Any:
    rows = select(table.c.lane, table.c.connection, func.count().label(name))
    rows = rows.group_by(table.c.lane, table.c.connection)
    return rows.where(jobs.c.running) if table is jobs else rows
