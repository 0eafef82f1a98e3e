"""Records that could not be read: kept as they came, with every fault, and grouped by cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Row, delete, func, or_, select, union_all, update

from hub.store import sets
from hub.store.causes import cause_of, plain_field
from hub.store.database import Transaction
from hub.store.system import dead_records as letters
from hub.store.types import storable

SAMPLES = 3  # letters of a group that are told with it


@dataclass(frozen=True, slots=True)
class DeadRecord:
    """A record that failed; or, with `resolved`, one that failed before and is well now.

    `raw` is the record as it came, in JSON. `mapping` is its mapping's name and digest.
    """

    connection: str
    stream: str
    external_id: str
    version: str = ""
    mapping: str = ""
    raw: bytes = b"null"
    faults: Sequence[dict[str, Any]] = field(default_factory=tuple)
    error: str = ""
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Which:
    """Which dead records are meant: all that have every given property.

    `group` is a cause's, `field` that which cannot be read, `reason` and `value` a part of why,
    in any case; `mapping` its name, or its file, or file:line. `made_by` is a mapping's name and
    digest, just so.
    """

    connection: str = ""
    stream: str = ""
    ids: Sequence[int] | None = None
    group: str = ""
    field: str = ""
    reason: str = ""
    mapping: str = ""
    value: str = ""
    made_by: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        it = letters.c
        same = (
            (it.connection, self.connection), (it.stream, self.stream), (it.cause, self.group),
            (it.field, plain_field(self.field)), (it.mapping, self.made_by),
        )  # fmt: skip
        wanted: list[ColumnElement[bool]] = [it.resolved_at.is_(None)]
        wanted += [column == value for column, value in same if value]
        if self.ids is not None:
            wanted.append(it.id.in_(self.ids))
        if self.reason:
            said = [text.icontains(self.reason, autoescape=True) for text in (it.error, it.reason)]
            wanted.append(or_(*said))
        if self.value:
            wanted.append(it.value.icontains(self.value, autoescape=True))
        if self.mapping:
            named = it.mapping.startswith(f"{self.mapping}@", autoescape=True)
            placed = it.place.startswith(f"{self.mapping}:", autoescape=True)
            wanted.append(or_(named, it.place == self.mapping, placed))
        return wanted


ALL = Which()

_SAVE = """
    INSERT INTO hub_dead_record (connection, stream, external_id, version, mapping, raw, faults,
      error, cause, place, field, reason, value, since, failed_at, resolved_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (connection, stream, external_id) DO UPDATE SET version = excluded.version,
      mapping = excluded.mapping, raw = excluded.raw, faults = excluded.faults,
      error = excluded.error, cause = excluded.cause, place = excluded.place,
      field = excluded.field, reason = excluded.reason, value = excluded.value,
      since = CASE WHEN hub_dead_record.resolved_at IS NULL THEN hub_dead_record.since
        ELSE excluded.since END,
      failed_at = excluded.failed_at, resolved_at = excluded.resolved_at
"""


def save(tx: Transaction, records: Sequence[DeadRecord], *, now: float) -> None:
    """Bury and resolve records. One statement."""
    if records:
        rows = [_row(record, now) for record in records]
        tx.exec_driver_sql(sets.placeholders(tx, _SAVE), rows)


def _row(one: DeadRecord, now: float) -> tuple[Any, ...]:
    cause = cause_of(one.connection, one.stream, one.faults, one.error)
    told = (cause.group, cause.place, cause.field, cause.reason, cause.value)
    return (
        one.connection,
        one.stream,
        one.external_id,
        one.version,
        one.mapping,
        bytes(one.raw),
        orjson.dumps(list(one.faults)).decode(),
        storable(one.error),
        *(("",) * len(told) if one.resolved else map(storable, told)),
        now,
        now,
        now if one.resolved else None,
    )


def find(tx: Transaction, which: Which = ALL, *, most: int = 100) -> list[Row[Any]]:
    """Dead records, newest first."""
    query = select(letters).where(*which.conditions())
    return list(tx.execute(query.order_by(letters.c.id.desc()).limit(most)))


def count(tx: Transaction, which: Which = ALL) -> int:
    """How many there are."""
    counted = select(func.count()).select_from(letters).where(*which.conditions())
    return int(tx.execute(counted).scalar_one())


def newest(tx: Transaction) -> int:
    """The largest id so far."""
    return int(tx.execute(select(func.coalesce(func.max(letters.c.id), 0))).scalar_one())


def after(
    tx: Transaction, which: Which, position: int, last: int, most: int
) -> list[tuple[int, str, str]]:
    """(id, connection, stream) of the next dead records past a position, the oldest first."""
    it = letters.c
    query = select(it.id, it.connection, it.stream).where(*which.conditions())
    query = query.where(it.id > position, it.id <= last).order_by(it.id).limit(most)
    return [(row.id, row.connection, row.stream) for row in tx.execute(query)]


def drop(tx: Transaction, which: Which) -> int:
    """Forget dead records for good; returns how many."""
    return tx.execute(delete(letters).where(*which.conditions())).rowcount


def note(tx: Transaction, id: int, error: str, *, now: float) -> None:
    """Say of a dead record what became of it last."""
    one = letters.c.id == id, letters.c.resolved_at.is_(None)
    tx.execute(update(letters).where(*one).values(error=storable(error), failed_at=now))


class Tally(NamedTuple):
    """How many records of a stream are dead, of how many causes."""

    records: int = 0
    groups: int = 0


def counts(tx: Transaction) -> dict[tuple[str, str], Tally]:
    """What is dead, by (connection, stream)."""
    it = letters.c
    grouped = select(it.connection, it.stream, it.cause, func.count().label("records"))
    grouped = grouped.where(it.resolved_at.is_(None)).group_by(it.connection, it.stream, it.cause)
    each = grouped.subquery().c  # to count what is distinct, PostgreSQL would sort everything
    sums = select(each.connection, each.stream, func.sum(each.records), func.count())
    rows = tx.execute(sums.group_by(each.connection, each.stream))
    return {(name, stream): Tally(int(many), groups) for name, stream, many, groups in rows}


def made_by(tx: Transaction) -> list[tuple[str, str, str, float]]:
    """(connection, stream, mapping and digest, when it last failed) of all that is dead."""
    it = letters.c
    rows = tx.execute(
        select(it.connection, it.stream, it.mapping, func.max(it.failed_at))
        .where(it.resolved_at.is_(None))
        .group_by(it.connection, it.stream, it.mapping)
    )
    return [(connection, stream, mapping, latest) for connection, stream, mapping, latest in rows]


@dataclass(frozen=True, slots=True)
class Group:
    """Dead records of one cause. `since` is when the first of them died, `latest` the last try.

    `samples` are some of the newest: (`r` and its id, what they call it, the value there).
    """

    group: str
    connection: str
    stream: str
    count: int
    place: str
    field: str
    reason: str
    since: float
    latest: float
    samples: Sequence[tuple[str, str, str]] = ()


def groups(tx: Transaction, which: Which = ALL, *, most: int = 100) -> list[Group]:
    """The groups, the largest first. Two statements."""
    it = letters.c
    grouped = (
        select(
            it.connection, it.stream, it.cause, func.count().label("records"),
            func.min(it.since).label("since"), func.max(it.failed_at).label("latest"),
            func.max(it.id).label("newest"),
        )
        .where(*which.conditions())
        .group_by(it.connection, it.stream, it.cause)
        .order_by(func.count().desc(), it.cause)
        .limit(most)
        .subquery()
    )  # fmt: skip
    told = (it.place, it.field, it.reason)
    query = select(grouped, *told).join(letters, it.id == grouped.c.newest)
    rows = tx.execute(query.order_by(grouped.c.records.desc(), grouped.c.cause)).all()
    samples = _samples(tx, which, rows)
    return [
        Group(
            row.cause, row.connection, row.stream, row.records, row.place, row.field, row.reason,
            row.since, row.latest, tuple(samples[row.connection, row.stream, row.cause]),
        )
        for row in rows
    ]  # fmt: skip


def _samples(
    tx: Transaction, which: Which, rows: Iterable[Row[Any]]
) -> dict[tuple[str, str, str], list[tuple[str, str, str]]]:
    """The newest of each group, found by the index that groups them."""
    it, parts = letters.c, []
    for row in rows:
        these = (it.connection == row.connection, it.stream == row.stream, it.cause == row.cause)
        picked = select(it.connection, it.stream, it.cause, it.id, it.external_id, it.value)
        picked = picked.where(*which.conditions(), *these).order_by(it.id.desc()).limit(SAMPLES)
        parts.append(select(picked.subquery()))
    found: dict[tuple[str, str, str], list[tuple[str, str, str]]] = defaultdict(list)
    if parts:
        for connection, stream, cause, id, external_id, value in tx.execute(union_all(*parts)):
            found[connection, stream, cause].append((f"r{id}", external_id, value))
    return found
