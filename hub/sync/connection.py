"""A connection: one account of one spoke, with its mappings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain
from typing import Self

from hub.errors import Permanent
from hub.keyset import Cursor
from hub.mapping import Mapping as FieldMapping
from hub.mapping import MatchRule
from hub.shape import Field
from hub.spoke import LISTED, Fetches, Page, Pulls, Spoke, Stream, Writes
from hub.store import entities
from hub.store.database import Database
from hub.store.enclosed import KINDS
from hub.sync.schedule import Interval, Schedule


class Ours(ABC):
    """Marks the spoke that is this hub's own store: its records are our own, its streams entities.

    What is mapped of it are flows between our own entities.
    """

    @abstractmethod
    def at(self, db: Database, clock: Callable[[], float]) -> Self:
        """The same spoke over a store, with seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Connection:
    """`mappings` holds, per stream, one mapping for each entity that its records feed.

    `schedules` has the streams that are polled otherwise than their spoke says. `remembers`:
    records are kept as they came, so that a changed mapping can read them again. `rank` is for
    fields whose owner is `rank`; what is no further apart than `skew` counts as simultaneous.
    """

    name: str
    spoke: Spoke
    mappings: Mapping[str, tuple[FieldMapping, ...]]
    schedules: Mapping[str, Schedule] = field(default_factory=dict[str, Schedule])
    remembers: bool = False
    rank: int = 0
    skew: timedelta = timedelta(seconds=2)

    @property
    def ours(self) -> bool:
        """Whether its records are our own, of another entity."""
        return isinstance(self.spoke, Ours)

    def stream(self, name: str) -> Stream:
        """The stream as the spoke should read it: which paths are wanted."""
        found = self._declared(name)
        wants = {path for mapping in self.mappings[name] for path in mapping.paths}
        return replace(found, wants=tuple(sorted(wants)))

    def schedule(self, name: str) -> Schedule:
        """When the stream is polled."""
        return self.schedules.get(name) or Interval(self._declared(name).every)

    def polled(self) -> Iterator[Stream]:
        """The streams that are mapped and that the spoke can pull."""
        if isinstance(self.spoke, Pulls):
            yield from (self.stream(s.name) for s in self.spoke.streams if s.name in self.mappings)

    def pull(self, name: str, cursor: Cursor | None) -> Iterator[Page]:
        """What the spoke pulls of a stream; all of it where it can be asked for nothing less."""
        assert isinstance(self.spoke, Pulls)
        return iter(self.spoke.pull(self.stream(name), None if cursor == LISTED else cursor))

    def _declared(self, name: str) -> Stream:
        return next(stream for stream in self.spoke.streams if stream.name == name)


@dataclass(frozen=True, slots=True)
class Flow:
    """What is made of one entity's records: another's. `reads` are the fields that it looks at;
    empty means all of them.
    """

    connection: str
    stream: str
    mapping: FieldMapping
    reads: frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A column of ours by which external records look for one; `said` are those that may change
    what they find.
    """

    table: str
    column: str
    said: frozenset[str]


def place_of(mapping: FieldMapping, rule: MatchRule) -> Place:
    """Where a match rule looks first."""
    if rule.through is not None:
        through = rule.through
        return Place(through.shape.table, through.field, frozenset({through.field, through.person}))
    shape = mapping.declaration.shape
    texts = [name for name in rule.fields if shape.fields.get(name, _CUSTOM).kind != "reference"]
    said = frozenset({*rule.fields, "active"})  # of several, the one that is active is meant
    return Place(mapping.table, [*texts, *rule.fields][0], said)


_CUSTOM = Field("", "string")


def _enclosing(connection: Connection) -> Iterator[tuple[str, str, FieldMapping]]:
    """(table, stream, mapping) of what is written, and belongs to the table's records."""
    for stream, mappings in connection.mappings.items():
        for mapping in mappings:
            kind = KINDS.get(mapping.table)
            record = mapping.ref_streams.get(kind.of_record) if kind else None
            for parent in connection.mappings.get(record or "", ()):
                yield parent.table, stream, mapping


