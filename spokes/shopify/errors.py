"""What Shopify's answers mean: the one place where its statuses and codes become our errors.

GraphQL errors come with HTTP 200 (https://shopify.dev/docs/api/admin-graphql#status_and_error_codes).
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import Any

import hub

STOPPED = {
    401: "the access token is invalid, or the app was uninstalled: install it again",
    402: "the shop is frozen: its owner has to pay the bill",
    403: "access is forbidden: look at the app's scopes and whether the shop is frozen",
    404: "there is no such shop or API version: correct url or api_version",
    423: "the shop is locked: its owner has to ask Shopify",
}
"""Statuses after which asking again is useless until somebody acts."""

MOST_URGENT = ("THROTTLED", "MAX_COST_EXCEEDED", "ACCESS_DENIED", "SHOP_INACTIVE")
"""Which of several GraphQL errors decides."""


class TooCostly(hub.Permanent):
    """The query costs more than a single one may: ask for fewer records."""


class Throttled(hub.RateLimited):
    """The bucket lacks points for this query; `until_full` is how long it takes to fill up."""

    def __init__(self, message: str, retry_after: timedelta, until_full: timedelta) -> None:
        super().__init__(message, retry_after)
        self.until_full = until_full


def translate(response: hub.Response, version: str) -> hub.SyncError | None:
    """Read Shopify's own error out of any answer; None when the status says it all."""
    status, note = response.status_code, _note(response, version)
    if status in STOPPED:
        return hub.AuthFailed(f"Shopify answered {status}: {STOPPED[status]}{note}")
    if status >= 500 and "retry-after" not in response.headers:  # noqa: PLR2004 -- HTTP's range
        return hub.Transient(f"Shopify answered {status}{note}")
    if not response.is_success:
        return None
    try:
        body = response.json()
    except ValueError:
        kind = response.headers.get("content-type", "nothing")
        return hub.Transient(f"Shopify answered {status} with {kind} instead of JSON{note}")
    return _of_graphql(_object(body), note)


def _of_graphql(body: hub.JsonObject, note: str) -> hub.SyncError | None:
    data = body.get("data")
    if errors := _listed(body.get("errors")):
        code, message = min(errors, key=_urgency)
        return _of_code(code, f"Shopify: {message}{note}", body)
    if not isinstance(data, dict):
        return hub.Transient(f"Shopify answered neither data nor errors{note}")
    refused = [
        f"{_path(error.get('field'))}: {error.get('message')}"
        for answer in data.values()
        for error in map(_object, _object(answer).get("userErrors") or ())
    ]
    return hub.Permanent(f"Shopify refused: {'; '.join(refused)}{note}") if refused else None


def _of_code(code: str, message: str, body: hub.JsonObject) -> hub.SyncError:
    match code:
        case "THROTTLED":
            return _throttled(message, _object(_object(body.get("extensions")).get("cost")))
        case "MAX_COST_EXCEEDED":
            return TooCostly(message)
        case "ACCESS_DENIED" | "SHOP_INACTIVE":
            return hub.AuthFailed(message)
        case "INTERNAL_SERVER_ERROR" | "TIMEOUT":
            return hub.Transient(message)
        case _:
            return hub.Permanent(message)


def _throttled(message: str, cost: hub.JsonObject) -> hub.RateLimited:
    """Wait until the bucket holds what the query needs, to the next millisecond."""
    bucket = _object(cost.get("throttleStatus"))
    try:
        left, rate = float(bucket["currentlyAvailable"]), float(bucket["restoreRate"])
        waits = [
            timedelta(milliseconds=max(1, ceil(1000 * (points - left) / rate)))
            for points in (
                float(cost["requestedQueryCost"]),
                float(bucket.get("maximumAvailable", left)),
            )
        ]
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return hub.RateLimited(message)
    return Throttled(message, waits[0], max(waits))


def _listed(errors: Any) -> list[tuple[str, str]]:
    """The (code, message) of each error; a gateway answers a bare text."""
    if not isinstance(errors, list):
        return [("", str(errors))] if errors else []
    return [
        (str(_object(e.get("extensions")).get("code", "")), str(e.get("message")))
        for e in map(_object, errors)
    ]


def _urgency(error: tuple[str, str]) -> int:
    return MOST_URGENT.index(error[0]) if error[0] in MOST_URGENT else len(MOST_URGENT)


def _note(response: hub.Response, version: str) -> str:
    """What support asks for, and whether another API version answered than the one asked for."""
    served = response.headers.get("x-shopify-api-version", version)
    request = response.headers.get("x-request-id")
    noted = [f"request id {request}"] if request else []
    if served != version:
        noted.append(f"answered by API version {served}, not {version}: set api_version")
    return f" ({', '.join(noted)})" if noted else ""


def _path(field: Any) -> str:
    return ".".join(map(str, field)) if isinstance(field, list) else str(field or "input")


def _object(value: Any) -> hub.JsonObject:
    return value if isinstance(value, dict) else {}
