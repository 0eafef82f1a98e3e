"""The text of an expression as Python's own tree of it, where it reads as it looks."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from hub.mapping.faults import BadExpression

MAX_LENGTH = 2_000
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""What makes a text look like another: https://trojansource.codes"""


def line_of(text: str) -> str:
    """The text on one line; raises `BadExpression` for none, or too much of it."""
    line = " ".join(text.split("\n")).strip()
    if not line:
        raise BadExpression("the expression is empty; for 'always null' write None")
    if len(line) > MAX_LENGTH:
        raise BadExpression(f"the expression is longer than {MAX_LENGTH:,} characters")
    return line


def tree_of(line: str) -> ast.expr:
    """Python's tree of an expression; raises `BadExpression`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an invalid escape is a fault, not a remark
            node = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        where = f" at column {error.offset}" if error.offset else ""
        raise BadExpression(
            f'cannot be read: {error.msg}{where}; an odd key is written this["odd key"]'
        ) from error
    except (RecursionError, MemoryError, ValueError, Warning) as error:
        raise BadExpression(
            "cannot be read: it is nested too deeply or has odd characters"
        ) from error
    source = line.encode()
    if source[node.end_col_offset or 0 :].strip(b" )"):
        raise BadExpression("a comment does not belong into an expression")
    if not line.isascii():
        if _TURNING.search(line):
            raise BadExpression("holds a character that turns the direction of what follows it")
        _check_names(node, line)
    return node


def _check_names(node: ast.expr, line: str) -> None:
    """Refuse a name that is not what Python reads: `ﬀ` as `ff`, fullwidth letters as plain ones.

    https://docs.python.org/3/reference/lexical_analysis.html#identifiers
    """
    source = line.encode()
    texts = [inner for inner in ast.walk(node) if isinstance(inner, ast.JoinedStr)]
    shown = {id(inner) for text in texts for inner in ast.walk(text)}
    for inner in ast.walk(node):
        for name, end in _names(inner):
            written = name.encode()
            stands = source[end - len(written) : end] == written
            # where nodes of an f-string stand, Python 3.11 does not know
            if not stands and not (id(inner) in shown and name in line):
                raise BadExpression(
                    f"a name in it would be read as {name!r}, which is not how it is written;"
                    ' an odd key is written this["odd key"]'
                )


def _names(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Each name that a node holds, and the byte after its last."""
    match node:
        case ast.Name(id=name, end_col_offset=int(end)):
            yield name, end
        case ast.Attribute(attr=name, end_col_offset=int(end)):
            yield name, end
        case ast.keyword(arg=str(name), col_offset=int(start)):
            yield name, start + len(name.encode())
        case _:
            return
