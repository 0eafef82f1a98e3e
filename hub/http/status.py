"""What an HTTP status means: one of our errors, with an excerpt of the answer.

401 403          AuthFailed
404 410          NotFound
409 412          Conflict
429, 503 + Retry-After   RateLimited
408 425 5xx      Transient
other 3xx 4xx    Permanent
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, quote_plus

import httpx

from hub.errors import (
    AuthFailed,
    Conflict,
    NotFound,
    Permanent,
    RateLimited,
    SyncError,
    Transient,
)
from hub.http.safe import shown

UNSAID_WAIT = timedelta(minutes=1)  # when they do not say, or not understandably
SHORTEST_WAIT = timedelta(seconds=1)  # a wait costs no attempt: zero would spin
LONGEST_WAIT = timedelta(hours=1)  # whatever they say; then the queue asks again

_KINDS: dict[int, type[SyncError]] = {
    401: AuthFailed,
    403: AuthFailed,
    404: NotFound,
    410: NotFound,
    409: Conflict,
    412: Conflict,
    408: Transient,
    425: Transient,
}

_EXCERPT = 200  # characters
_SHORTEST_SECRET = 8  # characters; masking less would black out ordinary words
_PLAIN_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host"}
    | {"if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "prefer"}
    | {"transfer-encoding", "user-agent"}
)
_SECRET_NAMES = re.compile(r"key|token|secret|passw|signature|\bsig\b|code|auth", re.IGNORECASE)


def error_of(response: httpx.Response, secrets: Iterable[str] = ()) -> SyncError | None:
    """The error that this status stands for; None for 2xx. `secrets` are masked in it."""
    if response.is_success:
        return None
    status = response.status_code
    message = f"{called(response.request)}: {status} {response.reason_phrase}".strip()
    message += _next_step(response) + excerpt(response, secrets)
    if status == 429 or (status == 503 and "retry-after" in response.headers):  # noqa: PLR2004
        return RateLimited(message, retry_after(response))
    return _KINDS.get(status, Transient if response.is_server_error else Permanent)(message)


def called(request: httpx.Request) -> str:
    """`GET https://example.com/orders`: no query, since it may hold secrets."""
    return f"{request.method} {shown(request.url)}"


def retry_after(response: httpx.Response) -> timedelta:
    """How long they ask us to wait (RFC 9110 10.2.3): seconds, or a date by their own clock."""
    said = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", said):  # Shopify says "2.0"
        wait = min(float(said), LONGEST_WAIT.total_seconds())
        return max(timedelta(seconds=wait), SHORTEST_WAIT)
    try:
        until = parsedate_to_datetime(said)
        wait_until = until - parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return UNSAID_WAIT
    if wait_until < timedelta(0):
        return UNSAID_WAIT
    return min(max(wait_until, SHORTEST_WAIT), LONGEST_WAIT)


def _next_step(response: httpx.Response) -> str:
    match response.status_code:
        case 401:
            return " (sign in again, or replace the connection's secret)"
        case 403:
            return " (the connection's user may lack a permission)"
        case _ if response.has_redirect_location:
            target = shown(response.headers["location"])
            return f" to {target} (redirects are not followed: set the connection's url to it)"
        case _:
            return ""


def excerpt(response: httpx.Response, secrets: Iterable[str] = ()) -> str:
    """`: ` and the beginning of the body on one line, or nothing; secrets of ours are masked."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not response.content:
        return ""
    if kind.startswith(("image/", "audio/", "video/", "font/")) or b"\0" in response.content[:1000]:
        return f": {len(response.content)} bytes of {kind or 'binary data'}"
    text = response.content[:20_000].decode(response.encoding or "utf-8", "replace")
    if "html" in kind or re.match(r"\s*<(!doctype html|html)", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>(.*?)</title", text, re.IGNORECASE | re.DOTALL)
        text = "an HTML page" + (f" “{html.unescape(title[1]).strip()}”" if title else "")
    return ": " + shorten(veiled(veil(text, secrets), response.request))


def shorten(text: str) -> str:
    """At most 200 characters of printable text on one line."""
    line = "".join(c if c.isprintable() else " " for c in text[: 4 * _EXCERPT])
    line = " ".join(line.split())
    return line if len(line) <= _EXCERPT else line[:_EXCERPT] + "…"


def veil(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret in it replaced, however it is escaped there."""
    spelled = {
        form
        for secret in secrets
        if len(secret) >= _SHORTEST_SECRET
        for form in (
            secret,
            quote(secret),
            quote_plus(secret),
            html.escape(secret),
            json.dumps(secret)[1:-1],
        )
    }
    for form in sorted(spelled, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def veiled(text: str, request: httpx.Request) -> str:
    """`text`, which may quote the request, without the secrets that the request held."""
    return veil(text, _secrets_in(request))


def _secrets_in(request: httpx.Request) -> list[str]:
    """Header and query values that an error page might repeat."""
    headers = [v for k, v in request.headers.items() if k.lower() not in _PLAIN_HEADERS]
    query = [v for k, v in request.url.params.multi_items() if _SECRET_NAMES.search(k)]
    return [*headers, *(word for value in headers for word in value.split()), *query]
