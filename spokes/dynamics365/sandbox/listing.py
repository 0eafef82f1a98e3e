"""Answering GET on a set: $filter, $orderby, $top, $count, and pages with a cookie."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import orjson

from hub.testing import Answer
from spokes.dynamics365.sandbox import filters
from spokes.dynamics365.sandbox.prefer import Preferences
from spokes.dynamics365.sandbox.refusal import ODATA, QUERY, TOO_MANY, Refused
from spokes.dynamics365.sandbox.rows import Row, Rows, Table
from spokes.dynamics365.sandbox.schema import Column
from spokes.dynamics365.sandbox.view import context, view

OPTIONS = frozenset({"select", "filter", "orderby", "expand", "top", "count", "skiptoken"})
MOST_COUNTED = 5_000
_APPLY = re.compile(r"(?:filter\((.+)\)/)?aggregate\(\$count as ([A-Za-z_]\w*)\)")
Options = Mapping[str, str]
Order = Sequence[tuple[Column, bool]]


def options(query: Sequence[tuple[str, str]], allowed: frozenset[str]) -> dict[str, str]:
    """The system query options; raises `Refused` for others, and for one that comes twice."""
    found: dict[str, str] = {}
    for name, value in query:
        if name == "$skip":
            raise Refused(400, QUERY, "Skip Clause is not supported in CRM")
        option = name.removeprefix("$")
        if not name.startswith("$") or option not in allowed or option in found:
            raise Refused(400, QUERY, f"The query parameter {name} is not supported.")
        found[option] = value
    return found


def answer(
    rows: Rows, table: Table, asked: Options, preferences: Preferences, url: str, size: int
) -> Answer:
    """A page of rows. `size` is the most that the sandbox may put on it."""
    shown = view(rows, table.schema, asked.get("select", ""), asked.get("expand", ""), preferences)
    found = _found(table, asked)
    order = _order(table, asked.get("orderby", ""))
    ordered = _sorted(found, order, table.schema.id)
    most = min(size, preferences.page_size)
    number, rest = _after_cookie(ordered, asked.get("skiptoken", ""), table.schema.id)
    if "top" in asked:
        page, more = rest[: _top(asked["top"])], []
    else:
        page, more = rest[:most], rest[most:]
    body: dict[str, Any] = {"@odata.context": context(url, table.schema, asked.get("select", ""))}
    if asked.get("count") == "true":
        body["@odata.count"] = min(len(found), MOST_COUNTED)
    body["value"] = [shown.of(row) for row in page]
    if more:
        cookie = skip_token(number + 1, {"after": page[-1][table.schema.id]}, tracking=False)
        body["@odata.nextLink"] = link(url, table, asked, cookie)
    return Answer(200, ODATA | _applied(preferences), body)


def counted(table: Table, asked: Options) -> Answer:
    """`/$count`: as text, never more than 5,000."""
    text = str(min(len(_found(table, asked)), MOST_COUNTED))
    return Answer(200, ODATA | {"Content-Type": "text/plain"}, text)


def aggregated(table: Table, asked: Options, url: str, most: int) -> Answer:
    """`$apply`: how many rows there are, or fulfil a condition; raises `Refused` for more than `most`."""
    found = _APPLY.fullmatch(asked["apply"])
    if found is None:
        raise Refused(400, QUERY, f"Syntax error in $apply: '{asked['apply']}'.")
    rows = _found(table, {"filter": found[1]} if found[1] else {})
    if len(rows) > most:
        said = "AggregateQueryRecordLimit exceeded. Cannot perform this operation."
        raise Refused(400, TOO_MANY, said)
    shown = f"{url}/api/data/v9.2/$metadata#{table.schema.set}({found[2]})"
    return Answer(200, ODATA, {"@odata.context": shown, "value": [{found[2]: len(rows)}]})


def link(url: str, table: Table, asked: Options, token: str) -> str:
    """The address that goes on with a query."""
    kept = {name: value for name, value in asked.items() if name not in {"skiptoken", "top"}}
    parts = [f"${name}={quote(value, safe='!,()')}" for name, value in kept.items()]
    return f"{url}/api/data/v9.2/{table.schema.set}?" + "&".join([*parts, f"$skiptoken={token}"])


def skip_token(number: int, place: Mapping[str, Any], *, tracking: bool) -> str:
    """A cookie in the form of theirs: XML, quoted; what is inside is nobody's business."""
    inside = base64.urlsafe_b64encode(orjson.dumps(dict(place))).decode()
    cookie = f'<cookie pagenumber="{number}" pagingcookie="{inside}" istracking="{tracking}" />'
    return quote(cookie, safe='="/')


def read_token(token: str) -> tuple[int, dict[str, Any]]:
    """The page number and the place; raises `Refused`."""
    try:
        parts = unquote(token).split('"')
        return int(parts[1]), dict(orjson.loads(base64.urlsafe_b64decode(parts[3])))
    except (IndexError, ValueError, binascii.Error) as error:
        raise Refused(400, QUERY, "Malformed XML in the Paging Cookie") from error


def _found(table: Table, asked: Options) -> list[Row]:
    everything = list(table.rows.values())
    if "filter" not in asked:
        return everything
    test = filters.compiled(asked["filter"], table.schema)
    return [row for row in everything if test(row)]


def _order(table: Table, text: str) -> Order:
    found = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, direction = part.partition(" ")
        if direction.strip() not in {"", "asc", "desc"}:
            raise Refused(400, QUERY, f"Syntax error in $orderby: '{part}'.")
        found.append((filters.column_of(table.schema, name), direction.strip() == "desc"))
    return found


def _sorted(found: list[Row], order: Order, id: str) -> list[Row]:
    """Empty values first, ties by id; sorting is stable, so the last criterion goes first."""
    ordered = sorted(found, key=lambda row: row[id])
    for column, descending in reversed(order):
        ordered.sort(key=lambda row: _key(row.get(column.name)), reverse=descending)
    return ordered


def _key(value: Any) -> tuple[bool, Any]:
    return value is not None, "" if value is None else value


def _after_cookie(ordered: list[Row], token: str, id: str) -> tuple[int, list[Row]]:
    if not token:
        return 1, ordered
    number, place = read_token(token)
    at = next((n for n, row in enumerate(ordered, 1) if row[id] == place.get("after")), 0)
    return number, ordered[at:]


def _top(text: str) -> int:
    if not text.isdigit():
        raise Refused(400, QUERY, f"Invalid value '{text}' for $top query option found.")
    return int(text)


def _applied(preferences: Preferences) -> dict[str, str]:
    return {"Preference-Applied": f"odata.maxpagesize={preferences.page_size}"}
