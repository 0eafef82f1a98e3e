"""Turns declared rules into functions: one per direction, and one per field to explain a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hub.mapping.declaration import Out, Rule
from hub.mapping.functions import plain
from hub.mapping.generate import Source
from hub.mapping.inverse import Inverse
from hub.mapping.kinds import coercion, names_by_code
from hub.mapping.language import Pipe, Step, record_paths
from hub.mapping.pipes import PIPES, amount_as_text
from hub.mapping.tables import ValueMap, WayBack
from hub.shape import Field

Maps = dict[str, dict[Any, Any]]


@dataclass(frozen=True, slots=True)
class Builder:
    """What the functions of one mapping have in common: its value maps and our columns."""

    maps: Maps
    columns: dict[str, Field]

    def inward(self, rules: Iterable[Rule]) -> Callable[[Any], dict[str, Any]]:
        """Record → our values by field; what is absent from the record is left out."""
        source = Source({name: ValueMap(entries) for name, entries in self.maps.items()})
        source.lines.append("o = {}")
        for rule in rules:
            if rule.read is not None:
                given = source.given(rule.read)
                assignment = f"o[{rule.field.name!r}] = {self._kept(source, rule)}"
                source.lines.append(f"if {given}: {assignment}" if given else assignment)
        return source.function("r", "o")

    def _kept(self, source: Source, rule: Rule) -> str:
        """The rule's expression, in its column's form."""
        tree = rule.read
        assert tree is not None
        made = coercion(rule.field)
        if isinstance(tree, Pipe) and tree.name == "ref" and rule.field.kind == "reference":
            return source.code(tree)
        if isinstance(tree, Pipe) and tree.name == "map":
            name = str(tree.arguments[0])
            ready = ValueMap(self.maps[name], made.call)
            plainly, source.tables = source.tables, {**source.tables, name: ready}
            code = source.code(tree)
            source.tables = plainly
            return code
        slow = f"{source.constant(made.call)}({{v}})"
        return source.shortcut(made.fast, slow, source.code(tree))

    def outward(self, rules: Iterable[Rule]) -> Callable[[Any, Any], dict[str, Any]]:
        """Our values by field, and links by (stream, sys_id) → what to send."""
        tables = {name: ValueMap(entries) for name, entries in self.maps.items()}
        source = Source(tables, read=self._by_name, refs="refs")
        source.lines.append("o = {}")
        for rule in rules:
            if rule.inverse is not None:
                self._undo(source, rule.field, rule.inverse)
            for out in rule.outs:
                self._override(source, out)
        return source.function("r, refs", "o")

    def _undo(self, source: Source, column: Field, inverse: Inverse) -> None:
        value = source.assign("v", f"r.get({column.name!r}, ABSENT)")
        code = value
        pipes: Sequence[Pipe] = inverse.pipes
        if column.kind == "choice" and not (pipes and pipes[0].name == "map"):
            names = source.constant(names_by_code(column.choices))
            code = f"{names}.get({code}, {code})"
        for index, pipe in enumerate(pipes):
            code = self._undone(source, column if index == 0 else None, pipe, code)
        if column.kind == "money" and "cents" not in {pipe.name for pipe in pipes}:
            code = f"{source.constant(amount_as_text)}({code})"
        source.lines.append(f"if {value} is not ABSENT: {_write(source, inverse.target, code)}")

    def _undone(self, source: Source, column: Field | None, pipe: Pipe, code: str) -> str:
        if pipe.name == "ref":
            return f"theirs(refs, {code}, {pipe.arguments[0]!r})"
        if pipe.name == "map":
            entries = self.maps[str(pipe.arguments[0])]
            ours = coercion(column).call if column else _as_is
            names = names_by_code(column.choices) if column else {}
            return f"lookup({source.constant(WayBack(entries, ours, names))}, {code})"
        outward = PIPES[pipe.name].outward
        arguments = "".join(f", {source.written(argument)}" for argument in pipe.arguments)
        return f"{source.constant(outward)}({code}{arguments})"

    def _override(self, source: Source, out: Out) -> None:
        """`out:` writes once every field of ours that it reads is given."""
        source.known = {}
        paths = [source.path(path.steps) for path in record_paths(out.value)]
        given = " and ".join(f"{path} is not ABSENT" for path in paths)
        code = f"{source.constant(plain)}({source.code(out.value)})"
        source.lines.append(f"if {given}: {_write(source, out.target, code)}")

    def _by_name(self, source: Source, name: str, value: str) -> str:
        """`out:` reads a choice by its name."""
        column = self.columns.get(name)
        if column is None or column.kind != "choice":
            return value
        names = source.constant(names_by_code(column.choices))
        return source.assign("v", f"{names}.get({value}, {value})")


def _write(source: Source, target: tuple[Step, ...], code: str) -> str:
    if len(target) == 1:
        return f"o[{target[0]!r}] = {code}"
    return f"put(o, {source.constant(target)}, {code})"


def _as_is(value: Any) -> Any:
    return value
