"""Find what a spoke is judged by: its example, its sandbox and its mappings."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pydantic import ValidationError

from hub import registry
from hub.config.faults import explained
from hub.spoke import Spoke
from hub.testing.example import BadExample, Example, read
from hub.testing.stage import Subject


class NoExample(LookupError):
    """A spoke has no example.yaml to be judged by."""

    def __str__(self) -> str:  # LookupError's own subclasses quote their message
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of one spoke is kept."""

    name: str
    root: Path
    """The checkout, or whatever folder has `spokes/` in it."""

    @property
    def spoke(self) -> Path:
        return self.root / registry.FOLDER / self.name

    @property
    def mappings(self) -> Path:
        return self.root / "mappings" / self.name

    @property
    def tests(self) -> Path:
        return self.root / "tests" / registry.FOLDER / self.name

    @property
    def example(self) -> Path:
        return self.tests / "example.yaml"


def checkout() -> Path:
    """The folder that has `spokes/` in it."""
    return Path(next(iter(import_module(registry.FOLDER).__path__))).parent


def subject(name: str) -> Subject:
    """What the suite needs to judge a spoke; raises `UnknownSpoke`, `BrokenSpoke`, `NoExample`,
    and `BadExample` for one that does not fit the spoke.

    The example stands in tests/spokes/NAME, or, of an installed package, beside its spoke.
    """
    spoke = registry.find(name)
    places = Places(name, checkout())
    example, mappings = places.example, places.mappings
    if not example.exists():
        beside = Path(inspect.getfile(spoke)).parent
        example, mappings = beside / "example.yaml", beside / "mappings"
    if not example.exists():
        raise NoExample(
            f"the spoke {name} has no {places.example}: the suite judges it by what is recorded "
            "there; hub.testing.example describes its form"
        )
    try:
        sandbox = registry.sandbox(name)
    except registry.UnknownSpoke:
        sandbox = None
    found = read(example)
    check_fits(example, found, spoke)
    return Subject(name, spoke, found, sandbox, mappings)


def check_fits(file: Path, example: Example, spoke: type[Spoke]) -> None:
    """Raise `BadExample` for one that is of another spoke: every rule would say so in its way."""
    faults = []
    try:
        spoke.model_validate(example.settings)
    except ValidationError as error:
        for where, what in explained(spoke, error):
            faults.append(": ".join(["settings", *map(str, where), what]))
    there, told = {stream.name for stream in spoke.streams}, set(example.streams)
    if told != there:
        faults.append(
            f"streams: it names {', '.join(sorted(told)) or 'none'}; "
            f"the spoke has {', '.join(sorted(there)) or 'none'}"
        )
    if faults:
        listed = "".join(f"\n{file}: {fault}" for fault in faults)
        raise BadExample(f"the example does not fit the spoke:{listed}")
