"""What an answer means in their words: the rows of `errors`, before the HTTP status is asked."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from hub.errors import (
    AuthFailed,
    Conflict,
    CursorLost,
    NotFound,
    Permanent,
    RateLimited,
    SyncError,
    Transient,
)
from hub.http import Response
from hub.http.status import called, excerpt, retry_after
from hub.rest.language import Means, Refusal
from hub.rest.paths import value_at

KINDS: dict[Means, type[SyncError]] = {
    "transient": Transient,
    "rate_limited": RateLimited,
    "auth_failed": AuthFailed,
    "conflict": Conflict,
    "cursor_lost": CursorLost,
    "permanent": Permanent,
    "not_found": NotFound,
}


def read(rows: Sequence[Refusal], response: Response) -> SyncError | None:
    """The first row that fits an answer, as an error of ours; None if none does."""
    body: object = None
    parsed = False
    for row in rows:
        if row.statuses and response.status_code not in row.statuses:
            continue
        if row.at and not parsed:
            body, parsed = _body(response), True
        if not row.at or _fits(row, body):
            return _error(row.means, response)
    return None


def _body(response: Response) -> object:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None


def _fits(row: Refusal, body: object) -> bool:
    value = value_at(body, row.at)
    if row.values is None:
        return value is not None
    return any(type(value) is type(wanted) and value == wanted for wanted in row.values)


def _error(means: Means, response: Response) -> SyncError:
    said = f"{called(response.request)}: {response.status_code}{excerpt(response)}"
    if means == "rate_limited":
        return RateLimited(said, retry_after(response))
    return KINDS[means](said)
