"""What a SCIM server is asked, page by page: everything, or what changed since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import hub
from spokes.scim import records

ENOUGH = 100_000
"""Pages after which a list that never ends is given up."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server says that it can do (RFC 7643, 5)."""

    filters: bool
    sorts: bool
    patches: bool
    bulk: int
    """How many operations it takes at once; none where it has no bulk requests."""
    bulk_bytes: int


def capabilities(http: hub.Client) -> Capabilities:
    """Ask the server; raises as any request does."""
    said = records.body(http.get("/ServiceProviderConfig"))

    def can(name: str) -> bool:
        told = said.get(name)
        return isinstance(told, dict) and told.get("supported") is True

    def most(name: str) -> int:
        value = said["bulk"].get(name) if can("bulk") else 0
        return value if isinstance(value, int) and value > 0 else 0

    return Capabilities(
        can("filter"), can("sort"), can("patch"), most("maxOperations"), most("maxPayloadSize")
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """How far a complete listing is: the next `startIndex`."""

    PREFIX: ClassVar[str] = "list:"
    start: int = 1

    @property
    def cursor(self) -> hub.Cursor:
        return f"{self.PREFIX}{self.start}"

    @classmethod
    def at(cls, cursor: hub.Cursor | None) -> Self:
        """Raises `CursorLost` for a cursor that no listing has made."""
        if cursor is None:
            return cls()
        start = cursor.removeprefix(cls.PREFIX)
        if start == cursor or not start.isdecimal():
            raise hub.CursorLost(f"{cursor!r} is not a place in a list")
        return cls(int(start))


@dataclass(frozen=True, slots=True)
class Found:
    """One page of an answer to a search."""

    resources: Sequence[hub.JsonObject]
    total: int


@dataclass(frozen=True, slots=True)
class Server:
    """A server with what it can do. `page_size`: None lets it decide."""

    http: hub.Client
    can: Capabilities
    page_size: int | None = None

    @property
    def filters(self) -> bool:
        return self.can.filters

    @property
    def knows_changes(self) -> bool:
        return self.can.filters and self.can.sorts

    def search(self, stream: hub.Stream, **asked: Any) -> Found:
        """One page. Raises `Transient` when it is no list."""
        if self.page_size is not None:
            asked.setdefault("count", self.page_size)
        said = records.body(self.http.get(records.path(stream), params=asked))
        listed, total = said.get("Resources") or [], said.get("totalResults")
        if not isinstance(listed, list) or not isinstance(total, int):
            raise hub.Transient(f"{stream.name}: the server answered a search with no list")
        return Found(listed, total)

    def counted(self, stream: hub.Stream, since: datetime | None) -> int:
        """How many there are, or have changed since; no record is asked for (RFC 7644, 3.4.2.4).

        But of a server that can do little and shall decide the size of its pages: a first one.
        """
        asked = {} if since is None else {"filter": f"meta.lastModified ge {_moment(since)}"}
        none = {"count": 0} if self.filters or self.page_size is not None else {}
        return self.search(stream, startIndex=1, **asked, **none).total

    def all(
        self, stream: hub.Stream, listing: Listing
    ) -> Iterator[tuple[list[hub.Change], Listing]]:
        """Everything from there on, each page with what comes after it.

        Where the list gets shorter meanwhile, what moved up is read again.
        """
        start, known = listing.start, None
        for _ in range(ENOUGH):
            found = self.search(stream, startIndex=start, **self._in_order())
            missed = max(0, known - found.total) if known is not None else 0
            known = found.total
            if missed and start > 1:
                start = max(1, start - missed)
                continue
            start += len(found.resources)
            yield [records.change(stream, one) for one in found.resources], Listing(start)
            if not found.resources or start > found.total:
                return
        raise hub.Permanent(f"{stream.name}: the list does not end after {ENOUGH} pages")

    def changed(self, stream: hub.Stream, window: hub.Window) -> Iterator[list[hub.Change]]:
        """What changed in the window, by (moment, id); a moment's records stay together."""
        since, strictly = window.since, False
        if since is not None and window.id:
            yield from self._of_moment(stream, since, window.id)
            strictly = True
        more = True
        while more:
            found, more = self._page(stream, since, window, strictly=strictly)
            newest = found[-1].version if more else ""
            if whole := [one for one in found if one.version != newest]:
                yield sorted(whole, key=lambda one: (one.version, one.id))
            if more:
                # Of the last moment there may be more than came: all of them are read, by id.
                since, strictly = datetime.fromisoformat(newest), True
                yield from self._of_moment(stream, since, "")

    def by_ids(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        """The records with these ids that exist; the others are left out."""
        asked = " or ".join(f"id eq {records.literal(id)}" for id in ids)
        start, wanted = 1, set(ids)
        while True:
            found = self.search(stream, filter=asked, startIndex=start)
            for one in found.resources:
                change = records.change(stream, one)
                if change.id not in wanted:
                    raise _ignored(stream)
                yield change
            start += len(found.resources)
            if not found.resources or start > found.total:
                return

    def one(self, stream: hub.Stream, id: str) -> hub.Change:
        """One record; data None if there is none."""
        try:
            return records.change(stream, records.body(self.http.get(records.path(stream, id))))
        except hub.NotFound:
            return hub.Change(stream.name, id, None)

    def called(self, stream: hub.Stream, attribute: str, value: str) -> str | None:
        """The id of the record with this value, compared without regard to case unless it is an
        id; also where the filter is ignored and everything comes."""
        asked: dict[str, Any] = {"filter": f"{attribute} eq {records.literal(value)}"}
        start = 1
        for _ in range(ENOUGH):
            found = self.search(stream, startIndex=start, **(asked if self.can.filters else {}))
            for one in found.resources:
                said = one.get(attribute)
                exact = attribute == "externalId"
                same = said == value if exact else str(said).casefold() == value.casefold()
                if same:
                    return records.change(stream, one).id
            start += len(found.resources)
            if not found.resources or start > found.total:
                break
        return None

    def _in_order(self) -> dict[str, str]:
        return {"sortBy": "id"} if self.can.sorts else {}

    def _page(
        self, stream: hub.Stream, since: datetime | None, window: hub.Window, *, strictly: bool
    ) -> tuple[list[hub.Change], bool]:
        """The oldest changes, and whether there are more."""
        asked = [f"meta.lastModified lt {_moment(window.before)}"]
        if since is not None:
            asked.insert(0, f"meta.lastModified {'gt' if strictly else 'ge'} {_moment(since)}")
        found = self.search(
            stream, filter=" and ".join(asked), sortBy="meta.lastModified", startIndex=1
        )
        changes = self._checked(stream, found, since, window.before)
        return changes, bool(changes) and found.total > len(changes)

    def _of_moment(
        self, stream: hub.Stream, moment: datetime, after: str
    ) -> Iterator[list[hub.Change]]:
        """The records of one moment whose ids come later, in the order of ids."""
        more = True
        while more:
            asked = f"meta.lastModified eq {_moment(moment)}"
            if after:
                asked += f" and id gt {records.literal(after)}"
            found = self.search(stream, filter=asked, sortBy="id", startIndex=1)
            changes = self._checked(stream, found, moment, None)
            if changes:
                yield changes
                after = changes[-1].id
            more = bool(changes) and found.total > len(changes)

    def _checked(
        self, stream: hub.Stream, found: Found, since: datetime | None, before: datetime | None
    ) -> list[hub.Change]:
        """The changes of a page; raises `Permanent` for a server that does not heed the filter."""
        changes = [records.change(stream, one) for one in found.resources]
        for change in changes:
            if not change.version:
                raise hub.Permanent(
                    f"{stream.name} {change.id}: no meta.lastModified; set incremental: false"
                )
            at = datetime.fromisoformat(change.version)
            if (since is not None and at < since) or (before is not None and at >= before):
                raise _ignored(stream)
        return changes


def _ignored(stream: hub.Stream) -> hub.Permanent:
    return hub.Permanent(
        f"{stream.name}: the server says that it can filter, and does not; set incremental: false"
    )


def _moment(at: datetime) -> str:
    text = at.astimezone(UTC).isoformat(timespec="microseconds")
    return f'"{text.removesuffix("+00:00")}Z"'
