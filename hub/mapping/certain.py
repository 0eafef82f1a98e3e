"""What an expression is certain to give before any record is read, and what will never take it.

Each function yields what is wrong, with its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from hub.mapping import comparing
from hub.mapping.comparing import WORDS, Maps
from hub.mapping.conversion import Gives
from hub.mapping.faults import FAILURES, At, Failure, Flaw, Found
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
from hub.mapping.tables import REST
from hub.shape import Field, Kind

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


_NOT_BY_CALL: Mapping[str, frozenset[Gives]] = {
    "len": _NO_LIST - {"text"}, "sum": _NO_LIST, "any": _NO_LIST, "all": _NO_LIST,
    "min": _NO_LIST, "max": _NO_LIST,
}  # fmt: skip
_NOT_BY_HEAD: Mapping[str, frozenset[Gives]] = {
    "key": frozenset({"list", "truth"}),
    "version": frozenset({"list", "truth", "day"}),
    "each": _NO_LIST,
}


def chains(tree: Expression, at: At, maps: Maps) -> Found:
    """No part of an expression is given what it always refuses."""
    for node in walk(tree):
        match node:
            case Pipe():
                yield from _piped(node, at, maps)
            case Compare(sign=sign) if not sign.startswith("is"):
                yield from comparing.never(node, at, maps, _kinds)
            case Arithmetic(sign=sign, left=left, right=right):
                for operand in (left, right):
                    yield from _refused(f"`{sign}`", operand, _NO_SINGLE_VALUE | {"text"}, at)
            case Call(name=name, parts=(only,)):
                yield from _refused(f"`{name}`", only, _NOT_BY_CALL.get(name, frozenset()), at)
            case Each(source=source):
                yield from _refused("`for`", source, _NO_LIST, at)
            case Text(parts=those):
                for part in those:
                    yield from _refused("an f-string", part, frozenset({"list"}), at)
            case _:
                continue


def head(word: str, tree: Expression, at: At) -> Found:
    """What tells records apart, by age or apart from others, is of a kind that can."""
    yield from _refused(f"`{word}`", tree, _NOT_BY_HEAD.get(word, frozenset()), at)


def _refused(who: str, tree: Expression, refuses: Collection[Gives], at: At) -> Found:
    for inner, given, spot in _given(tree):
        if given in refuses:
            yield Flaw(at, f"{who} takes no {_word(given)}, which {inner} gives", spot)


def _piped(node: Pipe, at: At, maps: Maps) -> Found:
    for inner, given, _ in _given(node.source):
        if given in _NOT_BY_PIPE.get(node.name, ()):
            what = f"`{node.name}` takes no {_word(given)}, which {inner} gives"
            yield Flaw(at, what, node.spot)
        elif node.name == "map" and given in {"number", "truth", "moment", "day"}:
            table = maps.get(str(node.arguments[0]))
            if table and all(isinstance(key, str) for key in table) and REST not in table:
                what = f"every key of this map is a text, and {inner} gives {WORDS[given]}"
                yield Flaw(at, what, node.spot)
    if isinstance(node.source, Literal) and node.name not in {"map", "ref"} and not node.own:
        try:
            node.does.inward(node.source.value, *node.arguments)
        except FAILURES as error:
            told = str(error) if isinstance(error, Failure) else f"`{node.name}` does not take it"
            yield Flaw(at, told, node.source.spot)


def _kinds(tree: Expression) -> frozenset[Gives]:
    """All that it may be beside null, where that is certain; else nothing."""
    found = {_kind(result) for result in outcomes(tree) if result != Literal(None)}
    return frozenset(found - {""}) if "" not in found else frozenset()


def _kind(tree: Expression) -> Gives:
    if not isinstance(tree, Literal):
        return _certain(tree)[1]
    if isinstance(tree.value, bool):
        return "truth"
    return "text" if isinstance(tree.value, str) else "number"


def column(tree: Expression, field: Field, at: At) -> Found:
    """Nothing reaches a column that it always refuses."""
    hint = ": `| datetime` or `| date` makes it one" if field.kind == "instant" else ""
    for inner, given, spot in _given(tree):
        if given in _NOT_BY_COLUMN.get(field.kind, ()):
            what = f"this field is {called(field.kind)}, and {inner} gives {WORDS[given]}"
            yield Flaw(at, what + hint, spot)


def called(kind: Kind) -> str:
    """A kind of field as people know it."""
    return _KINDS.get(kind, f"a {kind}")


def _word(given: Gives) -> str:
    return WORDS[given].removeprefix("a ")


def _given(tree: Expression) -> Iterator[tuple[str, Gives, int]]:
    """Each outcome that is certain, with how people call what gives it, and where that stands."""
    for result in outcomes(tree):
        inner, given = _certain(result)
        if given:
            yield inner, given, result.spot


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
