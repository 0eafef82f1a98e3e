"""Jobs that were there when a worker died: each runs alone, so that the guilty one is found out.

They stand in an index of their own, and no ordinary claim takes them. A worker that has nothing
in hand takes one, and nothing else until that has ended: who dies then has died of it.
"""

from __future__ import annotations

from collections.abc import Collection

from hub.queue.jobs import COLUMNS, Claimed, claimed
from hub.queue.lanes import Lane
from hub.queue.words import careful, in_words
from hub.store.database import Transaction


def waiting(tx: Transaction, *, lanes: Collection[Lane], now: float) -> bool:
    """Whether a suspect may run."""
    return bool(tx.execute(in_words(_chosen(lanes, ""), tx), {"now": now}).all())


def claim(tx: Transaction, *, worker: str, lanes: Collection[Lane], now: float) -> list[Claimed]:
    """Take a suspect, if one may run. The worker must have nothing else in hand."""
    careful(tx)
    lock = "" if tx.dialect.name == "sqlite" else "FOR UPDATE OF j SKIP LOCKED"
    statement = f"""
    UPDATE hub_job SET running = {{yes}}, worker = :worker, take = {{token}}
    WHERE id = ({_chosen(lanes, lock)}) RETURNING {COLUMNS}"""  # noqa: S608 -- no values in it
    return claimed(tx.execute(in_words(statement, tx), {"now": now, "worker": worker}), worker)


def _chosen(lanes: Collection[Lane], lock: str) -> str:
    among = ", ".join(str(int(lane)) for lane in sorted(lanes)) or "-1"
    return f"""
    SELECT j.id FROM hub_job j WHERE j.running = {{no}} AND j.crashes > 0 AND j.run_at <= :now
      AND j.lane IN ({among})
      AND (SELECT 1 FROM hub_job r
        WHERE r.running = {{yes}} AND r.kind = j.kind AND r.key = j.key LIMIT 1) IS NULL
      AND j.connection NOT IN
        (SELECT connection FROM hub_pause WHERE until IS NULL OR until > :now)
    ORDER BY j.run_at, j.id LIMIT 1 {lock}"""  # noqa: S608 -- no values in it
