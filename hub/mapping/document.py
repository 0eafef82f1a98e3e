"""Reads one document of a mapping file into its declaration, and finds everything that is wrong.

Nothing is raised at the first fault: each is noted with its place, and reading goes on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hub.mapping import agreement, certain, fit
from hub.mapping.declaration import Declaration, Example, MatchRule, Out, Part, Rule, Through
from hub.mapping.faults import At, BadExpression, BadMapping, suggestion
from hub.mapping.inverse import Inverse, invert, written
from hub.mapping.language import (
    Expression,
    Literal,
    Pipe,
    walk,
)
from hub.mapping.parse import parse, target
from hub.marked import Document
from hub.shape import Field, Shape

MOST_SHOWN = 120  # characters of an expression in a message
OWNERS = ("theirs", "ours", "newest", "rank", "if_empty", "manual")
DIRECTIONS = ("both", "in", "out")
DRIFTS = ("ignore", "note", "hold")
DELETIONS = ("mark", "ignore")
KEYS = {
    "document": (
        "mapping", "to", "key", "version", "deleted", "stamp", "owner", "match", "creates", "when",
        "direction", "on_delete", "drift", "fields", "children", "maps", "examples",
    ),
    "field": ("in", "out", "owner"),
    "match": ("by", "when", "ask", "through", "where"),
    "child": ("to", "each", "key", "fields"),
    "example": ("name", "given", "refs", "want", "error", "back"),
}  # fmt: skip
"""Every key that a mapping file may have, by where it stands."""
UNREAD = frozenset({"drift", "examples"})
"""What makes no difference to how a record reads."""


def read(document: Document, shape_of: Callable[[str], Shape]) -> Declaration:
    """The declaration of one document; raises `BadMapping` with all faults."""
    reader = _Reader(document, shape_of)
    declaration = reader.declaration()
    if reader.faults or declaration is None:
        raise BadMapping(reader.faults)
    return declaration


@dataclass(slots=True)
class _Reader:
    document: Document
    shape_of: Callable[[str], Shape]
    faults: list[str] = field(default_factory=list[str])
    used_maps: set[str] = field(default_factory=set[str])

    def fault(self, at: At, what: str) -> None:
        label = ".".join(map(str, at[1:] if at[:1] == ("fields",) else at))
        self.faults.append(f"{self.document.at(*at)}: {label + ': ' if label else ''}{what}")

    def sound(self, found: Iterable[tuple[At, str]]) -> bool:
        """Note the faults; True if there are none."""
        before = len(self.faults)
        for at, what in found:
            self.fault(at, what)
        return len(self.faults) == before

    def place(self, *at: str | int) -> str:
        """`file:line`."""
        return self.document.at(*at).rpartition(":")[0] or self.document.file

    def keys(self, data: Any, kind: str, at: At, required: Iterable[str] = ()) -> dict[str, Any]:
        """A mapping that has no keys but its own; an empty one if it is none at all."""
        if not isinstance(data, dict):
            self.fault(at, f"a mapping with {', '.join(KEYS[kind])} belongs here")
            return {}
        for key in data:
            if key not in KEYS[kind]:
                self.fault((*at, key), f"unknown key{suggestion(key, KEYS[kind])}")
        missing = [key for key in required if data.get(key) is None]
        if missing:
            self.fault(at, f"{' and '.join(missing)} must be given")
        return data

    # -- the document

    def declaration(self) -> Declaration | None:
        data = self.keys(
            self.document.data, "document", (), required=("mapping", "to", "key", "fields")
        )
        shape = self.shape(data.get("to"), ("to",))
        name = self.text(data, "mapping") or ""
        if name and not re.fullmatch(r"[a-z][a-z0-9_-]*/\S+", name):
            self.fault(("mapping",), f"{name!r} is not spoke/stream, as in salesforce/Case")
        direction = self.one_of(data, "direction", DIRECTIONS, "both", ("direction",))
        maps = self.maps(data.get("maps"))
        accessors = {
            word: tree
            for word in ("key", "version", "deleted", "when")
            if data.get(word) is not None and (tree := self.expression(data[word], (word,)))
        }
        if shape is None:
            return None
        rules = self.rules(data.get("fields"), shape, direction, ("fields",), maps)
        parts = self.parts(data.get("children"), maps)
        self.unused(maps)
        self.sound(agreement.disagreements(data, accessors, rules, parts))
        return Declaration(
            name=name,
            shape=shape,
            file=self.document.file,
            digest=_digest({key: data[key] for key in data if key not in UNREAD}),
            owner=self.one_of(data, "owner", OWNERS, "newest", ("owner",)),
            stamp=self.stamp(data),
            match=self.match(data.get("match"), shape, rules),
            creates=self.creates(data),
            drift=self.one_of(data, "drift", DRIFTS, "note", ("drift",)),
            on_delete=self.one_of(data, "on_delete", DELETIONS, "mark", ("on_delete",)),
            rules=rules,
            parts=parts if direction != "out" else (),
            accessors=accessors,
            texts={word: str(data[word]) for word in accessors},
            places={word: self.place(word) for word in accessors},
            maps=maps,
            examples=self.examples(data.get("examples")),
        )

    def shape(self, name: Any, at: At) -> Shape | None:
        if not isinstance(name, str):
            if name is not None:
                self.fault(at, f"{name!r} is not the name of an entity")
            return None
        try:
            return self.shape_of(name)
        except (LookupError, ValueError) as error:
            self.fault(at, str(error.args[0] if error.args else f"no entity is called {name!r}"))
            return None

    def text(self, data: dict[str, Any], key: str) -> str | None:
        value = data.get(key)
        if value is not None and not isinstance(value, str):
            self.fault((key,), f"{value!r} is not text")
            return None
        return value

    def one_of(
        self, data: dict[str, Any], key: str, words: tuple[str, ...], otherwise: str, at: At
    ) -> str:
        value = data.get(key, otherwise)
        if value in words:
            return str(value)
        self.fault(at, f"{value!r} does not belong here{suggestion(value, words)}")
        return otherwise

    def stamp(self, data: dict[str, Any]) -> str:
        text = self.text(data, "stamp") or ""
        if text and not re.fullmatch(r"[^\s.()\[\]]+(\.[^\s.()\[\]]+)*", text):
            self.fault(("stamp",), f"{text!r} is not a path of names, as in Hub_Id__c")
        return text

    def creates(self, data: dict[str, Any]) -> bool:
        creates = data.get("creates", True)
        if not isinstance(creates, bool):
            self.fault(("creates",), f"{creates!r} is neither true nor false")
        elif not creates and not data.get("match"):
            self.fault(("creates",), "without `match` it would never be a record of ours")
        elif not creates and data.get("stamp"):
            self.fault(("creates",), "a `stamp` is for records that we create over there")
        return creates is not False

    def match(self, data: Any, shape: Shape, rules: tuple[Rule, ...]) -> tuple[MatchRule, ...]:
        known = [rule.field.name for rule in rules if rule.read is not None]
        if data is not None and not isinstance(data, list):
            self.fault(("match",), "a list of fields belongs here: [number, [email, account]]")
            return ()
        return tuple(
            self.match_rule(entry, shape, ("match", index), known)
            for index, entry in enumerate(data or ())
        )

    def match_rule(self, entry: Any, shape: Shape, at: At, known: list[str]) -> MatchRule:
        said = self.keys(entry, "match", at) if isinstance(entry, dict) else {"by": entry}
        group = said.get("by", [])
        names = group if isinstance(group, list) else [group]
        if not names and "through" not in said:
            self.fault(at, "by must be given: the fields that are equal")
        for name in names:
            if name not in known:
                what = f"{name!r} is not a field that this mapping reads"
                self.fault(at, what + suggestion(name, known))
        when, ask = said.get("when"), said.get("ask", not names)
        if not isinstance(ask, bool):
            self.fault((*at, "ask"), f"{ask!r} is neither true nor false")
        elif not ask and not names:
            what = "what goes through other records alone is not certain: add `by`, or let it ask"
            self.fault((*at, "ask"), what)
        condition = None if when is None else self.expression(when, (*at, "when"))
        return MatchRule(
            tuple(map(str, names)), condition, ask is True, self.through(said, shape, at)
        )

    def through(self, said: dict[str, Any], shape: Shape, at: At) -> Through | None:
        """`through: case.contact, where: {our field of a case: their values}`."""
        if "through" not in said and "where" not in said:
            return None
        name, dot, person = str(said.get("through", "")).partition(".")
        where = said.get("where")
        if not dot:
            self.fault((*at, "through"), "an entity and its reference belong here: case.contact")
        if not isinstance(where, dict) or len(where) != 1:
            what = (
                "one field of those records and an expression belong here: {quote_id: order.name}"
            )
            self.fault((*at, "where"), what)
        if not dot or not isinstance(where, dict) or len(where) != 1:
            return None
        other = self.shape(name, (*at, "through"))
        [(field, text)] = where.items()
        values = self.expression(text, (*at, "where", field))
        if other is None or values is None:
            return None
        sound = self.sound(fit.through(other, person, str(field), shape, at))
        return Through(other, person, str(field), values) if sound else None

    # -- expressions and maps

    def expression(self, value: Any, at: At) -> Expression | None:
        if isinstance(value, bool | int | float):
            return Literal(value)
        if not isinstance(value, str):
            what = "is empty; for 'always null' write None" if value is None else "is no expression"
            self.fault(at, f"{'' if value is None else repr(value) + ' '}{what}")
            return None
        try:
            tree = parse(value)
        except BadExpression as error:
            shown = value if len(value) <= MOST_SHOWN else f"{value[:MOST_SHOWN]}…"
            self.fault(at, f"{error} in `{shown}`" if shown else str(error))
            return None
        sound = self.sound(certain.chains(tree, at))
        return tree if self.maps_exist(tree, at) and sound else None

    def maps_exist(self, tree: Expression, at: At) -> bool:
        declared = self.document.data.get("maps") or {}
        names = [str(p.arguments[0]) for p in walk(tree) if isinstance(p, Pipe) and p.name == "map"]
        self.used_maps.update(names)
        missing = [name for name in names if not isinstance(declared, dict) or name not in declared]
        for name in missing:
            self.fault(at, f"there is no map {name!r}{suggestion(name, map(str, declared))}")
        return not missing

    def maps(self, data: Any) -> dict[str, dict[Any, Any]]:
        if data is not None and not isinstance(data, dict):
            self.fault(("maps",), "a mapping of names to value maps belongs here")
            return {}
        for name, entries in (data or {}).items():
            if not isinstance(entries, dict) or not entries:
                self.fault(("maps", name), "a value map belongs here: {New: new, Closed: closed}")
            elif None in entries:
                what = "null passes every pipe; `| default(…)` before the map gives it a value"
                self.fault(("maps", name), what)
        return {name: table for name, table in (data or {}).items() if isinstance(table, dict)}

    def unused(self, maps: dict[str, dict[Any, Any]]) -> None:
        for name in maps.keys() - self.used_maps:
            self.fault(("maps", name), "no field uses this map; use it or remove it")

    # -- fields

    def rules(
        self, data: Any, shape: Shape, direction: str, at: At, maps: dict[str, dict[Any, Any]]
    ) -> tuple[Rule, ...]:
        if not isinstance(data, dict) or not data:
            if data is not None:
                self.fault(at, "a mapping of our fields to expressions belongs here")
            return ()
        rules = []
        for name, value in data.items():
            column = self.column(name, shape, (*at, name))
            entry = value if isinstance(value, dict) else {"in": value}
            rule = column and self.rule(column, shape, entry, direction, (*at, name), maps)
            if rule:
                rules.append(rule)
        self.written_once(rules, at)
        return tuple(rules)

    def column(self, name: Any, shape: Shape, at: At) -> Field | None:
        known = shape.fields.get(name)
        if known is None and isinstance(name, str) and re.fullmatch(r"u_[a-z0-9_]{1,60}", name):
            return Field(name, "string")
        if known is None:
            hint = (
                suggestion(name, shape.fields)
                or "; a custom field is called u_…, 62 letters at most"
            )
            self.fault(at, f"{shape.name} has no such field{hint}")
        elif known.read_only:
            self.fault(at, "the store alone sets this field; remove the line")
            return None
        return known

    def rule(
        self, column: Field, shape: Shape, entry: dict[Any, Any], direction: str, at: At,
        maps: dict[str, dict[Any, Any]],
    ) -> Rule:  # fmt: skip
        self.keys(entry, "field", at)
        owner = self.one_of(entry, "owner", OWNERS, "", (*at, "owner")) if "owner" in entry else ""
        tree = self.expression(entry["in"], at) if "in" in entry else None
        if "in" not in entry and "out" not in entry:
            self.fault(at, "needs `in:` or `out:`")
        if tree is not None:
            self.sound(fit.inward(tree, column, at, maps))
        outs = self.outs(entry["out"], shape, at) if "out" in entry else ()
        inverse, one_way = None, "`out:` says so" if "out" in entry else "direction: in"
        if tree is not None and "out" not in entry and direction != "in":
            inverse, one_way = _inverse(tree)
        text = str(entry.get("in", ""))
        kept = tree if direction != "out" else None
        kept_outs = outs if direction != "in" else ()
        return Rule(column, self.place(*at), text, kept, inverse, one_way, kept_outs, owner)

    def outs(self, data: Any, shape: Shape, at: At) -> tuple[Out, ...]:
        if not isinstance(data, dict):
            what = "`out:` takes their paths and our values: {Reason: resolution_code}; {} for none"
            self.fault((*at, "out"), what)
            return ()
        found = []
        for path, value in data.items():
            tree = self.expression(value, (*at, "out", path))
            try:
                steps = target(str(path))
            except BadExpression as error:
                self.fault((*at, "out", path), str(error))
            else:
                if tree is not None and self.sound(fit.outward(tree, shape, (*at, "out", path))):
                    found.append(Out(steps, tree, str(value)))
        return tuple(found)

    def written_once(self, rules: list[Rule], at: At) -> None:
        """No two fields may write to one place: which of them would win?"""
        taken: dict[str, str] = {}
        for rule in rules:
            targets = [rule.inverse.target] if rule.inverse else [out.target for out in rule.outs]
            for path in map(written, targets):
                first = taken.setdefault(path, rule.field.name)
                if first != rule.field.name:
                    what = f"{first} writes to {path} as well; `out: {{}}` makes one inward only"
                    self.fault((*at, rule.field.name), what)

    # -- children and examples

    def parts(self, data: Any, maps: dict[str, dict[Any, Any]]) -> tuple[Part, ...]:
        if data is not None and not isinstance(data, dict):
            self.fault(("children",), "a mapping of names to lists belongs here")
            return ()
        found = []
        for name, child in (data or {}).items():
            at: At = ("children", name)
            entry = self.keys(child, "child", at, required=KEYS["child"])
            shape = self.shape(entry.get("to"), (*at, "to"))
            each, key = (
                self.expression(entry[word], (*at, word)) if entry.get(word) is not None else None
                for word in ("each", "key")
            )
            if shape is None:
                continue
            rules = self.rules(entry.get("fields"), shape, "in", (*at, "fields"), maps)
            if each is not None and key is not None:
                texts = {"each": str(entry["each"]), "key": str(entry["key"])}
                found.append(Part(str(name), shape, each, key, rules, self.place(*at), texts))
        return tuple(found)

    def examples(self, data: Any) -> tuple[Example, ...]:
        if data is not None and not isinstance(data, list):
            self.fault(("examples",), "a list of examples belongs here")
            return ()
        return tuple(
            Example(str(example.get("name", "")), self.place("examples", index), example)
            for index, entry in enumerate(data or ())
            if (example := self.keys(entry, "example", ("examples", index), required=("name",)))
        )


def _inverse(tree: Expression) -> tuple[Inverse | None, str]:
    try:
        return invert(tree), ""
    except BadExpression as error:
        return None, str(error)


def _digest(data: Any) -> str:
    return hashlib.sha256(repr(data).encode()).hexdigest()[:16]
