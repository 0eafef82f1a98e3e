"""Elsewhere: an external system in memory, and the spoke that speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import PrivateAttr

import hub

Record = dict[str, Any]
STREAMS = ("accounts", "contacts", "cases", "orders", "refunds")
EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(moment: int) -> str:
    """The version of a record that changed this many seconds after noon."""
    return (EPOCH + timedelta(seconds=moment)).isoformat()


def there(stream: str, id: str, moment: int = 1, /, **values: Any) -> hub.Change:
    """A record as Elsewhere tells it."""
    record = {"Id": id, "Version": at(moment), "IsDeleted": False, **values}
    return hub.Change(stream, id, record, at(moment))


def gone(stream: str, id: str, moment: int = 1) -> hub.Change:
    return hub.Change(stream, id, None, at(moment))


@dataclass
class System:
    """Keeps records and what changed in order; notes what it was asked.

    `moment` is its clock. `before` and `after` are called with each write, ahead of it and once
    it is stored: they may raise.
    """

    moment: int = 0
    page_size: int = 100
    tables: dict[str, dict[str, Record | None]] = field(default_factory=dict)
    changes: list[hub.Change] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    writes: list[hub.Write] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    pulled: list[str | None] = field(default_factory=list)
    on_page: Callable[[int], None] = lambda _: None
    on_fetch: Callable[[Sequence[str]], None] = lambda _: None
    before: Callable[[hub.Write], None] = lambda _: None
    after: Callable[[hub.Write], None] = lambda _: None

    def table(self, stream: str) -> dict[str, Record | None]:
        return self.tables.setdefault(stream, {})

    def set(self, stream: str, id: str, **values: Any) -> None:
        """As a user out there: make a record or change some of its fields."""
        self.moment += 1
        old = self.table(stream).get(id) or {}
        change = there(stream, id, self.moment, **{**old, **values, "Version": at(self.moment)})
        self.table(stream)[id] = change.data
        self.changes.append(change)

    def remove(self, stream: str, id: str) -> None:
        self.moment += 1
        self.table(stream)[id] = None
        self.changes.append(gone(stream, id, self.moment))

    def forget(self, stream: str, *ids: str) -> None:
        """They are gone, and no listing ever tells of them again."""
        for id in ids:
            del self.table(stream)[id]
        self.overlook(stream, *ids)

    def overlook(self, stream: str, *ids: str) -> None:
        """They are there, but no listing tells of them."""
        self.changes = [
            one for one in self.changes if (one.stream, one.id) not in {(stream, id) for id in ids}
        ]

    def get(self, stream: str, id: str) -> Record:
        found = self.table(stream)[id]
        assert found is not None
        return found


class Elsewhere(hub.Spoke, hub.Pulls, hub.Fetches, hub.Receives, hub.Writes):
    """Everything a spoke can do, with the system in memory."""

    streams = tuple(hub.Stream(name) for name in STREAMS)

    url: str = "http://localhost:1"
    sandbox: bool = True
    secret: hub.Secret = hub.Secret("hook-secret")

    _system: System = PrivateAttr(default_factory=System)

    @classmethod
    def of(cls, system: System) -> Elsewhere:
        spoke = cls()
        spoke._system = system
        return spoke

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        system = self._system
        system.pulled.append(cursor)
        if cursor and not cursor.isdigit():
            raise hub.CursorLost(f"no such place: {cursor}")
        start, end = int(cursor or 0), len(system.changes)
        for number, first in enumerate(range(start, end, system.page_size)):
            system.on_page(number)
            last = min(first + system.page_size, end)
            page = [one for one in system.changes[first:last] if one.stream == stream.name]
            yield hub.Page(page, str(last))
        yield hub.Page((), str(end))

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        self._system.on_fetch(ids)
        for id in ids:
            self._system.fetched.append(id)
            record = self._system.table(stream.name).get(id)
            version = record["Version"] if record else at(self._system.moment)
            yield hub.Change(stream.name, id, record, version)

    def verify(self, hook: hub.Webhook) -> None:
        hook.check_signature([self.secret], "x-signature")

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Change | hub.Hint | hub.Lapsed]:
        for event in hook.json():
            if "record" in event:
                record = event["record"]
                yield hub.Change(event["stream"], record["Id"], record, record["Version"])
            else:
                yield hub.Hint(event["stream"], event["id"])

    def delivery(self, hook: hub.Webhook) -> str:
        return hook.headers.get("x-delivery") or super().delivery(hook)

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        system = self._system
        system.writes.append(write)
        system.before(write)
        id = write.id or system.keys.get(write.key) or f"new-{len(system.keys) + 1}"
        if write.id is None:
            system.keys[write.key] = id
        record = system.table(stream.name).get(id)
        if write.id and record is None:
            raise hub.NotFound(f"{stream.name} {id}")
        if write.version and record and write.version != record["Version"]:
            raise hub.Conflict(f"{stream.name} {id} is at {record['Version']}")
        if record is None or any(record.get(name) != value for name, value in write.data.items()):
            system.set(stream.name, id, **write.data)
        system.after(write)
        return hub.Receipt(id, system.get(stream.name, id)["Version"])

    def delete(self, stream: hub.Stream, id: str) -> None:
        self._system.remove(stream.name, id)
