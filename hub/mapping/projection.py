"""Which part of a record is read, as msgspec Structs: what nobody reads never becomes an object.

    paths   Id, Address.city, Address.street, Tags[0]
    Structs {f0: Id, f1: {f0: city, f1: street} or null, f2: Tags}

Attributes have names of our own, so a key may be called anything. What an untyped attribute holds
is what `json.loads` gives. A strict projection takes only records of the expected form: they have
all the keys, and text, or moments, where the mapping reads nothing else. Then no code has to ask.
Records that are dicts already are projected as well, in that code reads their keys by subscript.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from hub.mapping.forms import Form, Wanted
from hub.mapping.functions import ABSENT
from hub.mapping.heads import PARTS
from hub.mapping.language import Expression, Path, Step

_TYPES: dict[Form, Any] = {
    "text": str | None,
    "moment": Annotated[datetime, msgspec.Meta(tz=True)] | None,
    "": Any,
}
NO_HEADS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Projection:
    """An object of theirs: the Struct, the attribute of each key that is read, the objects in it.

    `forms` are those of the keys. `nulls` is what null reads as where this object should stand:
    nothing is in null. Without `strict`, what is absent leaves `ABSENT` in its attribute.
    A projection of `dicts` has no Struct; its attributes are subscripts.
    """

    struct: type[msgspec.Struct] | None
    attributes: Mapping[str, str]
    forms: Mapping[str, Form]
    inner: Mapping[str, Projection]
    nulls: Any
    strict: bool = True

    @property
    def dicts(self) -> bool:
        return self.struct is None

    def at(self, steps: tuple[Step, ...]) -> Projection | None:
        """The object at a path; None where a value stands that is read whole."""
        here: Projection | None = self
        for step in steps:
            here = here.inner.get(step) if here and isinstance(step, str) else None
        return here

    def form(self, steps: tuple[Step, ...]) -> Form:
        """What the value at a path is certain to be, unless null."""
        above = self.at(steps[:-1]) if steps else None
        return above.forms.get(str(steps[-1]), "") if above else ""


def project(
    wanted: Wanted, *, strict: bool, heads: Mapping[str, str] = NO_HEADS
) -> Projection | None:
    """The Structs for these paths; None if what stands here is read whole, or by no plain key.

    `heads` are the keys that hold the parts of a head, and the part that is its attribute.
    """
    below = _below(wanted)
    if below is None or not all(map(_plain, below)):
        return None
    inner = {k: found for k, rest in below.items() if (found := project(rest, strict=strict))}
    names = {key: heads.get(key, f"f{number}") for number, key in enumerate(below)}
    forms: dict[str, Form] = {
        key: rest[()] for key, rest in below.items() if strict and rest.keys() == {()}
    }
    fields: list[Any] = []
    for key, name in names.items():
        struct = inner[key].struct if key in inner else None
        kind = struct | None if struct else _TYPES[forms.get(key, "")]
        kind = PARTS[name].kind if name in PARTS else kind
        absent = struct() if struct and not strict else ABSENT
        fields.append((name, kind) if strict else (name, kind, absent))
    renamed = {name: key for key, name in names.items()}
    lacking = {word: part.absent for word, part in PARTS.items() if heads and word not in renamed}
    made = msgspec.defstruct(
        "Projected", fields, rename=renamed, namespace=lacking, frozen=True, gc=False
    )
    nulls = made(**{names[key]: null for key, null in _nulls(below, inner).items()})
    attributes = {key: f".{name}" for key, name in names.items()}
    return Projection(made, attributes, forms, inner, nulls, strict)


def project_page(wanted: Wanted, heads: Mapping[str, Expression]) -> Projection | None:
    """A strict projection whose Struct is a `Head` as well; None if its parts are no plain values."""
    words = {
        tree.steps[0]: word
        for word, tree in heads.items()
        if isinstance(tree, Path) and len(tree.steps) == 1 and isinstance(tree.steps[0], str)
    }
    read = [form for word in words for path, form in wanted.items() if path[:1] == (word,)]
    expected = [PARTS[part].expected for part in words.values()]
    plain = len(words) == len(heads) and read == expected
    return project(wanted, strict=True, heads=words) if plain else None


def project_dicts(wanted: Wanted) -> Projection | None:
    """The same of records that are dicts. That a text is one, is for the code to check."""
    below = _below(wanted)
    if below is None:
        return None
    inner = {k: found for k, rest in below.items() if (found := project_dicts(rest))}
    forms: dict[str, Form] = {key: "text" for key, rest in below.items() if rest == {(): "text"}}
    attributes = {key: f"[{key!r}]" for key in below}
    return Projection(None, attributes, forms, inner, _nulls(below, inner))


def _below(wanted: Wanted) -> dict[str, dict[tuple[Step, ...], Form]] | None:
    """The paths by their first key; None if one of them ends here, or does not go on by a key."""
    below: dict[str, dict[tuple[Step, ...], Form]] = {}
    for path, form in wanted.items():
        if not path or not isinstance(path[0], str):
            return None
        below.setdefault(path[0], {})[path[1:]] = form
    return below


def _nulls(keys: Iterable[str], inner: Mapping[str, Projection]) -> dict[str, Any]:
    return {key: inner[key].nulls if key in inner else None for key in keys}


def _plain(key: str) -> bool:
    """Whether msgspec takes the key as a field's name; it looks for the bytes of the key."""
    return key.isprintable() and not {'"', "\\"} & set(key)
