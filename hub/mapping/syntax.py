"""The text of an expression as Python's own tree of it, where it reads as it looks."""

from __future__ import annotations

import ast
import keyword
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from hub.mapping.faults import BadExpression

MAX_LENGTH = 2_000
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""What makes a text look like another: https://trojansource.codes"""


@dataclass(frozen=True, slots=True)
class Line:
    """An expression on one line, which begins at the character `start` of its text.

    `source` is the line in bytes: by them Python counts where its nodes stand.
    """

    text: str
    start: int
    source: bytes

    def character(self, byte: int) -> int:
        """The character of the text that begins at a byte of the line."""
        return self.start + len(self.source[:byte].decode("utf-8", "replace"))

    def spot(self, node: ast.expr, otherwise: int | None) -> int:
        """The character of the text at which a node stands: of a pipe its name.

        In an f-string Python 3.11 does not always know: where it cannot, that is `otherwise`.
        """
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            node = node.right
        start = node.col_offset
        sure = otherwise is None or any(
            inner.col_offset == start and self.source.startswith(inner.id.encode(), start)
            for inner in ast.walk(node)
            if isinstance(inner, ast.Name)
        )
        return self.character(start) if sure or otherwise is None else otherwise

    def bare(self, node: ast.expr) -> bool:
        """Whether no brackets stand right around this operand."""
        before = self.source[: node.col_offset].rstrip()
        after = self.source[node.end_col_offset or 0 :].lstrip()
        return not (before.endswith(b"(") and after.startswith(b")"))


def line_of(text: str) -> Line:
    """The text on one line; raises `BadExpression` for none, or too much of it."""
    line = text.replace("\n", " ")
    start = len(line) - len(line.lstrip())
    line = line.strip()
    if not line:
        raise BadExpression("the expression is empty; for 'always null' write None", 0)
    if len(line) > MAX_LENGTH:
        what = f"the expression is longer than {MAX_LENGTH:,} characters"
        raise BadExpression(what, start + MAX_LENGTH)
    return Line(line, start, line.encode("utf-8", "replace"))


def tree_of(line: Line) -> ast.expr:
    """Python's tree of an expression; raises `BadExpression`."""
    try:
        return _tree_of(line.text)
    except BadExpression as error:
        if error.spot is not None:
            error.spot += line.start
        raise


def _tree_of(line: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an invalid escape is a fault, not a remark
            node = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        spot = error.offset - 1 if error.offset and error.offset > 0 else len(line)
        spot -= line[spot - 1 : spot + 1] in {"&&", "||", "=="}  # Python stops at the second
        raise BadExpression(f"cannot be read: {_hint(line, spot, error.msg)}", spot) from error
    except (RecursionError, MemoryError, ValueError, Warning) as error:
        raise BadExpression(
            "cannot be read: it is nested too deeply or has odd characters"
        ) from error
    source = line.encode()
    rest = source[node.end_col_offset or 0 :].lstrip(b" \t)")
    if rest:
        spot = len(source[: -len(rest)].decode("utf-8", "replace"))
        raise BadExpression("a comment does not belong into an expression", spot)
    if not line.isascii():
        if turning := _TURNING.search(line):
            what = "holds a character that turns the direction of what follows it"
            raise BadExpression(what, turning.start())
        _check_names(node, line)
    return node


_ODD = 'an odd key is written this["odd key"]'
_HINTS = tuple(
    (re.compile(pattern), hint)
    for pattern, hint in (
        (r"&&", "`and` is a word here"),
        (r"\|\|", "`or` is a word here"),
        (r"\?\?", "what stands in for null is written `a or b`, or `a | default(b)`"),
        (r"\?", "a choice is written `a if test else b`"),
        (r"!", "`not` is a word here"),
        (r"==+", "two values are compared with =="),
        (r"=", "two values are compared with =="),
        (r"<>", "two values are compared with !="),
        (r"[fF]?[\"']", "the quotation mark is not closed"),
        ("[\u201c-\u201f\u2018-\u201b\u00ab\u00bb]", "quotation marks are straight ones"),
        (r"\$", "a path begins with a name, and not with $"),
        (r"\.\d", "an item of a list is written lines[0]"),
        (r"if\b", "a choice is written `a if test else b`"),
        (r"0\d", "a number does not begin with 0, and a text has quotation marks of its own"),
        (r"$", "it ends where something must follow"),
    )
)
"""What people write who come from another language, at the character that is not understood."""


def _hint(line: str, spot: int, told: str) -> str:
    """What to write instead, as far as that can be told; `told` is what Python says."""
    word = re.match(r"\w*", line[spot:])
    name, before = word[0] if word else "", line[:spot].rstrip()
    inside = before.endswith(".")
    if keyword.iskeyword(name) and (inside or (not before and name != "if")):
        return f'`{name}` is a word of the language; as a key it is {"" if inside else "this"}["{name}"]'
    for pattern, hint in _HINTS:
        if pattern.match(line, spot):
            return hint
    if told.startswith("invalid syntax. Perhaps") or (name and before):
        return f"two values stand side by side; a text has quotation marks of its own, {_ODD}"
    if bracket := re.match("'(.)' was never closed|unmatched '(.)'", told):
        return (
            f"the {bracket[1]} is not closed" if bracket[1] else f"the {bracket[2]} closes nothing"
        )
    if told == "invalid syntax":
        return f"`{line[spot : spot + 1]}` has no meaning here; {_ODD}"
    return told


def _check_names(node: ast.expr, line: str) -> None:
    """Refuse a name that is not what Python reads: `ﬀ` as `ff`, fullwidth letters as plain ones.

    https://docs.python.org/3/reference/lexical_analysis.html#identifiers
    """
    source = line.encode()
    texts = [inner for inner in ast.walk(node) if isinstance(inner, ast.JoinedStr)]
    shown = {id(inner) for text in texts for inner in ast.walk(text)}
    for inner in ast.walk(node):
        for name, start, end in _names(inner):
            written = name.encode()
            stands = source[end - len(written) : end] == written
            # where nodes of an f-string stand, Python 3.11 does not know
            if not stands and not (id(inner) in shown and name in line):
                raise BadExpression(
                    f"a name in it would be read as {name!r}, which is not how it is written;"
                    ' an odd key is written this["odd key"]',
                    len(source[:start].decode()),
                )


def _names(node: ast.AST) -> Iterator[tuple[str, int, int]]:
    """Each name that a node holds, its first byte and the one after its last."""
    match node:
        case ast.Name(id=name, col_offset=start, end_col_offset=int(end)):
            yield name, start, end
        case ast.Attribute(attr=name, end_col_offset=int(end)):
            yield name, (node.value.end_col_offset or 0) + 1, end
        case ast.keyword(arg=str(name), col_offset=int(start)):
            yield name, start, start + len(name.encode())
        case _:
            return
