"""Shopify's search syntax, the part that a sync needs, and its paging by sort key.

`updated_at:>='2026-01-01T00:00:00Z' AND updated_at:<'…' AND id:>7 AND financial_status:paid`
(https://shopify.dev/docs/api/usage/search-syntax). The real one ignores filters that it does not
know, and answers too much; this one refuses them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from operator import eq, ge, gt, le, lt
from typing import Any

import orjson
from graphql import GraphQLError

from spokes.shopify.sandbox.shop import JsonObject

MAX_FIRST = 250
TERM = re.compile(r"\s*(\w+):(>=|<=|>|<|)(?:'([^']*)'|\"([^\"]*)\"|([^\s'\"]+))\s*")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {">=": ge, "<=": le, ">": gt, "<": lt, "": eq}
TIMES = {"updated_at", "created_at", "processed_at"}
TEXTS = {"email", "name", "financial_status", "fulfillment_status", "state"}


def matching(query: str | None) -> Callable[[JsonObject], bool]:
    """The predicate of a search query; raises `GraphQLError` for what this sandbox cannot do."""
    terms = [_term(part) for part in re.split(r"\s+AND\s+", (query or "").strip()) if part]
    return lambda record: all(term(record) for term in terms)


def _term(text: str) -> Callable[[JsonObject], bool]:
    found = TERM.fullmatch(text)
    if not found:
        raise GraphQLError(f"this sandbox cannot search for {text!r}")
    name, operator = found[1], COMPARE[found[2]]
    wanted = found[3] or found[4] or found[5] or ""
    if name in TIMES:
        try:
            moment = datetime.fromisoformat(wanted)
        except ValueError as error:
            raise GraphQLError(f"{name}: {wanted!r} is not a time") from error
        return lambda record: operator(datetime.fromisoformat(record[name]), moment)
    if name == "id":
        return lambda record: operator(record["id"], int(wanted))
    if name in TEXTS and found[2] == "":
        return lambda record: str(record.get(name) or "").lower() == wanted.lower()
    raise GraphQLError(f"this sandbox cannot search for {text!r}")


def page(
    records: Iterable[JsonObject],
    show: Callable[[JsonObject], JsonObject],
    *,
    first: int | None,
    after: str | None = None,
    key: str = "id",
    reach: int = 25_000,
) -> JsonObject:
    """A connection: the first records after a cursor, in the order of (key, id).

    Cursors hold the sort key of the last record, so whatever changes meanwhile moves behind them.
    """
    if first is None or not 0 <= first <= MAX_FIRST:
        raise GraphQLError(f"first must be between 0 and {MAX_FIRST}, not {first}")
    ordered = sorted(records, key=lambda record: _place(record, key))
    behind = _place_after(after)
    left = [r for r in ordered if behind is None or _place(r, key) > behind]
    if len(ordered) - len(left) >= reach:
        raise GraphQLError(f"paging ends after {reach} objects: narrow the search")
    shown = left[:first]
    return {
        "nodes": [show(record) for record in shown],
        "pageInfo": {
            "hasNextPage": len(left) > len(shown),
            "endCursor": _cursor(_place(shown[-1], key)) if shown else None,
        },
    }


def _place(record: JsonObject, key: str) -> tuple[str, int]:
    return ("" if key == "id" else record[key], record["id"])


def _cursor(place: tuple[str, int]) -> str:
    held = {"last_id": place[1], "last_value": place[0]}
    return base64.b64encode(orjson.dumps(held)).decode()


def _place_after(cursor: str | None) -> tuple[str, int] | None:
    if cursor is None:
        return None
    try:
        held = orjson.loads(base64.b64decode(cursor, validate=True))
        return held["last_value"], held["last_id"]
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise GraphQLError("Invalid cursor for current pagination sort.") from error
