"""Turns declared rules into functions: one per direction, and one per field to explain a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.mapping.conversion import Constant
from hub.mapping.declaration import Out, Rule
from hub.mapping.forms import Form, wanted
from hub.mapping.frames import Loop, PageReader
from hub.mapping.functions import plain
from hub.mapping.generate import Source, Tables
from hub.mapping.heads import PARTS
from hub.mapping.inverse import Inverse
from hub.mapping.kinds import coercion, names_by_code
from hub.mapping.language import Choose, Expression, Literal, Pipe, Step, record_paths
from hub.mapping.pipes import amount_as_text
from hub.mapping.projection import Projection, project, project_dicts, project_page
from hub.mapping.shortcuts import IN_WHOLE_SECONDS
from hub.mapping.tables import ValueMap, WayBack
from hub.shape import Field

Maps = dict[str, dict[Any, Any]]
Accessors = Mapping[str, Expression]
Inward = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Builder:
    """What the functions of one mapping have in common: its value maps and our columns."""

    maps: Maps
    columns: dict[str, Field]

    def inward(
        self, rules: Iterable[Rule], otherwise: Inward | None = None, *, plainly: bool = False
    ) -> Inward:
        """Record → our values by field; what is absent from the record is left out.

        Unless it is written `plainly`, it may raise for a record that can be read. With
        `otherwise` it is for records of the form that the rules expect, and gives it all others.
        """
        read = [rule for rule in rules if rule.read is not None]
        root = project_dicts(wanted(_trees(read))) if otherwise else None
        source = Source(self._tables(), root, plainly=plainly)
        # the attributes of an object become a dict in half the time that a dict takes to fill
        source.lines.append(f"o = {source.constant(type('Values', (), {}))}()")
        for rule in read:
            given, code = self._kept(source, rule)
            line = f"o.{rule.field.name} = {code}"
            source.lines.append(f"if {given}: {line}" if given else line)
        source.check()
        return source.function("r", "o.__dict__", otherwise)

    def rows(self, rules: Iterable[Rule], when: Expression | None, *, strict: bool) -> Loop:
        """Raw records of a page → our values in the order of the rules; None unless `when`."""
        read = [rule for rule in rules if rule.read is not None]
        return self._rows(read, when, project(wanted(_trees(read, when)), strict=strict))

    def page(
        self, accessors: Accessors, rules: Iterable[Rule], when: Expression | None
    ) -> PageReader | None:
        """What reads a page at once; None unless each part of a head is the value of a key."""
        read = [rule for rule in rules if rule.read is not None]
        heads = {word: accessors[word] for word in PARTS if word in accessors}
        root = project_page(wanted([*_heads(heads), *_trees(read, when)]), heads)
        if root is None or root.struct is None:
            return None
        return PageReader(root.struct, self._rows(read, when, root, decoded=True))

    def _rows(
        self,
        read: Iterable[Rule],
        when: Expression | None,
        root: Projection | None,
        *,
        decoded: bool = False,
    ) -> Loop:
        source = Source(self._tables(), root)
        if when:
            source.given(when, apart=True)
            source.lines.append(f"if not {source.code(when)}: keep(None); continue")
        values = []
        for rule in read:
            given, code = self._kept(source, rule)
            values.append(f"({code} if {given} else ABSENT)" if given else code)
        source.lines.append(f"o = ({''.join(f'{value}, ' for value in values)})")
        source.check()
        return source.loop("o", decoded=decoded)

    def heads(self, accessors: Accessors, *, strict: bool) -> Loop:
        """Raw records of a page → what identifies each: a `Head`."""
        trees = {word: accessors[word] for word in PARTS if word in accessors}
        source = Source(self._tables(), project(wanted(_heads(trees)), strict=strict))
        values = []
        for word, part in PARTS.items():
            if word in trees:
                call = source.constant(part.coercion.call)
                value, known = source.value(trees[word]), source.form(trees[word])
                values.append(source.shortcut(part.coercion.fast, value, call, form=known))
            else:
                values.append(repr(part.absent))
        return source.loop(f"BareHead({', '.join(values)})")

    def _tables(self) -> dict[str, ValueMap]:
        return {name: ValueMap(entries) for name, entries in self.maps.items()}

    def _kept(self, source: Source, rule: Rule) -> tuple[str, str]:
        """Under which condition the rule's expression is given, and it in its column's form."""
        assert rule.read is not None
        given = source.given(rule.read)
        source.loose = False
        code = self._formed(source, rule.read, rule.field)
        return given, source.stored(code, rule.read) if source.loose else code

    def _formed(self, source: Source, tree: Expression, column: Field) -> str:
        form = coercion(column)
        match tree:
            case Literal(value):
                return source.written(form.call(value))
            case Choose(test, then, otherwise):
                one, other = (self._formed(source, part, column) for part in (then, otherwise))
                return f"({one} if {source.code(test)} else {other})"
            case Pipe(name="map", arguments=(name, *_)):
                ready = ValueMap(self.maps[str(name)], form.call)
                plainly, source.tables = source.tables, {**source.tables, str(name): ready}
                code = source.code(tree)
                source.tables = plainly
                return code
            case Pipe(name="ref") if column.kind == "reference":
                return source.code(tree)
            case Pipe(does=pipe) if column.kind in pipe.into:
                return self._in_one(source, tree, column)
            case _:
                return source.made(form, tree)

    def _in_one(self, source: Source, tree: Pipe, column: Field) -> str:
        """A pipe and the coercion of what it gives."""
        pipe, known = tree.does, source.form(tree.source)
        fast = IN_WHOLE_SECONDS if known == "moment" else pipe.into[column.kind]
        call = source.constant(_both(coercion(column).call, pipe.inward, tree.arguments))
        return source.shortcut(fast, source.code(tree.source), call, form=known)

    def outward(self, rules: Iterable[Rule]) -> Callable[[Any, Any], dict[str, Any]]:
        """Our values by field, and links by (stream, sys_id) → what to send."""
        source = Source(self._tables(), plainly=True, read=self._by_name, refs="refs")
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
        if column.kind == "money" and not any(pipe.name == "cents" or pipe.own for pipe in pipes):
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
        arguments = "".join(f", {source.written(argument)}" for argument in pipe.arguments)
        return f"{source.constant(pipe.does.outward)}({code}{arguments})"

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


def _trees(
    rules: Iterable[Rule], when: Expression | None = None
) -> Iterator[tuple[Expression, Form]]:
    """What is read, with the form that it is to have."""
    if when:
        yield when, ""
    for rule in rules:
        assert rule.read is not None
        yield rule.read, "text" if rule.field.kind in _OF_TEXT else ""


def _heads(trees: Accessors) -> Iterator[tuple[Expression, Form]]:
    yield from ((tree, PARTS[word].expected) for word, tree in trees.items())


_OF_TEXT = ("string", "journal", "choice", "list")


def _write(source: Source, target: tuple[Step, ...], code: str) -> str:
    if len(target) == 1:
        return f"o[{target[0]!r}] = {code}"
    return f"put(o, {source.constant(target)}, {code})"


def _both(
    form: Callable[[Any], Any], pipe: Callable[..., Any], arguments: tuple[Constant, ...]
) -> Callable[[Any], Any]:
    return lambda value: form(pipe(value, *arguments))


def _as_is(value: Any) -> Any:
    return value


def evaluator(tree: Expression, tables: Tables) -> Callable[[Any], Any]:
    """A function from a record to the expression's value; ABSENT where all of its paths are."""
    source = Source(tables, plainly=True)
    return source.function("r", source.value(tree))


def condition(tree: Expression, tables: Tables) -> Callable[[Any], Any]:
    """A function from a record to the expression's value; what is absent reads as null."""
    source = Source(tables, plainly=True)
    source.given(tree, apart=True)
    return source.function("r", source.code(tree))
