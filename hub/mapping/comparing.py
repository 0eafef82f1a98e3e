"""Comparisons that come out the same for every record: what is compared is never alike.

Each function yields what is wrong, with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from hub.mapping.conversion import Gives
from hub.mapping.faults import At, Flaw, Found, suggestion
from hub.mapping.language import Compare, Expression, Items, Literal, Pipe

Maps = Mapping[str, Mapping[Any, Any]]
Kinds = Callable[[Expression], frozenset[Gives]]
"""All that an expression may be beside null; nothing if that is not certain."""

_ALIKE = ({"number", "truth"},)
"""Kinds that Python compares with each other: True is 1."""
WORDS: Mapping[Gives, str] = {
    "text": "a text", "number": "a number", "moment": "a moment", "day": "a day", "list": "a list",
    "truth": "true or false",
}  # fmt: skip


def never(node: Compare, at: At, maps: Maps, kinds: Kinds) -> Found:
    """Nothing is compared that is of another kind, or that a map does not give."""
    if node.sign in {"in", "not in"}:
        yield from _looks(node, at, kinds)
    else:
        yield from _compares(node.sign, node.left, node.right, at, kinds)
    if node.sign in {"==", "!=", "in", "not in"}:
        yield from _maps(node.left, node.right, at, maps)
        yield from _maps(node.right, node.left, at, maps)


def _compares(sign: str, left: Expression, right: Expression, at: At, kinds: Kinds) -> Found:
    one, other = kinds(left), kinds(right)
    if not one or not other or any(_alike(a, b) for a in one for b in other):
        return
    both = f"{WORDS[min(one)]} with {WORDS[min(other)]}"
    why = "are never equal" if sign in {"==", "!=", "in"} else "have no order"
    literal = right if isinstance(right, Literal) else left
    hint = _instead(literal, other if literal is right else one, one | other)
    yield Flaw(at, f"`{sign}` compares {both}, which {why}{hint}", literal.spot)


def _alike(one: Gives, other: Gives) -> bool:
    return one == other or {one, other} in _ALIKE


def _instead(literal: Expression, its: frozenset[Gives], kinds: frozenset[Gives]) -> str:
    """What to write in place of a constant that is of the wrong kind."""
    if not isinstance(literal, Literal):
        return ""
    value, others = literal.value, kinds - its
    if others == {"number"} and isinstance(value, str):
        return f"; write {value}" if value.lstrip("-").isdecimal() else ""
    if others == {"text"} and not isinstance(value, bool):
        return f'; write "{value}"'
    if isinstance(value, str) and others & {"moment", "day"}:
        pipe = 'datetime("UTC")' if "moment" in others else "date"
        return f'; write ("{value}" | {pipe})'
    return ""


def _looks(node: Compare, at: At, kinds: Kinds) -> Found:
    if isinstance(node.right, Items):
        parts = (_compares("in", node.left, part, at, kinds) for part in node.right.parts)
        yield from islice((flaw for found in parts for flaw in found), 1)
        return
    inside, looked_for = kinds(node.right), kinds(node.left)
    if inside and not inside & {"text", "list"}:
        what = f"`{node.sign}` looks in a list or a text, and this is {WORDS[min(inside)]}"
        yield Flaw(at, what, node.right.spot)
    elif inside == {"text"} and looked_for and "text" not in looked_for:
        what = f"`{node.sign}` looks for {WORDS[min(looked_for)]} in a text, where none is"
        yield Flaw(at, what, node.left.spot)


def _maps(mapped: Expression, other: Expression, at: At, maps: Maps) -> Found:
    """A constant that is compared with what comes out of a map is one of its values."""
    if not isinstance(mapped, Pipe) or mapped.name != "map":
        return
    name = str(mapped.arguments[0])
    values = [None, *maps.get(name, {}).values()]
    for literal in other.parts if isinstance(other, Items) else (other,):
        if isinstance(literal, Literal) and name in maps and literal.value not in values:
            hint = suggestion(literal.value, map(str, values[1:]))
            yield Flaw(at, f"`map({name})` never gives {literal.value!r}{hint}", literal.spot)
