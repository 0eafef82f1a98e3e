"""Where spokes are found by name: in `spokes/` beside the hub, or in an installed package.

    spokes/acme/spoke.py     the one spoke class, named `acme`
    spokes/acme/spoke.yaml   or a spoke in YAML alone (docs/rest.md), with an `__init__.py` beside it
    spokes/acme/sandbox.py   its sandbox, a module or a package (needs the `sandbox` extra)

A package announces its spoke as an entry point in the group `csm_hub.spokes`
(`acme = "acme_spoke.spoke:Acme"`); its sandbox is the module `sandbox` beside `spoke`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from hub import packages
from hub.rest import BadSpoke
from hub.rest import load as load_yaml
from hub.spoke import Fetches, JsonObject, Pulls, Receives, Spoke, Writes
from hub.sync import ours
from hub.testing import Sandbox

FOLDER = packages.FOLDER
CAPABILITIES: dict[str, type] = {
    "pulls": Pulls,
    "fetches": Fetches,
    "receives": Receives,
    "writes": Writes,
}


class UnknownSpoke(LookupError):
    """No spoke has this name, or none has a sandbox."""

    def __str__(self) -> str:  # LookupError's own subclasses quote their message
        return str(self.args[0])


class BrokenSpoke(Exception):
    """A spoke is there, but its module does not import or holds no single spoke."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a spoke says of itself. `settings` is the JSON Schema of a connection's settings."""

    name: str
    title: str
    kind: str
    capabilities: tuple[str, ...]
    streams: tuple[str, ...]
    settings: JsonObject
    has_sandbox: bool


def names() -> list[str]:
    """Every spoke there is, sorted; an installed one gives way to one of the same name beside us."""
    return sorted({*_beside_us(), *packages.installed()})


def find(name: str) -> type[Spoke]:
    """The spoke class of this name; raises `UnknownSpoke` or `BrokenSpoke`.

    `hub` is no spoke of anybody's but our own store: what is mapped of it are flows.
    """
    if name == ours.NAME:
        return ours.OurStore
    written = _yaml(name)
    return _read(written, name) if written else _only(_module(name), Spoke, f"spoke {name}")


def sandbox(name: str) -> type[Sandbox]:
    """The spoke's sandbox class; raises `UnknownSpoke` when it has none, `BrokenSpoke`."""
    where = _sandbox_module(name)
    if where is None:
        raise UnknownSpoke(f"the spoke {name} has no sandbox (no module `sandbox` beside it)")
    about = f"sandbox of spoke {name}"
    return _only(_import(where, about), Sandbox, about)  # type: ignore[type-abstract]


def describe(name: str) -> Description:
    """What a spoke is and can do, for lists and forms; raises `UnknownSpoke` or `BrokenSpoke`."""
    spoke = find(name)
    return Description(
        name=name,
        title=(inspect.getdoc(spoke) or "").partition("\n")[0],
        kind=spoke.kind,
        capabilities=tuple(word for word, base in CAPABILITIES.items() if issubclass(spoke, base)),
        streams=tuple(stream.name for stream in spoke.streams),
        settings=spoke.model_json_schema(),
        has_sandbox=name != ours.NAME and _sandbox_module(name) is not None,
    )


def _beside_us() -> list[str]:
    return [file.parent.name for kind in ("py", "yaml") for file in _files("*", f"spoke.{kind}")]


def _files(name: str, file: str) -> list[Path]:
    try:
        folders = import_module(FOLDER).__path__
    except ModuleNotFoundError:  # installed without any
        return []
    return [found for folder in folders for found in Path(folder).glob(f"{name}/{file}")]


def _yaml(name: str) -> Path | None:
    """The file of a spoke in YAML alone."""
    found = _files(name, "spoke.yaml") if name in _beside_us() else []
    if found and _files(name, "spoke.py"):
        raise BrokenSpoke(f"spoke {name}: has a spoke.py and a spoke.yaml: keep one of them")
    return found[0] if found else None


def _read(file: Path, name: str) -> type[Spoke]:
    """A spoke in YAML; its class says that it is of the package that the file lies in."""
    package = _import(f"{FOLDER}.{name}", f"spoke {name}")
    if package.__file__ is None:
        raise BrokenSpoke(f"spoke {name}: {FOLDER}/{name} needs an __init__.py")
    try:
        return load_yaml(file, module=package.__name__)
    except BadSpoke as error:
        raise BrokenSpoke(f"spoke {name}: {error}") from error


def _module(name: str) -> ModuleType:
    return _import(_module_name(name), f"spoke {name}")


def _module_name(name: str) -> str:
    if name in _beside_us():
        return f"{FOLDER}.{name}.spoke"
    if point := packages.installed().get(name):
        return point.module
    known = names()
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known) or 'none'}"
    raise UnknownSpoke(f"no spoke is called {name!r}; {hint}")


def _sandbox_module(name: str) -> str | None:
    where = _module_name(name).rpartition(".")[0] + ".sandbox"
    try:
        return where if find_spec(where) else None
    except ModuleNotFoundError:
        return None


def _import(where: str, about: str) -> ModuleType:
    try:
        return import_module(where)
    except Exception as error:
        hint = (
            "; pip install 'csm-hub[sandbox]'"
            if isinstance(error, ModuleNotFoundError) and where.endswith(".sandbox")
            else ""
        )
        raise BrokenSpoke(
            f"{about}: {where} does not import: {type(error).__name__}: {error}{hint}"
        ) from error


Kind = TypeVar("Kind")


def _only(module: ModuleType, base: type[Kind], about: str) -> type[Kind]:
    """The one concrete class of this kind that the module, or a module within it, defines."""
    found = {
        candidate
        for _, candidate in inspect.getmembers(module, inspect.isclass)
        if issubclass(candidate, base)
        and f"{candidate.__module__}.".startswith(f"{module.__name__}.")
    }
    concrete = [candidate for candidate in found if not inspect.isabstract(candidate)]
    if len(concrete) == 1:
        return concrete[0]
    if not concrete and found:
        missing = sorted(
            {name for one in found for name in getattr(one, "__abstractmethods__", ())}
        )
        raise BrokenSpoke(f"{about}: {module.__name__} lacks {', '.join(missing)}")
    raise BrokenSpoke(
        f"{about}: {module.__name__} must define one {base.__name__}, not "
        f"{', '.join(sorted(one.__name__ for one in concrete)) or 'none'}"
    )
