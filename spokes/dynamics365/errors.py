"""What Dataverse's error codes mean to the hub, where the HTTP status does not say it.

An error answer is `{"error": {"code": "0x80040217", "message": "..."}}`; the code may be empty.
Codes: https://learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes
"""

from __future__ import annotations

from typing import Any

import hub

EXPIRED_TOKEN = "0x80044352"  # noqa: S105 -- a code: ExpiredVersionStamp, "perform a full sync"


class TooMany(hub.Permanent):
    """They do not aggregate so many rows."""


_KINDS: dict[str, type[hub.SyncError]] = {
    EXPIRED_TOKEN: hub.CursorLost,
    "0x80040217": hub.NotFound,  # by id
    "0x80060891": hub.NotFound,  # by alternate key
    "0x80060882": hub.Conflict,  # the row's version is another one
    "0x80040237": hub.Conflict,  # a row with these key values exists
    "0x80040220": hub.AuthFailed,  # our user lacks a privilege
    "0x80048306": hub.AuthFailed,
    "0x8004e023": TooMany,
}
_UNDEFINED_KEY = "not a defined key for the"
_LONGEST = 500  # characters of their message that are kept


def translate(response: hub.Response) -> hub.SyncError | None:
    """Our error for an answer of theirs; None leaves it to the status.

    A 429 of any of the three service protection limits is left to it: our client reads how long
    they want us to wait, which grows as long as somebody goes on asking.
    """
    if response.is_success or response.status_code == 429 or response.is_server_error:  # noqa: PLR2004 -- HTTP's
        return None
    code, message = _said(response)
    said = f"Dataverse answered {response.status_code}: {f'{code}: ' if code else ''}{message}"
    if _UNDEFINED_KEY in message:  # passes once the index is built; until then nothing is lost
        return hub.Transient(
            f"{said} (create the alternate key named by key_column, or wait until its index, "
            "which is Pending, is Active)"
        )
    kind = _KINDS.get(code.lower())
    return kind(said) if kind else None


def _said(response: hub.Response) -> tuple[str, str]:
    """Code and message; empty for a body of any other form."""
    try:
        body: Any = response.json()
    except ValueError:
        return "", ""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("code") or ""), str(error.get("message") or "")[:_LONGEST]
