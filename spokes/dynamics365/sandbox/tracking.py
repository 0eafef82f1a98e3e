"""Change tracking: delta links, deletions last, and tokens that end after seven days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from hub.testing import Answer
from spokes.dynamics365.sandbox.listing import Options, link, read_token, skip_token
from spokes.dynamics365.sandbox.prefer import Preferences
from spokes.dynamics365.sandbox.refusal import ARGUMENT, EXPIRED, ODATA, QUERY, Refused
from spokes.dynamics365.sandbox.rows import Row, Rows, Table
from spokes.dynamics365.sandbox.view import View, context, view

OPTIONS = frozenset({"select", "deltatoken", "skiptoken", "filter", "orderby", "expand", "top"})
_NOT_WITH_IT = ("filter", "orderby", "expand", "top")
_STAMP = "%m/%d/%Y %H:%M:%S"


@dataclass(slots=True)
class Retention:
    """How long tokens are good (ExpireChangeTrackingInDays), and from which commit on."""

    days: int = 7
    oldest: int = 0


@dataclass(frozen=True, slots=True)
class _Span:
    """What is asked for: commits after `since`, up to `until`; all there is when `since` is 0."""

    since: int
    until: int
    number: int = 1
    version: int = 0
    deleted: int = 0
    """The version of the last row, and the commit of the last deletion, that was on a page."""


def answer(
    rows: Rows, table: Table, asked: Options, preferences: Preferences, retention: Retention,
    *, url: str, size: int, now: datetime,
) -> Answer:  # fmt: skip
    """A page of changes; raises `Refused`."""
    for name in _NOT_WITH_IT:
        if name in asked:
            said = f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
            raise Refused(400, QUERY, said)
    if not table.tracked:
        said = f"Change tracking is not enabled for entity {table.schema.name}."
        raise Refused(400, ARGUMENT, said)
    span = _span(asked, rows.commit, retention, now)
    shown = view(rows, table.schema, asked.get("select", ""), "", preferences)
    page, after = _page(table, span, min(size, preferences.page_size))
    body: dict[str, Any] = {
        "@odata.context": context(url, table.schema, asked.get("select", ""), _tail(span))
    }
    if after is None:
        body["@odata.deltaLink"] = _delta_link(url, table, asked, span.until, now)
    else:
        place = {"until": after.until, "version": after.version, "deleted": after.deleted}
        token = skip_token(after.number, place, tracking=True)
        body["@odata.nextLink"] = link(url, table, asked, token)
    body["value"] = [_told(entry, shown, url) for entry in page]
    applied = {"Preference-Applied": "odata.track-changes"} if preferences.track_changes else {}
    return Answer(200, ODATA | applied, body)


def _tail(span: _Span) -> str:
    return "/$delta" if span.since else ""


def _span(asked: Options, latest: int, retention: Retention, now: datetime) -> _Span:
    since = _since(asked["deltatoken"], retention, now) if "deltatoken" in asked else 0
    if "skiptoken" not in asked:
        return _Span(since, latest)
    number, place = read_token(asked["skiptoken"])
    if not {"until", "version", "deleted"} <= place.keys():
        raise Refused(400, QUERY, "Malformed XML in the Paging Cookie")
    return _Span(since, place["until"], number, place["version"], place["deleted"])


def _since(token: str, retention: Retention, now: datetime) -> int:
    number, _, made = token.partition("!")
    try:
        since, at = int(number), datetime.strptime(made, _STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused(400, ARGUMENT, f"Invalid delta token '{token}'.") from error
    if since < retention.oldest or now - at > timedelta(days=retention.days):
        raise Refused(
            400,
            EXPIRED,
            "Version stamp associated with the client has expired. Please perform a full sync.",
        )
    return since


def _page(table: Table, span: _Span, size: int) -> tuple[list[Row | str], _Span | None]:
    """Rows by version, then the ids of deleted ones; and where to go on, if there is more."""
    rows = sorted(
        (
            row
            for id, row in table.rows.items()
            if span.since < table.commits[id] <= span.until and row["versionnumber"] > span.version
        ),
        key=lambda row: int(row["versionnumber"]),
    )
    from_ = max(span.since, span.deleted)
    dead = [id for id, at in table.dead.items() if span.since and from_ < at <= span.until]
    entries: list[Row | str] = [*rows, *sorted(dead, key=table.dead.__getitem__)]
    page = entries[:size]
    if len(entries) <= size:
        return page, None
    return page, _after(table, span, page[-1])


def _after(table: Table, span: _Span, last: Row | str) -> _Span:
    number = span.number + 1
    if isinstance(last, str):
        version = max((row["versionnumber"] for row in table.rows.values()), default=span.version)
        return _Span(span.since, span.until, number, version, table.dead[last])
    return _Span(span.since, span.until, number, last["versionnumber"], span.deleted)


def _told(entry: Row | str, shown: View, url: str) -> Mapping[str, Any]:
    if not isinstance(entry, str):
        return shown.of(entry)
    deleted = context(url, shown.schema, "", "/$deletedEntity")
    return {"@odata.context": deleted, "id": entry, "reason": "deleted"}


def _delta_link(url: str, table: Table, asked: Options, until: int, now: datetime) -> str:
    token = quote(f"{until}!{now:{_STAMP}}", safe="").lower()
    select = f"$select={asked['select']}&" if "select" in asked else ""
    return f"{url}/api/data/v9.2/{table.schema.set}?{select}$deltatoken={token}"
