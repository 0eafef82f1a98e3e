"""What Graph's error answers mean to the hub, where the HTTP status does not say it.

An error answer is `{"error": {"code", "message", "innerError": {"request-id"}}}`.
Codes: https://learn.microsoft.com/graph/errors and .../graph/delta-query-overview
"""

from __future__ import annotations

from typing import Any

import hub

_KINDS: dict[int, type[hub.SyncError]] = {
    400: hub.Permanent,
    401: hub.AuthFailed,
    403: hub.AuthFailed,
    404: hub.NotFound,
    409: hub.Conflict,
    412: hub.Conflict,
}
_GONE = 410
_LOST = {"syncstatenotfound", "syncstateinvalid", "resyncrequired"}
_UNREACHED = "subscription validation request"  # "... failed" and "... timed out"
_LONGEST = 400  # characters of their message that are kept

_STEPS: dict[str, str] = {
    "authorization_requestdenied": "grant the app User.Read.All and Group.Read.All as application "
    "permissions, with an administrator's consent",
    "invalidauthenticationtoken": "the tenant may have withdrawn the app, or its secret has expired",
}


def translate(response: hub.Response) -> hub.SyncError | None:
    """Our error for an answer of theirs; None leaves it to the status.

    So does a 429, and a 5xx: our client reads how long they want us to wait.
    """
    if response.is_success:
        return None
    code, message, request = _said(response)
    if response.status_code == _GONE or code.lower() in _LOST:
        return hub.CursorLost(f"Graph no longer knows the delta link: {code}: {message}{request}")
    kind = _KINDS.get(response.status_code)
    if kind is None or not code:
        return None
    said = f"Graph answered {response.status_code}: {code}: {message}{request}"
    if _UNREACHED in message.lower():
        return hub.Transient(
            f"{said} (they must reach the hub's public_url from the internet, without signing in)"
        )
    step = _STEPS.get(code.lower())
    return kind(f"{said} ({step})" if step else said)


def _said(response: hub.Response) -> tuple[str, str, str]:
    """Code, message, and what support asks for; empty for a body of any other form."""
    try:
        body: Any = response.json()
    except ValueError:
        return "", "", ""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", "", ""
    inner = error.get("innerError")
    id = inner.get("request-id") if isinstance(inner, dict) else None
    request = f" [request-id {str(id)[:80]}]" if id else ""
    return str(error.get("code") or ""), str(error.get("message") or "")[:_LONGEST], request
