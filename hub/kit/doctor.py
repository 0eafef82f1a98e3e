"""What ails a connection: looked at from the outside in, each finding with its fix.

    name ─▶ port and TLS ─▶ sign-in and a page of each stream ─▶ what that page says: clock, fields,
                                                                 quota, first load ─▶ webhooks
Reads only, and stores nothing. What needs an earlier step that failed is unknown.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
from sqlalchemy import func, select

from hub import queue
from hub.app import Hub
from hub.errors import AuthFailed, NotFound, RateLimited, SyncError, Transient
from hub.http.quota import Quota, left_of
from hub.spoke import Pulls, Receives, Stream, Subscribes
from hub.store import subscriptions, work
from hub.sync.connection import Connection
from hub.sync.insight.forecast import forecast
from hub.testing.recorder import Recorder

State = Literal["ok", "failed", "unknown"]
CONNECTS_WITHIN = 5.0  # seconds
SKEW = timedelta(seconds=60)
"""Signatures with a time in them are refused from about five minutes on."""
EXPIRES_SOON = timedelta(days=14)
ENOUGH = 10
"""Records that must lack a field before it counts as hidden from us."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `step` is what to do about it, empty if nothing."""

    check: str
    state: State
    said: str
    step: str = ""


@dataclass(slots=True)
class _Seen:
    """What came of asking for a page of each stream."""

    recorder: Recorder
    records: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    errors: dict[str, Exception] = field(default_factory=dict[str, Exception])


def examine(hub: Hub, connection: Connection, now: datetime) -> list[Finding]:
    """Every finding about a connection, in the order in which one mends them."""
    if connection.ours:  # there is nothing between us
        return [*_pause(hub, connection), *_streams(connection, _look(connection))]
    found = [*_pause(hub, connection), *_reached(connection, connection.spoke.url, now)]
    seen = _look(connection)
    try:
        for origin in seen.recorder.called:  # where tokens are asked for may be another machine
            if urlsplit(origin).hostname != urlsplit(connection.spoke.url).hostname:
                found += _reached(connection, origin, now)
        found += _sign_in(seen)
        found.append(_clock(seen))
        found += _streams(connection, seen)
        found.append(_quota(seen, connection.spoke.quota))
        found += _loads(hub, connection, seen, now)
    finally:
        seen.recorder.close()
    return [*found, *_webhooks(hub, connection, now)]


# -- before anything is sent -------------------------------------------------------------------------


def _pause(hub: Hub, connection: Connection) -> Iterator[Finding]:
    with hub.db.read() as tx:
        held = [one for one in queue.paused(tx) if one.connection == connection.name]
    for pause in held:
        until = "until somebody resumes it" if pause.until is None else "for a while"
        step = f"mend the cause, then hub resume {connection.name}" if pause.until is None else ""
        yield Finding("pause", "failed", f"held {until}: {pause.reason}", step)


def _reached(connection: Connection, url: str, now: datetime) -> list[Finding]:
    """Whether a machine has an address, and whether it is the one behind it."""
    named = _named(connection, url)
    return [named, *(_door(connection, url, now) if named.state == "ok" else ())]


def _named(connection: Connection, url: str) -> Finding:
    host = urlsplit(url).hostname or ""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError as error:
        step = (
            f"is url right in {connection.name}.yaml? otherwise ask whoever runs the name service"
        )
        return Finding("name", "failed", f"{host} has no address: {error.strerror or error}", step)
    return Finding("name", "ok", f"{host} is {', '.join(sorted(map(str, found))[:3])}")


def _door(connection: Connection, url: str, now: datetime) -> Iterator[Finding]:
    parts = urlsplit(url)
    host, tls = parts.hostname or "", parts.scheme == "https"
    where = f"{host}:{parts.port or (443 if tls else 80)}"
    try:
        with socket.create_connection(
            (host, int(where.rpartition(":")[2])), CONNECTS_WITHIN
        ) as sock:
            if not tls:
                yield Finding("tls", "ok", f"{where} answers, without TLS: it is on this machine")
                return
            context = ssl.create_default_context(cafile=connection.spoke.ca_file)
            with context.wrap_socket(sock, server_hostname=host) as secured:
                yield _certificate(where, secured, now)
    except ssl.SSLCertVerificationError as error:
        step = (
            "set ca_file to their certificate authority (PEM), or have them renew the certificate"
        )
        yield Finding("tls", "failed", f"{where}: {error.verify_message}", step)
    except ssl.SSLError as error:
        step = f"does {where} speak TLS 1.2 or newer? is a proxy in between?"
        yield Finding("tls", "failed", f"{where}: {error.reason}", step)
    except OSError as error:
        step = f"open the firewall from here to {where}, or mend the port in url"
        yield Finding("tls", "failed", f"{where}: {error.strerror or error}", step)


