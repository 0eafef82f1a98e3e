"""Whether an expression suits the column it is for, as far as its text tells.

Each function yields what is wrong, with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hub.mapping import certain, kinds
from hub.mapping.faults import At, Failure, Flaw, Found, suggestion
from hub.mapping.language import (
    Compare,
    Expression,
    Items,
    Literal,
    Path,
    Pipe,
    outcomes,
    record_paths,
    walk,
)
from hub.shape import Field, Shape

Maps = Mapping[str, Mapping[Any, Any]]


def inward(tree: Expression, column: Field, at: At, maps: Maps) -> Found:
    """Constant results and the values of maps must be ones of the column; refs are references."""
    refers = [node.spot for node in walk(tree) if isinstance(node, Pipe) and node.name == "ref"]
    if refers and column.kind != "reference":
        what = f"`ref` is for references, and this field is {certain.called(column.kind)}"
        yield Flaw(at, what, refers[0])
        return
    yield from certain.column(tree, column, at)
    ours = kinds.coercion(column).call
    for result in outcomes(tree):
        match result:
            case Pipe(name="ref") | Literal(value=None):
                continue
            case _ if column.kind == "reference":
                yield Flaw(at, "is a reference: end it with `| ref(Stream)`", result.spot)
                return
            case Literal(value):
                yield from _suits(ours, value, at, result.spot)
            case Pipe(name="map", arguments=(name, *_)):
                for key, value in maps.get(str(name), {}).items():
                    yield from _suits(ours, value, ("maps", str(name), key), 0, column.name)
            case _:
                continue


def through(other: Shape, person: str, field: str, shape: Shape, at: At) -> Found:
    """A match rule goes through records that refer to those of `shape` and have the text `field`."""
    references = [n for n, known in other.fields.items() if known.reference == shape.table]
    if person not in references:
        what = f"{other.name} has no reference {person!r} to a {shape.name}"
        yield Flaw((*at, "through"), what + suggestion(person, references))
    texts = [name for name, known in other.fields.items() if known.kind == "string"]
    if field.startswith("u_"):
        what = f"{field!r} is a custom field, by which nothing can be looked up"
        yield Flaw((*at, "where"), what)
    elif field not in texts:
        what = f"{other.name} has no text field {field!r}{suggestion(field, texts)}"
        yield Flaw((*at, "where"), what)


def _suits(ours: Callable[[Any], Any], value: Any, at: At, spot: int, field: str = "") -> Found:
    try:
        ours(value)
    except Failure as error:
        yield Flaw(at, f"{error} (for the field {field})" if field else str(error), spot)


def outward(tree: Expression, shape: Shape, at: At) -> Found:
    """`out:` reads fields of ours, choices by their names."""
    paths = record_paths(tree)
    for path in paths:
        name = str(path.steps[0]) if path.steps else "this"
        if name not in shape.fields and not name.startswith("u_"):
            what = f"{shape.name} has no field {name!r}{suggestion(name, shape.fields)}"
            yield Flaw(at, what, path.spot)
    if not paths:
        yield Flaw(at, "reads no field of ours", tree.spot)
    for node in walk(tree):
        if isinstance(node, Compare):
            yield from _compares_names(node, shape, at)


def _compares_names(tree: Compare, shape: Shape, at: At) -> Found:
    for one, other in ((tree.left, tree.right), (tree.right, tree.left)):
        column = shape.fields.get(str(one.steps[0])) if isinstance(one, Path) else None
        if column is None or not column.choices:
            continue
        for literal in other.parts if isinstance(other, Items) else (other,):
            value = literal.value if isinstance(literal, Literal) else None
            if value is not None and value not in column.choices:
                name = kinds.names_by_code(column.choices).get(str(value))
                hint = f"; write {name!r}" if name else suggestion(value, column.choices)
                what = f"{column.name} is read by its names, and {value!r} is none{hint}"
                yield Flaw(at, what, literal.spot)
