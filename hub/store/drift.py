"""What the records of a stream look like: one row per path, and whether that is news.

    known ◀──▶ gone: nobody has it any more        accept: a person says that it is right so
      ▲
      ├── new: it came up when the stream was known already
      └── changed: it is of a kind that it never was

The record itself has the empty path: it is `new` while the stream is not known yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Row, delete, func, or_, select

from hub.store import sets
from hub.store.database import Transaction
from hub.store.system import drift

State = Literal["known", "new", "gone", "changed"]
LONGEST_PATH = 255


@dataclass(slots=True)
class Seen:
    """One path. `kinds` were seen there at some time, `was` are those of them that are no news.

    `looked` records that could have had it were looked at, `seen` of them had it; the last
    `missing` had not. `mapped`: a mapping read it when it was seen last. Times are seconds since
    1970; `since` is when it came to its state. `more_seen` and `more_looked` are not written yet;
    nor is anything of one that is `fresh`.
    """

    path: str
    kinds: set[str]
    was: set[str]
    state: State
    first_seen: float
    last_seen: float
    since: float
    mapped: bool = False
    seen: int = 0
    looked: int = 0
    missing: int = 0
    parent: str = ""
    more_seen: int = 0
    more_looked: int = 0
    fresh: bool = field(default=False)


def of_stream(tx: Transaction, connection: str, stream: str) -> dict[str, Seen]:
    """Every path that is known of a stream."""
    mine = (drift.c.connection == connection, drift.c.stream == stream)
    rows = tx.execute(select(drift).where(*mine).order_by(drift.c.path))
    found = {row.path: _read(row) for row in rows}
    for path, one in found.items():
        one.parent = parent_of(path, found)
    return found


def news(
    tx: Transaction, connection: str = "", stream: str = ""
) -> dict[tuple[str, str], list[Seen]]:
    """The paths that are not as they were, by (connection, stream): of all, or of some."""
    query = select(drift).where(drift.c.state != "known", drift.c.path != "")
    if connection:
        query = query.where(drift.c.connection == connection)
    if stream:
        query = query.where(drift.c.stream == stream)
    found: dict[tuple[str, str], list[Seen]] = {}
    for row in tx.execute(query.order_by(drift.c.connection, drift.c.stream, drift.c.path)):
        found.setdefault((row.connection, row.stream), []).append(_read(row))
    return found


def _read(row: Row[tuple[object, ...]]) -> Seen:
    return Seen(
        row.path, _set(row.kinds), _set(row.was), row.state, row.first_seen, row.last_seen,
        row.since, bool(row.mapped), row.seen, row.looked, row.missing,
    )  # fmt: skip


def _set(kinds: str) -> set[str]:
    return set(kinds.split(",")) - {""}


def parent_of(path: str, known: Iterable[str] | dict[str, Seen]) -> str:
    """The longest of the known paths that this one is below; a key may have dots of its own."""
    above = path.rpartition(".")[0]
    while above and above not in known:
        above = above.rpartition(".")[0]
    return above


_COLUMNS = ("path", "kinds", "was", "state", "first_seen", "last_seen", "since", "mapped", "seen",
            "looked", "missing")  # fmt: skip
_WHOLE = ("seen", "looked", "missing")
_TIMES = ("first_seen", "last_seen", "since")


def _given(name: str) -> str:
    if name in _WHOLE:
        return f"CAST(k.{name} AS BIGINT)"
    if name in _TIMES:
        return f"CAST(k.{name} AS DOUBLE PRECISION)"
    return "CAST(k.mapped AS INTEGER) = 1" if name == "mapped" else f"k.{name}"


_SAVE = f"""
    INSERT INTO hub_drift (connection, stream, {", ".join(_COLUMNS)})
    SELECT CAST(:connection AS VARCHAR), CAST(:stream AS VARCHAR), {", ".join(map(_given, _COLUMNS))}
    FROM {sets.values("rows", _COLUMNS)} k WHERE true
    ON CONFLICT (connection, stream, path) DO UPDATE SET
      kinds = excluded.kinds, was = excluded.was, state = excluded.state, since = excluded.since,
      mapped = excluded.mapped, last_seen = excluded.last_seen, missing = excluded.missing,
      seen = hub_drift.seen + excluded.seen, looked = hub_drift.looked + excluded.looked
"""  # noqa: S608 -- WHERE true: else SQLite takes ON for that of a join
_COUNT = f"""
    UPDATE hub_drift SET seen = hub_drift.seen + {_given("seen")},
      looked = hub_drift.looked + {_given("looked")}, missing = {_given("missing")},
      last_seen = {_given("last_seen")}, mapped = ({_given("mapped")})
    FROM {sets.values("rows", _COLUMNS)} k
    WHERE hub_drift.connection = :connection AND hub_drift.stream = :stream
      AND hub_drift.path = k.path
"""  # noqa: S608


def save(tx: Transaction, connection: str, stream: str, those: Iterable[Seen]) -> None:
    """Write these as they are; what was counted since they were written is added. One statement."""
    _execute(tx, _SAVE, connection, stream, those)


def count(tx: Transaction, connection: str, stream: str, those: Iterable[Seen]) -> None:
    """Add what was counted, and leave alone what a person may have accepted. One statement."""
    _execute(tx, _COUNT, connection, stream, those)


def _execute(
    tx: Transaction, statement: str, connection: str, stream: str, those: Iterable[Seen]
) -> None:
    rows = [
        (
            one.path, ",".join(sorted(one.kinds)), ",".join(sorted(one.was)), one.state,
            one.first_seen, one.last_seen, one.since, int(one.mapped), one.more_seen,
            one.more_looked, one.missing,
        )
        for one in sorted(those, key=lambda one: one.path)
    ]  # fmt: skip
    if rows:
        sets.execute(tx, statement, connection=connection, stream=stream, rows=sets.packed(rows))


def accept(tx: Transaction, connection: str, stream: str, those: Collection[Seen]) -> None:
    """These are right as they are now: what is gone is expected no more, the rest is known."""
    here = (drift.c.connection == connection, drift.c.stream == stream)
    for one in those:
        if one.state != "gone":
            kinds = ",".join(sorted(one.kinds))
            at = drift.update().where(*here, drift.c.path == one.path)
            tx.execute(at.values(state="known", was=kinds))
    forget(tx, connection, stream, [one.path for one in those if one.state == "gone"])


def forget(tx: Transaction, connection: str, stream: str, paths: Iterable[str]) -> None:
    """Nobody asks for these any more, nor for what is below them."""
    here = (drift.c.connection == connection, drift.c.stream == stream)
    for path in paths:
        below = drift.c.path.startswith(f"{path}.", autoescape=True)
        tx.execute(delete(drift).where(*here, or_(drift.c.path == path, below)))


def counts(tx: Transaction) -> dict[tuple[str, str], int]:
    """How many paths are kept of each stream, by (connection, stream)."""
    query = select(drift.c.connection, drift.c.stream, func.count()).group_by(
        drift.c.connection, drift.c.stream
    )
    return {(connection, stream): number for connection, stream, number in tx.execute(query)}