class Connections(Mapping[str, Connection]):
    """All connections by name, which of them show which field of which entity, and by which fields
    their records look for ours. `own` are those whose records are our own.
    """

    def __init__(self, connections: Iterable[Connection]) -> None:
        self._by_name = {connection.name: connection for connection in connections}
        self._outlets: dict[str, list[tuple[str, str, FieldMapping]]] = {}
        self._enclosing: dict[str, list[tuple[str, str, FieldMapping]]] = {}
        self._sought: dict[str, tuple[Place, ...]] = {}
        self._flows: dict[str, list[Flow]] = {}
        self.own = frozenset(name for name, one in self._by_name.items() if one.ours)
        for connection in self._by_name.values():
            if isinstance(connection.spoke, Writes):
                self._note_outlets(connection)
            if isinstance(connection.spoke, Fetches):
                self._note_places(connection)
            if connection.ours:
                self._note_flows(connection)

    def _note_flows(self, connection: Connection) -> None:
        for stream, mappings in connection.mappings.items():
            table = str(entities.find(stream).table.name)
            for mapping in mappings:
                reads = frozenset(path.partition(".")[0] for path in mapping.paths)
                flow = Flow(connection.name, stream, mapping, reads)
                self._flows.setdefault(table, []).append(flow)

    def _note_outlets(self, connection: Connection) -> None:
        for stream, mappings in connection.mappings.items():
            for mapping in mappings:
                if mapping.writes and mapping.table not in KINDS:
                    outlet = (connection.name, stream, mapping)
                    self._outlets.setdefault(mapping.table, []).append(outlet)
        for table, stream, mapping in _enclosing(connection):
            those = self._enclosing.setdefault(table, [])
            those.append((connection.name, stream, mapping))

    def _note_places(self, connection: Connection) -> None:
        for mapping in chain.from_iterable(connection.mappings.values()):
            for rule in () if mapping.creates else mapping.match:
                place = place_of(mapping, rule)
                known = self._sought.get(place.table, ())
                self._sought[place.table] = tuple(dict.fromkeys((*known, place)))

    def __getitem__(self, name: str) -> Connection:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def of_job(self, name: str, stream: str = "") -> Connection:
        """The connection that a job is for; raises `Permanent` if it is no longer configured."""
        connection = self._by_name.get(name)
        if connection is None or (stream and stream not in connection.mappings):
            raise Permanent(
                f"{name}/{stream}: no longer configured; bring its file back, or drop the job"
            )
        return connection

    def outlets(self, table: str) -> list[tuple[str, str, FieldMapping]]:
        """(connection, stream, mapping) of everybody to whom this table's records are written."""
        return self._outlets.get(table, [])

    def flows(self, table: str) -> list[Flow]:
        """What is made of this table's records within our own store."""
        return self._flows.get(table, [])

    def at_home(self, db: Database, clock: Callable[[], float]) -> Connections:
        """The same connections; the one whose records are our own reads them from this store."""
        if not self.own:
            return self
        return Connections(
            replace(one, spoke=one.spoke.at(db, clock)) if isinstance(one.spoke, Ours) else one
            for one in self.values()
        )

    def enclosing(self, table: str, of: str = "") -> list[tuple[str, str, FieldMapping]]:
        """The same for what belongs to this table's records; `of` one connection only, if named."""
        found = self._enclosing.get(table, [])
        return [outlet for outlet in found if outlet[0] == of] if of else found

    @property
    def are_sought(self) -> bool:
        """Whether any mapping looks for records that may come."""
        return bool(self._sought)

    def sought(self, table: str) -> tuple[Place, ...]:
        """The columns of a table by which records look that would have to be read again."""
        return self._sought.get(table, ())
