"""YAML that remembers where each value stands, so that a fault can name file, line and column.

A small YAML: 1.2 booleans (`true`, `false`; `no` and `on` are strings), no tags, no merge keys.
Numbers with leading zeros are strings: they are zip codes. Timestamps become datetimes and dates.
What a hostile file could use to exhaust us (size, depth, aliases of aliases) is bounded.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

try:  # libyaml: ten times faster, the same events
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML was built without it
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

MAX_BYTES = 2_000_000
MAX_DEPTH = 50
MAX_ALIASES = 1_000
MAX_DIGITS = 1_000
MAX_VALUES = 500_000
"""Values in a file, those behind an alias counted at each use."""


class BadYaml(ValueError):
    """The file is not YAML as we read it; the message starts with `file:line:column`."""


class Scalar(NamedTuple):
    """A value that is no list and no mapping, as the file has it: `text[start:end]`.

    With its quotation marks, or the sign and the lines of a block.
    """

    file: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain data, and where each of its keys and items stands.

    `places` maps a path (`("fields", "state")`, `("match", 0)`) to line and column, from 1. An
    entry of a mapping stands where its key does. Keys that are neither text nor integers appear
    in paths as text. `scalars` are the values that stand in the file's `text` themselves, and not
    behind an alias: from which character to which.
    """

    data: Any
    file: str
    places: Mapping[tuple[str | int, ...], tuple[int, int]]
    text: str = field(default="", repr=False)
    scalars: Mapping[tuple[str | int, ...], tuple[int, int]] = field(
        default_factory=dict, repr=False
    )

    def at(self, *path: str | int) -> str:
        """`file:line:column` of a path, or of its nearest ancestor that is known."""
        for end in range(len(path), -1, -1):
            place = self.places.get(path[:end])
            if place:
                return f"{self.file}:{place[0]}:{place[1]}"
        return self.file

    def scalar(self, *path: str | int) -> Scalar | None:
        """The value at a path as the file has it; None if it is no scalar, or behind an alias."""
        span = self.scalars.get(path)
        return span and Scalar(self.file, self.text, *span)


