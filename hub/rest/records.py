"""Records as their JSON shows them: what they are called, how old they are, whether they are gone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from hub.errors import Permanent, Transient
from hub.http import Response
from hub.http.status import called
from hub.rest.language import Stream
from hub.rest.paths import value_at
from hub.spoke import Change, JsonObject

EPOCH_MS = 1000


def parsed(response: Response) -> Any:
    """An answer's JSON, None of an empty one; raises `Transient` for what is no JSON."""
    if not response.content:
        return None
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        raise Transient(f"{called(response.request)}: the answer is not JSON: {error}") from error


def listed(body: Any, at: str, place: str) -> list[Any]:
    """The list at a path; raises `Permanent` if none stands there."""
    found = value_at(body, at)
    if isinstance(found, list):
        return found
    raise Permanent(f"{place}: no list of records at {at or 'the top'!r}: compare `records`")


def id_of(record: Any, path: str, place: str) -> str:
    """What they call it, as text; raises `Permanent` when it is neither text nor an integer."""
    value = value_at(record, path)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise Permanent(f"{place}: {path or 'the record'} is {value!r:.60}, not an id")
    return str(value)


def version_of(record: Any, path: str, place: str) -> str:
    """Their version as text that sorts by age, the same as a mapping's `version` gives."""
    value = value_at(record, path) if path else None
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:020d}"
    raise Permanent(f"{place}: {path} is {value!r:.60}; a version is text or an integer")


def moment_of(record: Any, path: str, place: str, *, ms: bool = False) -> datetime:
    """The version as a moment: ISO 8601 (UTC without an offset), or seconds since 1970, or `ms`."""
    value = value_at(record, path)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / EPOCH_MS if ms else value, UTC)
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Permanent(f"{place}: {path} is {value!r:.60}, not a moment to page by") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def change_of(name: str, stream: Stream, record: Any) -> Change:
    """A whole record, or its deletion if `deleted` says so."""
    data: JsonObject | None = record if isinstance(record, dict) else None
    if data is None:
        raise Permanent(f"{name}: a record is {record!r:.60}, not an object")
    gone = bool(stream.deleted and value_at(data, stream.deleted))
    return Change(
        name,
        id_of(data, stream.id, name),
        None if gone else data,
        version_of(data, stream.version, name),
    )
