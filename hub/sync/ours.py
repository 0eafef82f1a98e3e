"""The spoke that is this hub's own store: `spoke: hub`, whose streams are our entities.

A record is a row with a key per field: choices by their names, moments in ISO 8601, references as
the sys_ids that they are, custom fields among the others. So what changes here can be mapped to
another record of ours in the words in which records of other systems are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, ClassVar, Self

from pydantic import PrivateAttr, model_validator
from sqlalchemy import and_, or_, select

from hub.errors import Permanent
from hub.http import Rate
from hub.keyset import Cursor, Keyset, Window
from hub.mapping.kinds import iso, names_by_code
from hub.spoke import (
    Change,
    Fetches,
    JsonObject,
    Page,
    Pulls,
    Receipt,
    Spoke,
    Stream,
    Write,
    Writes,
)
from hub.store import entities, records, sets
from hub.store.database import Database
from hub.store.records import Row
from hub.sync.connection import Ours
from hub.sync.records.merge import plain
from hub.sync.records.version import version_of

NAME = "hub"
"""What connection files call it."""
AT_ONCE = 500  # rows that one page has
WINDOW = Keyset(horizon=timedelta(seconds=2), overlap=timedelta(minutes=5))
"""Our own rows surface when their transaction ends, which lasts a minute at most."""


class OurStore(Spoke, Ours, Pulls, Fetches, Writes):
    """This hub's own store: records of one entity become, or keep in step with, those of another."""

    streams: ClassVar[tuple[Stream, ...]] = tuple(
        Stream(entity.name, by_time=True) for entity in entities.ALL
    )
    rate: ClassVar[Rate] = Rate(calls=10_000)

    url: str = "https://hub.invalid"  # it has none (RFC 2606), and nobody calls it

    _db: Database | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _url_is_allowed(self) -> Self:
        if self.model_fields_set:
            raise ValueError("the hub's own store has no settings: remove them")
        return self

    def at(self, db: Database, clock: Callable[[], float]) -> Self:
        """The same spoke over a store, with seconds since 1970."""
        other = self.using(clock=lambda: datetime.fromtimestamp(clock(), UTC))
        other._db = db  # noqa: SLF001 -- another of our own kind
        return other

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """Rows by when they changed."""
        return self.keyset(cursor, lambda window: self._read(stream, window), WINDOW)

    def fetch(self, stream: Stream, ids: Sequence[str]) -> Iterator[Change]:
        """Rows by their sys_ids."""
        with self._store.read() as tx:
            found = records.read(tx, entities.find(stream.name), ids)
        for id in ids:
            row = found.get(id)
            yield Change(stream.name, id, None) if row is None else _change(stream, row)

    def upsert(self, stream: Stream, write: Write) -> Receipt:
        """Never asked for: what flows write back shares the transaction of its job."""
        raise Permanent(f"{stream.name} {write.id or write.key}: only flows write to our own store")

    def delete(self, stream: Stream, id: str) -> None:
        """Never asked for."""
        raise Permanent(f"{stream.name} {id}: the hub deletes no record of its own")

    @property
    def _store(self) -> Database:
        if self._db is None:
            raise Permanent("the hub's own store can be read by a running hub alone")
        return self._db

    def _read(self, stream: Stream, window: Window) -> Iterator[Sequence[Change]]:
        """Rows of a window, page by page."""
        t = entities.find(stream.name).table
        since, last = window.since, window.id
        while True:
            query = select(t).where(t.c.sys_updated_on < window.before)
            if since is not None:
                same = and_(t.c.sys_updated_on == since, t.c.sys_id > last)
                query = query.where(or_(t.c.sys_updated_on > since, same))
            query = query.order_by(t.c.sys_updated_on, t.c.sys_id).limit(AT_ONCE)
            with self._store.read() as tx:
                rows = [sets.named(row) for row in tx.execute(query)]
            if rows:
                yield [_change(stream, row) for row in rows]
                since, last = rows[-1]["sys_updated_on"], rows[-1]["sys_id"]
            if len(rows) < AT_ONCE:
                return


def _change(stream: Stream, row: Row) -> Change:
    return Change(stream.name, row["sys_id"], told(stream, row), version_of(row))


def told(stream: Stream, row: Row) -> JsonObject:
    """The row as a record, with what is wanted of it."""
    said = row | (row.get("hub_custom") or {})
    wanted = {path.partition(".")[0] for path in stream.wants} | {"sys_id"}
    spell = _spelling(stream.name)
    names = wanted if stream.wants else said.keys() - {"hub_custom"}
    return {
        name: spell.get(name, plain)(said[name]) if said[name] is not None else None
        for name in sorted(names & said.keys())
    }


@lru_cache(maxsize=64)
def _spelling(name: str) -> dict[str, Callable[[Any], Any]]:
    """How values of an entity are written that JSON has no type for, by field."""
    found: dict[str, Callable[[Any], Any]] = {}
    for field in entities.find(name).shape.fields.values():
        if field.kind == "choice":
            names = names_by_code(field.choices)
            found[field.name] = partial(_named, names)
        elif field.kind == "instant":
            found[field.name] = iso
    return found


def _named(names: Mapping[str, str], code: Any) -> Any:
    return names.get(code, code)
