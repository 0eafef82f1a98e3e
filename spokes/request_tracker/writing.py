"""What is sent to Request Tracker, and whether it was done: a refused field comes with a 200."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import hub
from spokes.request_tracker.records import STAMP

CONTENT = "Content"  # the first message of a ticket: only a creation has one
_MOMENTS = ("Due",)
_PLAIN = ("Subject", "Status", "Priority", *_MOMENTS)
_UNSET = "1970-01-01 00:00:00"


def body(data: hub.JsonObject) -> hub.JsonObject:
    """A record as they take it; our key is not in it, it goes with a creation only."""
    return {name: _written(name, value) for name, value in data.items() if name != STAMP}


def differing(data: hub.JsonObject, before: hub.JsonObject) -> hub.JsonObject:
    """What a ticket does not say already, without the first message, which nobody can change.

    They keep in the history that a field which was empty became empty.
    """
    return {
        name: value
        for name, value in data.items()
        if name != CONTENT and (name not in _PLAIN or _said(value) != _said(before[name]))
    }


def check(
    id: str, sent: Iterable[str], before: hub.JsonObject, after: hub.JsonObject, told: hub.Response
) -> None:
    """Raise `Permanent` if a field is still what it was. The reason is in a list of sentences."""
    for name in set(sent).intersection(_PLAIN):
        if _said(after[name]) == _said(before[name]):
            why = "; ".join(map(str, told.json())) or "nothing"
            raise hub.Permanent(
                f"ticket {id}: {name} is still {after[name]!r}; Request Tracker said: {why}"
            )


def _written(name: str, value: object) -> object:
    """They do nothing for a null; they cut line breaks out of a subject, and put nothing there.

    A moment in ISO 8601 is taken at an update, and reads as 1970 from then on.
    """
    if name in _MOMENTS:
        return f"{_moment(value):%Y-%m-%d %H:%M:%S}" if isinstance(value, str) else _UNSET
    if name == "Subject" and isinstance(value, str):
        return " ".join(value.splitlines())
    return "" if value is None else value


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _said(value: object) -> str:
    """A value as it compares: text, and moments in one form."""
    text = "" if value is None else str(value)
    if text[:4].isdecimal():
        text = text.replace("T", " ").removesuffix("Z")
    return "" if text == _UNSET else text
