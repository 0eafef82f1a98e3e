"""The subset of SOQL that the sandbox understands, as a tree; all else is MALFORMED_QUERY.

query     := SELECT path {, path} FROM name [WHERE condition] [ORDER BY order] [LIMIT number]
           | SELECT COUNT() FROM name [WHERE condition] [LIMIT number]
condition := factor {AND factor} | factor {OR factor}         (never mixed without brackets)
factor    := NOT factor | ( condition ) | path operator value | path IN ( value {, value} )
operator  := = | != | < | > | <= | >= | LIKE
order     := path [ASC | DESC] [NULLS FIRST | NULLS LAST] {, ...}
value     := 'text' | number | TRUE | FALSE | NULL | 2026-11-21 | 2026-11-21T10:00:00Z
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

from spokes.salesforce.sandbox.refusal import Refused

Value = str | int | float | bool | None | datetime


class Date(str):
    """A date literal, kept apart from quoted text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Compare:
    path: tuple[str, ...]
    operator: str
    value: Value | tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Both:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    part: Condition


Condition = Compare | Both | Either | Negated


@dataclass(frozen=True, slots=True)
class Order:
    path: tuple[str, ...]
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """`counts`: only how many rows there are is asked for."""

    fields: tuple[tuple[str, ...], ...]
    sobject: str
    where: Condition | None
    order: tuple[Order, ...]
    limit: int | None
    counts: bool = False


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>[+-]?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z]\w*(?:\.[A-Za-z]\w*)*)
    | (?P<symbol>!=|<>|<=|>=|[=<>(),])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_WILDCARDS = {"_": "\\_", "%": "\\%"}  # kept escaped: only LIKE knows what to do with them
_RESERVED = {"AND", "OR", "NOT", "IN", "LIKE", "FROM", "WHERE", "ORDER", "LIMIT", "SELECT"}
DEEPEST = 50


def parse(text: str) -> Query:
    """The tree of one query; raises `Refused` with 400 MALFORMED_QUERY."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self._next = self._token(0)

    def query(self) -> Query:
        self._keyword("SELECT")
        fields = self._fields()
        counts = not fields
        self._keyword("FROM")
        (name,) = self._one(self._path())
        where = self._condition() if self._accept("name", "WHERE") else None
        order = self._order() if not counts and self._accept("name", "ORDER") else ()
        limit = int(self._expect("number").text) if self._accept("name", "LIMIT") else None
        self._expect("end")
        return Query(fields, name, where, order, limit, counts)

    def _fields(self) -> tuple[tuple[str, ...], ...]:
        """None for COUNT(), which stands alone."""
        fields = [self._path()]
        if fields == [("COUNT",)] and self._accept("symbol", "("):
            self._expect("symbol", ")")
            return ()
        while self._accept("symbol", ","):
            fields.append(self._path())
        return tuple(fields)

    def _condition(self) -> Condition:
        parts = [self._factor()]
        for word, join in (("AND", Both), ("OR", Either)):
            while self._accept("name", word):
                parts.append(self._factor())
            if len(parts) > 1:
                return join(tuple(parts))
        return parts[0]

    def _factor(self) -> Condition:
        if self._accept("name", "NOT"):
            return Negated(self._nested(self._factor))
        if self._accept("symbol", "("):
            inside = self._nested(self._condition)
            self._expect("symbol", ")")
            return inside
        return self._comparison()

    def _comparison(self) -> Compare:
        path = self._path()
        if self._accept("name", "IN"):
            return Compare(path, "IN", self._values())
        if self._accept("name", "LIKE"):
            return Compare(path, "LIKE", self._value())
        token = self._expect("symbol")
        if token.text not in {"=", "!=", "<>", "<", ">", "<=", ">="}:
            self._malformed(token)
        return Compare(path, "!=" if token.text == "<>" else token.text, self._value())

    def _values(self) -> tuple[Value, ...]:
        self._expect("symbol", "(")
        values = [self._value()]
        while self._accept("symbol", ","):
            values.append(self._value())
        self._expect("symbol", ")")
        return tuple(values)

    def _order(self) -> tuple[Order, ...]:
        self._keyword("BY")
        orders = [self._direction()]
        while self._accept("symbol", ","):
            orders.append(self._direction())
        return tuple(orders)

    def _direction(self) -> Order:
        path = self._path()
        descending = self._accept("name", "DESC")
        if not descending:
            self._accept("name", "ASC")
        nulls_last = descending
        if self._accept("name", "NULLS"):
            nulls_last = self._accept("name", "LAST")
            if not nulls_last:
                self._keyword("FIRST")
        return Order(path, descending, nulls_last)

    def _value(self) -> Value:
        token = self._advance()
        value: Value
        match token.kind, token.text.upper():
            case "text", _:
                value = _unescaped(token.text[1:-1])
            case "datetime", _:
                value = datetime.fromisoformat(token.text).astimezone(UTC)
            case "date", _:
                value = Date(token.text)
            case "number", _:
                value = float(token.text) if "." in token.text else int(token.text)
            case "name", "TRUE" | "FALSE":
                value = token.text.upper() == "TRUE"
            case "name", "NULL":
                value = None
            case _:
                self._malformed(token)
        return value

    def _path(self) -> tuple[str, ...]:
        token = self._expect("name")
        if token.text.upper() in _RESERVED:
            self._malformed(token)
        return tuple(token.text.split("."))

    def _one(self, path: tuple[str, ...]) -> tuple[str]:
        if len(path) != 1:
            raise _malformed(f"unexpected path in FROM: {'.'.join(path)}")
        return (path[0],)

    def _nested(self, rule: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _malformed("the condition is nested too deeply")
        inside = rule()
        self._depth -= 1
        return inside

    def _keyword(self, word: str) -> None:
        self._expect("name", word)

    def _accept(self, kind: str, text: str) -> bool:
        if self._next.kind != kind or self._next.text.upper() != text:
            return False
        self._advance()
        return True

    def _expect(self, kind: str, text: str = "") -> _Token:
        token = self._advance()
        if token.kind != kind or (text and token.text.upper() != text):
            self._malformed(token)
        return token

    def _advance(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._next = self._token(token.at)
        return token

    def _token(self, start: int) -> _Token:
        found = _TOKEN.match(self._text, start)
        if found is None or found.lastgroup is None:
            raise _malformed(
                f"line 1:{start + 1} no viable alternative at {self._text[start : start + 20]!r}"
            )
        return _Token(found.lastgroup, found[found.lastgroup], found.end())

    def _malformed(self, token: _Token) -> NoReturn:
        raise _malformed(f"unexpected token: '{token.text or '<EOF>'}'")


def _malformed(message: str) -> Refused:
    return Refused(400, "MALFORMED_QUERY", message)


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        letter = found[1]
        plain = _ESCAPES.get(letter.lower()) or _WILDCARDS.get(letter)
        if plain is None:
            raise _malformed(f"invalid string escape: \\{letter}")
        return plain

    return re.sub(r"\\(.)", one, text, flags=re.DOTALL)
