"""From a folder of files to validated settings and connections.

    config/hub.yaml · config/connections/<name>.yaml · config/mappings/<name>/<stream>.yaml

A mapping in the folder replaces the shipped one of the same stream for that connection, or is laid
over it where it `extends` it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hub import marked, registry
from hub.config import address
from hub.config import mappings as mapping_files
from hub.config.faults import BadConfig, Where, explained, unknown
from hub.config.files import ConnectionFile, HubFile
from hub.config.mappings import MappingFile
from hub.config.secrets import resolve
from hub.mapping import BadMapping, check_examples
from hub.mapping import Mapping as FieldMapping
from hub.marked import BadYaml, Document
from hub.spoke import Spoke
from hub.sync.connection import Connection, Connections

Model = TypeVar("Model", bound=BaseModel)

NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,79}")
"""What a connection may be called: it stands in paths, in URLs and on the command line."""
NOWHERE = "sqlite://"
"""Stands in for an address that cannot be used, so that the other faults are found as well."""


@dataclass(frozen=True, slots=True)
class Config:
    """A hub's settings, and its connections ready to use. `database` is an absolute address."""

    folder: Path
    hub: HubFile
    database: str = field(repr=False)  # it may hold a password
    connections: Connections


def load(folder: Path, *, environment: Mapping[str, str], examples: bool = False) -> Config:
    """Read a hub's folder; raises `BadConfig` with all faults.

    `examples` also runs the examples in the mappings, as `hub check` does.
    """
    if not folder.is_dir():
        raise BadConfig([f"{folder}: no such folder; `hub init {folder}` makes one"])
    if not (folder / "hub.yaml").exists() and not (folder / "connections").is_dir():
        raise BadConfig(
            [f"{folder}: holds neither hub.yaml nor connections/; `hub init` makes such a folder"]
        )
    reader = _Reader(folder, environment, examples)
    settings, database = reader.hub()
    connections = reader.connections()
    if reader.faults:
        raise BadConfig(dict.fromkeys(reader.faults))
    return Config(folder, settings, database, Connections(connections))


