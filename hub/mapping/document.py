"""Reads one document of a mapping file into its declaration, and finds everything that is wrong.

Nothing is raised at the first fault: each is noted with its place, and reading goes on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.mapping import agreement, deletion, fit, flow, match
from hub.mapping.declaration import Declaration, Example, Out, Part, Rule
from hub.mapping.faults import At, BadExpression, BadMapping
from hub.mapping.inverse import Inverse, invert, written
from hub.mapping.language import (
    Expression,
)
from hub.mapping.parse import target
from hub.mapping.reader import KEYS, Reader, StreamsOf, anything
from hub.marked import Document
from hub.shape import Field, Shape

OWNERS = ("theirs", "ours", "newest", "rank", "if_empty", "manual")
DIRECTIONS = ("both", "in", "out")
DRIFTS = ("ignore", "note", "hold")
FIELDS = "a mapping of our fields to expressions belongs here, as in `short_description: subject`"
BLANK = "; a blank belongs behind the colon"
CHILDREN = "a mapping of names to lists belongs here: {lines: {to: order_line, each: lines, …}}"
YES_OR_NO = frozenset({"yes", "no", "on", "off"})
"""What older YAML took for a truth, and reads as a key of theirs."""
UNREAD = frozenset({"drift", "examples", "on_delete"})
"""What makes no difference to how a record reads."""


def read(
    document: Document, shape_of: Callable[[str], Shape], streams_of: StreamsOf = anything
) -> Declaration:
    """The declaration of one document; raises `BadMapping` with all faults."""
    reader = Reader(document, shape_of, streams_of)
    declaration = _Document(reader).declaration()
    if reader.faults or declaration is None:
        raise BadMapping(reader.faults)
    return declaration


@dataclass(slots=True)
class _Document:
    """What each part of a document declares."""

    reader: Reader
    rows: Shape | None = None
    """The entity of ours whose rows are read: of a flow."""

    # -- the document

    def declaration(self) -> Declaration | None:
        data = self.reader.keys(
            self.reader.document.data, "document", (), required=("mapping", "to", "key", "fields")
        )
        shape = self.reader.shape(data.get("to"), ("to",))
        name = self.reader.text(data, "mapping") or ""
        if name and not re.fullmatch(r"[a-z][a-z0-9_-]*/\S+", name):
            self.reader.fault(("mapping",), f"{name!r} is not spoke/stream, as in salesforce/Case")
        self.rows = flow.source(self.reader, name)
        direction = self.reader.one_of(data, "direction", DIRECTIONS, "both", ("direction",))
        maps = self.maps(data.get("maps"))
        accessors = {
            word: tree
            for word in ("key", "version", "deleted", "when")
            if data.get(word) is not None and (tree := self.reader.expression(data[word], (word,)))
        }
        if shape is None:
            return None
        rules = self.rules(data.get("fields"), shape, direction, ("fields",), maps)
        parts = self.parts(data.get("children"), maps)
        matching = match.read(self.reader, data.get("match"), shape, rules)
        self.unused(maps)
        self.reader.sound(agreement.disagreements(data, accessors, rules, parts))
        if self.rows is not None:
            told = flow.disagreements(data, self.rows, shape, accessors, rules, parts)
            self.reader.sound(told)
        return Declaration(
            name=name,
            shape=shape,
            file=self.reader.document.file,
            digest=_digest({key: data[key] for key in data if key not in UNREAD}),
            owner=self.reader.one_of(data, "owner", OWNERS, "newest", ("owner",)),
            stamp=self.stamp(data),
            match=matching,
            creates=self.creates(data),
            drift=self.reader.one_of(data, "drift", DRIFTS, "note", ("drift",)),
            on_delete=deletion.read(self.reader, data, shape),
            rules=rules,
            parts=parts if direction != "out" else (),
            accessors=accessors,
            texts={word: str(data[word]) for word in accessors},
            places={
                word: self.reader.place(word)
                for word in (*accessors, *(("stamp",) if data.get("stamp") else ()))
            },
            maps=maps,
            examples=self.examples(data.get("examples")),
        )

    def stamp(self, data: dict[str, Any]) -> str:
        text = self.reader.text(data, "stamp") or ""
        if text and not re.fullmatch(r"[^\s.()\[\]]+(\.[^\s.()\[\]]+)*", text):
            self.reader.fault(("stamp",), f"{text!r} is not a path of names, as in Hub_Id__c")
        return text

    def creates(self, data: dict[str, Any]) -> bool:
        creates = data.get("creates", True)
        if not isinstance(creates, bool):
            self.reader.fault(("creates",), f"{creates!r} is neither true nor false")
        elif not creates and not data.get("match"):
            self.reader.fault(("creates",), "without `match` it would never be a record of ours")
        elif not creates and data.get("stamp"):
            self.reader.fault(("creates",), "a `stamp` is for records that we create over there")
        return creates is not False

    def maps(self, data: Any) -> dict[str, dict[Any, Any]]:
        if data is not None and not isinstance(data, dict):
            self.reader.fault(
                ("maps",), "a mapping of names to value maps belongs here: {state: {New: new}}"
            )
            return {}
        for name, entries in (data or {}).items():
            if not isinstance(entries, dict) or not entries:
                self.reader.fault(
                    ("maps", name), "a value map belongs here: {New: new, Closed: closed}"
                )
            elif None in entries:
                what = "null passes every pipe; `| default(…)` before the map gives it a value"
                self.reader.fault(("maps", name), what)
        return {name: table for name, table in (data or {}).items() if isinstance(table, dict)}

    def unused(self, maps: dict[str, dict[Any, Any]]) -> None:
        for name in maps.keys() - self.reader.used_maps:
            self.reader.fault(("maps", name), "no field uses this map; use it or remove it")

    # -- fields

    def rules(
        self, data: Any, shape: Shape, direction: str, at: At, maps: dict[str, dict[Any, Any]]
    ) -> tuple[Rule, ...]:
        if not isinstance(data, dict) or not data:
            if data is not None:
                unspaced = isinstance(data, str) and ":" in data
                self.reader.fault(at, f"{FIELDS}{BLANK if unspaced else ''}")
            return ()
        rules = []
        for name, value in data.items():
            column = self.reader.column(name, shape, (*at, name))
            entry = value if isinstance(value, dict) else {"in": value}
            rule = column and self.rule(column, shape, entry, direction, (*at, name), maps)
            if rule:
                rules.append(rule)
        self.written_once(rules, at)
        return tuple(rules)

    def rule(
        self, column: Field, shape: Shape, entry: dict[Any, Any], direction: str, at: At,
        maps: dict[str, dict[Any, Any]],
    ) -> Rule:  # fmt: skip
        self.reader.keys(entry, "field", at)
        owner = (
            self.reader.one_of(entry, "owner", OWNERS, "", (*at, "owner"))
            if "owner" in entry
            else ""
        )
        tree = self.reader.expression(entry["in"], at) if "in" in entry else None
        if "in" not in entry and "out" not in entry:
            self.reader.fault(at, "needs `in:` or `out:`")
        if tree is not None:
            if column.kind == "boolean" and str(entry["in"]).lower() in YES_OR_NO:
                what = f'write true or false; a key of that name is this["{entry["in"]}"]'
                self.reader.fault(at, what, 0)
            column = flow.as_read(column, tree, self.rows)
            self.reader.sound(fit.inward(tree, column, at, maps))
        outs = self.outs(entry["out"], shape, at) if "out" in entry else ()
        inverse, one_way = None, "`out:` says so" if "out" in entry else "direction: in"
        if tree is not None and "out" not in entry and direction != "in":
            inverse, one_way = _inverse(tree)
        text = str(entry.get("in", ""))
        kept = tree if direction != "out" else None
        kept_outs = outs if direction != "in" else ()
        return Rule(column, self.reader.place(*at), text, kept, inverse, one_way, kept_outs, owner)

    def outs(self, data: Any, shape: Shape, at: At) -> tuple[Out, ...]:
        if not isinstance(data, dict):
            what = "`out:` takes their paths and our values: {Reason: resolution_code}; {} for none"
            self.reader.fault((*at, "out"), what)
            return ()
        found = []
        for path, value in data.items():
            tree = self.reader.expression(value, (*at, "out", path))
            try:
                steps = target(str(path))
            except BadExpression as error:
                self.reader.fault((*at, "out", path), str(error))
            else:
                if tree is not None and self.reader.sound(
                    fit.outward(tree, shape, (*at, "out", path))
                ):
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
                    self.reader.fault((*at, rule.field.name), what)

    # -- children and examples

    def parts(self, data: Any, maps: dict[str, dict[Any, Any]]) -> tuple[Part, ...]:
        if data is not None and not isinstance(data, dict):
            self.reader.fault(("children",), CHILDREN)
            return ()
        found = []
        for name, child in (data or {}).items():
            at: At = ("children", name)
            entry = self.reader.keys(child, "child", at, required=KEYS["child"])
            shape = self.reader.shape(entry.get("to"), (*at, "to"))
            each, key = (
                self.reader.expression(entry[word], (*at, word))
                if entry.get(word) is not None
                else None
                for word in ("each", "key")
            )
            if shape is None:
                continue
            rules = self.rules(entry.get("fields"), shape, "in", (*at, "fields"), maps)
            if each is not None and key is not None:
                texts = {"each": str(entry["each"]), "key": str(entry["key"])}
                found.append(
                    Part(str(name), shape, each, key, rules, self.reader.place(*at), texts)
                )
        return tuple(found)

    def examples(self, data: Any) -> tuple[Example, ...]:
        if data is not None and not isinstance(data, list):
            self.reader.fault(
                ("examples",),
                "a list of examples belongs here, each of which begins with `- name:`",
            )
            return ()
        return tuple(
            Example(str(example.get("name", "")), self.reader.place("examples", index), example)
            for index, entry in enumerate(data or ())
            if (
                example := self.reader.keys(
                    entry, "example", ("examples", index), required=("name",)
                )
            )
        )


def _inverse(tree: Expression) -> tuple[Inverse | None, str]:
    try:
        return invert(tree), ""
    except BadExpression as error:
        return None, str(error)


def _digest(data: Any) -> str:
    return hashlib.sha256(repr(data).encode()).hexdigest()[:16]
