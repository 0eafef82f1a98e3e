"""What Salesforce's errors mean to the hub: the one place of translation.

An error answer is an array `[{"errorCode", "message", "fields"}]`, but proxies, maintenance pages
and the token endpoint send objects, XML or HTML: nothing about the body may be assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson
import requests
from requests import codes
from simple_salesforce import exceptions as sdk

import hub


class TooLarge(hub.Transient):
    """The query takes them too long: ask for a smaller window."""


class Outdated(hub.Permanent):
    """The query names a field that is gone or hidden: describe the object again."""


QUOTA_PAUSE = timedelta(minutes=15)  # the daily allocation is a rolling window of 24 hours
BUSY_PAUSE = timedelta(minutes=1)
FULL_PAUSE = timedelta(hours=1)
_LONGEST = 500  # characters of their message that are kept

_KINDS: dict[str, type[hub.SyncError]] = {
    # The auth layer has already refreshed the token once when this one gets through.
    "INVALID_SESSION_ID": hub.AuthFailed,
    "INVALID_AUTH_HEADER": hub.AuthFailed,
    "invalid_grant": hub.AuthFailed,
    "invalid_client": hub.AuthFailed,
    "invalid_client_id": hub.AuthFailed,
    "invalid_app_access": hub.AuthFailed,
    "API_DISABLED_FOR_ORG": hub.AuthFailed,
    "API_CURRENTLY_DISABLED": hub.AuthFailed,
    "FUNCTIONALITY_NOT_ENABLED": hub.AuthFailed,
    # One record or object that our user may not touch says nothing about the others.
    "INSUFFICIENT_ACCESS": hub.Permanent,
    "INSUFFICIENT_ACCESS_OR_READONLY": hub.Permanent,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": hub.Permanent,
    "UNABLE_TO_LOCK_ROW": hub.Transient,
    "SERVER_UNAVAILABLE": hub.Transient,
    "UNKNOWN_EXCEPTION": hub.Transient,
    "QUERY_TIMEOUT": TooLarge,
    "OPERATION_TOO_LARGE": TooLarge,
    "INVALID_QUERY_LOCATOR": hub.CursorLost,
    "INVALID_REPLICATION_DATE": hub.CursorLost,
    "DUPLICATE_VALUE": hub.Conflict,
    "DUPLICATES_DETECTED": hub.Permanent,
    "ENTITY_IS_DELETED": hub.NotFound,
    "NOT_FOUND": hub.NotFound,
    "INVALID_FIELD": Outdated,
}

_STATUSES: dict[int, type[hub.SyncError]] = {
    401: hub.AuthFailed,
    403: hub.AuthFailed,
    404: hub.NotFound,
    408: hub.Transient,
    409: hub.Conflict,
    412: hub.Conflict,
}


def translate(status: int, body: object) -> hub.SyncError | None:
    """Our error for one answer; None when only the status speaks, or when nothing is wrong.

    `body` is raw bytes, text or what was already decoded from it.
    """
    if status < codes.multiple_choices:
        return None
    if status == codes.multiple_choices:
        return hub.Permanent("several records have this external id; make it unique over there")
    if status == codes.gone:
        return hub.AuthFailed("this API version is retired: raise api_version of the connection")
    found = _first(_decoded(body))
    return _by_code(status, *found) if found else None


def of_answer(answer: hub.Response) -> hub.SyncError | None:
    """Our error for an answer of theirs; one that says how long to wait is left to our client."""
    if answer.status_code in {429, 503} and "retry-after" in answer.headers:
        return None
    return translate(answer.status_code, answer.content)


def of_sdk(error: Exception) -> hub.SyncError:
    """Our error for anything that simple-salesforce or requests may raise."""
    match error:
        case sdk.SalesforceAuthenticationFailed():
            return hub.AuthFailed(f"sign-in refused: {error.code}")
        case sdk.SalesforceError():
            return translate(error.status, error.content) or _by_status(
                error.status, type(error).__name__
            )
        case sdk.SalesforceOperationError():
            return hub.Transient(f"bulk job failed: {error}")
        case requests.exceptions.JSONDecodeError():
            return hub.Transient("the answer is not JSON: a maintenance page, or a proxy's")
        case requests.RequestException():
            return hub.Transient(f"{type(error).__name__} on the way to Salesforce")
        case _:
            raise TypeError(f"not an error of the SDK: {error!r}")


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the SDK raises inside into our errors; ours pass through."""
    try:
        yield
    except (sdk.SalesforceError, sdk.SalesforceOperationError, requests.RequestException) as error:
        raise of_sdk(error) from error


def _by_code(status: int, code: str, message: str) -> hub.SyncError:
    said = f"{code}: {message[:_LONGEST]}" if message else code
    if "UNABLE_TO_LOCK_ROW" in message:  # wrapped by triggers: CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY
        return hub.Transient(said)
    if code == "REQUEST_LIMIT_EXCEEDED":
        return hub.RateLimited(said, BUSY_PAUSE if "oncurrent" in message else QUOTA_PAUSE)
    if code == "STORAGE_LIMIT_EXCEEDED":
        return hub.RateLimited(said, FULL_PAUSE)
    kind = _KINDS.get(code)
    return kind(said) if kind else _by_status(status, said)


def _by_status(status: int, said: str) -> hub.SyncError:
    if status == codes.too_many_requests:
        return hub.RateLimited(said, BUSY_PAUSE)
    otherwise = hub.Transient if status >= codes.server_error else hub.Permanent
    return _STATUSES.get(status, otherwise)(said)


def _decoded(body: object) -> Any:
    if not isinstance(body, bytes | str):
        return body
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _first(body: Any) -> tuple[str, str] | None:
    """Code and message of the first error: array, single object, or the token endpoint's object."""
    entry = body[0] if isinstance(body, list) and body else body
    if not isinstance(entry, dict):
        return None
    code = entry.get("errorCode") or entry.get("statusCode") or entry.get("error")
    if not isinstance(code, str):
        return None
    message = entry.get("message") or entry.get("error_description") or ""
    fields = entry.get("fields") or []
    return code, f"{message} (fields: {', '.join(map(str, fields))})" if fields else str(message)
