"""Lays a connection's own lines over a mapping that ships with its spoke.

    # config/mappings/crm/Case.yaml
    extends: salesforce/Case
    remove: [fields.cause, maps.state.Cancelled]      # first
    fields: {u_region: Region__c, state: {owner: ours}}

Every line keeps the place where it stands, in whichever of the two files that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub import marked
from hub.mapping.faults import At, BadMapping, suggestion
from hub.mapping.tables import as_json
from hub.marked import Document, Scalar

SHIPPED = Path(__file__).parents[2] / "mappings"
"""The mappings that ship with the spokes: `<spoke>/<stream>.yaml`."""
NAME = re.compile(r"[a-z][a-z0-9_-]*/[^\s/\\]+")
INDISPENSABLE = ("mapping", "to", "key", "fields")
WORDS = frozenset({"extends", "remove", "to"})
"""What an overlay says about itself."""


@dataclass(frozen=True, slots=True)
class Laid(Document):
    """A document with another laid over it; `origins` say where each part of it stands."""

    origins: Mapping[At, tuple[Document, At]] = field(default_factory=dict[At, tuple[Document, At]])

    def at(self, *path: str | int) -> str:
        document, there = self._origin(path)
        return document.at(*there)

    def scalar(self, *path: str | int) -> Scalar | None:
        document, there = self._origin(path)
        return document.scalar(*there)

    def _origin(self, path: At) -> tuple[Document, At]:
        """The document in which it stands, and where there."""
        end = next(end for end in range(len(path), -1, -1) if path[:end] in self.origins)
        document, start = self.origins[path[:end]]
        return document, (*start, *path[end:])


def lay(documents: Sequence[Document], path: Path, shipped: Path = SHIPPED) -> list[Document]:
    """The documents of a mapping file, those that `extends` laid over what they extend.

    What they leave alone of it comes along, and so do documents of theirs that extend nothing.
    Raises `BadMapping` with every fault.
    """
    over = [one for one in documents if isinstance(one.data, dict) and "extends" in one.data]
    added = [one for one in documents if one not in over]
    faults = [
        f"{one.at('remove')}: remove: takes lines out of a mapping that `extends` names; there is none"
        for one in added
        if isinstance(one.data, dict) and "remove" in one.data
    ]
    if faults:
        raise BadMapping(faults)
    if not over:
        return list(documents)
    base = _extended(over, path, shipped)
    layers = {id(one): _Layer(one) for one in base}
    for one in over:
        chosen = _chosen(one, base, faults)
        if chosen is None:
            continue
        layer = layers[id(chosen)]
        if layer.over is not None:
            where = layer.over.at("extends")
            faults.append(f"{one.at('extends')}: extends: {where} is laid over the same already")
            continue
        layer.put(one)
    faults += [fault for layer in layers.values() for fault in layer.faults]
    if faults:
        raise BadMapping(faults)
    return [*(layer.result() for layer in layers.values()), *added]


def _extended(over: Sequence[Document], path: Path, shipped: Path) -> list[Document]:
    """The documents of the file that all of these extend; raises `BadMapping`."""
    first, name = over[0], over[0].data["extends"]
    for one in over[1:]:
        if one.data["extends"] != name:
            what = f"the first document extends {name!r}, and a file extends one mapping"
            raise BadMapping([f"{one.at('extends')}: extends: {what}"])
    where = f"{first.at('extends')}: extends: "
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadMapping([f"{where}{name!r} is not spoke/stream, as in salesforce/Case"])
    file = shipped / f"{name}.yaml"
    if not file.is_file():
        known = sorted(f"{one.parent.name}/{one.stem}" for one in shipped.glob("*/*.yaml"))
        hint = suggestion(name, known)
        raise BadMapping([f"{where}no mapping {name!r} ships with the hub{hint}"])
    if path.exists() and path.samefile(file):
        raise BadMapping([f"{where}{name} is this file; remove the line"])
    try:
        base = marked.read(file, shown_as=f"mappings/{name}.yaml")
    except marked.BadYaml as error:
        raise BadMapping([str(error)]) from error
    for one in base:
        if not isinstance(one.data, dict) or "extends" in one.data:
            raise BadMapping([f"{where}{one.file} extends another; name that one"])
    return base


def _chosen(one: Document, base: Sequence[Document], faults: list[str]) -> Document | None:
    """Which document of the base is meant; None with a fault added."""
    wanted, known = one.data.get("to"), [str(other.data.get("to")) for other in base]
    fitting = [other for other in base if wanted is None or other.data.get("to") == wanted]
    if len(fitting) == 1:
        return fitting[0]
    name = one.data["extends"]
    if wanted is None:
        what = (
            f"extends: {name} maps to {' and '.join(known)}: `to: {known[0]}` says which is meant"
        )
        faults.append(f"{one.at('extends')}: {what}")
    elif not fitting:
        hint = suggestion(wanted, known)
        faults.append(f"{one.at('to')}: to: {name} has no document to {wanted!r}{hint}")
    else:
        what = f"{name} has {len(fitting)} documents to {wanted}, which cannot be told apart"
        faults.append(f"{one.at('to')}: to: {what}")
    return None


class _Layer:
    """One document, and what is laid over it."""

    def __init__(self, base: Document) -> None:
        self.base = base
        self.over: Document | None = None
        self.data: dict[str, Any] = _copied(base.data)
        self.origins: dict[At, tuple[Document, At]] = {(): (base, ())}
        self.removed: dict[At, str] = {}
        self.faults: list[str] = []

    def result(self) -> Document:
        if self.over is None:
            return self.base
        return Laid(self.data, self.over.file, {}, origins=self.origins)

    def put(self, over: Document) -> None:
        self.over = over
        before = list(self.data.get("examples") or ())
        for index in range(len(before)):
            self.origins["examples", index] = (self.base, ("examples", index))
        self._remove(over.data.get("remove"))
        for word, value in over.data.items():
            if word == "mapping":
                self._fault(("mapping",), "`extends` names it already; remove the line")
            elif word == "fields":
                self._fields(value, ("fields",))
            elif word == "maps":
                self._maps(value)
            elif word == "children":
                self._children(value)
            elif word == "examples":
                self._examples(value)
            elif word not in WORDS:
                self._set((word,), value)
        self._check_examples(before)

    def _fault(self, at: At, what: str) -> None:
        assert self.over
        self.faults.append(f"{self.over.at(*at)}: {'.'.join(map(str, at))}: {what}")

    def _set(self, at: At, value: Any, start: At | None = None) -> None:
        """Put a value of the overlay's there; it stands in the overlay at `start`."""
        assert self.over
        here: Any = self.data
        for step in at[:-1]:
            here = here[step]
        here[at[-1]] = value
        self.origins[at] = (self.over, start or at)

    def _fields(self, given: Any, at: At) -> None:
        """A line replaces the line; `{owner: ours}` is laid over the parts of it."""
        here = _inside(self.data, at)
        if not isinstance(given, dict) or not isinstance(here, dict):
            self._set(at, given)
            return
        for name, value in given.items():
            line = (*at, name)
            if not isinstance(value, dict) or name not in here:
                self._set(line, value)
                continue
            known = here[name]
            parts = dict(known) if isinstance(known, dict) else {"in": known}
            origins = self.origins.get(line, (self.base, line))
            self._set(line, parts)
            if "in" not in value:
                self.origins[line] = origins
            for word, part in value.items():
                self._set((*line, word), part)

    def _maps(self, given: Any) -> None:
        here = self.data.setdefault("maps", {})
        if not isinstance(given, dict) or not isinstance(here, dict):
            self._set(("maps",), given)
            return
        for name, entries in given.items():
            if not isinstance(entries, dict) or not isinstance(here.get(name), dict):
                self._set(("maps", name), entries)
                continue
            for key, value in entries.items():
                step = key if isinstance(key, str | int) else str(key)
                here[name][key] = value
                assert self.over
                self.origins["maps", name, step] = (self.over, ("maps", name, step))

    def _children(self, given: Any) -> None:
        here = self.data.setdefault("children", {})
        if not isinstance(given, dict) or not isinstance(here, dict):
            self._set(("children",), given)
            return
        for name, child in given.items():
            if not isinstance(child, dict) or not isinstance(here.get(name), dict):
                self._set(("children", name), child)
                continue
            for word, value in child.items():
                if word == "fields":
                    self._fields(value, ("children", name, "fields"))
                else:
                    self._set(("children", name, word), value)

    def _examples(self, given: Any) -> None:
        """One of the same name is replaced."""
        here = self.data.setdefault("examples", [])
        if not isinstance(given, list) or not isinstance(here, list):
            self._set(("examples",), given)
            return
        names = [_name(example) for example in here]
        for index, example in enumerate(given):
            name = _name(example)
            place = names.index(name) if name in names else len(here)
            if place == len(here):
                here.append(example)
            self._set(("examples", place), example, ("examples", index))

    # -- what is removed

    def _remove(self, given: Any) -> None:
        if given is not None and not isinstance(given, list):
            self._fault(("remove",), "a list of lines belongs here: [fields.cause, maps.state.New]")
            return
        for index, text in enumerate(given or ()):
            at: At = ("remove", index)
            found = _find(self.data, text) if isinstance(text, str) else None
            if found is None:
                hint = suggestion(text, (name for name, _ in _lines(self.data)))
                self._fault(at, f"there is no line {text!r} to remove{hint}")
            elif len(found) == 1 and found[0] in INDISPENSABLE:
                self._fault(at, f"no mapping can do without {text!r}; give another value instead")
            else:
                assert self.over
                self.removed[found] = self.over.at(*at)
                self._take_out(found)

    def _take_out(self, at: At) -> None:
        above = _inside(self.data, at[:-1])
        if at[0] != "examples":
            del above[at[-1]]
            return
        del above[int(at[1])]
        moved = [self.origins.pop(("examples", index)) for index in range(len(above) + 1)]
        del moved[int(at[1])]
        self.origins |= {("examples", index): origin for index, origin in enumerate(moved)}

    def _check_examples(self, before: list[Any]) -> None:
        """No example of the base may speak of what is gone, unless it is replaced itself."""
        gone = {
            str(at[1]): place
            for at, place in self.removed.items()
            if at[0] in {"fields", "children"} and at[2:] == () and _inside(self.data, at) is None
        }
        listed = self.data.get("examples")
        for index, example in enumerate(listed if isinstance(listed, list) else ()):
            if not any(example is one for one in before) or not isinstance(example, dict):
                continue
            for word in ("want", "back", "error"):
                for name in (example.get(word) or {}).keys() & gone.keys():
                    document, start = self.origins["examples", index]
                    label = f"example {_name(example)!r}"
                    self.faults.append(
                        f"{document.at(*start, word, name)}: {label}: {word}: {gone[name]} removes"
                        f" {name}; give an example of that name, or remove it as well:"
                        f" examples.{_name(example)}"
                    )


