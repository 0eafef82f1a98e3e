"""What an answer holds beside its records, read without making objects of the records."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from hub.errors import Permanent, Transient
from hub.http import Response
from hub.http.status import called
from hub.rest.paths import value_at

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One page's body: its records as they came, and what stands at the other paths."""

    records: list[msgspec.Raw]
    beside: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def rows(self) -> list[Any]:
        """The records, parsed."""
        return [_row(raw) for raw in self.records]

    @property
    def last(self) -> Any:
        """The last record, parsed; there is one."""
        return _row(self.records[-1])


def opened(response: Response, at: str, *beside: str) -> Envelope:
    """Open an answer whose records are at the path `at`; what is absent `beside` is None.

    Raises `Transient` for what is no JSON, `Permanent` when no list stands there.
    """
    asked = tuple(path for path in beside if path)
    try:
        found = _decoder(at, asked).decode(response.content)
    except msgspec.ValidationError as error:
        raise _no_list(response, at) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _slowly(response, at, asked)
    records = _inside(found, at)
    if not isinstance(records, list):
        raise _no_list(response, at)
    return Envelope(records, {path: _inside(found, path) for path in asked})


def _row(raw: msgspec.Raw) -> Any:
    try:
        return orjson.loads(bytes(raw))
    except orjson.JSONDecodeError:
        return json.loads(bytes(raw))  # it takes NaN and half a character


def _no_list(response: Response, at: str) -> Permanent:
    place = repr(at) if at else "the top"
    return Permanent(f"{called(response.request)}: no list of records at {place} of the answer")


def _slowly(response: Response, at: str, beside: tuple[str, ...]) -> Envelope:
    """As only `json` can read it: NaN, half a character."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise Transient(f"{called(response.request)}: the answer is not JSON: {error}") from error
    records = value_at(body, at)
    if not isinstance(records, list):
        raise _no_list(response, at)
    raws = [msgspec.Raw(json.dumps(record).encode()) for record in records]
    return Envelope(raws, {path: value_at(body, path) for path in beside})


@lru_cache(maxsize=256)
def _decoder(at: str, beside: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    if not at and not beside:
        return msgspec.json.Decoder(list[msgspec.Raw])
    tree: Tree = {}
    for path, leaf in [(at, list[msgspec.Raw]), *((path, Any) for path in beside)]:
        *above, last = path.split(".")
        here = tree
        for name in above:
            here = here.setdefault(name, {})
        here[last] = leaf
    return msgspec.json.Decoder(_struct(tree))


def _struct(tree: Tree) -> Any:
    """A type that looks at these paths only; fields are called `_0`, for names may be odd."""
    fields: list[tuple[str, Any, Any]] = []
    names = {}
    for index, (name, inner) in enumerate(tree.items()):
        kind = _struct(inner) if isinstance(inner, dict) else inner
        fields.append((f"_{index}", kind | None if kind is not Any else Any, None))
        names[f"_{index}"] = name
    return msgspec.defstruct("Envelope", fields, rename=names, gc=False)


def _inside(found: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        if found is None:
            return None
        names = getattr(found, "__struct_encode_fields__", None)
        if names is None:
            return value_at(found, name)
        found = getattr(found, f"_{names.index(name)}")
    return found
