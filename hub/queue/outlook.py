"""Where jobs are due, as far as one worker knows, and how it takes them.

A head is what shares a lane, a connection and a priority. To look for heads walks from one to the
next in the index, and costs the more the more there are; to take jobs from known heads costs the
same however many wait. So a worker looks every now and then, and takes in between.

It also remembers from where on in the index each head has jobs left. PostgreSQL keeps the entries
of taken jobs as long as any old transaction might want to see them; without the place to begin,
each claim would step over all of them. So a head that runs dry is kept, with its place. A look begins
at the beginning, for new heads and what was put back or became visible late; the longer that takes,
the more seldom it is done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from time import monotonic
from typing import Any, NamedTuple

from hub.queue.jobs import COLUMNS, Claimed, claimed
from hub.queue.lanes import Lane, divide, shares
from hub.queue.words import as_driven, careful, in_words
from hub.store.database import Transaction

MOST = 2000  # jobs that one claim takes
MOST_HEADS = 100  # that one statement takes from; SQLite unites at most 500
FRESH = 0.05  # seconds for which a look is good
SPARING = 20  # times as long as a look took, while there is work
SPARING_WHEN_DRY = 5  # ... and when none is left that we know of


class Head(NamedTuple):
    """Jobs that are due, from `run_at` and `id` on."""

    lane: Lane
    connection: str
    priority: int
    run_at: float
    id: int

    @property
    def place(self) -> tuple[Lane, str]:
        return self.lane, self.connection


@dataclass(slots=True)
class Outlook:
    """What one worker knows of the heads of some lanes."""

    lanes: Collection[Lane] = tuple(Lane)
    monotonic: Callable[[], float] = monotonic
    _heads: list[Head] | None = None
    _good_until: float = 0.0
    _good_when_dry_until: float = 0.0

    def claim(
        self, tx: Transaction, *, worker: str, most: int, now: float, turn: int = 0
    ) -> list[Claimed]:
        """Take up to `most` jobs; see `hub.queue.claim`."""
        most, taken = min(most, MOST), list[Claimed]()
        careful(tx)
        fresh = self._heads is None or self.monotonic() >= self._good_until
        if fresh:
            self.look(tx, now)
        while True:
            taken += self._take_from_known(tx, worker, most - len(taken), now, turn + len(taken))
            if taken or fresh or self.monotonic() < self._good_when_dry_until:
                break
            self.look(tx, now)  # somebody may have jobs of a head that we do not know
            fresh = True
        return _in_order_of_start(taken, turn)

    def look(self, tx: Transaction, now: float) -> bool:
        """Look for heads; whether any job may run."""
        start = self.monotonic()
        statement = as_driven(_look(tuple(sorted(set(self.lanes)))), tx)
        rows = tx.exec_driver_sql(statement, {"now": now}).all()
        self._heads = [Head(Lane(lane), *rest) for lane, *rest in rows]
        end = self.monotonic()
        took = end - start
        self._good_until = end + max(FRESH, SPARING * took)
        self._good_when_dry_until = end + SPARING_WHEN_DRY * took if took > FRESH else 0.0
        return bool(self._heads)

    def forget(self) -> None:
        """Look before the next claim."""
        self._heads = None

    def _take_from_known(
        self, tx: Transaction, worker: str, most: int, now: float, turn: int
    ) -> list[Claimed]:
        """Take until there are so many, or no known head has any left.

        A head that runs dry is kept: what comes next is looked for from its place on.
        """
        left = {head[:3] for head in self._heads or ()}
        taken: list[Claimed] = []
        while left and len(taken) < most:
            asked = self._asked(left, most - len(taken), turn + len(taken))
            jobs = claimed(_take(tx, asked, worker=worker, now=now), worker)
            jobs.sort(key=_AGE)
            taken += jobs
            left -= self._move_on(asked, jobs)
        return taken

    def _asked(
        self, left: Collection[tuple[Lane, str, int]], most: int, turn: int
    ) -> dict[Head, int]:
        """How many to take of which head: of each lane and connection, of its first priority."""
        first: dict[tuple[Lane, str], Head] = {}
        for head in sorted(self._heads or ()):
            if head[:3] in left:
                first.setdefault(head.place, head)
        numbers = shares(first, most, turn)
        asked = {first[place]: number for place, number in numbers.items() if number}
        return dict(list(asked.items())[:MOST_HEADS])

    def _move_on(
        self, asked: dict[Head, int], jobs: Sequence[Claimed]
    ) -> set[tuple[Lane, str, int]]:
        """Remember how far we came in each head; those that ran dry."""
        taken: dict[tuple[Lane, str, int], list[Claimed]] = defaultdict(list)
        for job in jobs:
            taken[job.lane, job.connection, job.priority].append(job)
        heads = {head[:3]: head for head in self._heads or ()}
        for place, got in taken.items():
            heads[place] = Head(*place, got[-1].run_at, got[-1].id)
        self._heads = list(heads.values())
        return {head[:3] for head, number in asked.items() if len(taken[head[:3]]) < number}


def _in_order_of_start(taken: list[Claimed], turn: int) -> list[Claimed]:
    taken.sort(key=_AGE)
    offers: dict[Lane, dict[str, list[Claimed]]] = defaultdict(lambda: defaultdict(list))
    for job in taken:
        offers[job.lane][job.connection].append(job)
    if len(offers) <= 1 and all(len(names) == 1 for names in offers.values()):
        return taken
    return divide(offers, len(taken), turn)


_AGE = attrgetter("priority", "run_at", "id")


_WAITING = "j.running = {no} AND j.crashes = 0"
# A subquery that yields a value, and no `NOT EXISTS`, of which PostgreSQL makes joins.
_KEY_IS_FREE = """
    (SELECT 1 FROM hub_job r WHERE r.running = {yes} AND r.kind = j.kind AND r.key = j.key LIMIT 1)
    IS NULL"""
_NOT_HELD = """
    h.connection NOT IN
      (SELECT connection FROM hub_pause WHERE until IS NULL OR until > :now)"""


@cache
def _look(lanes: tuple[Lane, ...]) -> str:
    """The first job of each head that may run."""
    numbers = " UNION ALL ".join(f"SELECT {int(lane)} AS lane" for lane in lanes)
    return f"""
    WITH RECURSIVE heads(lane, connection, priority) AS (
      SELECT j.lane, j.connection, j.priority FROM ({numbers}) l
      JOIN hub_job j ON j.id = (
        SELECT j.id FROM hub_job j WHERE {_WAITING} AND j.lane = l.lane
        ORDER BY j.lane, j.connection, j.priority, j.run_at, j.id LIMIT 1)
      UNION ALL
      SELECT n.lane, n.connection, n.priority FROM heads h
      JOIN hub_job n ON n.id = (
        coalesce(
          (SELECT j.id FROM hub_job j WHERE {_WAITING} AND j.lane = h.lane
            AND j.connection = h.connection AND j.priority > h.priority
          ORDER BY j.lane, j.connection, j.priority, j.run_at, j.id LIMIT 1),
          (SELECT j.id FROM hub_job j WHERE {_WAITING} AND j.lane = h.lane
            AND j.connection > h.connection
          ORDER BY j.lane, j.connection, j.priority, j.run_at, j.id LIMIT 1)))
    )
    SELECT h.lane, h.connection, h.priority, first.run_at, first.id FROM heads h
    JOIN hub_job first ON first.id = (
      SELECT j.id FROM hub_job j WHERE {_WAITING} AND j.lane = h.lane
        AND j.connection = h.connection AND j.priority = h.priority
        AND j.run_at <= :now AND {_KEY_IS_FREE}
      ORDER BY j.run_at, j.id LIMIT 1)
    WHERE {_NOT_HELD}
    """  # noqa: S608 -- no values in it


def _take(tx: Transaction, asked: dict[Head, int], *, worker: str, now: float) -> Sequence[Any]:
    values: dict[str, Any] = {"now": now, "worker": worker}
    heads = [(int(head.lane), *head[1:], number) for head, number in asked.items()]
    if tx.dialect.name == "postgresql":
        columns = zip(*heads, strict=True)
        values |= dict(zip(_OF_A_HEAD, map(list, columns), strict=True))
        return tx.execute(in_words(_TAKE_SET, tx), values).all()
    for place, head in enumerate(heads):
        values |= {f"{name}{place}": one for name, one in zip(_OF_A_HEAD, head, strict=True)}
    return tx.execute(in_words(_take_each(len(heads)), tx), values).all()


_OF_A_HEAD = ("lane", "connection", "priority", "run_at", "id", "most")
_OF_HEAD = f"""
    SELECT j.id FROM hub_job j WHERE {_WAITING} AND j.lane = {{h}}lane
      AND j.connection = {{h}}connection AND j.priority = {{h}}priority
      AND j.run_at <= :now AND (j.run_at, j.id) >= ({{h}}run_at, {{h}}id) AND {_KEY_IS_FREE}
    ORDER BY j.run_at, j.id LIMIT {{h}}most"""  # noqa: S608
_TAKE_SET = f"""
    WITH chosen AS MATERIALIZED (
      SELECT c.id AS chosen FROM unnest(
        CAST(:lane AS int[]), CAST(:connection AS text[]), CAST(:priority AS int[]),
        CAST(:run_at AS double precision[]), CAST(:id AS bigint[]), CAST(:most AS int[])
      ) h(lane, connection, priority, run_at, id, most)
      CROSS JOIN LATERAL ({_OF_HEAD.replace("{h}", "h.")} FOR UPDATE OF j SKIP LOCKED) c
      WHERE {_NOT_HELD}
    )
    UPDATE hub_job SET running = true, worker = :worker, take = {{token}}
    FROM chosen WHERE hub_job.id = chosen.chosen RETURNING {COLUMNS}"""  # noqa: S608


@cache
def _take_each(heads: int) -> str:
    """For SQLite, in which no subquery may refer to its neighbour."""
    parts = " UNION ALL ".join(
        f"SELECT id FROM ({_part(place)})"  # noqa: S608
        for place in range(heads)
    )
    return f"""
    UPDATE hub_job SET running = 1, worker = :worker, take = {{token}}
    WHERE id IN ({parts}) RETURNING {COLUMNS}"""  # noqa: S608


def _part(place: int) -> str:
    part = _OF_HEAD.replace("WHERE", f"WHERE {_NOT_HELD} AND", 1).replace(
        "h.connection", "{h}connection"
    )
    for name in _OF_A_HEAD:
        part = part.replace(f"{{h}}{name}", f":{name}{place}")
    return part
