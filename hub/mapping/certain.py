"""What an expression is certain to give before any record is read, and what will never take it.

Each function yields faults: where, in the document, and what.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.mapping.conversion import Gives
from hub.mapping.faults import At
from hub.mapping.language import (
    Arithmetic,
    Call,
    Choose,
    Compare,
    Each,
    Expression,
    Items,
    Literal,
    Logic,
    Not,
    Path,
    Pipe,
    Text,
    outcomes,
    walk,
)
from hub.shape import Field, Kind

Found = Iterator[tuple[At, str]]

_WORDS: Mapping[Gives, str] = {
    "text": "a text", "number": "a number", "moment": "a moment", "day": "a day", "list": "a list",
    "truth": "true or false",
}  # fmt: skip
_NO_SINGLE_VALUE: frozenset[Gives] = frozenset(("list", "truth", "moment", "day"))
_NO_LIST: frozenset[Gives] = frozenset(("text", "number", "truth", "moment", "day"))

_NOT_BY_PIPE: Mapping[str, frozenset[Gives]] = (
    dict.fromkeys(
        ("trim", "lower", "upper", "email", "phone", "html", "split", "ref", "int", "number", "round",
         "cents", "money"),
        _NO_SINGLE_VALUE,
    )
    | dict.fromkeys(("join", "first"), _NO_LIST)
    | dict.fromkeys(("datetime", "date"), frozenset({"number", "list", "truth"}))
    | dict.fromkeys(("string", "map"), frozenset({"list"}))
)  # fmt: skip
_NOT_BY_COLUMN: Mapping[Kind, frozenset[Gives]] = {
    "string": frozenset({"list"}),
    "journal": frozenset({"list"}),
    "choice": _NO_SINGLE_VALUE,
    "integer": _NO_SINGLE_VALUE,
    "number": _NO_SINGLE_VALUE,
    "money": _NO_SINGLE_VALUE,
    "boolean": _NO_SINGLE_VALUE - {"truth"},
    "instant": frozenset({"text", "number", "list", "truth"}),
    "list": _NO_SINGLE_VALUE - {"list"},
    "json": _NO_LIST,
}


_KINDS: Mapping[Kind, str] = {
    "string": "a text", "integer": "an integer", "money": "an amount", "instant": "a moment",
    "boolean": "true or false", "list": "a list of ids", "json": "a list or an object",
}  # fmt: skip


def chains(tree: Expression, at: At) -> Found:
    """No pipe is given what it always refuses."""
    for node in walk(tree):
        if isinstance(node, Pipe):
            for inner, given in _given(node.source):
                if given in _NOT_BY_PIPE.get(node.name, ()):
                    yield at, f"`{node.name}` takes no {_word(given)}, which {inner} gives"


def column(tree: Expression, field: Field, at: At) -> Found:
    """Nothing reaches a column that it always refuses."""
    hint = ": `| datetime` or `| date` makes it one" if field.kind == "instant" else ""
    for inner, given in _given(tree):
        if given in _NOT_BY_COLUMN.get(field.kind, ()):
            kind = _KINDS.get(field.kind, f"a {field.kind}")
            what = f"this field is {kind}, and {inner} gives {_WORDS[given]}"
            yield at, what + hint


def _word(given: Gives) -> str:
    return _WORDS[given].removeprefix("a ")


def _given(tree: Expression) -> Iterator[tuple[str, Gives]]:
    """Each outcome that is certain, with how people call what gives it."""
    for result in outcomes(tree):
        inner, given = _certain(result)
        if given:
            yield inner, given


def _certain(tree: Expression) -> tuple[str, Gives]:  # noqa: PLR0911 -- a case per kind of node
    match tree:
        case Pipe(name=name):
            return f"`{name}`", tree.does.gives
        case Text():
            return "an f-string", "text"
        case Items() | Each():
            return "[…]", "list"
        case Compare() | Not():
            return "a comparison", "truth"
        case Call(name="any" | "all" as name):
            return f"`{name}`", "truth"
        case Call(name="len" | "sum" as name):
            return f"`{name}`", "number"
        case Arithmetic(sign=sign):
            return f"`{sign}`", "number"
        case Literal() | Path() | Call() | Logic() | Choose():
            return "", ""  # a constant is tried on its column itself
