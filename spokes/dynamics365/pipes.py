"""Durations, which Dataverse counts in whole minutes and the hub in seconds; notes for customers."""

from __future__ import annotations

import re

import hub

MINUTE = 60  # seconds


def in_minutes(seconds: int) -> int:
    if seconds % MINUTE:
        raise ValueError("Dataverse keeps whole minutes")
    return seconds // MINUTE


@hub.pipe(back=in_minutes)
def minutes(value: int) -> int:
    """What they say in minutes, in seconds."""
    return value * MINUTE


MARK = "*WEB*"
"""What begins a note that a Power Pages portal shows to customers; all others are internal."""
_MARK = re.compile(re.escape(MARK), re.IGNORECASE)


@hub.pipe()
def is_public(note: str) -> bool:
    """Whether a note is for customers: only where it begins with the mark."""
    return _MARK.match(note.lstrip()) is not None


@hub.pipe()
def unmarked(note: str) -> str:
    """A note's text without the mark that begins it."""
    text = note.lstrip()
    found = _MARK.match(text)
    return text[found.end() :].lstrip() if found else note


@hub.pipe()
def harmless(text: str) -> str:
    """A text in which the mark, wherever it stands, is none."""
    return _MARK.sub("* WEB *", text)


@hub.pipe()
def marked(text: str) -> str:
    """A text as a note for customers."""
    return f"{MARK} {text}"
