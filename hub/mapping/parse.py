"""Reads the text of an expression into a tree, and refuses everything that is not in the language.

The text is a subset of Python's expressions: `ast` parses it, nothing of it is ever run. Only the
node types that are named here get through; what is not understood is refused, never passed on.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from typing import Literal as OneOf

from hub.mapping import own
from hub.mapping.conversion import Constant
from hub.mapping.faults import BadExpression, suggestion
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
)
from hub.mapping.pipes import PIPES, check_arguments
from hub.mapping.syntax import Line, line_of, tree_of

MAX_DEPTH = 25
MAX_TEXT = 500
MAX_NUMBER = 10**18

FUNCTIONS = {"len": 1, "sum": 1, "any": 1, "all": 1, "min": 9, "max": 9, "coalesce": 9}
"""The callable names, and how many arguments each takes at most."""

_ARITHMETIC: dict[type[ast.AST], OneOf["+", "-", "*", "/"]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_SIGNS: dict[type[ast.AST], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_CONSTANTS_ELSEWHERE = {"true": "True", "false": "False", "null": "None", "none": "None"}


def parse(text: str) -> Expression:
    """The tree of an expression; raises `BadExpression` with what to write instead."""
    line = line_of(text)
    return _Reader(line).read(tree_of(line), 0)


def target(text: str) -> tuple[Step, ...]:
    """The steps of a path that is written to: names and selectors; raises `BadExpression`."""
    tree = parse(text)
    if not isinstance(tree, Path) or not tree.steps:
        raise BadExpression(f"{text!r} is not a path")
    if any(isinstance(step, int) for step in tree.steps) or isinstance(tree.steps[-1], Select):
        raise BadExpression(f"{text!r} cannot be written to: a path of names and selectors can")
    return tree.steps


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns Python's tree into ours. `items` are the names that comprehensions bind.

    `text` is the character at which the f-string stands that is being read.
    """

    line: Line
    items: tuple[str, ...] = ()
    text: int | None = None

    def read(self, node: ast.expr, depth: int) -> Expression:
        spot = self.spot(node)
        if depth > MAX_DEPTH:
            raise BadExpression(f"is nested deeper than {MAX_DEPTH} levels", spot)
        rule = _RULES.get(type(node))
        if rule is None:
            raise BadExpression(f"{_named(node)} is not part of the mapping language", spot)
        try:
            return replace(rule(self, node, depth + 1), spot=spot)
        except BadExpression as error:
            if error.spot is None:
                error.spot = spot
            raise

    def spot(self, node: ast.expr) -> int:
        return self.line.spot(node, self.text)

    def all(self, nodes: list[ast.expr], depth: int) -> tuple[Expression, ...]:
        return tuple(self.read(node, depth) for node in nodes)

    def beside(self, node: ast.expr, depth: int, word: str) -> Expression:
        """An operand next to `word`: a bare pipe there could be read in two ways."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and self.bare(node):
            advice = f"put brackets around the pipe or around the `{word}`"
            if self.text is not None:
                advice = "in an f-string no brackets help: give it a field of its own"
            what = f"`|` beside `{word}` can be read in two ways; {advice}"
            sign = self.line.source.find(b"|", node.left.end_col_offset)
            spot = self.spot(node) if self.text is not None else self.line.character(sign)
            raise BadExpression(what, spot)
        return self.read(node, depth)

    def bare(self, node: ast.expr) -> bool:
        """Whether no brackets stand right around this operand; in an f-string, who knows."""
        return self.text is not None or self.line.bare(node)


def _constant(reader: _Reader, node: Any, depth: int) -> Expression:
    del reader, depth
    return Literal(_checked(node.value))


def _checked(value: Any) -> Constant:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise BadExpression(f"a text of more than {MAX_TEXT} characters does not belong here")
    if isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise BadExpression(f"the number is larger than {MAX_NUMBER:,}")
    if isinstance(value, float) and math.isnan(value):
        raise BadExpression("not a number")
    if value is None or isinstance(value, str | int | float):
        return value
    raise BadExpression(f"{value!r} is not part of the mapping language")


def _path(reader: _Reader, node: Any, depth: int) -> Expression:
    steps: list[Step] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            steps.append(_key(node.attr))
            node = node.value
        elif isinstance(node, ast.Subscript):
            steps.append(_subscript(reader, node))
            node = node.value
        elif isinstance(node, ast.Call) and steps and node.keywords and not node.args:
            steps.append(_select(reader, node))
            node = node.func
        else:
            raise BadExpression(f"a path starts with a name, not with {_named(node)}")
        if depth + len(steps) > 2 * MAX_DEPTH:
            raise BadExpression(f"a path of more than {MAX_DEPTH} steps")
    return _rooted(reader, node.id, tuple(reversed(steps)))


def _rooted(reader: _Reader, name: str, steps: tuple[Step, ...]) -> Path:
    if name in reader.items:
        return Path(steps, name)
    if name in _CONSTANTS_ELSEWHERE:
        raise BadExpression(f"write {_CONSTANTS_ELSEWHERE[name]} instead of {name}")
    if name == "this":
        if steps and not isinstance(steps[0], str):
            raise BadExpression('after `this` comes a key: this["odd key"]')
        return Path(steps)
    return Path((_key(name), *steps))


def _key(name: str) -> str:
    if name.startswith("__") and name.endswith("__"):
        raise BadExpression(f"{name} is not a key")
    if not name or len(name) > MAX_TEXT:
        raise BadExpression("a key has between 1 and 500 characters")
    return name


def _subscript(reader: _Reader, node: ast.Subscript) -> Step:
    inner = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if isinstance(inner, str):
        return _key(inner)
    if isinstance(inner, int) and not isinstance(inner, bool) and inner < MAX_TEXT:
        return inner
    what = 'in [brackets] stands a quoted key or a number from 0: a["odd key"], a[0]'
    raise BadExpression(what, reader.spot(node.slice))


def _select(reader: _Reader, node: ast.Call) -> Select:
    criteria = []
    for keyword in node.keywords:
        if keyword.arg is None or not isinstance(keyword.value, ast.Constant):
            what = 'a selector compares with constants: emails(type="work")'
            raise BadExpression(what, reader.spot(keyword.value))
        criteria.append((_key(keyword.arg), _checked(keyword.value.value)))
    return Select(tuple(criteria))


def _call(reader: _Reader, node: Any, depth: int) -> Expression:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if node.keywords and not node.args and name not in FUNCTIONS and name not in PIPES:
        path = _path(reader, ast.Attribute(node, "_", ast.Load()), depth)
        assert isinstance(path, Path)
        return Path(path.steps[:-1], path.item)
    if name in PIPES:
        raise BadExpression(f"{name} is a pipe: write `value | {name}`")
    if name not in FUNCTIONS or node.keywords:
        called = ast.unparse(node.func)[:40]
        raise BadExpression(f"{called}(…) cannot be called{suggestion(name, FUNCTIONS)}")
    most = FUNCTIONS[name]
    if not 1 <= len(node.args) <= most:
        amount = "1 value" if most == 1 else f"between 1 and {most} values"
        raise BadExpression(f"{name} takes {amount}, not {len(node.args)}")
    return Call(name, reader.all(node.args, depth))


def _each(reader: _Reader, node: Any, depth: int) -> Expression:
    loop = node.generators[0]
    if len(node.generators) > 1 or reader.items:
        raise BadExpression("a list is built from one `for`, and not inside another")
    if loop.is_async or not isinstance(loop.target, ast.Name):
        raise BadExpression("`for` takes one plain name")
    name = _key(loop.target.id)
    if name == "this" or name in _CONSTANTS_ELSEWHERE:
        raise BadExpression(f"`for {name}`: choose another name")
    inner = replace(reader, items=(name,))
    source = reader.read(loop.iter, depth)
    return Each(name, source, inner.read(node.elt, depth), inner.all(loop.ifs, depth))


def _logic(reader: _Reader, node: Any, depth: int) -> Expression:
    word: OneOf["and", "or"] = "or" if isinstance(node.op, ast.Or) else "and"
    return Logic(word, tuple(reader.beside(value, depth, word) for value in node.values))


def _unary(reader: _Reader, node: Any, depth: int) -> Expression:
    if isinstance(node.op, ast.Not):
        return Not(reader.beside(node.operand, depth, "not"))
    if isinstance(node.op, ast.USub):
        operand = _number(reader.beside(node.operand, depth, "-"))
        if isinstance(operand, Literal) and isinstance(operand.value, int | float):
            return Literal(-operand.value)
        return Arithmetic("-", Literal(0), operand)
    raise BadExpression(f"{_named(node.op)} is not part of the mapping language")


def _choose(reader: _Reader, node: Any, depth: int) -> Expression:
    test, then, otherwise = (
        reader.beside(part, depth, "if") for part in (node.test, node.body, node.orelse)
    )
    return Choose(test, then, otherwise)


def _compare(reader: _Reader, node: Any, depth: int) -> Expression:
    if len(node.ops) > 1:
        raise BadExpression("write a < b and b < c instead of a < b < c")
    sign = _SIGNS[type(node.ops[0])]
    left = reader.beside(node.left, depth, sign)
    right = reader.beside(node.comparators[0], depth, sign)
    if sign in {"is", "is not"} and right != Literal(None):
        raise BadExpression(f"`{sign}` compares with None only; write {'!' if sign[2:] else '='}=")
    if sign in {"is", "is not"} and isinstance(left, Literal):
        raise BadExpression(f"`{sign} None` of a constant is always the same")
    return Compare(sign, left, right)


def _binary(reader: _Reader, node: Any, depth: int) -> Expression:
    if isinstance(node.op, ast.BitOr):
        return _pipe(reader, node, depth)
    sign = _ARITHMETIC.get(type(node.op))
    if sign is None:
        raise BadExpression(f"{_named(node.op)} is not part of the mapping language")
    left, right = (reader.beside(part, depth, sign) for part in (node.left, node.right))
    return Arithmetic(sign, _number(left), _number(right))


def _number(tree: Expression) -> Expression:
    is_text = isinstance(tree, Text | Items | Each)
    if is_text or (isinstance(tree, Literal) and not _is_number(tree.value)):
        what = '+ - * / are for numbers; texts are joined by an f-string: f"{a} {b}"'
        raise BadExpression(what, tree.spot)
    return tree


def _is_number(value: Constant) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _pipe(reader: _Reader, node: ast.BinOp, depth: int) -> Expression:
    left, right = node.left, node.right
    arithmetic = isinstance(left, ast.BinOp) and not isinstance(left.op, ast.BitOr)
    if (arithmetic or isinstance(left, ast.UnaryOp)) and reader.bare(left):
        raise BadExpression(
            "`|` beside arithmetic can be read in two ways; put brackets around one"
        )
    source = reader.read(left, depth)
    called = right if isinstance(right, ast.Call) else None
    word = _pipe_name(called.func if called else right)
    does = PIPES[word] if word in PIPES else own.find(word) if "." in word else None
    if does is None:
        raise BadExpression(f"there is no pipe {word!r}{suggestion(word, PIPES)}")
    arguments = tuple(_argument(word, part) for part in called.args) if called else ()
    keywords = {part.arg or "**": part.value for part in called.keywords} if called else {}
    named = {key: _argument(word, part) for key, part in keywords.items()}
    given = check_arguments(word, does, arguments, named)
    return Pipe(source, word, given, does)


def _pipe_name(node: ast.expr) -> str:
    """`trim`, or `acme.minutes` for one of a spoke's own."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    raise BadExpression("after `|` comes the name of a pipe: `| trim`, `| map(table)`")


