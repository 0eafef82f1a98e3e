"""Schema drift: fields that come up, go, or change their type in what a stream sends.

A few records of each page are looked at, beside what is mapped: see `hub.sync.schema.shapes`. What is
known of a stream is kept in memory, and written when there is news, and once per run. What comes
of it is the mapping's `drift`: `ignore` looks at nothing, `note` tells of it, `hold` stops the
stream before the page that shows it, until a person accepts it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from hub import queue
from hub.mapping import Mapping as FieldMapping
from hub.mapping.declaration import Part
from hub.mapping.document import DRIFTS
from hub.mapping.language import read_paths
from hub.spoke import Change, Pulls
from hub.store import backfills, drift, links
from hub.store.database import Database, Transaction
from hub.store.drift import Seen
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Backfill, Poll, request
from hub.sync.reading import Record
from hub.sync.schema.profile import ENOUGH, LEARNT, Profile
from hub.sync.schema.shapes import shapes_of

SAMPLE = 3
"""Records of a page that are looked at: the first, one in the middle, the last."""
FIRST_SAMPLE = 40
"""While the stream is not known yet."""
FLUSH_AFTER = 100
"""Records, of what comes by webhook: there is no end of a run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One path that is not as it was; `touches` are the mapping's lines that read it.

    `state`: new | gone | changed. `kinds` were seen there, `was` are those that are no news. It was
    in `seen` of `looked` records, and not in the last `missing`. Times are seconds since 1970.
    """

    path: str
    state: str
    kinds: Sequence[str]
    was: Sequence[str]
    seen: int
    looked: int
    missing: int
    first_seen: float
    last_seen: float
    since: float
    touches: Sequence[str]

    def __str__(self) -> str:
        what = {
            "new": f"{self.path} is new: {' or '.join(self.kinds)}",
            "gone": f"{self.path} is gone: the last {self.missing} records looked at lack it",
            "changed": f"{self.path} was {' or '.join(self.was) or 'null'}"
            f", now also {' or '.join(sorted({*self.kinds} - {*self.was}))}",
        }
        lines = ", ".join(self.touches)
        return what[self.state] + (f" ({lines})" if lines else "")


@dataclass(slots=True)
class Watch:
    """Looks at what streams send, in one process. Safe to share between threads."""

    profiles: dict[tuple[str, str], Profile] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def look(
        self, db: Database, connection: Connection, stream: str,
        records: Sequence[Record | Change], *, now: float,
    ) -> list[Finding]:  # fmt: skip
        """Notice what is new about these. The findings, if the stream must be held for them.

        Sends nothing to the database but the first time, and when there is news.
        """
        mappings = connection.mappings[stream]
        if policy_of(mappings) == "ignore":
            return []
        profile = self._profile(connection.name, stream)
        with profile.lock:
            if not profile.loaded:
                with db.read() as tx:
                    profile.load(drift.of_stream(tx, connection.name, stream))
            shapes = shapes_of(records, FIRST_SAMPLE if profile.begins else SAMPLE)
            reads = _reads(mappings)
            if not profile.odd(shapes, reads):
                profile.add(shapes, reads, now)
                return []
            with db.write() as tx:
                links.take_turn(tx, connection.name, stream)
                profile.load(drift.of_stream(tx, connection.name, stream))
                profile.add(shapes, reads, now)
                save(tx, connection.name, stream, profile)
                return held(tx, connection, stream)

    def flush(
        self, db: Database, connection: Connection, stream: str, *, after: int = 1,
        ended: bool = False,
    ) -> None:  # fmt: skip
        """Write what was counted, once so many records were looked at; `ended`: a run is over."""
        profile = self.profiles.get((connection.name, stream))
        if profile is None:
            return
        with profile.lock:
            if profile.uncounted < after:
                return
            if profile.learning and profile.root.looked >= (ENOUGH if ended else LEARNT):
                profile.learnt()
            with db.write() as tx:
                links.take_turn(tx, connection.name, stream)
                save(tx, connection.name, stream, profile)

    def _profile(self, connection: str, stream: str) -> Profile:
        with self.lock:
            return self.profiles.setdefault((connection, stream), Profile())


def save(tx: Transaction, connection: str, stream: str, profile: Profile) -> None:
    """Write what was learnt and counted; two statements at most, but where something is forgotten."""
    drift.save(tx, connection, stream, profile.altered())
    drift.count(tx, connection, stream, profile.counted())
    drift.forget(tx, connection, stream, profile.forgotten)
    profile.written()


def policy_of(mappings: Iterable[FieldMapping]) -> str:
    """What a stream's mappings say of drift, the strictest of them."""
    return max((mapping.declaration.drift for mapping in mappings), key=DRIFTS.index)


def findings(tx: Transaction, connection: Connection, stream: str = "") -> dict[str, list[Finding]]:
    """What is not as it was in a connection's streams, or in one; by stream. One statement."""
    return of_connection(connection, drift.news(tx, connection.name, stream), stream)