def _certificate(where: str, secured: ssl.SSLSocket, now: datetime) -> Finding:
    told = secured.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(told["notAfter"])) if "notAfter" in told else None
    said = f"{where} speaks {secured.version()}"
    if ends is None:
        return Finding("tls", "ok", said)
    left = datetime.fromtimestamp(ends, UTC) - now
    said += f", and its certificate is good for {left.days} days"
    step = "have them renew the certificate" if left < EXPIRES_SOON else ""
    return Finding("tls", "failed" if step else "ok", said, step)


# -- what they answer ----------------------------------------------------------------------------------


def _look(connection: Connection) -> _Seen:
    """Ask for the first page of each mapped stream."""
    seen = _Seen(Recorder(connection.spoke.ca_file))
    spoke = connection.spoke.using(transport=seen.recorder)
    try:
        if isinstance(spoke, Pulls):
            for stream in connection.polled():
                try:
                    seen.records[stream.name] = _page(spoke, stream)
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is a finding
                    seen.errors[stream.name] = error
    finally:
        spoke.close()
    return seen


def _page(spoke: Pulls, stream: Stream) -> list[Any]:
    """The records of the first page that has any."""
    for page in islice(spoke.pull(stream, None), 3):
        if page.body is not None:
            value = orjson.loads(page.body)
            for name in filter(None, page.at.split(".")):
                value = value.get(name, []) if isinstance(value, dict) else []
            found = value
        else:
            found = [change.data for change in page.changes if change.data is not None]
        if found:
            return list(found)
    return []


def _sign_in(seen: _Seen) -> Iterator[Finding]:
    refused = [one for one in seen.errors.values() if isinstance(one, AuthFailed)]
    if seen.records:
        yield Finding("sign-in", "ok", "they know us")
    elif refused:
        step = "sign in again, or replace the secret in the environment; then hub resume"
        yield Finding("sign-in", "failed", _short(refused[0]), step)
    elif seen.errors:
        yield Finding("sign-in", "unknown", "no stream could be read: see below")
    else:
        step = "is a stream mapped? a connection without one is never asked anything"
        yield Finding("sign-in", "unknown", "there is nothing to ask for", step)


def _clock(seen: _Seen) -> Finding:
    skews = [skew for taken in seen.recorder.taken if (skew := _skew(taken.response, taken.at))]
    if not skews:
        return Finding("clock", "unknown", "no answer of theirs carried a Date")
    worst = max(skews, key=abs)
    if abs(worst) <= SKEW:
        return Finding("clock", "ok", f"theirs and ours agree within {abs(worst).seconds + 1} s")
    which = "behind" if worst > timedelta(0) else "ahead of"
    return Finding(
        "clock", "failed", f"ours is {abs(worst).total_seconds():.0f} s {which} theirs",
        "have this machine's clock set by NTP: signatures and cursors go by it",
    )  # fmt: skip


def _skew(response: Any, at: datetime) -> timedelta | None:
    try:
        return parsedate_to_datetime(response.headers.get("date", "")) - at
    except (TypeError, ValueError):
        return None


def _streams(connection: Connection, seen: _Seen) -> Iterator[Finding]:
    for name, error in seen.errors.items():
        yield Finding(f"stream {name}", "failed", _short(error), _cure(error))
    for name, rows in seen.records.items():
        missing = list(_unseen(connection, name, rows))
        said = f"{len(rows)} records looked at"
        if not rows:
            step = "give the account's user the right to see them, if there are any"
            yield Finding(f"stream {name}", "unknown", "no record is visible", step)
        elif missing:
            state: State = "failed" if len(rows) >= ENOUGH else "unknown"
            step = "give the account's user (or its scope) the right to read them, or map without"
            yield Finding(f"stream {name}", state, f"{said}; none has {', '.join(missing)}", step)
        else:
            yield Finding(f"stream {name}", "ok", f"{said}, every mapped field among them")


def _unseen(connection: Connection, name: str, rows: Sequence[Any]) -> Iterator[str]:
    """The paths that no record has, with the line of a mapping that reads each."""
    for mapping in connection.mappings[name]:
        for path in mapping.paths:
            if connection.ours and path.startswith("u_"):
                continue  # rows have the custom fields that somebody has filled
            if not any(_has(row, path.split(".")) for row in rows):
                places = [
                    mapping.place(rule.field.name)
                    for rule in mapping.declaration.rules
                    if path in rule.text
                ]
                yield f"{path} ({places[0] if places else mapping.file})"


