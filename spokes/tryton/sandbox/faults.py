"""How Tryton refuses: what an exception of it looks like in an answer that says 200."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class Refused(Exception):
    """An error in an answer: the class's name and what it was raised with, or only a text."""

    def __init__(self, *said: Any) -> None:
        super().__init__(*said)
        self.said: Sequence[Any] = said


def user_error(message: str) -> Refused:
    return Refused("UserError", [message, "", None])


def missing(verb: str, title: str, ids: Iterable[int]) -> Refused:
    listed = ", ".join(f'"{id}"' for id in ids)
    return user_error(f'You are trying to {verb} records {listed} of "{title}" that don\'t exist.')


def unknown(name: Any) -> Refused:
    """What Python says of a key that is not there: Tryton checks no names."""
    return Refused(repr(name), "")


def failed(text: str) -> Refused:
    return Refused(text, "")


MODIFIED = Refused("ConcurrencyException", "Records were modified in the meanwhile")
ENDLESS = failed("maximum recursion depth exceeded in __instancecheck__")
"""What becomes of an operator that it does not know."""
