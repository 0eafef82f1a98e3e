"""Which mapping files there are: those that ship with the spokes, and a folder's own.

`<stream>.yaml`, or `<stream>_to_<entity>.yaml` where each entity that a stream's records become has
a file of its own; a stream may have both.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from hub import marked, registry
from hub.mapping import SHIPPED, BadMapping, Mapping, load
from hub.mapping.faults import suggestion
from hub.store import entities


class NoMapping(LookupError):
    """No mapping file is called so; the message names what there is."""

    def __str__(self) -> str:  # LookupError's own subclasses quote their message
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A file, as messages call it, and the `spoke/stream` that it is for; empty for any.

    `to` is the one entity that its name says it maps to, if it does.
    """

    path: Path
    shown: str
    name: str = ""
    to: str = ""

    @property
    def stream(self) -> str:
        return self.name.partition("/")[2] or self.path.stem


def stream_of(stem: str, streams: Collection[str] | None = None) -> tuple[str, str]:
    """The stream that a file of this name is for, and the entity if the name has one.

    Of a stream whose own name looks so it is that one.
    """
    stream, between, to = stem.rpartition("_to_")
    named = bool(between) and to in {entity.name for entity in entities.ALL}
    if not named or (streams is not None and stem in streams):
        return stem, ""
    return stream, to


def shipped(spoke: str) -> list[MappingFile]:
    """The files that ship with a spoke."""
    streams = _streams(spoke)
    return [
        _named(file, f"mappings/{spoke}/{file.name}", spoke, streams)
        for file in sorted((SHIPPED / spoke).glob("*.yaml"))
    ]


def of_connection(
    folder: Path, connection: str, spoke: str, streams: Collection[str]
) -> list[MappingFile]:
    """A connection's own files, and the shipped ones that none of them replaces."""
    own = sorted((folder / "mappings" / connection).glob("[!.]*.yaml"))
    replaced = {file.stem for file in own}
    found = [_named(file, str(file), spoke, streams) for file in own]
    found += [
        _named(file, f"mappings/{spoke}/{file.name}", spoke, streams)
        for file in sorted((SHIPPED / spoke).glob("*.yaml"))
        if file.stem not in replaced
    ]
    return [file for file in found if file.stream in streams]


def _named(file: Path, shown: str, spoke: str, streams: Collection[str] | None) -> MappingFile:
    stream, to = stream_of(file.stem, streams)
    return MappingFile(file, shown, f"{spoke}/{stream}", to)


def read(file: MappingFile) -> tuple[Mapping, ...]:
    """The mappings of a file; raises `BadMapping` with every fault."""
    loaded = load(
        file.path,
        shape_of=lambda name: entities.find(name).shape,
        shown_as=file.shown,
        streams_of=_streams,
    )
    wrong = [
        f"{file.shown}: maps {mapping.name}; this file is for {file.name}"
        for mapping in loaded
        if file.name and mapping.name != file.name
    ]
    wrong += [
        f"{file.shown}: maps to {mapping.to}; a file of this name maps to {file.to}"
        for mapping in loaded
        if file.to and mapping.to != file.to
    ]
    if wrong:
        raise BadMapping(wrong)
    return tuple(loaded)


def chosen(folder: Path, target: str) -> list[MappingFile]:
    """The files of `CONNECTION[/STREAM]` or `SPOKE[/STREAM]`, or one at a path; raises `NoMapping`.

    A connection is known by its file in the folder, whether or not its settings can be used.
    """
    path = Path(target)
    if path.suffix in {".yaml", ".yml"}:
        return [MappingFile(path, target)]
    name, _, stream = target.partition("/")
    connections = _connections(folder)
    if name in connections:
        found = _of(folder, name, connections[name])
    elif name in _spokes():
        found = shipped(name)
    elif path.is_dir():
        return [MappingFile(file, str(file)) for file in sorted(path.rglob("*.yaml"))]
    else:
        hint = suggestion(name, [*connections, *_spokes()])
        raise NoMapping(f"no connection or spoke is called {name!r}{hint}")
    known = list(dict.fromkeys(file.stream for file in found))
    if stream and stream not in known:
        raise NoMapping(f"{name} maps no stream {stream!r}{suggestion(stream, known)}")
    return [file for file in found if stream in {"", file.stream}]


def every(folder: Path) -> list[MappingFile]:
    """What the connections of a folder use; where there are none, all that ship with the spokes."""
    found = {
        file.path: file
        for connection, spoke in _connections(folder).items()
        for file in _of(folder, connection, spoke)
    }
    if found:
        return list(found.values())
    return [file for spoke in _spokes() for file in shipped(spoke)]


def _spokes() -> list[str]:
    return sorted({file.parent.name for file in SHIPPED.glob("*/*.yaml")})


def _connections(folder: Path) -> dict[str, str]:
    """The spoke of each connection whose file can be read."""
    found = {}
    for file in sorted((folder / "connections").glob("[!.]*.yaml")):
        try:
            documents = marked.read(file)
        except marked.BadYaml:
            continue  # `hub check` says what is wrong with it
        for one in documents[:1]:
            spoke = one.data.get("spoke") if isinstance(one.data, dict) else None
            if isinstance(spoke, str):
                found[file.stem] = spoke
    return found


def _of(folder: Path, connection: str, spoke: str) -> list[MappingFile]:
    streams = _streams(spoke) or [file.stream for file in shipped(spoke)]
    found = of_connection(folder, connection, spoke, streams)
    return sorted(found, key=lambda file: streams.index(file.stream))


def _streams(spoke: str) -> list[str] | None:
    """What the spoke has; None if there is no telling."""
    try:
        return [stream.name for stream in registry.find(spoke).streams]
    except (registry.UnknownSpoke, registry.BrokenSpoke):
        return None