def _has(value: Any, steps: list[str]) -> bool:
    """Whether a path leads anywhere; null is an answer, at any step of it."""
    if value is None or not steps:
        return True
    match value:
        case dict():
            return steps[0] in value and _has(value[steps[0]], steps[1:])
        case list():
            return not value or any(_has(item, steps) for item in value)
        case _:
            return False


def _cure(error: Exception) -> str:
    match error:
        case AuthFailed():
            return "give the account's user the right to read this, or sign in again"
        case RateLimited():
            return f"wait {error.retry_after.total_seconds():.0f} s; who else uses this account?"
        case Transient():
            return "they are away, or too slow: look again in a few minutes"
        case NotFound():
            return "is url right, and is this stream switched on over there?"
        case SyncError():
            return "the README of the spoke lists what its system refuses"
        case _:
            return "this is a fault of the spoke: hub spoke check shows more"


def _quota(seen: _Seen, quota: Quota | None) -> Finding:
    limited = [one for one in seen.errors.values() if isinstance(one, RateLimited)]
    if limited:
        step = f"wait {limited[0].retry_after.total_seconds():.0f} s, or lengthen `every`"
        return Finding("quota", "failed", _short(limited[0]), step)
    told = [
        left
        for taken in reversed(seen.recorder.taken)
        if (left := left_of(taken.response.headers, quota))
    ]
    if not told:
        return Finding("quota", "unknown", "their answers say nothing of a limit")
    left = next((one for one in told if one.calls is not None), told[0])
    tight = left.share is not None and left.share < 0.15  # noqa: PLR2004
    step = "lengthen `every` of the streams, or ask them for more" if tight else ""
    return Finding("quota", "failed" if tight else "ok", left.said, step)


def _loads(hub: Hub, connection: Connection, seen: _Seen, now: datetime) -> Iterator[Finding]:
    """What reading each stream from its beginning would come to."""
    for name, rows in seen.records.items():
        if not rows:
            continue
        try:
            foreseen = forecast(hub.db, connection, name, None, None)
        except SyncError as error:
            yield Finding(f"load {name}", "unknown", _short(error), _cure(error))
        else:
            yield Finding(f"load {name}", "ok", foreseen.spelled(now))


# -- what they tell us -----------------------------------------------------------------------------------


def _webhooks(hub: Hub, connection: Connection, now: datetime) -> Iterator[Finding]:
    spoke = connection.spoke
    if not isinstance(spoke, Receives):
        return
    where = f"{hub.public_url or 'https://YOUR-HUB'}/hooks/{connection.name}"
    if not hub.public_url:
        step = "set hooks.public_url in hub.yaml to the address that they reach us by"
        yield Finding("webhooks", "unknown", "nobody knows where we are reached", step)
    if isinstance(spoke, Subscribes):
        yield from _subscribed(hub, connection, now)
    since = _last_delivery(hub, connection.name)
    if since is None:
        step = f"have them send to {where}, and change a record there"
        yield Finding("deliveries", "unknown", "no webhook has arrived so far", step)
    else:
        ago = now - datetime.fromtimestamp(since, UTC)
        yield Finding("deliveries", "ok", f"the last one arrived {_span(ago)} ago")


def _subscribed(hub: Hub, connection: Connection, now: datetime) -> Iterator[Finding]:
    with hub.db.read() as tx:
        held = subscriptions.held(tx, connection.name)
    again = "is hub run (or work) running? it subscribes every hour, and says why it cannot"
    if not held:
        yield Finding("subscriptions", "failed", "there is none", again)
        return
    over = [one.stream for one in held if one.expires and one.expires <= now]
    if over:
        said = f"that of {', '.join(sorted(over))} has run out"
        yield Finding("subscriptions", "failed", said, again)
        return
    ends = min((one.expires for one in held if one.expires), default=None)
    until = "without an end" if ends is None else f"the first ends in {_span(ends - now)}"
    yield Finding("subscriptions", "ok", f"{len(held)} of them, {until}")


def _last_delivery(hub: Hub, name: str) -> float | None:
    table = work.deliveries
    newest = select(func.max(table.c.received_at)).where(table.c.connection == name)
    with hub.db.read() as tx:
        found: float | None = tx.execute(newest).scalar_one()
    return found


def _span(time: timedelta) -> str:
    minutes = max(0, round(time.total_seconds() / 60))
    if minutes < 120:  # noqa: PLR2004
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} d"  # noqa: PLR2004


def _short(error: Exception) -> str:
    said = str(error) or type(error).__name__
    return said if isinstance(error, SyncError) else f"{type(error).__name__}: {said}"


def worst(found: Iterable[Finding]) -> State:
    """What to say of all of it."""
    states = {one.state for one in found}
    return "failed" if "failed" in states else "unknown" if states == {"unknown"} else "ok"
