"""Writes an expression as Python source, and a mapping's direction as one Python function.

Nothing of a mapping file gets into the source but through `repr` or the constants table: names in
it are our own (`v1`, `c2`), so a file cannot name, call or reach anything.

    def inward(r):
        o = {}
        g1 = r.get
        v2 = g1('Subject', ABSENT)
        if v2 is not ABSENT:
            o['short_description'] = …
        return o
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.mapping import functions
from hub.mapping.functions import ABSENT
from hub.mapping.kinds import Ref
from hub.mapping.language import (
    Arithmetic,
    Call,
    Choose,
    Compare,
    Constant,
    Each,
    Expression,
    Items,
    Literal,
    Logic,
    Not,
    Path,
    Pipe,
    Select,
    Step,
    Text,
    record_paths,
)
from hub.mapping.pipes import PIPES

Tables = Mapping[str, dict[Any, Any]]


@dataclass(slots=True)
class Source:
    """One function under construction.

    `tables` are the value maps as `map` looks them up. `read` may wrap what is read at a path of
    one key (our choices outward, by their names). `refs` is the variable with the links of a page,
    where references are to be written as ids of theirs.
    """

    tables: Tables
    read: Callable[[Source, str, str], str] | None = None
    refs: str = ""
    lines: list[str] = field(default_factory=list[str])
    constants: dict[str, Any] = field(default_factory=dict[str, Any])
    named: dict[tuple[int, str], str] = field(default_factory=dict[tuple[int, str], str])
    paths: dict[tuple[Step, ...], str] = field(default_factory=dict[tuple[Step, ...], str])
    getters: dict[tuple[Step, ...], str] = field(default_factory=dict[tuple[Step, ...], str])
    known: dict[str, str] = field(default_factory=dict[str, str])
    items: dict[str, str] = field(default_factory=dict[str, str])
    count: int = 0

    def function(self, parameters: str, result: str) -> Callable[..., Any]:
        """Compile what has been written so far."""
        body = "".join(f"    {line}\n" for line in self.lines)
        text = f"def generated({parameters}):\n{body}    return {result}\n"
        names: dict[str, Any] = {"__builtins__": {}, **_NAMES, **self.constants}
        exec(compile(text, "<mapping>", "exec"), names)  # noqa: S102 -- see the module's docstring
        generated: Callable[..., Any] = names["generated"]
        return generated

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def constant(self, value: Any) -> str:
        """A name for a constant that is not written out."""
        key = (id(value), "")
        if key not in self.named:
            self.named[key] = self.fresh("c")
            self.constants[self.named[key]] = value
        return self.named[key]

    def written(self, value: Constant) -> str:
        """A constant of the mapping file in the source."""
        return repr(value) if isinstance(value, bool | int | str | None) else self.constant(value)

    def assign(self, letter: str, code: str) -> str:
        name = self.fresh(letter)
        self.lines.append(f"{name} = {code}")
        return name

    # -- paths: each is read once per function, whatever it is used for

    def path(self, steps: tuple[Step, ...]) -> str:
        """The variable that holds a path's value, or ABSENT."""
        if not steps:
            return "r"
        if steps not in self.paths:
            self.paths[steps] = self._read(steps[:-1], steps[-1])
        return self.paths[steps]

    def _read(self, above: tuple[Step, ...], step: Step) -> str:
        if isinstance(step, int):
            return self.assign("v", f"at({self.path(above)}, {step})")
        if isinstance(step, Select):
            return self.assign("v", f"select({self.path(above)}, {self.constant(step.criteria)})")
        value = self.assign("v", f"{self._getter(above)}({step!r}, ABSENT)")
        return self.read(self, step, value) if self.read and not above else value

    def _getter(self, steps: tuple[Step, ...]) -> str:
        if steps not in self.getters:
            value = self.path(steps)
            code = f"{value}.get if {value}.__class__ is dict else getter({value})"
            self.getters[steps] = self.assign("g", code if steps else "r.get")
        return self.getters[steps]

    def given(self, tree: Expression, *, apart: bool = False) -> str:
        """The condition under which an expression has a value at all; empty if always.

        Law 1: absent only if all of its paths are. From here on its paths read null for absent;
        with a single path that need not be written, unless it is evaluated `apart` from this.
        """
        variables = [self.path(path.steps) for path in record_paths(tree)]
        self.known = {}
        if apart or len(variables) > 1:
            self.known = {name: self._null_if_absent(name) for name in variables}
        tests = [f"{name} is not ABSENT" for name in variables if name != "r"]
        return " or ".join(tests) if len(tests) == len(variables) else ""

    def _null_if_absent(self, name: str) -> str:
        steps: tuple[Step, ...] = (name, -1)  # no path of a record: indexes are not negative
        if steps not in self.paths:
            self.paths[steps] = self.assign("x", f"None if {name} is ABSENT else {name}")
        return self.paths[steps]

    # -- expressions

    def shortcut(self, fast: str, slow: str, operand: str) -> str:
        """`fast` filled in; `slow` is a call with `{v}` for the value."""
        if fast == "{slow}":
            return slow.format(v=operand)
        name = operand if operand.isalnum() and operand[0] in "vxt" else self.fresh("t")
        once = operand if name == operand else f"({name} := {operand})"
        return f"({fast.format(v=name, v0=once, slow=slow.format(v=name))})"

    def code(self, tree: Expression) -> str:  # noqa: C901, PLR0911 -- a case per kind of node
        """The expression in Python; what it needs beforehand is written to `lines`."""
        match tree:
            case Path():
                return self._path(tree)
            case Literal(value):
                return self.written(value)
            case Items(parts):
                return "[" + "".join(f"{self.code(part)}, " for part in parts) + "]"
            case Text(parts):
                return "''.join((" + "".join(f"{self._shown(part)}, " for part in parts) + "))"
            case Logic(word, parts):
                return "(" + f" {word} ".join(self.code(part) for part in parts) + ")"
            case Not(part):
                return f"(not {self.code(part)})"
            case Choose(test, then, otherwise):
                return f"({self.code(then)} if {self.code(test)} else {self.code(otherwise)})"
            case Compare():
                return self._compare(tree)
            case Arithmetic(sign, left, right):
                return f"calculate({sign!r}, {self.code(left)}, {self.code(right)})"
            case Each():
                return self._each(tree)
            case Call():
                return self._call(tree)
            case Pipe():
                return self._pipe(tree)

    def _path(self, tree: Path) -> str:
        if tree.item:
            item = self.items[tree.item]
            return f"dig({item}, {self.constant(tree.steps)})" if tree.steps else item
        name = self.path(tree.steps)
        return self.known.get(name, name)

    def _shown(self, part: Expression) -> str:
        if isinstance(part, Literal) and isinstance(part.value, str):
            return repr(part.value)
        return self.shortcut(_SHOW, "show({v})", self.code(part))

    def _compare(self, tree: Compare) -> str:
        left, right = self.code(tree.left), self.code(tree.right)
        match tree.sign:
            case "==" | "!=" | "is" | "is not":
                return f"({left} {tree.sign} {right})"
            case "in":
                return f"contains({left}, {right})"
            case "not in":
                return f"(not contains({left}, {right}))"
            case _:
                return f"compare({tree.sign!r}, {left}, {right})"

    def _each(self, tree: Each) -> str:
        source = self.code(tree.source)
        held, item = self.fresh("t"), self.fresh("i")
        self.items[tree.item] = item
        tests = "".join(f" if {self.code(test)}" for test in tree.tests)
        listed = f"[{self.code(tree.element)} for {item} in items({held}){tests}]"
        del self.items[tree.item]
        return f"(None if ({held} := {source}) is None else {listed})"

    def _call(self, tree: Call) -> str:
        parts = [self.code(part) for part in tree.parts]
        if tree.name != "coalesce":
            return f"{self.constant(functions.CALLS[tree.name])}({', '.join(parts)})"
        code = parts.pop()
        while parts:
            held = self.fresh("t")
            code = f"({held} if ({held} := {parts.pop()}) is not None else {code})"
        return code

    def _pipe(self, tree: Pipe) -> str:
        value = self.code(tree.source)
        arguments = "".join(f", {self.written(argument)}" for argument in tree.arguments)
        if tree.name == "map":
            table = self.constant(self.tables[str(tree.arguments[0])])
            fast = f"{table}[{{v}}] if {{v0}}.__class__ is str else {{slow}}"
            return self.shortcut(fast, f"lookup({table}, {{v}})", value)
        if tree.name == "ref" and self.refs:
            return f"theirs({self.refs}, {value}, {tree.arguments[0]!r})"
        if tree.name == "ref":
            stream, on_missing = (*tree.arguments, Ref._field_defaults["on_missing"])[:2]
            fast = _MAKE_REF.format(stream=_escaped(repr(stream)), on_missing=repr(on_missing))
            return self.shortcut(fast, f"ref({{v}}{_escaped(arguments)})", value)
        pipe = PIPES[tree.name]
        slow = f"{self.constant(pipe.inward)}({{v}}{_escaped(arguments)})"
        return self.shortcut(pipe.fast, slow, value)


