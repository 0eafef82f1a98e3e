"""Change tracking: where a pull stopped, what a page tells, and what was told before.

first round ── nextLink ──▶ … ── deltaLink ──▶ changes ── nextLink ──▶ … ── deltaLink ──▶
everything, whole                              what changed: at least the changed properties

A page may be empty, and tell of an object again, in any order and as often as it likes.
https://learn.microsoft.com/graph/delta-query-overview
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

import hub
from spokes.entra import graph
from spokes.entra.graph import MEMBERS, VERSION, Member

REMOVED = "@removed"
MEMBERS_DELTA = "members@delta"


@dataclass(frozen=True, slots=True)
class Place:
    """The link to go on with, and the properties that it tells of.

    `first` until the first round, which shows objects whole, has come to its end.
    """

    link: str
    columns: tuple[str, ...]
    first: bool

    def cursor(self) -> hub.Cursor:
        said = {"link": self.link, "columns": self.columns, "first": self.first}
        return orjson.dumps(said).decode()


def resume(cursor: hub.Cursor, columns: Iterable[str], url: str) -> Place:
    """Where a cursor stopped.

    Raises `CursorLost` for one that is not ours, that leads to another address than the
    connection now has, or that does not tell of a property which is wanted by now.
    """
    try:
        said: dict[str, Any] = orjson.loads(cursor)
        link, had, first = str(said["link"]), tuple(said["columns"]), bool(said["first"])
    except (ValueError, KeyError, TypeError) as error:
        raise hub.CursorLost(f"not a cursor of change tracking: {cursor[:200]!r}") from error
    if not link.startswith((url.rstrip("/") + VERSION + "/", VERSION + "/")):
        raise hub.CursorLost("the cursor's delta link does not lead to this connection's url")
    if new := sorted(set(columns) - set(had)):
        raise hub.CursorLost(f"the cursor's delta link does not tell of {', '.join(new)}")
    return Place(link, had, first)


def after(place: Place, answer: hub.JsonObject) -> tuple[Place, bool]:
    """Where to go on after this answer, and whether there is more at once."""
    if more := answer.get("@odata.nextLink"):
        return Place(str(more), place.columns, place.first), True
    if link := answer.get("@odata.deltaLink"):
        return Place(str(link), place.columns, first=False), False
    raise hub.Transient("Graph's delta page has neither a nextLink nor a deltaLink")


@dataclass(slots=True)
class Told:
    """All that one page says of one object.

    `values` are the properties that it names, `joined` and `left` are members. `alive` and `gone`
    say what there was: rows, or removals. `torn` if rows contradict each other.
    """

    id: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    joined: set[Member] = field(default_factory=set[Member])
    left: set[Member] = field(default_factory=set[Member])
    alive: bool = False
    gone: bool = False
    torn: bool = False

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row of the page. Which of two came later, their order does not tell."""
        if REMOVED in row:  # "changed" can be restored, "deleted" cannot: gone it is, both times
            self.gone = True
            return
        self.alive = True
        for name, value in row.items():
            if "@" not in name:
                self.torn |= self.values.setdefault(name, value) != value
        for entry in row.get(MEMBERS_DELTA) or ():
            (self.left if REMOVED in entry else self.joined).add(graph.member(entry))

    def shows(self, names: Iterable[str]) -> bool:
        """Whether it names all of these properties, and none of them as null."""
        return all(self.values.get(name) is not None for name in names)

    def over(self, copy: hub.JsonObject) -> hub.JsonObject:
        """The copy with what this says: a copy may come from a replica that is behind."""
        said = {name: self.values[name] for name in copy.keys() & self.values.keys()}
        return {**copy, **said}

    def over_members(self, found: Iterable[Member]) -> set[Member]:
        """As `over`, for members; for those told both ways, what was found counts."""
        joined, left = _ids(self.joined), _ids(self.left)
        read = {member for member in found if member[0] not in left - joined}
        missing = joined - left - _ids(read)
        return read | {member for member in self.joined if member[0] in missing}

    def is_in(self, copy: hub.JsonObject | None) -> bool:
        """Whether the copy says all of this."""
        if copy is None or self.gone or self.torn:
            return copy is None and self.gone and not self.alive
        there = {entry["id"] for entry in copy.get(MEMBERS) or ()}
        known = all(copy[name] == self.values[name] for name in copy.keys() & self.values.keys())
        return known and _ids(self.joined) <= there and not _ids(self.left) & there


def told(answer: hub.JsonObject) -> list[Told]:
    """What a page says, each object once, in the order of the page."""
    found: dict[str, Told] = {}
    for row in answer["value"]:
        id = str(row["id"]).lower()
        found.setdefault(id, Told(id)).add(row)
    return list(found.values())


@dataclass(slots=True)
class Round:
    """What one pull has told already. A restart forgets it, and tells some of it again."""

    _digests: dict[str, bytes] = field(default_factory=dict[str, bytes])
    _copies: dict[str, hub.JsonObject | None] = field(default_factory=dict[str, Any])
    """Of the last two pages that were not empty: a large group's members go on from page to page."""

    def knows(self, id: str) -> bool:
        """Whether it was told on an earlier page."""
        return id in self._digests

    def unsaid(self, page: Sequence[Told]) -> list[Told]:
        """What of a page may be news; begins the page."""
        news: list[Told] = []
        if not page:
            return news
        earlier, self._copies = self._copies, {}
        for one in page:
            if one.id in earlier and one.is_in(earlier[one.id]):
                self._copies[one.id] = earlier[one.id]
            else:
                news.append(one)
        return news

    def fresh(self, changes: Iterable[hub.Change]) -> list[hub.Change]:
        """Those that say something else than before."""
        news = []
        for change in changes:
            self._copies[change.id] = change.data
            digest = blake2b(orjson.dumps(change.data), digest_size=16).digest()
            if self._digests.get(change.id) != digest:
                self._digests[change.id] = digest
                news.append(change)
        return news


def _ids(members: Iterable[Member]) -> set[str]:
    return {id for id, _ in members}
