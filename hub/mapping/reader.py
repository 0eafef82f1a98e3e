"""What reads the parts of a document: values of the expected kind, expressions, and what is wrong.

Nothing is raised at the first fault: each is noted with its place, and reading goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from hub.mapping import certain, spots
from hub.mapping.faults import At, BadExpression, Flaw, Found, suggestion, written
from hub.mapping.language import Expression, Literal, Pipe, walk
from hub.mapping.parse import parse
from hub.marked import Document
from hub.shape import Field, Shape

MOST_SHOWN = 120  # characters of an expression in a message
WRITE_IT = "; write it under `maps:`"
BEGINNING = "a mapping file, which begins with `mapping: spoke/stream`, `to:`, `key:`, `fields:`,"
KEYS = {
    "document": (
        "mapping", "to", "key", "version", "deleted", "stamp", "owner", "match", "creates", "when",
        "direction", "on_delete", "drift", "fields", "children", "maps", "examples",
    ),
    "field": ("in", "out", "owner"),
    "match": ("by", "when", "ask", "through", "where"),
    "child": ("to", "each", "key", "fields"),
    "example": ("name", "given", "refs", "want", "error", "back"),
}  # fmt: skip
"""Every key that a mapping file may have, by where it stands."""


StreamsOf = Callable[[str], Collection[str] | None]
"""The streams of a spoke by its name; None if there is no telling."""


def anything(_: str) -> None:
    """Whatever streams a spoke may have."""


@dataclass(slots=True)
class Reader:
    """Reads one document. `faults` are complete sentences, `used_maps` the maps that are named."""

    document: Document
    shape_of: Callable[[str], Shape]
    streams_of: StreamsOf
    faults: list[str] = field(default_factory=list[str])
    used_maps: set[str] = field(default_factory=set[str])

    def fault(self, at: At, what: str, spot: int | None = None) -> None:
        """Note what is wrong there, with the `spot` of the expression if it is one."""
        label = ".".join(map(str, at[1:] if at[:1] == ("fields",) and at[1:] else at))
        place = self.document.at(*at) if spot is None else spots.place(self.document, at, spot)
        self.faults.append(f"{place}: {label + ': ' if label else ''}{what}")

    def sound(self, found: Found) -> bool:
        """Note what is wrong; True if nothing is."""
        before = len(self.faults)
        for flaw in found:
            self.fault(*flaw)
        return len(self.faults) == before

    def place(self, *at: str | int) -> str:
        """`file:line`."""
        return self.document.at(*at).rpartition(":")[0] or self.document.file

    def keys(self, data: Any, kind: str, at: At, required: Iterable[str] = ()) -> dict[str, Any]:
        """A mapping that has no keys but its own; an empty one if it is none at all."""
        if not isinstance(data, dict):
            what = BEGINNING if kind == "document" else f"a mapping with {', '.join(KEYS[kind])}"
            self.fault(at, f"{what} belongs here, not {written(data)}")
            return {}
        for key in data:
            if key not in KEYS[kind]:
                self.fault((*at, key), f"unknown key{suggestion(key, KEYS[kind])}")
        missing = [key for key in required if key not in data]
        if missing:
            self.fault(at, f"{' and '.join(missing)} must be given")
        for key in required:
            if key in data and data[key] is None:
                self.fault((*at, key), "is empty; give it a value")
        return data

    def shape(self, name: Any, at: At) -> Shape | None:
        if not isinstance(name, str):
            if name is not None:
                self.fault(at, f"{written(name)} is not the name of an entity, as in `to: case`")
            return None
        try:
            return self.shape_of(name)
        except (LookupError, ValueError) as error:
            self.fault(at, str(error.args[0] if error.args else f"no entity is called {name!r}"))
            return None

    def text(self, data: dict[str, Any], key: str) -> str | None:
        value = data.get(key)
        if value is not None and not isinstance(value, str):
            self.fault((key,), f"{written(value)} is not text")
            return None
        return value

    def one_of(
        self, data: dict[str, Any], key: str, words: tuple[str, ...], otherwise: str, at: At
    ) -> str:
        value = data.get(key, otherwise)
        if value in words:
            return str(value)
        self.fault(at, f"{written(value)} does not belong here{suggestion(value, words)}")
        return otherwise

    def column(self, name: Any, shape: Shape, at: At) -> Field | None:
        """A field of ours that a mapping may set."""
        known = shape.fields.get(name)
        if known is None and isinstance(name, str) and re.fullmatch(r"u_[a-z0-9_]{1,60}", name):
            return Field(name, "string")
        if known is None:
            hint = (
                suggestion(name, shape.fields)
                or "; a custom field is called u_…, 62 letters at most"
            )
            self.fault(at, f"{shape.name} has no such field{hint}")
        elif known.read_only:
            self.fault(at, "the store alone sets this field; remove the line")
            return None
        return known

    def expression(self, value: Any, at: At) -> Expression | None:
        if isinstance(value, bool | int | float):
            return Literal(value)
        if not isinstance(value, str):
            what = "is empty; for 'always null' write None"
            if isinstance(value, date):
                pipe = "datetime" if isinstance(value, datetime) else "date"
                what = f"{written(value)} is no expression; write '\"{written(value)}\" | {pipe}'"
            elif value is not None:
                what = f"{written(value)} is no expression: a path, as in address.city, is one"
            self.fault(at, what, None if value is None else 0)
            return None
        try:
            tree = parse(value)
        except BadExpression as error:
            shown = value if len(value) <= MOST_SHOWN else f"{value[:MOST_SHOWN]}…"
            self.fault(at, f"{error} in `{shown}`" if shown else str(error), error.spot)
            return None
        sound = self.sound(certain.chains(tree, at, self.maps()))
        sound = self.sound(self.leads_nowhere(tree, at)) and sound
        return tree if self.maps_exist(tree, at) and sound else None

    def leads_nowhere(self, tree: Expression, at: At) -> Found:
        """A reference to records that will never come; one that creates them needs no stream."""
        spoke, _, _ = str(self.document.data.get("mapping")).partition("/")
        for pipe in walk(tree):
            if isinstance(pipe, Pipe) and pipe.name == "ref" and "create" not in pipe.arguments[1:]:
                stream, known = str(pipe.arguments[0]), self.streams_of(spoke)
                if known is not None and stream not in known:
                    what = f"{spoke} has no stream {stream!r}{suggestion(stream, known)}"
                    yield Flaw(at, what, pipe.spot)

    def maps(self) -> Mapping[str, Mapping[Any, Any]]:
        """The value maps that are declared, those that are none left out."""
        declared = self.document.data.get("maps")
        named = declared.items() if isinstance(declared, dict) else ()
        return {str(name): table for name, table in named if isinstance(table, dict)}

    def maps_exist(self, tree: Expression, at: At) -> bool:
        declared = self.document.data.get("maps") or {}
        named = [pipe for pipe in walk(tree) if isinstance(pipe, Pipe) and pipe.name == "map"]
        self.used_maps.update(str(pipe.arguments[0]) for pipe in named)
        known = [str(name) for name in declared] if isinstance(declared, dict) else []
        return self.sound(
            Flaw(at, f"there is no map {name!r}{suggestion(name, known) or WRITE_IT}", pipe.spot)
            for pipe in named
            if (name := str(pipe.arguments[0])) not in known
        )
