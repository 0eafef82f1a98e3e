"""Where in a mapping file a character of an expression stands, in whichever style YAML has it."""

from __future__ import annotations

import re
from typing import Any

from hub.mapping.faults import At
from hub.marked import Document, Scalar

BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
BLANKS = " \t\n\r\x85\u2028\u2029"
_BETWEEN = re.compile(f"[{BLANKS}]*")
_ANCHOR = re.compile(f"&[^{BLANKS}]+[{BLANKS}]+")
_JOINED = re.compile(f"(?:\\\\[{BLANKS[2:]}][{BLANKS}]*)*")
"""In double quotes a line may end in a backslash, which joins it to the next."""
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^xuU]))", re.DOTALL
)
_ESCAPED = dict(zip("0abtnvfre_NLP", "\0\a\b\t\n\v\f\r\x1b\xa0\x85\u2028\u2029", strict=True))
"""What an escape stands for if not for itself: https://yaml.org/spec/1.2.2/#57-escaped-characters"""


def place(document: Document, at: At, spot: int) -> str:
    """`file:line:column` of the character `spot` of the expression that stands at a path.

    A field's may be its part `in`. Where the character cannot be told, the value begins; behind
    an alias there is no value, only the line.
    """
    path = at if document.scalar(*at) else (*at, "in")
    scalar = document.scalar(*path)
    if scalar is None:
        return document.at(*at)
    value = _value(document.data, path)
    index = _index(scalar, value, spot) if isinstance(value, str) else scalar.start
    line, begins = 1, 0
    for found in BREAK.finditer(scalar.text, 0, index):
        line, begins = line + 1, found.end()
    return f"{scalar.file}:{line}:{index - begins + 1}"


def _value(data: Any, path: At) -> Any:
    for step in path:
        try:
            data = data[step]
        except (LookupError, TypeError):  # a key that is neither text nor an integer
            return None
    return data


def _index(scalar: Scalar, value: str, spot: int) -> int:
    """Where a character of the value stands in the file's text; the one behind its last as well."""
    written = scalar.text[scalar.start : scalar.end]
    found = _aligned(written, value)
    if not found:
        return scalar.start
    if spot < len(value):
        return scalar.start + found[spot]
    last = max(n for n, char in enumerate(value) if char not in BLANKS)
    return scalar.start + found[last] + 1


def _aligned(written: str, value: str) -> list[int] | None:
    """For each character of a value where it stands as it is written; None if they do not agree."""
    anchor = _ANCHOR.match(written)
    at = anchor.end() if anchor else 0
    style = written[at : at + 1]
    if style in "|>":
        header = BREAK.search(written, at)
        at = header.end() if header else len(written)
    elif style in "'\"":
        at += 1
    found = []
    for char in value:
        if style == '"':
            at = _past(_JOINED, written, at)
        end = _behind(written, at, char, style)
        if end is None and char not in BLANKS:
            at = _past(_BETWEEN, written, at)
            at = _past(_JOINED, written, at) if style == '"' else at
            end = _behind(written, at, char, style)
            if end is None:
                return None
        found.append(at)
        at = at if end is None else end  # a blank that a line's end stands for
    return found


def _past(what: re.Pattern[str], written: str, at: int) -> int:
    found = what.match(written, at)
    return found.end() if found else at


def _behind(written: str, at: int, char: str, style: str) -> int | None:
    """The place behind a character that stands here; None if another does."""
    if style == "'" and written.startswith("''", at):
        return at + 2 if char == "'" else None
    escape = _ESCAPE.match(written, at) if style == '"' else None
    if escape is None:
        return at + 1 if written[at : at + 1] == char else None
    code, plain = escape[1] or escape[2] or escape[3], escape[4]
    stands_for = chr(int(code, 16)) if code else _ESCAPED.get(plain, plain)
    return escape.end() if stands_for == char else None