def read(path: Path, *, shown_as: str | None = None) -> list[Document]:
    """The documents of a file; raises `BadYaml`, also for a file that cannot be read.

    `shown_as` is the name that places and errors use instead of the path as given.
    """
    file = shown_as or str(path)
    try:
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadYaml(f"{file}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise BadYaml(f"{file}: is larger than {MAX_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _line_and_column(raw[: error.start].decode(errors="replace"), error.start)
        is_wide = raw[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
        what = "is UTF-16" if is_wide else f"is not UTF-8: byte {raw[error.start]:#04x}"
        raise BadYaml(f"{file}:{line}:{column}: {what}; save the file as UTF-8") from error
    return parse(text, file)


def parse(text: str, file: str) -> list[Document]:
    """As `read`, of text at hand."""
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        line, column = _line_and_column(text, unprintable.start())
        raise BadYaml(
            f"{file}:{line}:{column}: the character U+{ord(unprintable[0]):04X} is not allowed in"
            " YAML; in a quoted string write it as an escape"
        )
    ours, theirs = (one.search(text) for one in _CONFLICT)
    if ours and theirs:
        line, _ = _line_and_column(text, ours.start())
        raise BadYaml(f"{file}:{line}:1: holds both sides of a merge that nobody has finished")
    try:
        return list(_Builder(file, text, yaml.parse(text, Loader=Loader)).documents())
    except yaml.MarkedYAMLError as error:
        raise BadYaml(_explained(error, text, file)) from error


_ODD_BLANK = re.compile("[\u00a0\u1680\u2000-\u200f\u202f\u205f\u2060\u3000\ufeff]")
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _line_and_column(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE), re.compile(r"^>{7} ", re.MULTILINE)


class _Cause(NamedTuple):
    """What a fault of the parser means, by words of its context and its problem.

    `begins`: it is the place at which that begins which went wrong.
    """

    context: str
    problem: str
    what: str
    begins: bool = False


_CAUSES = (
    _Cause("quoted scalar", "unexpected", "the quotation mark is not closed", begins=True),
    _Cause("quoted scalar", "unknown escape", r"no such escape; in single quotes \ is plain text"),
    _Cause("flow mapping", "", "a comma is missing before this, or the } to the { in line {line}"),
    _Cause("flow sequence", "", "a comma is missing before this, or the ] to the [ in line {line}"),
    _Cause("flow node", "", "a value is missing before this"),
    _Cause("quoted scalar", "Unicode", "no character has this code"),
    _Cause("alias", "", "what begins with * needs quotes", begins=True),
    _Cause("anchor", "", "what begins with & needs quotes", begins=True),
    _Cause("tag", "", "what begins with ! needs quotes", begins=True),
    _Cause("block scalar", "", "what begins with | or > needs quotes around all of it", begins=True),
    _Cause("directive", "", "what begins with % needs quotes", begins=True),
    _Cause("", "cannot start any token", "what begins with {sign} needs quotes"),
    _Cause("simple key", "':'", "a colon and a blank are missing behind the key", begins=True),
    _Cause("", "values are not allowed",
           "a second colon in a line: indent it as the lines beside it, or put the value into quotes"),
    _Cause("", "entries are not allowed", "a list begins on a line of its own"),
    _Cause("block mapping", "",
           "is no `key: value`: indent it as the lines beside it, or put the whole value into quotes"),
    _Cause("block collection", "", "is no `- item`: indent it as the lines beside it"),
)  # fmt: skip
"""The words are libyaml's and PyYAML's own: `expected ',' or '}'`."""


def _explained(error: yaml.MarkedYAMLError, text: str, file: str) -> str:
    context, problem = error.context or "", error.problem or "is not YAML"
    causes = (one for one in _CAUSES if one.context in context and one.problem in problem)
    cause = next(causes, _Cause("", "", problem))
    mark = (error.context_mark if cause.begins else None) or error.problem_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    here = (text.splitlines() or [""])[line - 1 :][:1]
    before, sign = (here[0][:column], here[0][column - 1 : column]) if here else ("", "")
    begun = error.context_mark.line + 1 if error.context_mark else line
    what = cause.what.replace("{sign}", sign).replace("{line}", str(begun))
    if "\t" in before:
        what = "there is a tab: indent with spaces"
    return f"{file}:{line}:{column}: {what}"


@dataclass(slots=True)
class _Node:
    """A value under construction, or done: `size` counts the values in it."""

    value: Any
    size: int


@dataclass(slots=True)
class _Builder:
    """Builds documents from parser events; depth is bounded, so it may recurse."""

    file: str
    text: str
    events: Iterator[Any]
    places: dict[tuple[str | int, ...], tuple[int, int]] = field(default_factory=dict)
    scalars: dict[tuple[str | int, ...], tuple[int, int]] = field(default_factory=dict)
    anchors: dict[str, _Node | None] = field(default_factory=dict)
    aliases: int = 0
    size: int = 0

    def documents(self) -> Iterator[Document]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.places, self.scalars, self.anchors = {}, {}, {}
                node = self._node(next(self.events), ())
                yield Document(node.value, self.file, self.places, self.text, self.scalars)

    def _fault(self, event: Any, what: str) -> BadYaml:
        mark = event.start_mark
        return BadYaml(f"{self.file}:{mark.line + 1}:{mark.column + 1}: {what}")

    def _node(self, event: Any, path: tuple[str | int, ...]) -> _Node:
        self.places.setdefault(path, (event.start_mark.line + 1, event.start_mark.column + 1))
        if isinstance(event, yaml.AliasEvent):
            return self._counted(event, self._alias(event))
        if event.tag is not None:
            what = f"the tag {event.tag} is not allowed here: write plain YAML"
            own = "; what begins with ! needs quotes" if event.tag.startswith("!") else ""
            raise self._fault(event, what + own)
        if event.anchor is not None:
            self.anchors[event.anchor] = None  # being built: an alias to it would be endless
        if len(path) > MAX_DEPTH:
            raise self._fault(event, f"is nested deeper than {MAX_DEPTH} levels")
        span = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.ScalarEvent):
            self.scalars[path] = span
            node = self._counted(event, _Node(self._scalar(event), 1))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(path)
        else:
            node = self._mapping(path)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _counted(self, event: Any, node: _Node) -> _Node:
        self.size += node.size
        if self.size > MAX_VALUES:
            raise self._fault(event, f"has more than {MAX_VALUES:,} values, aliases followed")
        return node

    def _alias(self, event: Any) -> _Node:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise self._fault(event, f"uses more than {MAX_ALIASES:,} aliases")
        node = self.anchors.get(event.anchor)
        if node is None:
            within = event.anchor in self.anchors
            why = "stands inside what it names" if within else "names no anchor above it"
            raise self._fault(event, f"the alias *{event.anchor} {why}")
        return node

    def _sequence(self, path: tuple[str | int, ...]) -> _Node:
        items: list[Any] = []
        size = 1
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            node = self._node(event, (*path, len(items)))
            items.append(node.value)
            size += node.size
        return _Node(items, size)

    def _mapping(self, path: tuple[str | int, ...]) -> _Node:
        entries: dict[Any, Any] = {}
        size = 1
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in entries:
                first, _ = self.places[*path, key if isinstance(key, str | int) else str(key)]
                what = f"the key {event.value!r} stands here twice, first in line {first}"
                raise self._fault(event, what)
            inner = (*path, key if isinstance(key, str | int) else str(key))
            self.places[inner] = (event.start_mark.line + 1, event.start_mark.column + 1)
            node = self._node(next(self.events), inner)
            entries[key] = node.value
            size += node.size
        return _Node(entries, size)

    def _key(self, event: Any) -> Any:
        if not isinstance(event, yaml.ScalarEvent):
            hint = (
                "; what begins with { needs quotes"
                if isinstance(event, yaml.MappingStartEvent)
                else ""
            )
            raise self._fault(event, f"a key must be a plain value{hint}")
        if event.tag is not None or event.anchor is not None:
            raise self._fault(event, "a key has neither tag nor anchor")
        if odd := _ODD_BLANK.match(event.value) if event.implicit[0] else None:
            what = f"U+{ord(odd[0]):04X} looks like a blank and is none: indent with spaces"
            raise self._fault(event, what)
        if event.value == "<<" and event.implicit[0]:
            raise self._fault(event, "merge keys (<<) are not YAML 1.2: write the keys out")
        return self._scalar(event)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block
            return text
        for pattern, value_of in _PLAIN:
            if pattern.fullmatch(text):
                try:
                    return value_of(text)
                except ValueError as error:
                    what = f"{text[:40]!r} looks like a number or a date, but: {error}"
                    raise self._fault(event, f"{what}; quote it to make it text") from error
        return text


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"it has more than {MAX_DIGITS} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("it is too large")
    return value


def _instant(text: str) -> datetime:
    day, time = re.split(r"[Tt]|[ \t]+", text, maxsplit=1)
    return datetime.fromisoformat(f"{day}T{time.replace(' ', '').replace('z', 'Z')}")


_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    # https://yaml.org/spec/1.2.2/#1032-tag-resolution, less octal, hexadecimal, .inf and .nan
    (re.compile(r"null|Null|NULL|~|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), _whole),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)?\.[0-9]+|[-+]?(0|[1-9][0-9]*)\.[0-9]*"), _finite),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*)?[eE][-+][0-9]+"), _finite),
    (re.compile(r"\d{4}-\d\d-\d\d"), date.fromisoformat),
    (
        re.compile(r"\d{4}-\d\d-\d\d([Tt]|[ \t]+)\d\d:\d\d:\d\d(\.\d+)?( *([zZ]|[-+]\d\d:?\d\d))?"),
        _instant,
    ),
)
