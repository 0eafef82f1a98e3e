"""Recorded answers: where their records are, how they are shortened, and how a list is ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from hub.http import Response

KEPT = frozenset({"etag", "link", "location", "retry-after"})
"""Headers of an answer that a spoke may read; the others say who and where we are."""
NEXT = re.compile(r"next|more|continu", re.IGNORECASE)
LAST = re.compile(r"^(done|last|is_?last|is_?complete|complete)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `json` is None for what is not JSON; its text is nobody's business."""

    status: int
    headers: dict[str, str]
    json: Any

    @classmethod
    def of(cls, response: Response) -> Reply:
        headers = {name: value for name, value in response.headers.items() if name in KEPT}
        try:
            return cls(response.status_code, headers, orjson.loads(response.content))
        except orjson.JSONDecodeError:
            return cls(response.status_code, headers, None)

    def response(self) -> Response:
        if self.json is None:
            return Response(self.status, headers=self.headers)
        return Response(self.status, headers=self.headers, json=self.json)


def records(reply: Reply, ids: set[str]) -> list[Any]:
    """The list in an answer that holds the most records with these ids; empty for none.

    It is the answer's own list: whoever shortens it, shortens the answer.
    """
    return max(_lists(reply.json), key=lambda rows: count(rows, ids), default=[])


def holds(reply: Reply, ids: set[str]) -> bool:
    """Whether an answer tells of any of these records."""
    return bool(ids & set(_texts(reply.json)))


def ended(reply: Reply, ids: set[str]) -> Reply:
    """The answer that would come after this one, if its list had ended there."""
    last: Any = orjson.loads(orjson.dumps(reply.json))
    found = replace(reply, json=last, headers=_without_next(reply.headers))
    records(found, ids).clear()
    _close(last)
    return found


def _close(value: Any) -> None:
    """Say everywhere that nothing follows."""
    match value:
        case dict():
            for key, item in value.items():
                if LAST.search(key) and isinstance(item, bool):
                    value[key] = True
                elif NEXT.search(key) and not isinstance(item, dict | list):
                    value[key] = False if isinstance(item, bool) else None
                else:
                    _close(item)
        case list():
            for item in value:
                _close(item)
        case _:
            return


def _without_next(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "link" or "next" not in value}


def count(rows: list[Any], ids: set[str]) -> int:
    """How many of the rows tell of one of these records."""
    return sum(bool(ids & set(_texts(row))) for row in rows)


def _lists(value: Any) -> Iterator[list[Any]]:
    match value:
        case dict():
            for item in value.values():
                yield from _lists(item)
        case list():
            yield value
            for item in value:
                yield from _lists(item)
        case _:
            return


def _texts(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
        case str() | int():
            yield str(value)
        case _:
            return
