"""From a folder of files to validated settings and connections.

    config/hub.yaml · config/connections/<name>.yaml · config/mappings/<name>/<stream>.yaml

A mapping in the folder replaces the shipped one of the same stream for that connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from hub import marked, registry
from hub.config.files import ConnectionFile, HubFile
from hub.config.secrets import resolve
from hub.mapping import BadMapping, check_examples
from hub.mapping import Mapping as FieldMapping
from hub.mapping import load as load_mappings
from hub.marked import BadYaml, Document
from hub.spoke import Spoke
from hub.store import entities
from hub.sync.connection import Connection, Connections

Model = TypeVar("Model", bound=BaseModel)

SHIPPED = Path(__file__).parent.parent.parent / "mappings"


class BadConfig(Exception):
    """Every fault of a configuration, each with its file and line."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True)
class Config:
    """A hub's settings, and its connections ready to use."""

    folder: Path
    hub: HubFile
    database: str
    connections: Connections


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
        overruled = self.environment.get("HUB_DATABASE")
        place = document.at("database") if document and not overruled else "HUB_DATABASE"
        return settings, self._database(overruled or settings.database, place)

    def _database(self, address: str, place: str) -> str:
        try:
            url = make_url(address)
        except ArgumentError:
            self.faults.append(f"{place}: database: not an address; write sqlite:///hub.db")
            return "sqlite://"
        if url.get_backend_name() != "sqlite":
            self.faults.append(
                f"{place}: database: {url.get_backend_name()!r} is not supported; "
                "write sqlite:///hub.db"
            )
            return "sqlite://"
        if url.database and url.database != ":memory:":
            url = url.set(database=str(self.folder / url.database))
        return url.render_as_string(hide_password=False)

    def connections(self) -> list[Connection]:
        """Every connection whose files are in order."""
        files = sorted((self.folder / "connections").glob("*.yaml"))
        return [found for file in files if (found := self._connection(file)) is not None]

    def _connection(self, path: Path) -> Connection | None:
        document = self._document(path)
        if document is None:
            return None
        written = self._valid(ConnectionFile, document) or _readable(document)
        try:
            kind = registry.find(written.spoke)
        except registry.UnknownSpoke as error:
            self.faults.append(f"{document.at('spoke')}: {error}")
            return None
        except registry.BrokenSpoke as error:
            self.faults.append(f"{document.at('spoke')}: {error}")
            return None
        spoke = self._spoke(kind, written, document, path)
        mappings = self._mappings(kind, written, document, path.stem)
        every: dict[str, timedelta] = {
            name: stream.every for name, stream in written.streams.items() if stream and stream.every
        }
        return Connection(path.stem, spoke, mappings, every) if spoke else None

    def _spoke(
        self, kind: type[Spoke], written: ConnectionFile, document: Document, path: Path
    ) -> Spoke | None:
        before = len(self.faults)
        settings = resolve(
            written.settings, environment=self.environment, folder=path.parent,
            complain=lambda where, what: self._complain(document, ("settings", *where), what),
        )  # fmt: skip
        if len(self.faults) > before:
            return None
        try:
            return kind.model_validate(settings)
        except ValidationError as error:
            self._invalid(kind, error, document, ("settings",))
            return None

    def _mappings(
        self, kind: type[Spoke], written: ConnectionFile, document: Document, name: str
    ) -> dict[str, tuple[FieldMapping, ...]]:
        known = [stream.name for stream in kind.streams]
        for stream in written.streams:
            if stream not in known:
                self._complain(
                    document, ("streams", stream), _unknown(f"stream {stream!r}", stream, known)
                )
        mappings = {}
        for stream in known:
            file = self._mapping_file(name, written.spoke, stream)
            if file.exists() and written.streams.get(stream) is not False:
                mappings[stream] = self._mapping(file)
        return mappings

    def _mapping_file(self, connection: str, spoke: str, stream: str) -> Path:
        own = self.folder / "mappings" / connection / f"{stream}.yaml"
        return own if own.exists() else SHIPPED / spoke / f"{stream}.yaml"

    def _mapping(self, file: Path) -> tuple[FieldMapping, ...]:
        shown = f"mappings/{file.parent.name}/{file.name}"
        if file.is_relative_to(self.folder):
            shown = str(file)
        try:
            loaded = load_mappings(
                file, shape_of=lambda name: entities.find(name).shape, shown_as=shown
            )
        except (BadMapping, BadYaml) as error:
            self.faults += str(error).splitlines()
            return ()
        if self.examples:
            self.faults += [fault for mapping in loaded for fault in check_examples(mapping)]
        return tuple(loaded)

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
            self._invalid(model, error, document, ())
            return None

    def _invalid(
        self, model: type[BaseModel], error: ValidationError, document: Document,
        inside: tuple[str, ...],
    ) -> None:  # fmt: skip
        for fault in error.errors(include_url=False, include_input=False):
            where = (*inside, *fault["loc"])
            self._complain(document, where, _explained(model, fault))

    def _complain(self, document: Document, where: tuple[str | int, ...], what: str) -> None:
        where = tuple(step for step in where if not str(step).startswith("("))
        named = ".".join(str(step) for step in where)
        self.faults.append(f"{document.at(*where)}: {named}: {what}" if named else
                           f"{document.at()}: {what}")


def _explained(model: type[BaseModel], fault: ErrorDetails) -> str:
    if fault["type"] == "extra_forbidden":
        *parents, key = (str(step) for step in fault["loc"])
        for step in parents:
            inner = model.model_fields[step].annotation if step in model.model_fields else None
            if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
                return "unknown key"
            model = inner
        return _unknown(f"key {key!r}", key, list(model.model_fields))
    return fault["msg"].removeprefix("Value error, ")


def _readable(document: Document) -> ConnectionFile:
    """What can be made of a faulty file, so that its other faults are found as well."""
    data = document.data
    settings = data.get("settings")
    return ConnectionFile.model_construct(
        spoke=str(data.get("spoke", "")),
        settings=settings if isinstance(settings, dict) else {},
        streams={},
    )


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    return f"unknown {what}; {hint}"


def load(folder: Path, *, environment: Mapping[str, str], examples: bool = False) -> Config:
    """Read a hub's folder; raises `BadConfig` with all faults.

    `examples` also runs the examples in the mappings, as `hub check` does.
    """
    if not folder.is_dir():
        raise BadConfig([f"{folder}: no such folder; `hub init {folder}` makes one"])
    reader = _Reader(folder, environment, examples)
    settings, database = reader.hub()
    connections = reader.connections()
    if reader.faults:
        raise BadConfig(dict.fromkeys(reader.faults))
    return Config(folder, settings, database, Connections(connections))
