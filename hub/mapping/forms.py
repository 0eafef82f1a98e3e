"""What is known of an expression's values before any record is read.

A mapping that trims a value expects a text there. Records of the expected form are read without
asking; any other takes a slower way, so an expectation costs time where it is wrong, never a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal as OneOf

from hub.mapping.language import (
    Call,
    Choose,
    Expression,
    Literal,
    Logic,
    Path,
    Pipe,
    Step,
    Text,
    parts,
)

Form = OneOf["text", "texts", "moment", ""]
"""Of a value that is not null: a text, a list of texts, an aware datetime; empty for anything."""
Wanted = Mapping[tuple[Step, ...], Form]
"""The paths that are read, with the form that is expected there."""
FormAt = Callable[[tuple[Step, ...]], Form]
"""What the value at a path is certain to be."""


def wanted(trees: Iterable[tuple[Expression, Form]]) -> Wanted:
    """The paths of expressions that are to give these forms, each with the form that suits all."""
    found: dict[tuple[Step, ...], set[Form]] = {}
    for tree, form in trees:
        for steps, expected in _expected(tree, form):
            found.setdefault(steps, set()).add(expected)
    return {steps: _common(forms) for steps, forms in found.items()}


def _common(forms: set[Form]) -> Form:
    """A moment only if nothing else reads it: it is no text any more."""
    if forms == {"moment"}:
        return "moment"
    return "text" if "text" in forms else ""


def _expected(tree: Expression, form: Form) -> Iterator[tuple[tuple[Step, ...], Form]]:
    inside: Form = ""
    match tree:
        case Path(steps, item):
            if not item:
                yield steps, form
        case Logic() | Call(name="coalesce") | Pipe(name="default"):
            inside = form
        case Choose(test, then, otherwise):
            yield from _expected(test, "")
            tree, inside = Logic("or", (then, otherwise)), form
        case Pipe(Path(), "datetime", ()):
            inside = "moment"
        case Text():
            inside = "text"
        case Pipe(does=pipe) if pipe.of_text:
            inside = "text"
        case _:
            pass
    for part in parts(tree):
        yield from _expected(part, inside)


def form_of(tree: Expression, at: FormAt) -> Form:  # noqa: PLR0911 -- a case per kind of node
    """What an expression is certain to give, unless null."""
    match tree:
        case Path(steps, item):
            return "" if item else at(steps)
        case Text() | Literal(str()):
            return "text"
        case Pipe(source, "default", (other,)):
            return _both((source, Literal(other)), at)
        case Pipe(name="split"):
            return "texts"
        case Pipe(does=pipe):
            return "text" if pipe.gives == "text" else ""
        case Logic() | Call(name="coalesce"):
            return _both(tree.parts, at)
        case Choose():
            return _both((tree.then, tree.otherwise), at)
        case _:
            return ""


def _both(trees: Iterable[Expression], at: FormAt) -> Form:
    return "text" if all(form_of(tree, at) == "text" for tree in trees) else ""


def never_null(tree: Expression) -> bool:
    match tree:
        case Text():
            return True
        case Pipe(name="default", arguments=(other,)):
            return other is not None
        case _:
            return False