def _argument(pipe: str, node: ast.expr) -> Constant:
    if isinstance(node, ast.Name) and pipe in {"map", "ref"}:
        return node.id
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    inner = node.operand if negative and isinstance(node, ast.UnaryOp) else node
    if not isinstance(inner, ast.Constant):
        raise BadExpression(f"{pipe}(…) takes constants only")
    value = _checked(inner.value)
    if negative:
        if not isinstance(value, int | float):
            raise BadExpression(f"{pipe}(…) takes constants only")
        return -value
    return value


def _text(reader: _Reader, node: Any, depth: int) -> Expression:
    inner = reader if reader.text is not None else replace(reader, text=reader.spot(node))
    found: list[Expression] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            if part.format_spec is not None or part.conversion != -1:
                raise BadExpression("an f-string has plain {values}: no !r and no :format")
            found.append(inner.read(part.value, depth))
        else:
            found.append(Literal(_checked(part.value)))
    return Text(tuple(found))


def _items(reader: _Reader, node: Any, depth: int) -> Expression:
    return Items(reader.all(node.elts, depth))


def _named(node: ast.AST) -> str:
    """What the node is called where people speak of it."""
    return _WORDS.get(type(node), type(node).__name__)


_RULES: dict[type[ast.expr], Callable[[_Reader, Any, int], Expression]] = {
    ast.Constant: _constant,
    ast.Name: _path,
    ast.Attribute: _path,
    ast.Subscript: _path,
    ast.Call: _call,
    ast.ListComp: _each,
    ast.GeneratorExp: _each,
    ast.BoolOp: _logic,
    ast.UnaryOp: _unary,
    ast.IfExp: _choose,
    ast.Compare: _compare,
    ast.BinOp: _binary,
    ast.JoinedStr: _text,
    ast.Tuple: _items,
    ast.List: _items,
}
_WORDS: dict[type[ast.AST], str] = {
    ast.Lambda: "lambda",
    ast.NamedExpr: ":=",
    ast.Pow: "**",
    ast.Mod: "%",
    ast.FloorDiv: "//",
    ast.BitAnd: "&",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.MatMult: "@",
    ast.Invert: "~",
    ast.UAdd: "a leading +",
    ast.Dict: "{…}",
    ast.Set: "{…}",
    ast.Starred: "*",
}
