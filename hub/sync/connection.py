"""A connection: one account of one spoke, with its mappings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from hub.errors import Permanent
from hub.mapping import Mapping as FieldMapping
from hub.spoke import Pulls, Spoke, Stream, Writes
from hub.sync.schedule import Interval, Schedule


@dataclass(frozen=True, slots=True)
class Connection:
    """`mappings` holds, per stream, one mapping for each entity that its records feed.

    `schedules` has the streams that are polled otherwise than their spoke says. `remembers`:
    records are kept as they came, so that a changed mapping can read them again.
    """

    name: str
    spoke: Spoke
    mappings: Mapping[str, tuple[FieldMapping, ...]]
    schedules: Mapping[str, Schedule] = field(default_factory=dict[str, Schedule])
    remembers: bool = False

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

    def _declared(self, name: str) -> Stream:
        return next(stream for stream in self.spoke.streams if stream.name == name)


class Connections(Mapping[str, Connection]):
    """All connections by name, and which of them show which field of which entity."""

    def __init__(self, connections: Iterable[Connection]) -> None:
        self._by_name = {connection.name: connection for connection in connections}
        self._outlets: dict[str, list[tuple[str, str, FieldMapping]]] = {}
        for connection in self._by_name.values():
            if isinstance(connection.spoke, Writes):
                for stream, mappings in connection.mappings.items():
                    for mapping in mappings:
                        if mapping.writes:
                            outlet = (connection.name, stream, mapping)
                            self._outlets.setdefault(mapping.table, []).append(outlet)

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
