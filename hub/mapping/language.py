"""The mapping language's expressions, as trees: everything that a mapping file can say.

A node's `spot` is the character of the expression's text at which it stands: of a pipe its name,
of anything else its first. Nodes that differ in nothing else are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

from hub.mapping.conversion import Constant, Conversion


@dataclass(frozen=True, slots=True)
class Select:
    """`(type="work")`: the first object of a list that has these values."""

    criteria: tuple[tuple[str, Constant], ...]


Step = str | int | Select


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value stands: from the record, or from a comprehension's `item`."""

    steps: tuple[Step, ...]
    item: str = ""
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Literal:
    value: Constant
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Items:
    """`("refunded", "voided")`."""

    parts: tuple[Expression, ...]
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """An f-string: nulls in it are empty."""

    parts: tuple[Expression, ...]
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Logic:
    word: OneOf["and", "or"]
    parts: tuple[Expression, ...]
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    part: Expression
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Choose:
    """`then if test else otherwise`."""

    test: Expression
    then: Expression
    otherwise: Expression
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`sign` is Python's; `is None` and `is not None` are compared with the literal None."""

    sign: str
    left: Expression
    right: Expression
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    sign: OneOf["+", "-", "*", "/"]
    left: Expression
    right: Expression
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Each:
    """`[element for item in source if test]`."""

    item: str
    source: Expression
    element: Expression
    tests: tuple[Expression, ...]
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """len, sum, min, max, any, all or coalesce."""

    name: str
    parts: tuple[Expression, ...]
    spot: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Pipe:
    """`source | name(arguments)`; `does` is what the name stands for."""

    source: Expression
    name: str
    arguments: tuple[Constant, ...]
    does: Conversion = field(compare=False, repr=False)
    spot: int = field(default=0, compare=False, repr=False)

    @property
    def own(self) -> bool:
        """Whether a spoke brings it: `acme.minutes`."""
        return "." in self.name


Expression = (
    Path | Literal | Items | Text | Logic | Not | Choose | Compare | Arithmetic | Each | Call | Pipe
)


def parts(tree: Expression) -> tuple[Expression, ...]:  # noqa: PLR0911 -- a case per kind
    """The expressions right inside this one."""
    match tree:
        case Path() | Literal():
            return ()
        case Items() | Text() | Logic() | Call():
            return tree.parts
        case Not():
            return (tree.part,)
        case Choose():
            return (tree.test, tree.then, tree.otherwise)
        case Compare() | Arithmetic():
            return (tree.left, tree.right)
        case Each():
            return (tree.source, tree.element, *tree.tests)
        case Pipe():
            return (tree.source,)


def walk(tree: Expression) -> Iterator[Expression]:
    """This expression and everything inside it."""
    yield tree
    for part in parts(tree):
        yield from walk(part)


def record_paths(tree: Expression) -> tuple[Path, ...]:
    """The paths that start at the record, each once, in order."""
    found = (node for node in walk(tree) if isinstance(node, Path) and not node.item)
    return tuple(dict.fromkeys(found))


def outcomes(tree: Expression) -> Iterator[Expression]:
    """The inner expressions of which one is the result, as far as the text tells."""
    match tree:
        case Choose():
            yield from outcomes(tree.then)
            yield from outcomes(tree.otherwise)
        case Logic(word="or") | Call(name="coalesce"):
            for part in tree.parts:
                yield from outcomes(part)
        case Pipe(name="default"):
            yield from outcomes(tree.source)
            yield Literal(tree.arguments[0], tree.spot)
        case _:
            yield tree


def read_paths(tree: Expression) -> Iterator[tuple[str, ...]]:
    """The keys of each path that is read, list steps left out: `("emails", "value")`.

    What a comprehension reads of its items counts as read below its source.
    """
    yield from _read(tree, {})


def _read(tree: Expression, items: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    if isinstance(tree, Path):
        keys = items.get(tree.item, ())
        for step in tree.steps:
            if isinstance(step, str):
                keys = (*keys, step)
            elif isinstance(step, Select):
                yield from ((*keys, key) for key, _ in step.criteria)
        yield keys
    elif isinstance(tree, Each):
        source = list(_read(tree.source, items))
        inner = {**items, tree.item: source[-1]} if source else items
        below = [path for part in (tree.element, *tree.tests) for path in _read(part, inner)]
        # `lines.nodes` need not be asked for whole when `lines.nodes.sku` is
        asked = source and any(path[: len(source[-1])] == source[-1] for path in below)
        yield from source[:-1] if asked else source
        yield from below
    else:
        for part in parts(tree):
            yield from _read(part, items)
