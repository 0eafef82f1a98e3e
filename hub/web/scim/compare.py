"""One value of ours against one operand of a SCIM filter, as a condition that is never null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from math import prod
from typing import Any
from unicodedata import normalize

from scim2_models.path import AttributeBinding, CompareOperator
from sqlalchemy import Boolean, ColumnElement, and_, false, func, not_, or_, true

Value = ColumnElement[Any]
Condition = ColumnElement[bool]

MOST_SPELLINGS = 256
_ORDERING = {
    CompareOperator.gt: "__gt__",
    CompareOperator.ge: "__ge__",
    CompareOperator.lt: "__lt__",
    CompareOperator.le: "__le__",
}


@dataclass(frozen=True, slots=True)
class Compare:
    """Compares as `ScimFilter.match` does (RFC 7644, 3.4.2.2), in one of the two databases."""

    sqlite: bool

    def __call__(
        self, actual: Value, op: CompareOperator, expected: Any, binding: AttributeBinding
    ) -> Condition:
        if expected is None:
            return nothing(op, actual.is_not(None), actual.is_(None))
        found = self._found(actual, op, expected, binding)
        if op == CompareOperator.ne:
            return or_(actual.is_(None), not_(found))
        return and_(actual.is_not(None), found)

    def present(self, value: Value, binding: AttributeBinding) -> Condition:
        """Whether there is a value, and no empty text."""
        if binding.target_type is not str:
            return value.is_not(None)
        return and_(value.is_not(None), value != "")

    def ordered(self, value: Value, binding: AttributeBinding) -> Value:
        """The value to sort by: texts by code point, whatever PostgreSQL's locale says."""
        if binding.target_type is not str:
            return value
        folded = value if binding.case_exact else func.lower(value)
        return folded if self.sqlite else folded.collate("C")

    def _found(
        self, actual: Value, op: CompareOperator, expected: Any, binding: AttributeBinding
    ) -> Condition:
        """For `ne`, the opposite."""
        match expected:
            case bool():
                return self._flag(actual, wanted=expected)
            case datetime():
                return _moment(actual, op, expected)
            case str() if binding.target_type is datetime:
                return false()  # a part of a moment's text
            case _:
                return self._text(actual, op, str(expected), binding)

    def _flag(self, actual: Value, *, wanted: bool) -> Condition:
        if isinstance(actual.type, Boolean):
            return actual.is_(wanted)
        # `->>` gives SQLite's 1 and 0, PostgreSQL's 'true' and 'false'.
        return actual.in_([int(wanted) if self.sqlite else str(wanted).lower()])

    def _text(
        self, actual: Value, op: CompareOperator, text: str, binding: AttributeBinding
    ) -> Condition:
        if "\0" in text:
            return false()  # no text of ours has one, and PostgreSQL takes none
        exact = binding.case_exact
        if op in {CompareOperator.eq, CompareOperator.ne}:
            return and_(actual == text) if exact else is_called(actual, text)
        text = normalize("NFC", text if exact else text.lower())
        folded: Value = actual if exact else func.lower(actual)
        match op:
            case CompareOperator.co:
                at: Value = (func.instr if self.sqlite else func.strpos)(folded, text)
                return at > 0
            case CompareOperator.sw:
                return func.substr(folded, 1, len(text)) == text
            case CompareOperator.ew:
                return self._end(folded, len(text)) == text if text else true()
            case _:
                return _ordering(self.ordered(actual, binding), op)(text)

    def _end(self, value: Value, length: int) -> Value:
        return func.substr(value, -length) if self.sqlite else func.right(value, length)


def nothing(op: CompareOperator, there: Condition, empty: Condition) -> Condition:
    """A comparison with null: is there any value, is one of them empty."""
    match op:
        case CompareOperator.eq:
            return or_(not_(there), empty)
        case CompareOperator.ne:
            return and_(there, not_(empty))
        case _:
            return false()


def is_called(value: Value, text: str) -> Condition:
    """Whether a text is this one, whatever its case: what the index on `user_name` answers.

    SQLite, and PostgreSQL in the locale C, know the case of ASCII only: of other letters, each
    spelling is tried.
    """
    return func.lower(value).in_(spellings(text))


def spellings(text: str) -> list[str]:
    """What such a `lower` may make of this text; of very many, the first and the last."""
    text = normalize("NFC", text).lower()
    letters = [sorted({letter, _capital(letter)}) for letter in text]
    if prod(map(len, letters)) > MOST_SPELLINGS:
        return sorted({text, "".join(map(_capital, text))})
    return ["".join(one) for one in product(*letters)]


def _capital(letter: str) -> str:
    """The capital that a database may not know; ASCII's it knows."""
    capital = letter.upper()
    return letter if letter.isascii() or len(capital) > 1 else capital


def _moment(actual: Value, op: CompareOperator, moment: datetime) -> Condition:
    if op in {CompareOperator.eq, CompareOperator.ne}:
        return actual == moment
    return _ordering(actual, op)(moment)


def _ordering(value: Value, op: CompareOperator) -> Callable[[Any], Condition]:
    compare: Callable[[Any], Condition] = getattr(value, _ORDERING[op])
    return compare
