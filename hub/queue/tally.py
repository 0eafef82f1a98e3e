"""How much waits, runs and is dead, per connection and lane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.queue.lanes import Lane
from hub.queue.words import careful, in_words
from hub.store.database import Transaction

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
    careful(tx)
    found: dict[tuple[str, Lane], dict[str, Any]] = {}
    for statement in (_WAITING, _RUNNING, _DEAD):
        for row in tx.execute(in_words(statement, tx)).mappings():
            values = dict(row)
            found.setdefault((values.pop("connection"), Lane(values.pop("lane"))), {}).update(
                values
            )
    return [Count(*pair, **found[pair]) for pair in sorted(found)]


_LANES = " UNION ALL ".join(f"SELECT {int(lane)} AS lane" for lane in Lane)
# The optimiser must not look into the inner query: counting stops at the bound.
_WAITING = f"""
    WITH RECURSIVE heads(lane, connection) AS (
      SELECT l.lane, (SELECT min(j.connection) FROM hub_job j
        WHERE j.running = {{no}} AND j.crashes = 0 AND j.lane = l.lane)
      FROM ({_LANES}) l
      UNION ALL
      SELECT h.lane, (SELECT min(j.connection) FROM hub_job j
        WHERE j.running = {{no}} AND j.crashes = 0 AND j.lane = h.lane
          AND j.connection > h.connection)
      FROM heads h WHERE h.connection IS NOT NULL
    )
    SELECT h.lane, h.connection,
      (SELECT count(*) FROM (SELECT 1 FROM hub_job j
        WHERE j.running = {{no}} AND j.crashes = 0 AND j.lane = h.lane
          AND j.connection = h.connection LIMIT {MOST_COUNTED}) counted) AS waiting,
      (SELECT min(j.run_at) FROM hub_job j
        WHERE j.running = {{no}} AND j.crashes = 0 AND j.lane = h.lane
          AND j.connection = h.connection) AS oldest
    FROM heads h WHERE h.connection IS NOT NULL"""  # noqa: S608 -- no values in it
_RUNNING = """
    SELECT lane, connection, count(*) AS running FROM hub_job WHERE running = {yes}
    GROUP BY lane, connection"""
_DEAD = """
    SELECT lane, connection, count(*) AS dead FROM hub_dead_job GROUP BY lane, connection"""
