"""The few SOQL queries that this spoke sends, and which fields they may name.

A single field that is unknown, or hidden from our user, fails a whole query (INVALID_FIELD): the
SELECT list is what the mappings want, cut down to what the describe shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simple_salesforce.format import quote_soql_value

import hub

ALWAYS = ("Id", "SystemModstamp", "IsDeleted")
_COMPOUND = frozenset({"address", "location", "complexvalue", "base64"})


@dataclass(frozen=True, slots=True)
class Sobject:
    """What a describe says about one object: field → type, relationship → object it leads to."""

    name: str
    fields: dict[str, str]
    relations: dict[str, str]


def sobject(described: hub.JsonObject) -> Sobject:
    """Read a describe answer. A polymorphic relationship has the fields of `Name` only."""
    fields: list[dict[str, Any]] = described["fields"]
    relations = {
        field["relationshipName"]: field["referenceTo"][0]
        if len(field["referenceTo"]) == 1
        else "Name"
        for field in fields
        if field.get("relationshipName") and field.get("referenceTo")
    }
    return Sobject(described["name"], {f["name"]: f["type"] for f in fields}, relations)


def columns(
    stream: hub.Stream, start: Sobject, describe: Callable[[str], Sobject]
) -> tuple[str, ...]:
    """The SELECT list: what the mappings want, or everything but compound fields, if it exists."""
    wanted: Iterable[str] = stream.wants or (
        name for name, kind in start.fields.items() if kind not in _COMPOUND
    )
    known = [name for name in ALWAYS if name in start.fields]
    known += [found for path in wanted if (found := _column(path.split("."), start, describe))]
    return tuple(dict.fromkeys(known))


def _column(path: Sequence[str], at: Sobject, describe: Callable[[str], Sobject]) -> str | None:
    name, *rest = path
    if name in at.fields:
        return name  # of a compound field the whole: its parts come inside
    if not rest or name not in at.relations:
        return None
    inner = _column(rest, describe(at.relations[name]), describe)
    return f"{name}.{inner}" if inner else None


def changed(stream: str, window: hub.Window, fields: Sequence[str]) -> str:
    """Everything in a window, oldest first; ties in one second are ordered by id.

    Never `>=` with a LIMIT on the time alone: a bulk load writes more rows in one second than a
    page holds, and the reader would read that second for ever.
    """
    conditions = [f"SystemModstamp < {instant(window.before)}"]
    if window.since is not None:
        at, last = instant(window.since), quote_soql_value(window.id)
        after = f"SystemModstamp > {at}"
        same = f"(SystemModstamp = {at} AND Id > {last})" if window.id else f"SystemModstamp = {at}"
        conditions.insert(0, f"({after} OR {same})")
    where = " AND ".join(conditions)
    return f"{_select(fields, stream)} WHERE {where} ORDER BY SystemModstamp ASC, Id ASC"


def oldest(stream: str, before: datetime) -> str:
    """The first moment of a stream, to halve an unbounded window."""
    first = f"WHERE SystemModstamp < {instant(before)} ORDER BY SystemModstamp ASC LIMIT 1"
    return f"{_select(['SystemModstamp'], stream)} {first}"


def counted(stream: str, since: datetime | None) -> str:
    """How many there are, or have changed since: `totalSize` of the answer, which has no rows."""
    return _select(["COUNT()"], stream) + (
        f" WHERE SystemModstamp >= {instant(since)}" if since else ""
    )


def by_ids(stream: str, ids: Sequence[str], fields: Sequence[str]) -> str:
    """The records with these ids."""
    return f"{_select(fields, stream)} WHERE Id IN {quote_soql_value(list(ids))}"


def by_external_id(stream: str, field: str, key: str) -> str:
    """The record that has this external id."""
    return f"{_select(('Id',), stream)} WHERE {field} = {quote_soql_value(key)}"


def comments(case: str, user: str) -> str:
    """What a user has said about a case, the oldest first."""
    of = f"ParentId = {quote_soql_value(case)} AND CreatedById = {quote_soql_value(user)}"
    columns = ("Id", "CommentBody", "IsPublished")
    return f"{_select(columns, 'CaseComment')} WHERE {of} ORDER BY CreatedDate ASC, Id ASC"


def _select(fields: Sequence[str], stream: str) -> str:
    return f"SELECT {', '.join(fields)} FROM {stream}"  # noqa: S608 -- names from their describe


def instant(at: datetime) -> str:
    """A SOQL datetime literal: UTC, unquoted, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
