"""Complete listings of streams: what they have not listed any more is missing.

    begin ─▶ mark, page by page ─▶ missing? ─┬─ few ────────────▶ their links end ─▶ end
                                             └─ many ─▶ hold ─▶ a person: accept ─┘ or end

A link is missing if it was last seen before the listing began.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Update, delete, select, text, update

from hub.store import sets
from hub.store.database import Transaction
from hub.store.system import listings


@dataclass(frozen=True, slots=True)
class Listing:
    """`missing` of `linked` records are so many that a person must decide; None while not known."""

    started_at: float
    missing: int | None = None
    linked: int | None = None
    accepted: bool = False

    @property
    def held(self) -> bool:
        """Whether it waits for a person."""
        return self.missing is not None and not self.accepted


_BEGIN = text(
    """
    INSERT INTO hub_listing (connection, stream, started_at, accepted)
    VALUES (:connection, :stream, :now, false)
    ON CONFLICT (connection, stream) DO UPDATE SET
      started_at = excluded.started_at, missing = NULL, linked = NULL, accepted = false
    """
)


def begin(tx: Transaction, connection: str, stream: str, *, now: float) -> None:
    """Start a listing from the beginning, whatever became of an earlier one."""
    tx.execute(_BEGIN, {"connection": connection, "stream": stream, "now": now})


_LOAD = text(
    """
    SELECT (SELECT cursor FROM hub_cursor WHERE connection = :connection AND stream = :stream)
      AS cursor, l.started_at, l.missing, l.linked, l.accepted
    FROM (SELECT 1 AS one) o LEFT JOIN hub_listing l
      ON l.connection = :connection AND l.stream = :stream
    """
)


def load(tx: Transaction, connection: str, stream: str) -> tuple[str | None, Listing | None]:
    """Where the stream's last page ended, None before its first; and its listing if there is one.

    One statement.
    """
    row = tx.execute(_LOAD, {"connection": connection, "stream": stream}).one()
    return row.cursor, _read(row) if row.started_at is not None else None


def _read(row: Row[Any]) -> Listing:
    return Listing(row.started_at, row.missing, row.linked, bool(row.accepted))


_MARK = f"""
    UPDATE hub_external_ref SET last_seen = :now
    WHERE connection = :connection AND stream = :stream AND last_seen < :now
      AND external_id IN (SELECT k.id FROM {sets.values("keys", ("id",))} k)
"""  # noqa: S608 -- names are ours


def mark(
    tx: Transaction, connection: str, stream: str, external_ids: Iterable[str], *, now: float
) -> None:
    """These are there. One statement."""
    keys = sets.packed(external_ids)
    sets.execute(tx, _MARK, connection=connection, stream=stream, keys=keys, now=now)


_ALIVE = "connection = :connection AND stream = :stream AND deleted_at IS NULL AND sys_id <> ''"
_COUNT = text(
    f"""
    SELECT count(DISTINCT external_id) AS linked,
      count(DISTINCT CASE WHEN last_seen < :since THEN external_id END) AS missing
    FROM hub_external_ref WHERE {_ALIVE}
    """  # noqa: S608
)
_PORTION = text(
    f"""
    SELECT DISTINCT external_id FROM hub_external_ref
    WHERE {_ALIVE} AND last_seen < :since AND external_id > :after
    ORDER BY external_id LIMIT :most
    """  # noqa: S608
)


def count(tx: Transaction, connection: str, stream: str, *, since: float) -> tuple[int, int]:
    """(missing, linked): external records that were not seen since then, of all that are alive."""
    row = tx.execute(_COUNT, {"connection": connection, "stream": stream, "since": since}).one()
    return row.missing, row.linked


def missing(
    tx: Transaction, connection: str, stream: str, *, since: float, after: str, most: int
) -> list[str]:
    """The next external ids that were not seen since then, in order, after `after`."""
    given = {
        "connection": connection, "stream": stream, "since": since, "after": after, "most": most,
    }  # fmt: skip
    return list(tx.execute(_PORTION, given).scalars())


def hold(tx: Transaction, connection: str, stream: str, *, missing: int, linked: int) -> None:
    """Too many are missing: a person must say what that means."""
    tx.execute(_of(connection, stream).values(missing=missing, linked=linked))


def accept(tx: Transaction, connection: str, stream: str) -> bool:
    """A person says that the missing are gone. False if nobody was asked."""
    asked = _of(connection, stream).where(listings.c.missing.is_not(None))
    return tx.execute(asked.values(accepted=True)).rowcount == 1


def end(tx: Transaction, connection: str, stream: str) -> bool:
    """The listing is over: what is missing now stays. False if there was none."""
    here = (listings.c.connection == connection, listings.c.stream == stream)
    return tx.execute(delete(listings).where(*here)).rowcount == 1


def all_of(tx: Transaction) -> dict[tuple[str, str], Listing]:
    """Every stream that is listed or held, by (connection, stream)."""
    return {(row.connection, row.stream): _read(row) for row in tx.execute(select(listings))}


def _of(connection: str, stream: str) -> Update:
    return update(listings).where(listings.c.connection == connection, listings.c.stream == stream)
