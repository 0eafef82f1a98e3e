"""Reads `match`: what tells which of our records an external one is."""

from __future__ import annotations

from typing import Any

from hub.mapping import fit
from hub.mapping.declaration import MatchRule, Rule, Through
from hub.mapping.faults import At, suggestion
from hub.mapping.reader import Reader
from hub.shape import Shape


def read(reader: Reader, data: Any, shape: Shape, rules: tuple[Rule, ...]) -> tuple[MatchRule, ...]:
    """The rules of `match`, of a mapping that reads by these `rules`."""
    known = [rule.field.name for rule in rules if rule.read is not None]
    if data is not None and not isinstance(data, list):
        reader.fault(("match",), "a list of fields belongs here: [number, [email, account]]")
        return ()
    return tuple(
        _rule(reader, entry, shape, ("match", index), known)
        for index, entry in enumerate(data or ())
    )


def _rule(reader: Reader, entry: Any, shape: Shape, at: At, known: list[str]) -> MatchRule:
    said = reader.keys(entry, "match", at) if isinstance(entry, dict) else {"by": entry}
    group = said.get("by", [])
    names = group if isinstance(group, list) else [group]
    if not names and "through" not in said:
        reader.fault(at, "by must be given: the fields that are equal")
    for name in names:
        if name not in known:
            what = f"{name!r} is not a field that this mapping reads"
            reader.fault(at, what + suggestion(name, known))
    when, ask = said.get("when"), said.get("ask", not names)
    if not isinstance(ask, bool):
        reader.fault((*at, "ask"), f"{ask!r} is neither true nor false")
    elif not ask and not names:
        what = "what goes through other records alone is not certain: add `by`, or let it ask"
        reader.fault((*at, "ask"), what)
    condition = None if when is None else reader.expression(when, (*at, "when"))
    return MatchRule(
        tuple(map(str, names)), condition, ask is True, _through(reader, said, shape, at)
    )


def _through(reader: Reader, said: dict[str, Any], shape: Shape, at: At) -> Through | None:
    """`through: case.contact, where: {our field of a case: their values}`."""
    if "through" not in said and "where" not in said:
        return None
    name, dot, person = str(said.get("through", "")).partition(".")
    where = said.get("where")
    if not dot:
        reader.fault((*at, "through"), "an entity and its reference belong here: case.contact")
    if not isinstance(where, dict) or len(where) != 1:
        what = "one field of those records and an expression belong here: {quote_id: order.name}"
        reader.fault((*at, "where"), what)
    if not dot or not isinstance(where, dict) or len(where) != 1:
        return None
    other = reader.shape(name, (*at, "through"))
    [(field, text)] = where.items()
    values = reader.expression(text, (*at, "where", field))
    if other is None or values is None:
        return None
    sound = reader.sound(fit.through(other, person, str(field), shape, at))
    return Through(other, person, str(field), values) if sound else None