def _name(example: Any) -> Any:
    return example.get("name") if isinstance(example, dict) else None


def _copied(value: Any) -> Any:
    """Dicts anew, to be changed; lists of examples as well, but not what is in them."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, list) else value


def _inside(data: Any, at: At) -> Any:
    for step in at:
        data = data.get(step) if isinstance(data, dict) else data[step]
        if data is None:
            return None
    return data


def _lines(data: dict[str, Any]) -> Iterator[tuple[str, At]]:
    """What can be removed, as it is written, and where it is."""
    for word, value in data.items():
        yield word, (word,)
        if word == "examples":
            inner = [(_name(one), index) for index, one in enumerate(value or ())]
            yield from ((f"examples.{name}", ("examples", index)) for name, index in inner)
        elif word in {"fields", "maps", "children"} and isinstance(value, dict):
            yield from _below(value, word, (word,))


def _below(value: dict[Any, Any], above: str, at: At) -> Iterator[tuple[str, At]]:
    for key, inner in value.items():
        name = f"{above}.{as_json(key)}"
        yield name, (*at, key)
        if isinstance(inner, dict):
            yield from _below(inner, name, (*at, key))


def _find(data: dict[str, Any], text: str) -> At | None:
    return next((at for name, at in _lines(data) if name == text), None)