_SHOW = "{v} if {v0}.__class__ is str else {slow}"
_MAKE_REF = (
    "make(Ref, ({stream}, {{v}}, {on_missing}))"
    " if {{v0}}.__class__ is str and {{v}} and {{v}}.isascii() and '\\0' not in {{v}} else {{slow}}"
)


def _escaped(code: str) -> str:
    """Source that `str.format` is to leave as it is."""
    return code.replace("{", "{{").replace("}", "}}")


def evaluator(tree: Expression, tables: Tables) -> Callable[[Any], Any]:
    """A function from a record to the expression's value; ABSENT where all of its paths are."""
    source = Source(tables)
    given = source.given(tree)
    code = source.code(tree)
    return source.function("r", f"({code} if {given} else ABSENT)" if given else code)


def condition(tree: Expression, tables: Tables) -> Callable[[Any], Any]:
    """A function from a record to the expression's value; what is absent reads as null."""
    source = Source(tables)
    source.given(tree, apart=True)
    return source.function("r", source.code(tree))


_NAMES: dict[str, Any] = {
    "ABSENT": ABSENT,
    "Ref": Ref,
    "UTC": UTC,
    "datetime": datetime,
    "at": functions.at,
    "calculate": functions.calculate,
    "compare": functions.compare,
    "contains": functions.contains,
    "dict": dict,
    "dig": functions.dig,
    "getter": functions.getter,
    "int": int,
    "items": functions.items,
    "len": len,
    "lookup": functions.lookup,
    "make": tuple.__new__,
    "plain": functions.plain,
    "put": functions.put,
    "ref": functions.ref,
    "select": functions.select,
    "show": functions.show,
    "str": str,
    "theirs": functions.theirs,
}
"""Everything that generated source can reach."""
