"""What changed in Tryton, oldest first: two ordered lists for each model, merged.

    party.party              never written, by create_date ──┐
                             written, by write_date ─────────┤
    party.contact_mechanism  never written, …  written, … ───┼──▶ (moment, id) ──▶ read, and kept
    party.address            …                 … ────────────┘    where it is the record's latest

`write_date` is null until a record is changed, and no order of theirs coalesces. A record stands in
several lists and is told once, at its latest moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import hub
from spokes.tryton import tables
from spokes.tryton.rpc import Server, typed
from spokes.tryton.tables import STAMPS, Part, Table

PAGE = 100
Place = tuple[datetime, int]
"""When something happened, and to which record of the stream."""


def changed(server: Server, stream: str, window: hub.Window) -> Iterator[Sequence[hub.Change]]:
    """The records whose latest stamp is in the window, by (stamp, id), a page at a time."""
    for places in _merged(_lists(server, tables.TABLES[stream], window)):
        found = {one.id: one for one in by_ids(server, stream, [id for _, id in places])}
        yield [
            one
            for at, id in places
            if (one := found.get(str(id))) and datetime.fromisoformat(one.version) == at
        ]


def by_ids(server: Server, stream: str, ids: Sequence[int]) -> Iterator[hub.Change]:
    """Those of these records that exist."""
    for record in records(server, stream, [["id", "in", sorted(set(ids))]]):
        yield tables.change(stream, record)


def records(server: Server, stream: str, domain: Sequence[Any]) -> list[hub.JsonObject]:
    """Whole records, as they are now."""
    table = tables.TABLES[stream]
    return server.search_read(table.model, domain, table.asked())


def counted(server: Server, stream: str, since: datetime | None) -> int:
    """How many records there are, or have changed since, they or a part of them."""
    table = tables.TABLES[stream]
    if since is None:
        return server.search_count(table.model, [])
    parts = ("", *(f"{part.name}." for part in table.parts))
    later = [[f"{part}{stamp}", ">=", typed(since)] for part in parts for stamp in STAMPS]
    return server.search_count(table.model, ["OR", *later])


@dataclass(slots=True)
class _List:
    """Where one stamp of one model says that something happened, read a page at a time."""

    server: Server
    part: Part
    stamp: str
    window: hub.Window
    places: deque[Place] = field(default_factory=deque[Place])
    last: Place | None = None
    ended: bool = False

    def fill(self) -> None:
        """Ask for the next page if there is nothing left of the last one."""
        if self.places or self.ended:
            return
        stamp, owner = self.stamp, f"{self.part.owner}.id".removeprefix("id.")
        domain: list[Any] = [[stamp, "<", typed(self.window.before)]]
        if stamp == "create_date":
            domain.append(["write_date", "=", None])
        at, id = self.last or (self.window.since, int(self.window.id or 0))
        if at is not None:
            later, tied = [[stamp, ">", typed(at)]], [[stamp, "=", typed(at)], [owner, ">", id]]
            domain.append(["OR", later, tied])
        order, fields = ((stamp, "ASC"), (owner, "ASC")), [stamp, self.part.owner]
        rows = self.server.search_read(self.part.model, domain, fields, order=order, limit=PAGE)
        self.ended = not rows
        for row in rows:
            self.last = datetime.fromisoformat(row[stamp]), row[self.part.owner]
            self.places.append(self.last)

    def until(self, bound: Place) -> Iterator[Place]:
        while self.places and self.places[0] <= bound:
            yield self.places.popleft()


def _lists(server: Server, table: Table, window: hub.Window) -> list[_List]:
    listed = (Part("", table.model, "id"), *table.parts)
    return [_List(server, part, stamp, window) for part in listed for stamp in STAMPS]


def _merged(lists: Sequence[_List]) -> Iterator[list[Place]]:
    """What all lists are known to have up to a place, each place once, in order."""
    while True:
        for one in lists:
            one.fill()
        ends = [one.places[-1] for one in lists if one.places]
        if not ends:
            return
        yield sorted({place for one in lists for place in one.until(min(ends))})
