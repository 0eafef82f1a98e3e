"""Writes an expression as Python source, and a mapping's direction as one Python function.

Nothing of a mapping file gets into the source but through `repr` or the constants table: names in
it are our own (`v1`, `c2`, columns), so a file cannot name, call or reach anything.

    def generated(r):
        try:
            o = c1()
            v2 = r['Subject']
            o.short_description = …
            return o.__dict__
        except FAILURES:
            return c3(r)

The loop over the records of a page has the same body, and reads attributes of `Projection`s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hub.mapping import frames, functions, kinds, shortcuts
from hub.mapping.conversion import Constant
from hub.mapping.forms import Form, form_of, never_null
from hub.mapping.frames import Loop
from hub.mapping.kinds import DEFER, Coercion
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
    Select,
    Step,
    Text,
    record_paths,
)
from hub.mapping.projection import Projection
from hub.mapping.tables import ValueMap

Tables = Mapping[str, ValueMap]


@dataclass(slots=True)
class Source:
    """One function under construction.

    `tables` are the value maps as `map` looks them up. `read` may wrap what is read at a path of
    one key (our choices outward, by their names). `refs` is the variable with the links of a page,
    where references are to be written as ids of theirs. `root` is what the record has been decoded
    to; without one it is what `json.loads` makes of it. `plainly` leaves out every shortcut, so
    that what does not fit raises a `Failure` that says why. `texts` are variables for `check`.
    """

    tables: Tables
    root: Projection | None = None
    plainly: bool = False
    read: Callable[[Source, str, str], str] | None = None
    refs: str = ""
    lines: list[str] = field(default_factory=list[str])
    constants: dict[str, Any] = field(default_factory=dict[str, Any])
    named: dict[int, str] = field(default_factory=dict[int, str])
    paths: dict[tuple[Step, ...], str] = field(default_factory=dict[tuple[Step, ...], str])
    holders: dict[tuple[Step, ...], str] = field(default_factory=dict[tuple[Step, ...], str])
    known: dict[str, str] = field(default_factory=dict[str, str])
    items: dict[str, str] = field(default_factory=dict[str, str])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    covered: set[str] = field(default_factory=set[str])
    loose: bool = False
    checked: bool = False
    count: int = 0

    def function(
        self, parameters: str, result: str, otherwise: Callable[..., Any] | None = None
    ) -> Callable[..., Any]:
        """Compile what has been written so far; what that cannot read is given to `otherwise`."""
        body = "".join(f"        {line}\n" for line in [*self.lines, f"return {result}"])
        caught = f"return {self.constant(otherwise)}({parameters})" if otherwise else "raise"
        text = frames.FUNCTION.format(given=parameters, body=body, caught=caught)
        return frames.compiled(text, self.constants)

    def loop(self, result: str, *, decoded: bool = False) -> Loop:
        """Compile what has been written so far, as what is done with each record of a page.

        They are raw unless they are `decoded` to the Structs of `root`. The loop gives up where
        most records cannot be decoded or read this way.
        """
        kind: Any = (self.root and self.root.struct) or Any
        decode = self.constant(msgspec.json.Decoder(kind).decode)
        lines = self.lines if decoded else [f"r = {decode}(r)", *self.lines]
        body = "".join(f"            {line}\n" for line in lines)
        return frames.compiled(frames.LOOP.format(body=body, result=result), self.constants)

    @property
    def strict(self) -> bool:
        """Whether a record has everything that is read, in the form that is expected."""
        return self.root is not None and self.root.strict

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def constant(self, value: Any) -> str:
        """A name for a constant that is not written out."""
        if id(value) not in self.named:
            self.named[id(value)] = self.fresh("c")
            self.constants[self.named[id(value)]] = value
        return self.named[id(value)]

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
        here = self.root.at(above) if self.root else None
        if here:
            return self.assign("v", f"{self._object(above)}{here.attributes[step]}")
        value = self.assign("v", f"{self._getter(above)}({step!r}, ABSENT)")
        return self.read(self, step, value) if self.read and not above else value

    def _getter(self, steps: tuple[Step, ...]) -> str:
        if steps not in self.holders:
            value = self.path(steps)
            code = f"{value}.get if {value}.__class__ is dict else getter({value})"
            self.holders[steps] = self.assign("g", code if steps else "r.get")
        return self.holders[steps]

    def _object(self, steps: tuple[Step, ...]) -> str:
        """The variable with the Struct at a path."""
        if not steps:
            return "r"
        if steps not in self.holders:
            assert self.root
            above, here = self.root.at(steps[:-1]), self.root.at(steps)
            assert above
            assert here
            attribute = above.attributes[str(steps[-1])]
            name = self.assign("s", f"{self._object(steps[:-1])}{attribute}")
            self.lines.append(f"if {name} is None: {name} = {self.constant(here.nulls)}")
            self.holders[steps] = name
        return self.holders[steps]

    def given(self, tree: Expression, *, apart: bool = False) -> str:
        """The condition under which an expression has a value at all; empty if always.

        Law 1: absent only if all of its paths are. From here on its paths read null for absent;
        with a single path that need not be written, unless it is evaluated `apart` from this.
        """
        variables = [self.path(path.steps) for path in record_paths(tree)]
        self.known = {}
        if self.strict:
            return ""
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

    def value(self, tree: Expression) -> str:
        """The expression in Python, ABSENT where all of its paths are."""
        given = self.given(tree)
        code = self.code(tree)
        certain = not given or isinstance(tree, Path)
        return code if certain else f"({code} if {given} else ABSENT)"

    def shortcut(
        self, fast: str, operand: str, call: str, *arguments: str, form: Form = "", **words: str
    ) -> str:
        """`fast` filled in, with `call(operand, *arguments)` for its `{slow}`.

        `form` is what the operand is certain to have. `words` replace those of `fast`.
        """
        given = "".join(f", {argument}" for argument in arguments)
        if self.plainly or fast == "{slow}":
            return f"{call}({operand}{given})"
        if form == "text":
            fast = fast.replace(" if {v}.__class__ is str else {slow}", "")
            fast = fast.replace("{v}.__class__ is str and ", "")
        name = operand if _variable(operand) else self.fresh("t")
        once = operand if name == operand else f"({name} := {operand})"
        a, b = (*arguments, "", "")[:2]
        filled = {"v": name, "v0": once, "slow": f"{call}({name}{given})", "a": a, "b": b}
        if "{t}" in fast:
            filled["t"] = self.fresh("t")
        return f"({fast.format_map(filled | words)})"

    def made(self, form: Coercion, tree: Expression) -> str:
        """A value in its column's form. What is a text is `loose` until it is `stored`."""
        known = self.form(tree)
        self.loose = self.loose or form.text
        as_it_is = form.text and known == "text" and not self.plainly
        self.checked = as_it_is and isinstance(tree, Pipe) and tree.name == "join"
        code, words = self.code(tree), {}
        if as_it_is:
            return code
        if form.table:
            words["a"] = self.constant(form.table)
        return self.shortcut(form.fast, code, self.constant(form.call), form=known, **words)

    def stored(self, code: str, tree: Expression) -> str:
        """A text or null that is put into the record; `check` will see to it."""
        if self.plainly:
            return code
        if isinstance(tree, Text):
            self.covered |= {self.code(part) for part in tree.parts if isinstance(part, Path)}
        name = code if _variable(code) else self.fresh("t")
        sure = self.strict and never_null(tree)
        self.texts[name] = name if sure else f"{name} if {name} is not None else ''"
        return code if name == code else f"({name} := {code})"

    def check(self) -> None:
        """Refuse the record if not all of its texts are such, and can be stored; written last."""
        if not self.texts:
            return
        if not self.strict:  # what is absent is left out
            self.lines.insert(0, " = ".join([*self.texts, "None"]))
        texts = "".join(f"{t}, " for name, t in self.texts.items() if name not in self.covered)
        odd = f"'\\0' in t or len(t) > {kinds.MAX_TEXT}"
        if not (self.root and self.root.struct):  # what is decoded has no half characters
            odd += " or not (t.isascii() or t.encode())"
        self.lines += [f"t = ''.join(({texts}))", f"if {odd}: refuse()"]

    def form(self, tree: Expression) -> Form:
        """What an expression is certain to give, unless null."""
        return form_of(tree, self.root.form if self.root else lambda _: "")

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
                return self._text(parts)
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

    def _text(self, parts: tuple[Expression, ...]) -> str:
        """An f-string; Python 3.11 cannot have some characters in the braces of one."""
        shown = [self._shown(part) for part in parts]
        dicts = self.root and self.root.dicts  # `join` finds out what is no text
        if dicts or any(set('"\\#') & set(code) for code, constant in shown if not constant):
            return "''.join((" + "".join(f"{code}, " for code, _ in shown) + "))"
        pieces = [code if constant else f'f"{{{code}}}"' for code, constant in shown]
        return f"({' '.join(pieces) or repr('')})"

    def _shown(self, part: Expression) -> tuple[str, bool]:
        """A part of a text, and whether it is a constant."""
        if isinstance(part, Literal) and isinstance(part.value, str):
            return repr(part.value), True
        code = self.code(part)
        return self.shortcut(shortcuts.SHOW, code, "show", form=self.form(part)), False

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
        checked, self.checked = self.checked, False
        value, form = self.code(tree.source), self.form(tree.source)
        if tree.name == "map":
            return self._mapped(self.tables[str(tree.arguments[0])], value)
        arguments = [self.written(argument) for argument in tree.arguments]
        if tree.name == "ref" and len(arguments) == 1:
            arguments.append(repr(DEFER))
        if tree.name == "ref" and self.refs:
            return f"theirs({self.refs}, {value}, {arguments[0]})"
        if tree.name == "ref":
            fast = shortcuts.MAKE_REF
            if form == "text" and _variable(value):
                fast = shortcuts.MAKE_CHECKED_REF
                self.texts[value] = f"{value} if {value} is not None else ''"
            return self.shortcut(fast, value, "ref", *arguments, form=form)
        pipe = tree.does
        fast = pipe.fast
        if form == "moment":
            fast = shortcuts.IN_UTC
        elif form == "texts" and tree.name == "join":
            fast = shortcuts.JOIN_CHECKED if checked else shortcuts.JOIN_TEXTS
        return self.shortcut(fast, value, self.constant(pipe.inward), *arguments, form=form)

    def _mapped(self, table: ValueMap, value: str) -> str:
        """What is in no map raises here, and is explained by `lookup`."""
        if self.plainly:
            return f"lookup({self.constant(table)}, {value})"
        if table.strict:
            return f"{self.constant(dict(table))}[{value}]"
        return f"{self.constant(dict(table).get)}({value}, {self.written(table.rest)})"


def _variable(code: str) -> bool:
    """Whether the code is a variable of ours that is assigned before."""
    return code.isalnum() and code[0] in "vx"
