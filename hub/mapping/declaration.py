"""What a mapping file declares, once its text has been read: rules per field, children, maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.mapping.inverse import Inverse
from hub.mapping.language import Expression, Step, read_paths
from hub.shape import Field, Shape


@dataclass(frozen=True, slots=True)
class Out:
    """One entry of `out:`: a path of theirs, and what of ours is written to it."""

    target: tuple[Step, ...]
    value: Expression
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One field. `inverse` is derived; without one, `one_way` says why there is none."""

    field: Field
    place: str
    text: str = ""
    read: Expression | None = None
    inverse: Inverse | None = None
    one_way: str = ""
    outs: tuple[Out, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A list inside the record whose items are records of their own."""

    name: str
    shape: Shape
    each: Expression
    key: Expression
    rules: tuple[Rule, ...]
    place: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Through:
    """Records of ours that somebody is known by: the orders of a person, the cases about them.

    They are rows of `shape` whose `field` is one of their `values`; `person` is the reference that
    says whose they are.
    """

    shape: Shape
    person: str
    field: str
    values: Expression


@dataclass(frozen=True, slots=True)
class MatchRule:
    """What tells which of our records an external one is: fields of ours that are equal, records
    of ours that it is known `through`, or both.

    `when` is what must hold of the external record, absent paths read as null. `ask`: the rule
    only proposes, a person decides.
    """

    fields: tuple[str, ...]
    when: Expression | None = None
    ask: bool = False
    through: Through | None = None

    def __str__(self) -> str:
        """As people are told of it."""
        known = f"{self.through.shape.name}.{self.through.field}" if self.through else ""
        return ", ".join([*self.fields, *([known] if known else [])])


@dataclass(frozen=True, slots=True)
class Deletion:
    """What comes of ours when theirs is deleted: the `word` mark or ignore, or values to set.

    They have the form of their columns; `places` are their `file:line`.
    """

    word: str = "mark"
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    places: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Example:
    """A test of the file: `given` → `want` or `error`, or `back` → `want`."""

    name: str
    place: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One document. `accessors` are key, version, deleted and when, `texts` their source.

    `creates`: a record that is none of ours becomes a new one; otherwise it is left alone.
    `drift`: what comes of records that look otherwise than they did: ignore, note or hold.
    """

    name: str
    shape: Shape
    file: str
    digest: str
    owner: str
    stamp: str
    match: tuple[MatchRule, ...]
    rules: tuple[Rule, ...]
    parts: tuple[Part, ...]
    accessors: Mapping[str, Expression]
    texts: Mapping[str, str]
    places: Mapping[str, str]
    maps: Mapping[str, dict[Any, Any]] = field(default_factory=dict[str, dict[Any, Any]])
    examples: tuple[Example, ...] = ()
    creates: bool = True
    drift: str = "note"
    on_delete: Deletion = Deletion()


def paths(declared: Declaration) -> tuple[str, ...]:
    """What a spoke must ask for; nothing, meaning everything, if the record is read whole."""
    trees = [*declared.accessors.values(), *(rule.read for rule in declared.rules if rule.read)]
    trees += [rule.when for rule in declared.match if rule.when]
    trees += [rule.through.values for rule in declared.match if rule.through]
    found = [path for tree in trees for path in read_paths(tree)]
    found += [tuple(declared.stamp.split("."))] if declared.stamp else []
    for part in declared.parts:
        sources = list(read_paths(part.each))
        inner = [part.key, *(rule.read for rule in part.rules if rule.read)]
        below = sources[-1] if sources else ()
        found += sources[:-1]
        found += [(*below, *path) for tree in inner for path in read_paths(tree)]
    whole = any(not path for path in found)
    return () if whole else tuple(dict.fromkeys(".".join(path) for path in found))