@dataclass(slots=True)
class _Reader:
    """Reads files and gathers what is wrong with them."""

    folder: Path
    environment: Mapping[str, str]
    examples: bool
    faults: list[str] = field(default_factory=list[str])

    def hub(self) -> tuple[HubFile, str]:
        """hub.yaml, and the database's address."""
        path = self.folder / "hub.yaml"
        document = self._document(path) if path.exists() else None
        settings = (self._valid(HubFile, document) if document else None) or HubFile()
        complain = self._complainer(document, path)
        if overruled := self.environment.get("HUB_DATABASE"):
            complain = self._complainer(None, Path("environment variable HUB_DATABASE"))
            return settings, self._database(overruled, complain)
        known = len(self.faults)
        written = address.full(
            settings.database, environment=self.environment, folder=self.folder, complain=complain
        )
        unresolved = len(self.faults) > known
        return settings, NOWHERE if unresolved else self._database(written, complain)

    def _complainer(self, document: Document | None, place: Path) -> Callable[[str], None]:
        where = f"{document.at('database')}: database" if document else str(place)
        return lambda what: self.faults.append(f"{where}: {what}")

    def _database(self, written: str, complain: Callable[[str], None]) -> str:
        try:
            return address.read(written, folder=self.folder)
        except ValueError as fault:
            complain(str(fault))
            return NOWHERE

    def connections(self) -> list[Connection]:
        """Every connection whose files are in order."""
        files = list(self._named_files(self.folder / "connections"))
        self._check_mapping_folders([file.stem for file in files])
        found = [one for file in files if (one := self._connection(file)) is not None]
        for other in [one for one in found if one.ours][1:]:
            what = "is the hub itself, as another file is already; keep one of them"
            self.faults.append(f"{self.folder / 'connections' / other.name}.yaml: {what}")
        return found

    def _named_files(self, folder: Path) -> Iterator[Path]:
        """The connection files; complains of those that somebody may take for one."""
        for file in sorted(folder.glob("[!.]*.y*ml")):
            if file.suffix not in {".yaml", ".yml"}:
                continue
            if file.suffix == ".yml" or not NAME.fullmatch(file.stem):
                better = re.sub(r"[^a-z0-9_]+", "-", file.stem.lower()).strip("-")[:80] or "crm"
                self.faults.append(
                    f"{file}: not a connection's name, which is up to 80 of a-z, 0-9, _ and -, "
                    f"and .yaml; rename it, as {better}.yaml"
                )
            yield file

    def _check_mapping_folders(self, connections: list[str]) -> None:
        for folder in sorted((self.folder / "mappings").glob("[!.]*/")):
            if folder.is_dir() and folder.name not in connections:
                what = unknown("connection", folder.name, connections)
                self.faults.append(f"{folder}: mappings of an {what}")

    def _connection(self, path: Path) -> Connection | None:
        document = self._document(path)
        if document is None:
            return None
        written = self._valid(ConnectionFile, document) or _readable(document)
        if not written.spoke:
            return None
        try:
            kind = registry.find(written.spoke)
        except (registry.UnknownSpoke, registry.BrokenSpoke) as error:
            self._complain(document, ("spoke",), str(error))
            return None
        spoke = self._spoke(kind, written, document, path)
        mappings = self._mappings(kind, written, document, path.stem)
        schedules = {
            name: schedule
            for name, stream in written.streams.items()
            if stream and (schedule := stream.schedule())
        }
        if spoke is None:
            return None
        return Connection(
            path.stem, spoke, mappings, schedules, written.remember, written.rank,
            written.clock_skew,
        )  # fmt: skip

    def _spoke(
        self, kind: type[Spoke], written: ConnectionFile, document: Document, path: Path
    ) -> Spoke | None:
        unresolved: list[Where] = []

        def complain(where: Where, what: str) -> None:
            unresolved.append(where)
            self._complain(document, ("settings", *where), what)

        settings = resolve(
            written.settings, environment=self.environment, folder=path.parent, complain=complain
        )
        try:
            spoke = kind.model_validate(settings)
            if spoke.ca_file and not spoke.ca_file.is_file():
                self._complain(document, ("settings", "ca_file"), f"no file {str(spoke.ca_file)!r}")
            return spoke
        except ValidationError as error:
            for where, what in explained(kind, error):
                if not _follows(where, unresolved):
                    self._complain(document, ("settings", *where), what)
            return None

    def _mappings(
        self, kind: type[Spoke], written: ConnectionFile, document: Document, name: str
    ) -> dict[str, tuple[FieldMapping, ...]]:
        known = [stream.name for stream in kind.streams]
        self._check_own_mappings(name, known)
        files = mapping_files.of_connection(self.folder, name, written.spoke, known)
        mappings = {}
        for stream in known:
            mine = [file for file in files if file.stream == stream]
            if written.streams.get(stream) is False:
                continue
            if mine:
                mappings[stream] = self._mappings_of(mine)
            elif stream in written.streams:
                own = self.folder / "mappings" / name / f"{stream}.yaml"
                self._complain(document, ("streams", stream), f"has no mapping; write {own}")
        for stream in written.streams:
            if stream not in known:
                what = unknown("stream", stream, known)
                self._complain(document, ("streams", stream), what)
        return mappings

    def _check_own_mappings(self, connection: str, streams: list[str]) -> None:
        for file in sorted((self.folder / "mappings" / connection).glob("[!.]*")):
            if file.suffix != ".yaml":
                self.faults.append(
                    f"{file}: not a mapping: name it after its stream, <stream>.yaml"
                )
            elif (stream := mapping_files.stream_of(file.stem, streams)[0]) not in streams:
                self.faults.append(f"{file}: {unknown('stream', stream, streams)}")

    def _mappings_of(self, files: list[MappingFile]) -> tuple[FieldMapping, ...]:
        """What the files of one stream say together."""
        found: dict[str, FieldMapping] = {}
        read = [mapping for file in files for mapping in self._mapping(file)]
        for mapping in read:
            other = found.setdefault(mapping.table, mapping)
            if other.file != mapping.file:
                self.faults.append(
                    f"{mapping.file}: maps {mapping.name} to {mapping.to}, as {other.file} does; "
                    "remove one of them"
                )
        return tuple(read)

    def _mapping(self, file: MappingFile) -> tuple[FieldMapping, ...]:
        try:
            loaded = mapping_files.read(file)
        except (BadMapping, BadYaml) as error:
            self.faults += str(error).splitlines()
            return ()
        if self.examples:
            self.faults += [fault for mapping in loaded for fault in check_examples(mapping)]
        return loaded

    def _document(self, path: Path) -> Document | None:
        """The one document of a file; None if there is none to be read."""
        try:
            documents = marked.read(path, shown_as=str(path))
        except BadYaml as error:
            self.faults.append(str(error))
            return None
        if len(documents) > 1:
            self.faults.append(f"{path}: holds {len(documents)} documents; write one")
        first = documents[0] if documents else Document(None, str(path), {})
        if first.data is not None and not isinstance(first.data, dict):
            self.faults.append(f"{first.at()}: must be a mapping of keys to values")
            return None
        return replace(first, data=first.data or {})

    def _valid(self, model: type[Model], document: Document) -> Model | None:
        try:
            return model.model_validate(document.data)
        except ValidationError as error:
            for where, what in explained(model, error):
                self._complain(document, where, what)
            return None

    def _complain(self, document: Document, where: Where, what: str) -> None:
        named = ".".join(str(step) for step in where)
        self.faults.append(": ".join(filter(None, (document.at(*where), named, what))))


def _readable(document: Document) -> ConnectionFile:
    """What can be made of a faulty file, so that its other faults are found as well."""
    spoke, settings = document.data.get("spoke"), document.data.get("settings")
    return ConnectionFile.model_construct(
        spoke=spoke if isinstance(spoke, str) else "",
        settings=settings if isinstance(settings, dict) else {},
        streams={},
    )


def _follows(where: Where, unresolved: list[Where]) -> bool:
    """Whether a fault only says that a value could not be resolved, which was said already.

    What a spoke finds wrong with its settings as a whole, mostly the address, may as well.
    """
    if not where:
        return ("url",) in unresolved
    return any(where[: len(path)] == path for path in unresolved)
