"""Find what a spoke is judged by: its example, its sandbox and its mappings."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from hub import registry
from hub.testing.example import read
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
    """What the suite needs to judge a spoke; raises `UnknownSpoke`, `BrokenSpoke`, `NoExample`.

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
    return Subject(name, spoke, read(example), sandbox, mappings)
