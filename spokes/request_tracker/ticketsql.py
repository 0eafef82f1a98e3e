"""What is asked of Request Tracker, in its TicketSQL.

`=` on a moment means the whole day, so one second is `>=` and `<=`; a `T` or a `Z` changes what
it means, so moments are written with a space, and read in the time zone of the account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hub
from spokes.request_tracker.records import STAMP


def changed(window: hub.Window) -> str:
    """Tickets of a window: later than its beginning, or as late with a greater id."""
    before = f"LastUpdated < '{_moment(window.before)}'"
    if window.since is None:
        return before
    since, id = _moment(window.since), int(window.id or 0)
    tied = f"(LastUpdated >= '{since}' AND LastUpdated <= '{since}' AND id > {id})"
    return f"(LastUpdated > '{since}' OR {tied}) AND {before}"


def counted(since: datetime | None) -> str:
    return f"LastUpdated >= '{_moment(since)}'" if since else "id > 0"


def after(window: hub.Window, last: hub.Change) -> hub.Window:
    return replace(window, since=datetime.fromisoformat(last.version), id=last.id)


def gone(window: hub.Window, until: str, id: int) -> str:
    """Deletions and mergers after transaction `id`, up to the version `until` of a ticket."""
    end = window.before - timedelta(seconds=1)
    if until:
        end = datetime.fromisoformat(until)
    what = (
        "(Type = 'Status' AND NewValue = 'deleted') OR (Type = 'AddLink' AND Field = 'MergedInto')"
    )
    asked = f"ObjectType = 'RT::Ticket' AND ({what}) AND id > {id} AND Created <= '{_moment(end)}'"
    return asked + (f" AND Created >= '{_moment(window.since)}'" if window.since else "")


def among(ids: Sequence[str]) -> str:
    return " OR ".join(f"id = {int(one)}" for one in ids)


def stamped(key: str) -> str:
    return f"CF.{{{STAMP}}} = '{_quoted(key)}'"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