def of_connection(
    connection: Connection, news: Mapping[tuple[str, str], Sequence[Seen]], stream: str = ""
) -> dict[str, list[Finding]]:
    """The findings among the news of all streams."""
    return {
        name: list(_findings(mappings, news.get((connection.name, name), ())))
        for name, mappings in connection.mappings.items()
        if not stream or name == stream
    }


def _findings(mappings: tuple[FieldMapping, ...], news: Sequence[Seen]) -> Iterable[Finding]:
    if policy_of(mappings) == "ignore":
        return
    reads = _reads(mappings)
    for one in news:
        mapped = reads.maps(one.path)
        if (one.state == "new" and mapped) or (one.state == "gone" and one.mapped and not mapped):
            continue  # the mapping has been edited since: it expects this
        yield Finding(
            one.path, one.state, sorted(one.kinds), sorted(one.was), one.seen, one.looked,
            one.missing, one.first_seen, one.last_seen, one.since, reads.touched(one.path),
        )  # fmt: skip


def held(tx: Transaction, connection: Connection, stream: str) -> list[Finding]:
    """What a stream waits for a person's word on. No statement, unless its mapping says `hold`."""
    if not holds(connection, stream):
        return []
    return findings(tx, connection, stream)[stream]


def holds(connection: Connection, stream: str) -> bool:
    """Whether drift stops the stream. One that is not polled cannot be: it would lose what it is
    told.
    """
    polls = isinstance(connection.spoke, Pulls)
    return polls and policy_of(connection.mappings[stream]) == "hold"


def question(connection: str, stream: str, found: Sequence[Finding]) -> tuple[str, str]:
    """What ops are told of drift, and what they can do."""
    where = f"{connection}/{stream}"
    others = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return (
        f"their records have changed: {found[0]}{others}",
        f"hub drift list {where}; mend the mapping if need be, then hub drift accept {where}",
    )


def accept(
    db: Database, connections: Connections, name: str, stream: str, path: str = "", *, now: float
) -> list[Finding]:
    """A person says that a field, or all of a stream, is right as it is. What that ends.

    A stream that was held goes on.
    """
    connection = connections[name]
    with db.write(durable=True) as tx:
        links.take_turn(tx, name, stream)
        found = [one for one in findings(tx, connection, stream)[stream] if path in {"", one.path}]
        those = {one.path for one in found}
        news = drift.news(tx, name, stream).get((name, stream), [])
        drift.accept(tx, name, stream, [one for one in news if one.path in those])
        if found and holds(connection, stream):
            again: list[Poll | Backfill] = [Poll(name, stream)]
            again += [Backfill(name, stream)] if backfills.load(tx, name, stream) else []
            queue.put(tx, [request(job) for job in again], now=now, hurry=True)
    return found


@dataclass(frozen=True, slots=True)
class Reads:
    """What a stream's mappings read: each path, with the line that reads it."""

    lines: Sequence[tuple[str, str]]

    def maps(self, path: str) -> bool:
        """Whether a path is read, or leads to one that is, or is part of one."""
        return any(_touches(path, read) for read, _ in self.lines)

    def touched(self, path: str) -> list[str]:
        """The lines that read a path, as `file:line field`."""
        return list(dict.fromkeys(line for read, line in self.lines if _touches(path, read)))


def _touches(path: str, read: str) -> bool:
    return path == read or path.startswith(f"{read}.") or read.startswith(f"{path}.")


@lru_cache(maxsize=256)
def _reads(mappings: tuple[FieldMapping, ...]) -> Reads:
    lines = [(".".join(path), line) for one in mappings for path, line in _lines(one) if path]
    return Reads(tuple(lines))


def _lines(mapping: FieldMapping) -> Iterable[tuple[tuple[str, ...], str]]:
    """Every path that a mapping reads, and where. What reads the whole record is of no use here."""
    declared = mapping.declaration
    for word, tree in declared.accessors.items():
        yield from _of(tree, f"{declared.places[word]} {word}")
    for rule in declared.rules:
        if rule.read is not None:
            yield from _of(rule.read, f"{rule.place} {rule.field.name}")
    if declared.stamp:
        yield tuple(declared.stamp.split(".")), f"{declared.file} stamp"
    for match in declared.match:
        for read in (match.when, match.through.values if match.through else None):
            if read is not None:
                yield from _of(read, f"{declared.file} match")
    for part in declared.parts:
        yield from _of_part(part)


def _of_part(part: Part) -> Iterable[tuple[tuple[str, ...], str]]:
    """What is read of a list's items; not the list as a whole, in which there may be more."""
    *before, source = [*read_paths(part.each)] or [()]
    yield from ((path, f"{part.place} {part.name}") for path in before)
    inner = [("key", part.place, part.key)]
    inner += [(rule.field.name, rule.place, rule.read) for rule in part.rules if rule.read]
    for name, place, tree in inner:
        for path in read_paths(tree):
            yield (*source, *path), f"{place} {part.name}.{name}"


def _of(tree: Any, line: str) -> Iterable[tuple[tuple[str, ...], str]]:
    return ((path, line) for path in read_paths(tree))
