"""Which mapping files there are: those that ship with the spokes, and a folder's own."""

from __future__ import annotations

from collections.abc import Iterator
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
    """A file, as messages call it, and the `spoke/stream` that it is for; empty for any."""

    path: Path
    shown: str
    name: str = ""


def shipped(spoke: str, stream: str) -> MappingFile:
    """The file that ships with a spoke; it need not exist."""
    name = f"{spoke}/{stream}"
    return MappingFile(SHIPPED / f"{name}.yaml", f"mappings/{name}.yaml", name)


def of_connection(folder: Path, connection: str, spoke: str, stream: str) -> MappingFile:
    """A connection's own file, or else the shipped one; it need not exist."""
    own = folder / "mappings" / connection / f"{stream}.yaml"
    if own.exists():
        return MappingFile(own, str(own), f"{spoke}/{stream}")
    return shipped(spoke, stream)


def read(file: MappingFile) -> tuple[Mapping, ...]:
    """The mappings of a file; raises `BadMapping` with every fault."""
    loaded = load(file.path, shape_of=lambda name: entities.find(name).shape, shown_as=file.shown)
    wrong = [
        f"{file.shown}: maps {mapping.name}; this file is for {file.name}"
        for mapping in loaded
        if file.name and mapping.name != file.name
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
        found = list(_of(folder, name, connections[name]))
    elif name in _spokes():
        found = [shipped(name, file.stem) for file in sorted((SHIPPED / name).glob("*.yaml"))]
    elif path.is_dir():
        return [MappingFile(file, str(file)) for file in sorted(path.rglob("*.yaml"))]
    else:
        hint = suggestion(name, [*connections, *_spokes()])
        raise NoMapping(f"no connection or spoke is called {name!r}{hint}")
    known = [file.path.stem for file in found]
    if stream and stream not in known:
        raise NoMapping(f"{name} maps no stream {stream!r}{suggestion(stream, known)}")
    return [file for file in found if stream in {"", file.path.stem}]


def every(folder: Path) -> list[MappingFile]:
    """What the connections of a folder use; where there are none, all that ship with the spokes."""
    found = {
        file.path: file
        for connection, spoke in _connections(folder).items()
        for file in _of(folder, connection, spoke)
    }
    if found:
        return list(found.values())
    return [shipped(file.parent.name, file.stem) for file in sorted(SHIPPED.glob("*/*.yaml"))]


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


def _of(folder: Path, connection: str, spoke: str) -> Iterator[MappingFile]:
    try:
        streams = [stream.name for stream in registry.find(spoke).streams]
    except (registry.UnknownSpoke, registry.BrokenSpoke):
        streams = [file.stem for file in sorted((SHIPPED / spoke).glob("*.yaml"))]
    for stream in streams:
        file = of_connection(folder, connection, spoke, stream)
        if file.path.exists():
            yield file
