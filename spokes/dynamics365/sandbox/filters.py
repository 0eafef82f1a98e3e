"""The subset of $filter: comparisons, contains and its kin, and, or, not, brackets."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from spokes.dynamics365.sandbox.refusal import QUERY, Refused
from spokes.dynamics365.sandbox.rows import Row
from spokes.dynamics365.sandbox.schema import Column, Schema

Test = Callable[[Row], bool]
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": eq, "ne": ne, "gt": gt, "ge": ge, "lt": lt, "le": le
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<mark>[(),]))"
)
_LITERALS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "guid": ("guid",),
    "lookup": ("guid",),
    "moment": ("moment",),
    "flag": ("flag",),
    "int": ("number",),
    "bigint": ("number",),
    "number": ("number",),
    "choice": ("number",),
}
"""Which literal a column is compared with."""


def compiled(text: str, schema: Schema) -> Test:
    """Raises `Refused` for anything that their parser would not take."""
    parser = _Parser(_tokens(text), schema)
    test = parser.any_of()
    if parser.tokens:
        raise _syntax(f"Syntax error: unexpected '{parser.tokens[0][1]}' in '{text}'.")
    return test


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _syntax(f"Syntax error: character '{text[at]}' is not valid at position {at}.")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found


def _syntax(message: str) -> Refused:
    return Refused(400, QUERY, message)


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], schema: Schema) -> None:
        self.tokens, self._schema = tokens, schema

    def any_of(self) -> Test:
        tests = [self._all_of()]
        while self._take("or"):
            tests.append(self._all_of())
        return lambda row: any(test(row) for test in tests)

    def _all_of(self) -> Test:
        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._take("not"):
            inner = self._one()
            return lambda row: not inner(row)
        if self._take("("):
            inner = self.any_of()
            self._expect(")")
            return inner
        name = self._next("word")
        if name in _FUNCTIONS:
            return self._function(_FUNCTIONS[name])
        return self._comparison(self._column(name))

    def _function(self, call: Callable[[str, str], bool]) -> Test:
        self._expect("(")
        column = self._column(self._next("word"))
        self._expect(",")
        part = _text(self._next("text")).lower()
        self._expect(")")
        return lambda row: call(str(row.get(column.name) or "").lower(), part)

    def _comparison(self, column: Column) -> Test:
        word = self._next("word")
        if word not in _COMPARE:
            raise _syntax(f"Syntax error: '{word}' is no operator.")
        value = self._literal(column)
        compare, name = _COMPARE[word], column.name
        if value is None or word in {"eq", "ne"}:
            return lambda row: compare(_comparable(column, row.get(name)), value)
        return lambda row: (
            row.get(name) is not None and compare(_comparable(column, row[name]), value)
        )

    def _literal(self, column: Column) -> Any:
        kind, text = self.tokens.pop(0) if self.tokens else ("nothing", "")
        if (kind, text) == ("word", "null"):
            return None
        if kind == "word" and text in {"true", "false"}:
            kind = "flag"
        if kind not in _LITERALS[column.kind]:
            raise _syntax(
                "A binary operator with incompatible types was detected: "
                f"'{column.name}' cannot be compared with {text or 'nothing'}."
            )
        return _value(kind, text)

    def _column(self, name: str) -> Column:
        return column_of(self._schema, name)

    def _take(self, text: str) -> bool:
        if self.tokens and self.tokens[0][1] == text and self.tokens[0][0] != "text":
            self.tokens.pop(0)
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise _syntax(f"Syntax error: '{text}' expected.")

    def _next(self, kind: str) -> str:
        if not self.tokens or self.tokens[0][0] != kind:
            raise _syntax(f"Syntax error: a {kind} expected.")
        return self.tokens.pop(0)[1]


def column_of(schema: Schema, name: str) -> Column:
    """The column with this name in rows; raises `Refused`."""
    if name not in schema.columns:
        raise _syntax(f"Could not find a property named '{name}' on type '{schema.type}'.")
    return schema.columns[name]


def _text(quoted: str) -> str:
    return quoted[1:-1].replace("''", "'")


def _value(kind: str, text: str) -> Any:
    match kind:
        case "text":
            return _text(text).lower()
        case "moment":
            return datetime.fromisoformat(text).astimezone(UTC)
        case "guid":
            return text.lower()
        case "number":
            return float(text) if "." in text else int(text)
        case _:
            return text == "true"


def _comparable(column: Column, value: Any) -> Any:
    """Text without regard to case, as their collation has it."""
    if value is None:
        return None
    if column.kind == "moment":
        return datetime.fromisoformat(value).astimezone(UTC)
    return value.lower() if isinstance(value, str) else value
